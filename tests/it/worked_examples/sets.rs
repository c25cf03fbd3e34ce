//! Daemon sets and stateful sets step by step (spec: kubernetes.md 2.3 and 2.4).

use windtunnel::control::controllers::daemon_set::{
    DaemonNode, DaemonPod, DaemonWrites, Eligibility, FailureBackoff, added_tolerations, limits,
    sync as sync_daemons,
};
use windtunnel::control::controllers::stateful_set::{StatefulPod, StatefulSetView, sync};
use windtunnel::model::workload::daemon_set::DaemonUpdate;
use windtunnel::model::workload::stateful_set::StatefulStatus;
use windtunnel::model::workload::{
    Count, DaemonSet, ObservedPhase, PodManagement, Readiness, StatefulSet, StatefulUpdate,
};
use windtunnel::units::Instant;

use super::orders::ready;

fn daemon(name: &str, is_updated: bool, is_ready: bool) -> DaemonPod {
    let mut pod = ready(name);
    pod.readiness = Some(Readiness {
        is_ready,
        since: Some(Instant::ZERO),
    });
    DaemonPod { pod, is_updated }
}

fn node(name: &str, pods: Vec<DaemonPod>) -> DaemonNode {
    DaemonNode {
        name: name.into(),
        eligibility: Eligibility {
            should_run: true,
            should_continue: true,
        },
        pods,
    }
}

fn set(surge: Count, unavailable: Count) -> DaemonSet {
    DaemonSet {
        update: Some(DaemonUpdate {
            max_surge: surge,
            max_unavailable: unavailable,
        }),
        ..DaemonSet::default()
    }
}

fn daemons(set: &DaemonSet, nodes: &[DaemonNode]) -> DaemonWrites {
    let now = Instant::from_secs(2_000_000);
    sync_daemons(now, set, nodes, &mut FailureBackoff::default())
}

fn names(names: &[&str]) -> Vec<windtunnel::model::Text> {
    names.iter().map(|&name| name.into()).collect()
}

#[test]
fn daemon_percentages_round_up_both() {
    let nodes: Vec<DaemonNode> = (0..25).map(|_| node("n", vec![])).collect();
    let percent = Count::Percent;
    for (surge, unavailable, expected) in [
        (percent(0), percent(10), (25, 0, 3)),
        (percent(10), percent(0), (25, 3, 0)),
        (Count::Number(0), Count::Number(0), (25, 0, 1)),
        (percent(0), percent(100), (25, 0, 25)),
    ] {
        assert_eq!(limits(&set(surge, unavailable), &nodes), expected);
    }
}

#[test]
fn daemons_tolerate_what_nodes_suffer() {
    let keys = |host_network| -> Vec<String> {
        let added = added_tolerations(host_network);
        let keys = added.iter().filter_map(|own| own.key.as_ref());
        keys.map(|key| key.replace("node.kubernetes.io/", ""))
            .collect()
    };
    let usual = [
        "not-ready",
        "unreachable",
        "disk-pressure",
        "memory-pressure",
        "pid-pressure",
        "unschedulable",
    ];
    assert_eq!(keys(false), usual);
    assert_eq!(keys(true)[6..], ["network-unavailable"]);
    assert!(
        added_tolerations(true)
            .iter()
            .all(|own| own.tolerates_for.is_none())
    );
}

#[test]
fn without_surge_unavailable_daemons_go_at_once_and_others_as_allowed() {
    let update = set(Count::Number(0), Count::Number(2));
    let nodes = [
        node("a", vec![daemon("a", false, true)]),
        node("b", vec![daemon("b", false, false)]),
        node("c", vec![daemon("c", false, true)]),
        node("d", vec![daemon("d", false, true)]),
    ];
    // `b` is one of the two that may be missing.
    assert_eq!(daemons(&update, &nodes).delete, names(&["b", "a"]));
}

