//! Node life, taint eviction, collection of pods and budgets step by step
//! (spec: kubernetes.md 2.7 to 2.9).

use windtunnel::control::controllers::disruption::{
    BudgetPod, EvictionAnswer, evict, recheck, sync as sync_budget,
};
use windtunnel::control::controllers::node_lifecycle::{
    ExecuteTaint, LifecycleWrite, NodeLifecycle, NodePressure, NodeReady, NodeView, ReadyStatus,
    ZoneState, no_schedule_taints,
};
use windtunnel::control::controllers::pod_gc::{GcNode, GcPod, PodGc};
use windtunnel::control::controllers::taint_eviction::TaintEviction;
use windtunnel::model::workload::{BudgetLimit, Count, ObservedPhase, PodDisruptionBudget};
use windtunnel::model::{Taint, TaintEffect, Text, Toleration};
use windtunnel::units::{Duration, Instant, SortedMap};

use super::orders::ready;

fn secs(secs: i64) -> Instant {
    Instant::from_secs(secs)
}

fn node(name: &str, zone: &str, status: ReadyStatus) -> NodeView {
    NodeView {
        name: name.into(),
        zone: zone.into(),
        is_excluded: false,
        created: Instant::ZERO,
        ready: Some(NodeReady {
            status,
            heartbeat: Instant::ZERO,
        }),
        lease: None,
        is_tainted_not_ready: false,
        is_tainted_unreachable: false,
    }
}

fn zone(name: &str, up: usize, down: usize) -> Vec<NodeView> {
    let status = |place| {
        if place < up {
            ReadyStatus::True
        } else {
            ReadyStatus::False
        }
    };
    let nodes = 0..up + down;
    nodes
        .map(|place| node(&format!("{name}{place}"), name, status(place)))
        .collect()
}

fn is_unknown(writes: &[LifecycleWrite]) -> bool {
    writes
        .iter()
        .any(|write| matches!(write, LifecycleWrite::MarkUnknown(_)))
}

#[test]
fn a_node_is_unknown_once_its_grace_is_over() {
    // Which node, when it is looked at first and second, and what the second look finds.
    let silent = node("n", "z", ReadyStatus::True);
    let mut unposted = node("n", "z", ReadyStatus::True);
    unposted.ready = None;
    for (view, first, second, expected) in [
        // The controller's own clock counts from when it saw the heartbeat, however old that is.
        (&silent, 100, 150, false),
        (&silent, 100, 151, true),
        // One that never posted has 60 s from its creation.
        (&unposted, 5, 60, false),
        (&unposted, 5, 61, true),
    ] {
        let mut lifecycle = NodeLifecycle::default();
        lifecycle.monitor(secs(first), std::slice::from_ref(view));
        let writes = lifecycle.monitor(secs(second), std::slice::from_ref(view));
        assert_eq!(is_unknown(&writes), expected, "{view:?} at {second}");
    }
}

#[test]
fn a_renewed_lease_is_as_good_as_a_heartbeat() {
    let mut view = node("n", "z", ReadyStatus::True);
    view.lease = Some(secs(0));
    let mut lifecycle = NodeLifecycle::default();
    lifecycle.monitor(secs(0), std::slice::from_ref(&view));
    view.lease = Some(secs(40));
    assert!(!is_unknown(
        &lifecycle.monitor(secs(45), std::slice::from_ref(&view))
    ));
    // Renewed at 40, seen at 45: overdue after 95.
    assert!(!is_unknown(
        &lifecycle.monitor(secs(95), std::slice::from_ref(&view))
    ));
    assert!(is_unknown(
        &lifecycle.monitor(secs(96), std::slice::from_ref(&view))
    ));
    // A heartbeat does the same without a lease.
    let mut view = node("n", "z", ReadyStatus::True);
    let mut lifecycle = NodeLifecycle::default();
    lifecycle.monitor(secs(0), std::slice::from_ref(&view));
    view.ready = view.ready.map(|ready| NodeReady {
        heartbeat: secs(44),
        ..ready
    });
    assert!(!is_unknown(
        &lifecycle.monitor(secs(45), std::slice::from_ref(&view))
    ));
    assert!(!is_unknown(
        &lifecycle.monitor(secs(95), std::slice::from_ref(&view))
    ));
    assert!(is_unknown(
        &lifecycle.monitor(secs(96), std::slice::from_ref(&view))
    ));
}

