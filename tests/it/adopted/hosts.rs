//! Nodes of dumps: silent, not ready, cordoned, drained.

use serde_json::{Value, json};

use super::cluster::{Course, Pod, at, deployment, nodes, template};

fn web(pods: Vec<Pod>, hosts: Vec<Value>) -> Course {
    Course::new(
        &[hosts, deployment(2, &[(1, 2, "a:1")])],
        pods,
        "stop: {at: 20m}",
    )
}

fn pair() -> Vec<Pod> {
    let web = template("web");
    let mut lost = Pod::new("web-1-a", &web, "n-0").of_set(1);
    lost.0["status"]["conditions"][0]["status"] = "False".into();
    lost.0["status"]["conditions"][0]["lastTransitionTime"] = at(-200).into();
    vec![lost, Pod::new("web-1-b", &web, "n-1").of_set(1)]
}

/// Pods on a node that fell silent before the dump leave it when the time that they tolerate its taint for is
/// over, counted from when the taint was added; the node's taints stay as they are meanwhile.
#[test]
fn a_silent_node_loses_its_pods_in_time() {
    let mut hosts = nodes();
    let taint = |effect: &str, since: i64| {
        json!({"key": "node.kubernetes.io/unreachable", "effect": effect,
        "timeAdded": at(since)})
    };
    hosts[0]["spec"]["taints"] = json!([taint("NoSchedule", -200), taint("NoExecute", -195)]);
    let ready = &mut hosts[0]["status"]["conditions"][0];
    (ready["status"], ready["lastHeartbeatTime"]) = ("Unknown".into(), at(-245).into());
    let begun = web(pair(), hosts);
    let told = begun.told(&["ready", "terminating", "ended"]);
    assert_eq!(told[0], "0 s ready web-1-b");
    assert_eq!(
        told[1],
        "105 s terminating web-1-a Evicted(Taint), within 30s"
    );
    assert!(told[2].starts_with("105 s ready web-1-"), "{told:?}");
    // Nobody hears that it has ended.
    assert_eq!(told.len(), 3, "{told:?}");
    let events = begun.events("run.yaml");
    let changed = events
        .iter()
        .filter(|line| line.ends_with("changed Node/n-0"));
    assert_eq!(changed.count(), 0, "{events:?}");
}

/// A node that says itself that it is not ready takes nothing, whether or not the dump has its taint.
#[test]
fn a_node_that_is_not_ready_takes_no_pod() {
    let mut hosts = nodes();
    hosts.truncate(2);
    for host in &mut hosts {
        host["status"]["conditions"][0]["status"] = "False".into();
    }
    let told = web(Vec::new(), hosts.clone()).told(&["bound", "unschedulable"]);
    assert!(
        told.iter().all(|line| !line.contains(" bound ")),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|line| line.starts_with("0 s unschedulable")),
        "{told:?}"
    );
    let begun = web(pair(), [hosts, nodes()[2..].to_vec()].concat());
    let told = begun.told(&["terminating", "bound"]);
    let last = told.last().expect("both move");
    assert!(
        last.contains("to n-2") || last.contains("to n-3"),
        "{told:?}"
    );
}

/// A node that is being drained stays cordoned, and what was evicted goes at its time.
#[test]
fn a_drain_half_done_goes_on() {
    let mut hosts = nodes();
    hosts[0]["spec"]["unschedulable"] = true.into();
    let web_template = template("web");
    let pods = vec![
        Pod::new("web-1-a", &web_template, "n-0")
            .of_set(1)
            .told_to_end(10),
        Pod::new("web-1-b", &web_template, "n-1").of_set(1),
    ];
    let begun = web(pods, hosts);
    let told = begun.told(&["bound", "ended"]);
    assert!(!told[2].contains("to n-0"), "{told:?}");
    assert_eq!(told[3], "10.0 s ended web-1-a Cancelled");
}
