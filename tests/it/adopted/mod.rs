//! Runs, plans and placements that begin from dumps of clusters in the middle of their lives: what is there
//! is listed and synced at zero, and pods are what their status says (issue 56, point 3).

mod admission;
mod cluster;
mod commands;
mod ended;
mod hosts;
mod partial;
mod recommendations;
mod revisions;
mod runtimes;
mod workloads;

use cluster::{Course, Pod, budget, deployment, nodes, template};

/// Pods that are there, and those that controllers make at zero, need no other event.
#[test]
fn what_is_missing_is_made_at_zero() {
    let pods = vec![
        Pod::new("web-1-a", &template("web"), "n-0").of_set(1),
        Pod::new("web-1-b", &template("web"), "n-1").of_set(1),
    ];
    let begun = Course::new(
        &[nodes(), deployment(4, &[(1, 4, "a:1")])],
        pods,
        "stop: {at: 1h}",
    );
    let ready = begun.told(&["ready"]);
    assert_eq!(ready.len(), 4, "{ready:?}");
    assert!(
        ready.iter().all(|line| line.starts_with("0 s ")),
        "{ready:?}"
    );
}

/// A pod that its probe finds not ready for an hour stays so, and the budget that it is missing from refuses
/// the drain, which the log tells; one that started a moment ago is ready at its next probe.
#[test]
fn a_pod_that_is_not_ready_does_not_count() {
    let web = template("web");
    let third = |pod: Pod| {
        let pods = vec![
            Pod::new("web-1-a", &web, "n-0").of_set(1),
            Pod::new("web-1-b", &web, "n-1").of_set(1),
            pod.of_set(1),
        ];
        let objects = [
            nodes(),
            deployment(3, &[(1, 3, "a:1")]),
            vec![budget("web", 2)],
        ];
        Course::new(
            &objects,
            pods,
            "operations: [{at: 1m, drain: n-0}]\nstop: {at: 10m}",
        )
    };
    let begun = third(Pod::new("web-1-c", &web, "n-2").unready(-3_000));
    let told = begun.told(&["ready", "terminating"]);
    assert_eq!(told, ["0 s ready web-1-a", "0 s ready web-1-b"]);
    let events = begun.events("run.yaml");
    let refused: Vec<&String> = events
        .iter()
        .filter(|line| line.contains(" refused "))
        .collect();
    assert_eq!(
        refused,
        [
            "60.0 s refused Node/n-0 evictions: the disruption budget `web` does not allow the eviction of pod `d/web-1-a`"
        ]
    );
    let begun = third(Pod::new("web-1-c", &web, "n-2").since(-4).unready(-4));
    let told = begun.told(&["ready", "terminating"]);
    assert_eq!(told[2], "1.00 s ready web-1-c", "{told:?}");
    assert!(
        told[3].starts_with("60.0 s terminating web-1-a"),
        "{told:?}"
    );
}

/// A container that fails again and again goes on so: after the back-off of its restarts, for as long as its
/// last run, with the same code, and ready no sooner than in it.
#[test]
fn a_crash_loop_goes_on_where_it_was() {
    let web = template("web");
    let pods = vec![
        Pod::new("web-1-a", &web, "n-0").of_set(1),
        Pod::new("web-1-b", &web, "n-1")
            .of_set(1)
            .crashing(3, -140, -25),
    ];
    let objects = [
        nodes(),
        deployment(2, &[(1, 2, "a:1")]),
        vec![budget("web", 1)],
    ];
    let begun = Course::new(
        &objects,
        pods,
        "operations: [{at: 10m, drain: n-0}]\nstop: {at: 20m}",
    );
    let told = begun.told(&["ready", "restarted", "exited", "terminating"]);
    assert_eq!(
        told[..5],
        [
            "0 s ready web-1-a",
            "15.0 s restarted web-1-b 4 times",
            "15.0 s ready web-1-b",
            "2.17 min exited web-1-b c ended with exit code 3 (ApplicationError)",
            "3.50 min restarted web-1-b 5 times",
        ],
    );
    // Not ready in its last run either.
    let pods = vec![
        Pod::new("web-1-a", &web, "n-0").of_set(1),
        Pod::new("web-1-b", &web, "n-1")
            .of_set(1)
            .crashing(30, -140, -100)
            .unready(-3_000),
    ];
    let begun = Course::new(
        &objects,
        pods,
        "operations: [{at: 5m, drain: n-0}]\nstop: {at: 20m}",
    );
    let told = begun.told(&["ready", "terminating"]);
    assert_eq!(told, ["0 s ready web-1-a"]);
}

