//! Commands that read the same dumps: plans, placements, snapshots.

use super::cluster::{Course, Pod, budget, nodes, stateful_set, template};
use serde_json::json;

fn quorum() -> Course {
    let db = template("db");
    let of = |name: &str, node: &str| Pod::new(name, &db, node).owned("StatefulSet", "db");
    let pods = vec![
        of("db-0", "n-0"),
        of("db-1", "n-1"),
        of("db-2", "n-2").crashing(37, -140, -100).unready(-3_000),
    ];
    let set = stateful_set(3, &db, &json!({"replicas": 3}));
    let rest = "operations: [{at: 10m, drain: n-0}]\nstop: {at: 1h}";
    Course::new(&[nodes(), vec![set, budget("db", 2)]], pods, rest)
}

/// A plan keeps the pods that a budget needs, and may move the one that is not ready; so does a drain.
#[test]
fn a_plan_keeps_the_quorum() {
    let begun = quorum();
    let answer = begun
        .0
        .run(&["plan", "dump.json", "--minimize", "nodes"], 0);
    assert!(answer.starts_with("2 of 4 nodes are enough"), "{answer}");
    for name in ["0", "1"] {
        let kept = format!(
            "n-{name} stays: d/db-{name}: the disruption budget `d/db` allows no disruption"
        );
        assert!(answer.contains(&kept), "{answer}");
    }
    assert_eq!(begun.told(&["terminating"]), [""; 0]);
}

/// A pod that two budgets cover can't be evicted at all.
#[test]
fn a_plan_keeps_what_two_budgets_cover() {
    let db = template("db");
    let mut second = budget("db", 1);
    second["metadata"]["name"] = "db-too".into();
    second["metadata"]["uid"] = "another".into();
    let pods = vec![Pod::new("db-0", &db, "n-0"), Pod::new("db-1", &db, "n-1")];
    let begun = Course::new(
        &[nodes(), vec![budget("db", 0), second]],
        pods,
        "stop: {at: 1h}",
    );
    let answer = begun
        .0
        .run(&["plan", "dump.json", "--minimize", "nodes"], 0);
    let kept = "several disruption budgets cover it (`d/db` and `d/db-too`), so that no eviction is granted";
    assert!(answer.contains(kept), "{answer}");
}

/// A snapshot of a dump holds the states of its pods and nodes: a run that begins from it takes the course of
/// one that begins from the dump.
#[test]
fn a_snapshot_has_the_states_of_the_dump() {
    let db = template("db");
    let of = |name: &str, node: &str| Pod::new(name, &db, node).owned("StatefulSet", "db");
    let pods = vec![
        of("db-0", "n-0"),
        of("db-1", "n-1").since(-5).unready(-5),
        of("db-2", "n-2").crashing(3, -140, -25),
        of("db-3", "n-0"),
        of("db-4", "n-0").told_to_end(15),
        of("db-5", "n-3").waiting("Pending", "ImagePullBackOff"),
    ];
    let mut hosts = nodes();
    hosts[1]["status"]["conditions"][0]["status"] = "Unknown".into();
    let set = stateful_set(6, &db, &json!({"replicas": 6}));
    let begun = Course::new(
        &[hosts, vec![set, budget("db", 2)]],
        pods,
        "stop: {at: 20m}",
    );
    let of_dump = begun.events("run.yaml");
    begun
        .0
        .run(&["import", "kubectl", "dump.json", "--out", "imported"], 0);
    let text = begun.0.bytes("imported/dump.objects.json.zst");
    let text = zstd::decode_all(&text[..]).expect("a file");
    std::fs::write(begun.0.path("dump.json"), text).expect("a file of the test");
    assert_eq!(begun.events("run.yaml"), of_dump);
}

/// A placement takes a node that is not ready for no candidate, though no taint says so.
#[test]
fn a_placement_takes_no_node_that_is_not_ready() {
    let mut hosts = nodes();
    for host in &mut hosts[..3] {
        host["status"]["conditions"][0]["status"] = "False".into();
    }
    let mut pod = Pod::new("new", &template("web"), "");
    pod.0["status"] = json!({});
    let begun = Course::new(&[hosts], Vec::new(), "stop: {at: 1h}");
    std::fs::write(begun.0.path("pod.json"), pod.0.to_string()).expect("a file of the test");
    let answer = begun.0.run(&["place", "dump.json", "pod.json"], 0);
    assert!(
        answer.contains("n-3") && !answer.contains("n-0"),
        "{answer}"
    );
}
