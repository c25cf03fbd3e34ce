//! Scale-down: delays, rules about pods, what goes at once.

use std::sync::Arc;

use super::super::*;
use super::room::*;
use crate::nodes::drain::{
    BlockingReason, Budgets, DrainExemptions, NodeAmounts, NodePod, PodController, PodEnd,
    drain_without,
};
use crate::snapshot::ClusterSnapshot;
use units::{Duration, Instant, SortedMap};

pub(super) fn node_pod(name: &str, controller: PodController) -> NodePod {
    NodePod {
        name: name.into(),
        namespace: "default".into(),
        controller,
        end: PodEnd::Running,
        age: Duration::from_secs(60),
        deletion: None,
        safe_to_evict: None,
        local_volumes: units::SortedSet::new(),
        budgets: Vec::new(),
        requests: NodeAmounts {
            cpu_milli: 500,
            memory_bytes: GIB,
            gpus: 0,
        },
    }
}

/// Nodes of one group, and the cluster that they stand in.
pub(super) struct World {
    pub(super) room: Room,
    pub(super) nodes: Vec<ShrinkNode>,
}

/// Nodes of one group, each with so many pods of half a core.
pub(super) fn world(counts: &[usize], controller: PodController) -> World {
    let mut room = Room::default();
    let mut nodes = Vec::new();
    for (place, &count) in counts.iter().enumerate() {
        let name = format!("n{place}");
        let own = pods(&format!("p{place}"), &class(500, GIB, 0), count);
        room.add_node(node(&name, 4000, 16 * GIB), &own)
            .expect("names that differ");
        nodes.push(ShrinkNode {
            name: name.into(),
            group: Some("g".into()),
            amounts: NodeAmounts {
                cpu_milli: 4000,
                memory_bytes: 16 * GIB,
                gpus: 0,
            },
            is_ready: true,
            is_kept: false,
            pods: Arc::new(
                own.iter()
                    .map(|pod| node_pod(&pod.name.text(), controller))
                    .collect(),
            ),
        });
    }
    World { room, nodes }
}

pub(super) fn shrink(shrinker: &mut Shrinker, at: i64, world: &World, min: usize) -> ShrinkPlan {
    let World { room, nodes } = world;
    let size = GroupSize {
        nodes: nodes.len(),
        min,
    };
    let seen = ShrinkView {
        nodes,
        groups: &SortedMap::from([("g".into(), size)]),
        budgets: &Budgets::default(),
        going: (0, 0),
    };
    shrinker.plan(Instant::from_secs(at), &mut room.clone(), &seen)
}

pub(super) fn names(plan: &ShrinkPlan) -> Vec<&str> {
    plan.removals.iter().map(|removal| &*removal.node).collect()
}

#[test]
fn a_node_goes_when_it_was_unneeded_for_more_than_ten_minutes() {
    let world = world(&[1, 0, 3], PodController::Replicating);
    let mut shrinker = Shrinker::new(ShrinkSettings::default());
    for (at, expected) in [(0, vec![]), (600, vec![]), (601, vec!["n1", "n0"])] {
        assert_eq!(
            names(&shrink(&mut shrinker, at, &world, 0)),
            expected,
            "at {at}"
        );
    }
    shrinker.grew(Instant::from_secs(650));
    assert_eq!(
        names(&shrink(&mut shrinker, 1249, &world, 0)),
        Vec::<&str>::new()
    );
    assert_eq!(names(&shrink(&mut shrinker, 1250, &world, 0)), ["n1", "n0"]);
    // A group keeps its minimum, also of several that could go at once.
    assert_eq!(names(&shrink(&mut shrinker, 1260, &world, 2)), ["n1"]);
    assert_eq!(
        names(&shrink(&mut shrinker, 1270, &world, 3)),
        Vec::<&str>::new()
    );
}

#[test]
fn pods_without_a_controller_keep_their_node() {
    let world = world(&[1, 1], PodController::None);
    let mut shrinker = Shrinker::new(ShrinkSettings::default());
    let plan = shrink(&mut shrinker, 0, &world, 0);
    let why = UnremovableReason::Blocked(BlockingReason::NotReplicated);
    assert_eq!(plan.kept, [("n0".into(), why), ("n1".into(), why)]);
    let plan = shrink(&mut shrinker, 299, &world, 0);
    assert!(
        plan.kept
            .iter()
            .all(|(_, why)| *why == UnremovableReason::RecentlyUnremovable)
    );
    assert_eq!(shrink(&mut shrinker, 300, &world, 0).kept.len(), 2);
}