/// What can't be started is not, what is being created goes on, and init containers go on from where they are.
#[test]
fn containers_start_from_where_they_are() {
    let web = template("web");
    let mut init = template("web");
    init["metadata"]["annotations"] = serde_json::json!({"windtunnel.dev/run-time.i": "30s"});
    init["spec"]["initContainers"] = serde_json::json!([{"name": "i", "image": "i:1"}]);
    let mut begun_init = Pod::new("web-1-c", &init, "n-2").since(-11).of_set(1);
    begun_init = begun_init.waiting("Pending", "PodInitializing");
    begun_init.0["status"]["initContainerStatuses"] = serde_json::json!([{"name": "i", "ready": false,
        "restartCount": 0, "state": {"running": {"startedAt": cluster::at(-10)}}}]);
    let pods = vec![
        Pod::new("web-1-a", &web, "n-0")
            .since(-600)
            .of_set(1)
            .waiting("Pending", "ImagePullBackOff"),
        Pod::new("web-1-b", &web, "n-1")
            .since(-2)
            .of_set(1)
            .waiting("Pending", "ContainerCreating"),
        begun_init,
    ];
    let begun = Course::new(
        &[nodes(), deployment(3, &[(1, 3, "a:1")])],
        pods,
        "stop: {at: 10m}",
    );
    let told = begun.told(&["running", "ready", "created"]);
    let told: Vec<&String> = told
        .iter()
        .filter(|line| !line.starts_with("0 s created"))
        .collect();
    assert_eq!(
        told,
        [
            "0 s running web-1-b",
            "0 s ready web-1-b",
            "20.0 s running web-1-c",
            "20.0 s ready web-1-c",
        ]
    );
}

/// A pod that was told to end has until its time, and its set makes another at once.
#[test]
fn a_pod_that_is_told_to_end_goes_at_its_time() {
    let web = template("web");
    let pods = vec![
        Pod::new("web-1-a", &web, "n-0").of_set(1),
        Pod::new("web-1-b", &web, "n-1").of_set(1).told_to_end(20),
    ];
    let begun = Course::new(
        &[nodes(), deployment(2, &[(1, 2, "a:1")])],
        pods,
        "stop: {at: 10m}",
    );
    let told = begun.told(&["terminating", "ended", "ready"]);
    assert_eq!(told.len(), 5, "{told:?}");
    assert_eq!(told[2], "0 s terminating web-1-b Cancelled, within 20s");
    assert!(told[3].starts_with("0 s ready web-1-"), "{told:?}");
    assert_eq!(told[4], "20.0 s ended web-1-b Cancelled");
}

/// What is left of the run time that a pod's manifest states is left of a pod that runs already, and what is
/// left of its deadline.
#[test]
fn times_of_pods_that_run_count_from_their_start() {
    let mut work = template("work");
    work["metadata"]["annotations"] = serde_json::json!({"windtunnel.dev/run-time": "10m"});
    work["spec"]["restartPolicy"] = "Never".into();
    let mut limited = template("work");
    limited["spec"]["restartPolicy"] = "Never".into();
    limited["spec"]["activeDeadlineSeconds"] = 600.into();
    let pods = vec![
        Pod::new("works", &work, "n-0").since(-241),
        Pod::new("limited", &limited, "n-1").since(-400),
    ];
    let begun = Course::new(&[nodes()], pods, "stop: {at: 1h}");
    let ended = begun.told(&["ended"]);
    assert_eq!(
        ended,
        [
            "3.33 min ended limited TimeLimit",
            "5.98 min ended works Completed"
        ]
    );
}
