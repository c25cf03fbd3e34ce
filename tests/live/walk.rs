//! The manual's walk with the program itself: a control server and three agents over TLS, a deployment
//! of real processes, what kills them, and the record.

use live::wire::request::Request;

use crate::cluster::{Cluster, Shape, Web};
use crate::table::Test;
use crate::wait::{identity, kill, seconds, wait_until};

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "W",
        name: "a walk: apply, kill, heal, record, replay otherwise",
        needs: &["pidfd"],
        run: walk,
    },
    Test {
        fault: "K",
        name: "kubectl applies, looks, follows, scales, drains and deletes",
        needs: &["pidfd", "kubectl"],
        run: by_kubectl,
    },
    Test {
        fault: "21",
        name: "control server killed ten times, nothing lost or doubled",
        needs: &["pidfd"],
        run: control_killed,
    },
];

const fn shape(name: &'static str) -> Shape {
    Shape {
        name,
        node_count: 3,
        pace: 1,
        is_networked: false,
    }
}

fn walk() {
    let cluster = Cluster::new(shape("walk"));
    cluster.apply(Web::of(6));
    cluster.agrees(6);
    // A killed process is started again.
    let victim = cluster.processes()[0].pid;
    kill(&identity(victim));
    wait_until("a restart", seconds(8), || {
        let restarts = cluster.pods().iter().map(|pod| pod.restarts).sum::<u32>();
        restarts == 1
    });
    cluster.agrees(6);
    cluster.audit();
    let packing = "system.scheduler.plugins.NodeResourcesFit.scoringStrategy.type=MostAllocated";
    let balanced = "system.scheduler.plugins.NodeResourcesBalancedAllocation=null";
    let spread = "system.scheduler.plugins.PodTopologySpread=null";
    let with = [
        "replay",
        "run.log",
        "walk.yaml",
        "--with",
        packing,
        "--with",
        balanced,
        "--with",
        spread,
    ];
    let other = cluster.run(&with);
    assert!(other.contains("with system.scheduler.plugins"), "{other}");
    assert!(
        other.contains("bindings") && other.contains("on another node"),
        "{other}"
    );
}

fn by_kubectl() {
    let cluster = Cluster::new(shape("kubectl"));
    let applied = cluster.kubectl(&["apply", "-f", "web.yaml"]);
    assert!(applied.contains("deployment.apps/web created"), "{applied}");
    cluster.agrees(1);
    let again = cluster.kubectl(&["apply", "-f", "web.yaml"]);
    assert_eq!(again, "deployment.apps/web unchanged\n");
    cluster.kubectl(&["scale", "deployment/web", "--replicas", "6"]);
    cluster.kubectl(&["rollout", "status", "deployment/web", "--timeout", "20s"]);
    cluster.agrees(6);
    let listed = cluster.kubectl(&["get", "deploy/web"]);
    let row: Vec<&str> = listed
        .lines()
        .nth(1)
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(row[..4], ["web", "6/6", "6", "6"], "{listed}");
    let name = cluster.pods()[0].name.clone();
    assert_eq!(cluster.kubectl(&["logs", &name]), "started\n");
    let all = cluster.kubectl(&["get", "all", "-l", "app=web"]);
    assert!(
        all.contains("replicaset.apps/web-") && all.contains("pod/web-"),
        "{all}"
    );
    let running = [
        "get",
        "pods",
        "--field-selector",
        "status.phase=Running",
        "-o",
        "name",
    ];
    assert_eq!(cluster.kubectl(&running).lines().count(), 6);
    let described = cluster.kubectl(&["describe", "pod", &name]);
    assert!(
        described.contains("assigned to n") && described.contains("runs on n"),
        "{described}"
    );
    let node = cluster.kubectl(&["describe", "node", "n0"]);
    assert!(node.contains("AgentReady"), "{node}");
    let events = cluster.kubectl(&["get", "events"]);
    assert!(
        events.starts_with("LAST SEEN") && events.contains("Scheduled"),
        "{events}"
    );
    view_alone(&cluster, &name);
    // What stands in the way of a template's change is told; the change makes new pods.
    cluster.kubectl(&["rollout", "restart", "deployment/web"]);
    cluster.kubectl(&["rollout", "status", "deployment/web", "--timeout", "40s"]);
    cluster.agrees(6);
    assert!(cluster.pods().iter().all(|pod| pod.name != name));
    roll_back(&cluster);
    // Drained nodes are empty once the command has ended.
    cluster.kubectl(&["drain", "n0", "--timeout", "40s"]);
    let is_on = |pod: &live::driver::view::PodRow| pod.node.as_deref() == Some("n0");
    assert!(!cluster.pods().iter().any(is_on));
    let nodes = cluster.kubectl(&["get", "nodes"]);
    assert!(nodes.contains("Ready,SchedulingDisabled"), "{nodes}");
    cluster.kubectl(&["uncordon", "n0"]);
    let wrong = cluster.kubectl_of("state", &["label", "node", "n0", "zone=a"]);
    let words = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        !wrong.status.success() && words.contains("--label"),
        "{words}"
    );
    cluster.kubectl(&["delete", "deployment/web", "--timeout", "20s"]);
    cluster.agrees(0);
    let nothing = cluster.kubectl_of("state", &["get", "deploy/web"]);
    let words = String::from_utf8_lossy(&nothing.stderr).into_owned();
    assert!(words.contains("(NotFound)"), "{words}");
    cluster.audit();
}

/// The template before the last one comes again, as a revision of its own.
fn roll_back(cluster: &Cluster) {
    let undone = cluster.kubectl(&["rollout", "undo", "deployment/web"]);
    assert!(undone.contains("rolled back"), "{undone}");
    cluster.kubectl(&["rollout", "status", "deployment/web", "--timeout", "40s"]);
    let history = cluster.kubectl(&["rollout", "history", "deployment/web"]);
    assert!(history.contains("\n3 "), "{history}");
    cluster.agrees(6);
}

/// A viewer on another machine reads, and changes nothing.
fn view_alone(cluster: &Cluster, name: &str) {
    cluster.run(&["certs", "viewer/ada", "--state", "state", "--out", "ada"]);
    let listed = cluster.kubectl_of("ada", &["get", "pods"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains(name));
    for words in [["cordon", "n0"], ["delete", "deploy/web"]] {
        let refused = cluster.kubectl_of("ada", &words);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("takes the role"), "{said}");
    }
}

fn control_killed() {
    let mut cluster = Cluster::new(shape("killed"));
    cluster.apply(Web::of(2));
    for replicas in 3..8 {
        // Killed while the answer to a request is on its way, and in the midst of its effects.
        let wish = Request::Scale {
            object: "Deployment/default/web".to_owned(),
            replicas,
        };
        std::thread::scope(|scope| {
            let asked = cluster.later(wish);
            let asked = scope.spawn(asked);
            if replicas % 2 == 0 {
                let _ = asked.join();
            }
            cluster.kill_control();
        });
        cluster.start_control();
        cluster.kill_control();
        cluster.start_control();
    }
    cluster.apply(Web::of(7));
    cluster.agrees(7);
    let pods = cluster.pods();
    assert!(pods.iter().all(|pod| pod.restarts == 0), "{pods:?}");
    cluster.audit();
}