#[test]
fn nodes_that_are_not_ready_go_after_twenty_minutes() {
    let mut world = world(&[0], PodController::Replicating);
    world.nodes[0].is_ready = false;
    let mut shrinker = Shrinker::new(ShrinkSettings::default());
    for (at, goes) in [(0, false), (1200, false), (1201, true)] {
        let plan = shrink(&mut shrinker, at, &world, 0);
        assert_eq!(!plan.removals.is_empty(), goes, "at {at}");
    }
}

#[test]
fn ten_nodes_go_at_once_of_which_one_is_drained() {
    let counts = [[0_usize; 15], [1; 15]].concat();
    let world = world(&counts, PodController::Replicating);
    let mut shrinker = Shrinker::new(ShrinkSettings::default());
    for at in (0..=600).step_by(10) {
        assert_eq!(
            names(&shrink(&mut shrinker, at, &world, 0)),
            Vec::<&str>::new()
        );
    }
    let plan = shrink(&mut shrinker, 700, &world, 0);
    assert_eq!(plan.removals.len(), 10);
    assert!(
        plan.removals
            .iter()
            .all(|removal| removal.evicted.is_empty())
    );
    // Of fewer empty ones one of the others goes along.
    let some = super::shrinking::world(&[0, 0, 1, 1, 1], PodController::Replicating);
    let mut shrinker = Shrinker::new(ShrinkSettings::default());
    shrink(&mut shrinker, 0, &some, 0);
    let plan = shrink(&mut shrinker, 601, &some, 0);
    let drained = plan
        .removals
        .iter()
        .filter(|removal| !removal.evicted.is_empty());
    assert_eq!((plan.removals.len(), drained.count()), (3, 1));
}

#[test]
fn twenty_more_candidates_are_looked_for_in_each_loop_up_to_six_hundred_and_ten() {
    let world = world(&[0; 700], PodController::Replicating);
    let mut shrinker = Shrinker::new(ShrinkSettings::default());
    for (number, at) in (0..40).map(|number| (number, number as i64 * 10)) {
        let plan = shrink(&mut shrinker, at, &world, 0);
        assert_eq!(plan.unneeded.len(), (20 * (number + 1)).min(610), "at {at}");
    }
}

#[test]
fn nodes_that_are_unneeded_are_looked_at_before_others() {
    // Thirty used nodes come first in the list, and become idle after the others.
    let counts = [vec![5; 30], vec![0; 20]].concat();
    let busy = world(&counts, PodController::Replicating);
    let idle = world(&[0; 50], PodController::Replicating);
    let mut shrinker = Shrinker::new(ShrinkSettings::default());
    shrink(&mut shrinker, 0, &busy, 0);
    let plan = shrink(&mut shrinker, 10, &idle, 0);
    let since = |secs: i64| {
        let all = plan.unneeded.values();
        all.filter(|at| **at == Instant::from_secs(secs)).count()
    };
    assert_eq!((since(0), since(10)), (20, 20));
}

#[test]
fn deletions_wait_three_minutes_after_one_that_failed_and_not_after_others() {
    let world = world(&[0, 0], PodController::Replicating);
    let mut shrinker = Shrinker::new(ShrinkSettings::default());
    shrink(&mut shrinker, 0, &world, 0);
    assert_eq!(names(&shrink(&mut shrinker, 700, &world, 1)).len(), 1);
    shrinker.deleted(Instant::from_secs(710));
    assert_eq!(names(&shrink(&mut shrinker, 710, &world, 1)).len(), 1);
    shrinker.failed(Instant::from_secs(720));
    for (at, goes) in [(720, 0), (899, 0), (900, 1)] {
        assert_eq!(
            names(&shrink(&mut shrinker, at, &world, 1)).len(),
            goes,
            "at {at}"
        );
    }
}