#[test]
fn conditions_become_taints_at_once() {
    let keys = |status, pressure| -> Vec<String> {
        let ready = Some(NodeReady {
            status,
            heartbeat: Instant::ZERO,
        });
        let taints = no_schedule_taints(ready, pressure);
        assert!(
            taints
                .iter()
                .all(|taint| taint.effect == TaintEffect::NoSchedule)
        );
        taints
            .iter()
            .map(|taint| taint.key.replace("node.kubernetes.io/", ""))
            .collect()
    };
    let none = NodePressure::default();
    assert!(keys(ReadyStatus::True, none).is_empty());
    assert_eq!(keys(ReadyStatus::False, none), ["not-ready"]);
    assert_eq!(keys(ReadyStatus::Unknown, none), ["unreachable"]);
    let all = NodePressure {
        memory: true,
        disk: true,
        pid: true,
        network: true,
        unschedulable: true,
    };
    assert_eq!(
        keys(ReadyStatus::True, all),
        [
            "memory-pressure",
            "disk-pressure",
            "pid-pressure",
            "network-unavailable",
            "unschedulable"
        ]
    );
}

#[test]
fn one_taint_is_swapped_for_the_other_at_once_and_goes_with_the_node_ready() {
    let mut view = node("n", "z", ReadyStatus::Unknown);
    let others = zone("o", 2, 0);
    view.is_tainted_not_ready = true;
    let with = |view: &NodeView| [std::slice::from_ref(view), &others].concat();
    let mut lifecycle = NodeLifecycle::default();
    let add = |taint| LifecycleWrite::AddTaint("n".into(), taint);
    let remove = |taint| LifecycleWrite::RemoveTaint("n".into(), taint);
    let writes = lifecycle.monitor(secs(5), &with(&view));
    assert!(
        writes.contains(&add(ExecuteTaint::Unreachable)),
        "{writes:?}"
    );
    assert!(
        writes.contains(&remove(ExecuteTaint::NotReady)),
        "{writes:?}"
    );
    (view.is_tainted_not_ready, view.is_tainted_unreachable) = (false, true);
    view.ready = Some(NodeReady {
        status: ReadyStatus::True,
        heartbeat: secs(9),
    });
    let writes = lifecycle.monitor(secs(10), &with(&view));
    assert!(
        writes.contains(&remove(ExecuteTaint::Unreachable)),
        "{writes:?}"
    );
    assert!(!lifecycle.has_waiting());
}

#[test]
fn zones_are_normal_partly_or_fully_disrupted() {
    for (up, down, expected) in [
        (10, 0, ZoneState::Normal),
        // Fewer than three never make a zone disrupted, whatever their share.
        (1, 2, ZoneState::Normal),
        (3, 3, ZoneState::Normal),
        // 0.55 and more.
        (9, 11, ZoneState::PartialDisruption),
        (10, 12, ZoneState::Normal),
        (2, 3, ZoneState::PartialDisruption),
        (0, 1, ZoneState::FullDisruption),
        (0, 5, ZoneState::FullDisruption),
    ] {
        let mut lifecycle = NodeLifecycle::default();
        let nodes = [zone("a", up, down), zone("b", 3, 0)].concat();
        lifecycle.monitor(secs(5), &nodes);
        let states: SortedMap<String, ZoneState> = { lifecycle.zone_states() }
            .map(|(name, state)| (name.to_string(), state))
            .collect();
        assert_eq!(states["a"], expected, "{up} up and {down} down");
        assert_eq!(states["b"], ZoneState::Normal);
    }
}

