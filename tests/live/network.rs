//! Faults 15 to 20: hosts of a cluster are cut off in every way, flap, lose packets, and are lost all at
//! once. Time passes fifty times as fast: a heartbeat takes 200 ms, a node is unknown after a second.

use std::fs;

use live::driver::events::EventRow;

use crate::cluster::{Cluster, Process, Shape, Web};
use crate::fabric::Fabric;
use crate::table::Test;
use crate::wait::{holds_for, millis, seconds, wait_calmly};

/// Features that a network of hosts needs.
const NETWORK: &[&str] = &[
    "pidfd",
    "root",
    "ip",
    "nsenter",
    "nft",
    "netns",
    "veth",
    "bridge-device",
];

pub(crate) const TESTS: &[Test] = &[
    Test {
        fault: "15, 16, 17",
        name: "hosts cut by link, silently and one way, and back",
        needs: NETWORK,
        run: cut_hosts,
    },
    Test {
        fault: "18",
        name: "flapping link: no eviction, no leak",
        needs: NETWORK,
        run: flapping,
    },
    Test {
        fault: "19",
        name: "30 % loss and a slow link: no node is given up",
        needs: &[
            "pidfd",
            "root",
            "ip",
            "nsenter",
            "nft",
            "tc",
            "tbf",
            "netns",
            "veth",
            "bridge-device",
        ],
        run: loss,
    },
    Test {
        fault: "20",
        name: "all hosts lost at once: nothing is evicted",
        needs: NETWORK,
        run: all_lost,
    },
];

/// Seconds of the cluster's time in a real second.
const PACE: u32 = 50;

const fn shape(name: &'static str, node_count: u8, pace: u32) -> Shape {
    Shape {
        name,
        node_count,
        pace,
        is_networked: true,
    }
}

/// Real milliseconds between two instants of events, which bear the wall clock.
const fn passed_ms(from: &EventRow, to: &EventRow) -> i64 {
    (to.at_ns - from.at_ns) / 1_000_000
}

fn cut_hosts() {
    let cluster = Cluster::new(shape("cut", 6, PACE));
    cluster.apply(Web::of(12));
    cluster.agrees(12);
    let before = cluster.processes();
    let network = cluster.network();
    let control = Fabric::address(1);
    network.set_port(Cluster::number(0), &["down"]);
    network.set_port(Cluster::number(1), &["nomaster"]);
    let mute = Fabric::address(Cluster::number(2));
    network.drop_packets(&format!("ip saddr {mute} ip daddr {control} drop"));
    wait_calmly("three nodes are unknown", seconds(6), || {
        let lost = cluster.events("NotReady");
        (lost.len() != 3).then_some(lost)
    });
    // Heard last at most a heartbeat before the cut; 50 s of silence are one second here.
    let silent = cluster.events("Silent");
    for lost in cluster.events("NotReady") {
        let node = silent.iter().find(|event| event.object == lost.object);
        let taken_ms = passed_ms(node.expect("a silent node"), &lost);
        assert!((500..3_000).contains(&taken_ms), "{taken_ms} ms: {lost:?}");
    }
    wait_calmly("six pods are replaced", seconds(8), || {
        let pods = cluster.pods();
        let ready = pods.iter().filter(|pod| pod.ready && !pod.terminating);
        let ending = pods.iter().filter(|pod| pod.terminating).count();
        let is_replaced = ready.count() == 12 && ending == 6;
        (!is_replaced).then_some(pods)
    });
    // The lost hosts know nothing of it: their workloads overlap with those that stand in for them.
    let meanwhile = cluster.processes();
    let lost = |process: &&Process| process.node < 3;
    assert_eq!(meanwhile.len(), 18, "{meanwhile:?}");
    let own: Vec<&Process> = before.iter().filter(lost).collect();
    assert_eq!(meanwhile.iter().filter(lost).collect::<Vec<_>>(), own);
    network.set_port(Cluster::number(0), &["up"]);
    network.set_port(Cluster::number(1), &["master", "br0"]);
    network.drop_no_packets();
    cluster.await_nodes();
    cluster.agrees(12);
    assert!(!cluster.processes().iter().any(|process| process.node < 3));
    cluster.audit();
}

fn flapping() {
    let cluster = Cluster::new(shape("flap", 3, PACE));
    cluster.apply(Web::of(6));
    cluster.agrees(6);
    let before = cluster.processes();
    let server = open_files(cluster.control_pid());
    let agent = threads(cluster.agent_pid(0));
    for _ in 0..3 {
        for state in ["down", "up"] {
            cluster.network().set_port(Cluster::number(0), &[state]);
            holds_for("nothing ends", millis(700), || true);
        }
    }
    cluster.await_nodes();
    cluster.agrees(6);
    assert_eq!(cluster.processes(), before, "no eviction");
    assert!(cluster.events("Killing").is_empty());
    // An agent has three lines, and an end of each may be left for a while.
    let open = open_files(cluster.control_pid());
    assert!(open <= server + 8, "{server} files open, then {open}");
    assert_eq!(threads(cluster.agent_pid(0)), agent, "threads of the agent");
    cluster.audit();
}

fn open_files(pid: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{pid}/fd"));
    files.expect("a process of this test").count()
}

fn threads(pid: u32) -> usize {
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    threads.expect("a process of this test").count()
}

fn loss() {
    // A node may be silent for ten seconds here.
    let cluster = Cluster::new(shape("loss", 3, 5));
    let network = cluster.network();
    let control = Fabric::address(1);
    network.drop_packets(&format!(
        "ip daddr {control} numgen random mod 100 < 30 drop"
    ));
    let slow = ["tc", "qdisc", "add", "dev", "eth0", "root", "tbf"];
    let rate = ["rate", "8kbit", "burst", "1600", "limit", "100000"];
    network.run(Cluster::number(0), &[&slow[..], &rate].concat());
    // Users see the loss as well.
    cluster.apply(Web::of(6));
    cluster.agrees(6);
    network.drop_no_packets();
    assert!(cluster.events("NotReady").is_empty());
    cluster.audit();
}

fn all_lost() {
    let cluster = Cluster::new(shape("all", 3, PACE));
    cluster.apply(Web::of(6));
    cluster.agrees(6);
    let before = cluster.processes();
    cluster.network().set_bridge("down");
    wait_calmly("every node is unknown", seconds(6), || {
        let lost = cluster.events("NotReady");
        (lost.len() != 3).then_some(lost)
    });
    // Longer than pods tolerate, and nothing is evicted: the fault may be on this side.
    holds_for("no pod is told to end", millis(1_800), || {
        std::thread::sleep(millis(200));
        cluster.pods().iter().all(|pod| !pod.terminating)
    });
    cluster.network().set_bridge("up");
    cluster.await_nodes();
    cluster.agrees(6);
    assert_eq!(cluster.processes(), before);
    cluster.audit();
}