#[test]
fn with_surge_the_old_daemon_goes_when_the_new_is_available() {
    let update = set(Count::Number(1), Count::Number(0));
    let mut nodes = [
        node("a", vec![daemon("a", false, true)]),
        node("b", vec![daemon("b", false, true)]),
    ];
    let writes = daemons(&update, &nodes);
    assert_eq!((writes.create_on, writes.delete), (names(&["a"]), vec![]));
    nodes[0].pods.push(daemon("new-a", true, false));
    assert_eq!(daemons(&update, &nodes), DaemonWrites::default());
    nodes[0].pods[1] = daemon("new-a", true, true);
    let writes = daemons(&update, &nodes);
    assert_eq!((writes.create_on, writes.delete), (vec![], names(&["a"])));
    nodes[0].pods.remove(0);
    assert_eq!(daemons(&update, &nodes).create_on, names(&["b"]));
    // An old one that is not ready does not wait for the new.
    let nodes = [node(
        "a",
        vec![daemon("a", false, false), daemon("new-a", true, false)],
    )];
    assert_eq!(daemons(&update, &nodes).delete, names(&["a"]));
}

#[test]
fn a_node_with_terminating_daemons_alone_gets_one_at_once_only_with_surge() {
    let mut going = daemon("a", true, true);
    going.pod.is_terminating = true;
    let nodes = [node("a", vec![going.clone()])];
    let plain = set(Count::Number(0), Count::Number(1));
    assert!(daemons(&plain, &nodes).create_on.is_empty());
    let surging = set(Count::Number(1), Count::Number(0));
    assert_eq!(daemons(&surging, &nodes).create_on, names(&["a"]));
    // One that has failed as well does not count at all.
    going.pod.phase = ObservedPhase::Failed;
    let nodes = [node("a", vec![going])];
    assert_eq!(daemons(&plain, &nodes).create_on, names(&["a"]));
}

#[test]
fn of_several_daemons_on_a_node_the_oldest_stays() {
    let aged = |name: &str, secs: i64, is_scheduled: bool| {
        let mut pod = daemon(name, true, true);
        pod.pod.created = Some(Instant::from_secs(secs));
        pod.pod.node = is_scheduled.then(|| "n".into());
        pod
    };
    let update = set(Count::Number(0), Count::Number(1));
    let pods = vec![
        aged("b", 20, true),
        aged("a", 10, false),
        aged("c", 20, true),
    ];
    // Scheduled first, then by creation, then by name.
    assert_eq!(
        daemons(&update, &[node("n", pods)]).delete,
        names(&["c", "a"])
    );
}

fn member(ordinal: i32, revision: &str, is_ready: bool) -> StatefulPod {
    let mut pod = ready(&format!("db-{ordinal}"));
    pod.readiness = Some(Readiness {
        is_ready,
        since: Some(Instant::ZERO),
    });
    StatefulPod {
        ordinal,
        revision: revision.into(),
        pod,
    }
}

/// What a sync creates and deletes.
fn members(set: &StatefulSet, pods: &[StatefulPod], gate: bool) -> (Vec<i32>, Vec<i32>) {
    let status = StatefulStatus {
        current_revision: "1".into(),
        ..StatefulStatus::default()
    };
    let view = StatefulSetView {
        set,
        pods,
        update_revision: "2".into(),
        status: &status,
        has_max_unavailable: gate,
        waits_for_available: true,
        is_terminating: false,
    };
    let writes = sync(Instant::from_secs(2_000_000), &view);
    let created = writes.create.iter().map(|(ordinal, _)| *ordinal).collect();
    (created, writes.delete)
}

fn sized(replicas: i32) -> StatefulSet {
    StatefulSet {
        replicas,
        ..StatefulSet::default()
    }
}