#[test]
fn while_all_zones_are_down_taints_are_taken_off_and_probes_begin_anew() {
    let mut nodes = [zone("a", 0, 2), zone("b", 0, 1)].concat();
    nodes[0].is_tainted_not_ready = true;
    let mut lifecycle = NodeLifecycle::default();
    let writes = lifecycle.monitor(secs(5), &nodes);
    let remove = LifecycleWrite::RemoveTaint("a0".into(), ExecuteTaint::NotReady);
    assert!(writes.contains(&remove), "{writes:?}");
    let view = |name: &Text| nodes.iter().find(|node| node.name == *name).cloned();
    assert!(lifecycle.taint(secs(5), view, |_| 0).is_empty());
    // One zone is back at 200: the silent others have their whole grace again.
    let mut later = nodes.clone();
    for (node, status) in later.iter_mut().zip([ReadyStatus::True; 3]) {
        node.is_tainted_not_ready = false;
        let heartbeat = if node.name == "b0".into() {
            secs(199)
        } else {
            Instant::ZERO
        };
        node.ready = Some(NodeReady { status, heartbeat });
    }
    lifecycle.monitor(secs(200), &later);
    assert!(!is_unknown(&lifecycle.monitor(secs(250), &later)));
    assert!(is_unknown(&lifecycle.monitor(secs(251), &later)));
}

fn taint(key: &str) -> Taint {
    Taint {
        key: key.into(),
        value: "".into(),
        effect: TaintEffect::NoExecute,
    }
}

fn tolerate(key: &str, secs: Option<i64>) -> Toleration {
    Toleration {
        key: Some(key.into()),
        value: None,
        effect: None,
        tolerates_for: secs.map(Duration::from_secs),
    }
}

#[test]
fn the_shortest_of_the_tolerations_used_counts() {
    let tolerations = [
        tolerate("a", Some(60)),
        tolerate("b", Some(30)),
        tolerate("c", None),
    ];
    for (taints, expected) in [
        (vec!["a"], Some(60)),
        (vec!["a", "b"], Some(30)),
        (vec!["c"], None),
        (vec!["c", "a"], Some(60)),
        (vec!["a", "x"], Some(0)),
    ] {
        let mut eviction = TaintEviction::default();
        let pod: Text = "p".into();
        let taints: Vec<Taint> = taints.into_iter().map(taint).collect();
        eviction.observe(Instant::ZERO, &pod, &tolerations, &taints);
        assert_eq!(eviction.next(), expected.map(secs), "{taints:?}");
    }
    // Of nothing and less it goes at once.
    for span in [0, -5] {
        let mut eviction = TaintEviction::default();
        let pod: Text = "p".into();
        eviction.observe(secs(7), &pod, &[tolerate("a", Some(span))], &[taint("a")]);
        assert_eq!(eviction.due(secs(7)), [pod]);
    }
}

#[test]
fn a_deletion_keeps_its_time_whatever_taints_come() {
    let tolerations = [
        tolerate("long", Some(300)),
        tolerate("short", Some(10)),
        tolerate("ever", None),
    ];
    for (next, expected) in [
        (vec!["long", "short"], Some(300)),
        (vec!["long", "ever"], Some(300)),
        // An intolerable one makes it immediate, a toleration for ever and no taint cancel it.
        (vec!["long", "x"], Some(20)),
        (vec!["ever"], None),
        (vec![], None),
    ] {
        let mut eviction = TaintEviction::default();
        let pod: Text = "p".into();
        eviction.observe(Instant::ZERO, &pod, &tolerations, &[taint("long")]);
        let taints: Vec<Taint> = next.iter().map(|key| taint(key)).collect();
        eviction.observe(secs(20), &pod, &tolerations, &taints);
        assert_eq!(eviction.next(), expected.map(secs), "{next:?}");
    }
}

