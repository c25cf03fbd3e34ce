//! The manual's walk with the program itself: a control server and three agents over TLS, a deployment
//! of real processes, what kills them, and the record.

use std::fs;

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
    let applied = cluster.run(&["apply", "web.yaml", "--state", "state"]);
    assert_eq!(applied, "apply Deployment/default/web\n");
    let pods = cluster.pods();
    let name = pods[0].name.as_str();
    let log = cluster.run(&["logs", name, "--state", "state"]);
    assert_eq!(log, "started\n");
    let listed = cluster.run(&["get", "deploy/web", "--state", "state"]);
    let row: Vec<&str> = listed
        .lines()
        .nth(1)
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(row[..5], ["default", "web", "6/6", "6", "6"], "{listed}");
    let nodes = cluster.run(&["get", "nodes", "-o", "json", "--state", "state"]);
    assert!(
        nodes.contains("\"AgentReady\"") && nodes.contains("\"capacity\""),
        "{nodes}"
    );
    let nothing = ["get", "deploy/shop", "--state", "state"];
    assert_eq!(cluster.try_run(&nothing), None);
    view_alone(&cluster, name);
    // A killed process is started again.
    let victim = cluster.processes()[0].pid;
    kill(&identity(victim));
    wait_until("a restart", seconds(8), || {
        let restarts = cluster.pods().iter().map(|pod| pod.restarts).sum::<u32>();
        restarts == 1
    });
    cluster.agrees(6);
    let restarted = cluster.pods().into_iter().find(|pod| pod.restarts == 1);
    let restarted = restarted.expect("a pod that was started again").name;
    let before = ["logs", &restarted, "--previous", "--state", "state"];
    assert_eq!(cluster.run(&before), "started\n");
    let all = cluster.run(&["get", "all", "-l", "app=web", "--state", "state"]);
    assert!(
        all.contains("ReplicaSet/web-") && all.contains("Pod/web-"),
        "{all}"
    );
    let events = cluster.run(&["events", "--state", "state"]);
    assert!(events.contains("Exited"), "{events}");
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

/// A viewer on another machine reads, and changes nothing.
fn view_alone(cluster: &Cluster, name: &str) {
    let token = cluster.run(&["token", "create", "--role", "viewer", "--state", "state"]);
    fs::write(cluster.folder.join("token"), token).expect("a file");
    let address = cluster.address().to_string();
    let login = [
        "login",
        "--server",
        &address,
        "--token-file",
        "token",
        "--name",
        "ada",
        "--state",
        "ada",
    ];
    cluster.run(&login);
    assert!(
        cluster
            .run(&["get", "pods", "--state", "ada"])
            .contains(name)
    );
    assert_eq!(cluster.try_run(&["cordon", "n0", "--state", "ada"]), None);
    assert_eq!(
        cluster.try_run(&login.map(|word| if word == "ada" { "eve" } else { word })),
        None
    );
}

fn control_killed() {
    let mut cluster = Cluster::new(shape("killed"));
    cluster.apply(Web::of(2));
    for replicas in 3..8 {
        // Killed while the answer to a request is on its way, and in the midst of its effects.
        let mut apply = cluster.spawn(&[
            "scale",
            "Deployment/default/web",
            "--replicas",
            &replicas.to_string(),
            "--state",
            "state",
        ]);
        if replicas % 2 == 0 {
            apply.wait().expect("a process of this test");
        }
        cluster.kill_control();
        let _ = apply.wait();
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