#[test]
fn members_come_in_order_each_after_the_one_before_is_available() {
    let set = sized(3);
    assert_eq!(members(&set, &[], false), (vec![0], vec![]));
    assert_eq!(
        members(&set, &[member(0, "2", false)], false),
        (vec![], vec![])
    );
    assert_eq!(
        members(&set, &[member(0, "2", true)], false),
        (vec![1], vec![])
    );
    // One that failed is deleted first, and nothing else happens.
    let mut failed = member(0, "2", true);
    failed.pod.phase = ObservedPhase::Failed;
    assert_eq!(
        members(&set, &[failed.clone(), member(1, "2", true)], false),
        (vec![], vec![0])
    );
    // While it goes, it is waited for.
    failed.pod.is_terminating = true;
    assert_eq!(
        members(&set, &[failed, member(1, "2", true)], false),
        (vec![], vec![])
    );
}

#[test]
fn members_go_one_at_a_time_from_the_highest_while_the_others_are_available() {
    let all = |unavailable: &[i32]| -> Vec<StatefulPod> {
        let pods = 0..5;
        pods.map(|ordinal| member(ordinal, "2", !unavailable.contains(&ordinal)))
            .collect()
    };
    let set = sized(2);
    assert_eq!(members(&set, &all(&[]), false), (vec![], vec![4]));
    // The first unavailable pod may itself be the one removed, another stops it.
    assert_eq!(members(&set, &all(&[4]), false), (vec![], vec![4]));
    assert_eq!(members(&set, &all(&[3]), false), (vec![], vec![4]));
    assert_eq!(members(&set, &all(&[3, 4]), false), (vec![], vec![]));
    assert_eq!(members(&set, &all(&[1]), false), (vec![], vec![]));
}

#[test]
fn side_by_side_members_come_and_go_all_at_once() {
    let mut set = sized(3);
    set.management = PodManagement::Parallel;
    assert_eq!(members(&set, &[], false), (vec![0, 1, 2], vec![]));
    set.replicas = 1;
    let pods: Vec<StatefulPod> = (0..4).map(|ordinal| member(ordinal, "2", true)).collect();
    assert_eq!(members(&set, &pods, false), (vec![], vec![3, 2, 1]));
}

#[test]
fn ordinals_begin_where_they_are_told_and_partitions_count_from_there() {
    let mut set = sized(4);
    set.first_ordinal = 5;
    assert_eq!(members(&set, &[], false), (vec![5], vec![]));
    set.update = StatefulUpdate::RollingUpdate {
        partition: 3,
        max_unavailable: None,
    };
    let mut pods: Vec<StatefulPod> = (5..9).map(|ordinal| member(ordinal, "1", true)).collect();
    assert_eq!(members(&set, &pods, false), (vec![], vec![8]));
    pods[3] = member(8, "2", true);
    assert_eq!(members(&set, &pods, false), (vec![], vec![]));
    // Ordinals below the first are not of the set.
    pods.insert(0, member(4, "2", true));
    assert_eq!(members(&set, &pods, false), (vec![], vec![4]));
}

#[test]
fn with_the_gate_several_members_are_renewed_at_once() {
    let mut set = sized(10);
    set.management = PodManagement::Parallel;
    let pods = |unavailable: i32| -> Vec<StatefulPod> {
        let pods = 0..10;
        pods.map(|ordinal| member(ordinal, "1", ordinal >= unavailable))
            .collect()
    };
    for (most, unavailable, expected) in [
        // 35 % of ten round down to three, 5 % to one at least.
        (Count::Percent(35), 0, vec![9, 8, 7]),
        (Count::Percent(5), 0, vec![9]),
        (Count::Number(3), 2, vec![9]),
        (Count::Number(2), 2, vec![]),
    ] {
        set.update = StatefulUpdate::RollingUpdate {
            partition: 0,
            max_unavailable: Some(most),
        };
        assert_eq!(
            members(&set, &pods(unavailable), true).1,
            expected,
            "{most} {unavailable}"
        );
    }
}