#[test]
fn the_collector_takes_each_kind_in_its_turn() {
    let pod = |name: &str, node: Option<&str>, phase, created| GcPod {
        name: name.into(),
        node: node.map(Into::into),
        phase,
        created: secs(created),
        ..GcPod::default()
    };
    let (running, failed) = (ObservedPhase::Running, ObservedPhase::Failed);
    let mut pods = vec![
        pod("old", Some("up"), failed, 1),
        pod("young", Some("up"), ObservedPhase::Succeeded, 9),
        pod("evicted", Some("up"), failed, 8),
        pod("lost", Some("gone"), running, 5),
        pod("unplaced", None, ObservedPhase::Pending, 5),
        pod("off", Some("off"), running, 5),
        pod("stays", Some("up"), running, 5),
    ];
    pods[2].is_evicted = true;
    pods[4].is_terminating = true;
    pods[5].is_terminating = true;
    let node = |is_ready, is_out_of_service| GcNode {
        is_ready,
        is_out_of_service,
    };
    let nodes: SortedMap<Text, GcNode> = [
        ("up".into(), node(true, false)),
        ("off".into(), node(false, true)),
    ]
    .into();
    let mut collector = PodGc::new(1);
    let names =
        |removed: Vec<Text>| -> Vec<String> { removed.iter().map(ToString::to_string).collect() };
    // The node that is gone is in quarantine at first.
    let first = names(collector.pass(secs(0), &pods, &nodes));
    assert_eq!(first, ["evicted", "old", "off", "unplaced"]);
    let later = names(collector.pass(secs(40), &pods, &nodes));
    assert_eq!(later, ["evicted", "old", "off", "lost", "unplaced"]);
}

fn budgeted(name: &str, is_ready: bool) -> BudgetPod {
    let mut pod = ready(name);
    if !is_ready {
        pod.readiness = None;
    }
    BudgetPod {
        pod,
        controller: Some("web".into()),
    }
}

#[test]
fn budgets_round_up_and_count_what_is_healthy() {
    let scales = |replicas| [("web".into(), replicas)].into();
    let percent = Count::Percent;
    for (limit, replicas, healthy, desired, allowed) in [
        (BudgetLimit::MaxUnavailable(percent(30)), 5, 5, 3, 2),
        (BudgetLimit::MinAvailable(percent(30)), 5, 5, 2, 3),
        (BudgetLimit::MinAvailable(percent(67)), 3, 3, 3, 0),
        (BudgetLimit::MaxUnavailable(Count::Number(1)), 5, 4, 4, 0),
        (BudgetLimit::MaxUnavailable(Count::Number(7)), 5, 5, 0, 5),
        (BudgetLimit::MinAvailable(Count::Number(3)), 5, 4, 3, 1),
        (BudgetLimit::MinAvailable(Count::Number(9)), 5, 5, 9, 0),
    ] {
        let budget = PodDisruptionBudget {
            limit,
            ..PodDisruptionBudget::default()
        };
        let pods: Vec<BudgetPod> = (0..replicas)
            .map(|number| budgeted(&format!("p{number}"), number < healthy))
            .collect();
        let status = sync_budget(secs(0), &budget, &pods, &scales(replicas));
        let found = (status.desired_healthy, status.disruptions_allowed);
        assert_eq!(
            found,
            (desired, allowed),
            "{limit:?} of {replicas}, {healthy} healthy"
        );
    }
}

#[test]
fn a_granted_disruption_counts_for_two_minutes() {
    let mut budget = PodDisruptionBudget {
        limit: BudgetLimit::MaxUnavailable(Count::Number(1)),
        ..PodDisruptionBudget::default()
    };
    let scales = [("web".into(), 2)].into();
    let pods = [budgeted("a", true), budgeted("b", true)];
    budget.status = sync_budget(secs(0), &budget, &pods, &scales);
    let EvictionAnswer::Charged(status) = evict(secs(10), &pods[0].pod, &[&budget]) else {
        panic!("one may go");
    };
    budget.status = status;
    assert_eq!(budget.status.disruptions_allowed, 0);
    let refused = evict(secs(11), &pods[1].pod, &[&budget]);
    assert_eq!(refused, EvictionAnswer::TooManyRequests);
    assert_eq!(recheck(&budget.status), Some(secs(130)));
    // The pod is there still, as if nobody had deleted it: for two minutes it counts as gone.
    for (at, allowed) in [(100, 0), (129, 0), (130, 1)] {
        let status = sync_budget(secs(at), &budget, &pods, &scales);
        assert_eq!(status.disruptions_allowed, allowed, "{at}");
    }
}