#[test]
fn those_whose_drain_would_use_up_a_budget_go_last() {
    // Two nodes are used; they have room for those of the others.
    let mut world = world(&[5, 5, 2, 2, 0], PodController::Replicating);
    for pod in Arc::make_mut(&mut world.nodes[2].pods) {
        pod.budgets = vec![0];
    }
    let mut shrinker = Shrinker::new(ShrinkSettings::default());
    let mut go = |at: i64, allowed: i64| {
        let size = GroupSize { nodes: 5, min: 1 };
        let seen = ShrinkView {
            nodes: &world.nodes,
            groups: &SortedMap::from([("g".into(), size)]),
            budgets: &Budgets {
                allowed: vec![allowed],
            },
            going: (0, 0),
        };
        let plan = shrinker.plan(Instant::from_secs(at), &mut world.room.clone(), &seen);
        let names = plan.removals.iter().map(|removal| removal.node.to_string());
        names.collect::<Vec<String>>()
    };
    assert_eq!(go(0, 1), Vec::<String>::new());
    // One of its two pods may go at a time: the other node is drained first.
    assert_eq!(go(601, 1), ["n4", "n3"]);
    assert_eq!(go(602, 2), ["n4", "n2"]);
    assert_eq!(go(603, 0), ["n4", "n3"]);
}

#[test]
fn pods_that_a_loop_moved_to_a_node_have_to_go_on_with_it() {
    // The pod of the first goes to the second, whose three no longer fit the third.
    let world = world(&[1, 2, 6], PodController::Replicating);
    let mut shrinker = Shrinker::new(ShrinkSettings::default());
    let plan = shrink(&mut shrinker, 0, &world, 0);
    let unneeded: Vec<&str> = plan.unneeded.keys().map(|name| &**name).collect();
    assert_eq!(unneeded, ["n0"], "{:?}", plan.kept);
    let plan = shrink(&mut shrinker, 601, &world, 0);
    let pods: Vec<&str> = (plan.removals.iter().flat_map(|removal| &removal.evicted))
        .map(|(_, name)| &**name)
        .collect();
    assert_eq!(pods.len(), 1, "{pods:?}");
}

#[test]
fn a_node_that_is_needed_once_begins_its_time_anew() {
    let idle = world(&[1, 1], PodController::Replicating);
    let busy = world(&[5, 5], PodController::Replicating);
    let mut shrinker = Shrinker::new(ShrinkSettings::default());
    shrink(&mut shrinker, 0, &idle, 0);
    shrink(&mut shrinker, 500, &busy, 0);
    for (at, goes) in [(510, 0), (1110, 0), (1111, 1)] {
        assert_eq!(
            names(&shrink(&mut shrinker, at, &idle, 0)).len(),
            goes,
            "at {at}"
        );
    }
}

#[test]
fn pods_of_nodes_that_went_before_stand_where_they_would_go() {
    // Two nodes' pods fit one other; the third has no place left for its own.
    let world = world(&[4, 4, 4], PodController::Replicating);
    let mut shrinker = Shrinker::new(ShrinkSettings::default());
    let plan = shrink(&mut shrinker, 0, &world, 0);
    assert_eq!(plan.unneeded.len(), 1, "{:?}", plan.kept);
    assert!(
        plan.kept
            .iter()
            .all(|(_, why)| *why == UnremovableReason::NoPlace)
    );
}

/// Pods of the system without a budget leave after an hour, but keep their node up to 1.32.
#[test]
fn system_pods_leave_after_an_hour_from_1_33_on() {
    let old = NodePod {
        namespace: "kube-system".into(),
        age: Duration::from_secs(3_601),
        ..node_pod("dns", PodController::Replicating)
    };
    for (system_pod_timeout, moves) in [(false, true), (true, false)] {
        let waived = DrainExemptions {
            system_pod_timeout,
            ..DrainExemptions::default()
        };
        assert_eq!(moves_without(&old, waived), moves);
    }
}

/// Whether a pod leaves its node with some rules left out.
fn moves_without(pod: &NodePod, waived: DrainExemptions) -> bool {
    drain_without(std::slice::from_ref(pod), &Budgets::default(), waived).is_ok()
}

/// A pod whose controller isn't there keeps its node, but where no controllers run at all.
#[test]
fn pods_without_their_controller_keep_their_node() {
    let pod = node_pod("web", PodController::Missing);
    for (missing_controllers, moves) in [(false, false), (true, true)] {
        let waived = DrainExemptions {
            missing_controllers,
            ..DrainExemptions::default()
        };
        assert_eq!(moves_without(&pod, waived), moves);
    }
}
