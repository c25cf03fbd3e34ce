//! Scale-down: delays, rules about pods, what goes at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::*;
use super::room::*;
use crate::units::{Duration, Instant};

pub(super) fn node_pod(name: &str, controller: PodController) -> NodePod {
    NodePod {
        name: name.into(),
        namespace: "default".into(),
        controller,
        end: PodEnd::Running,
        age: Duration::from_secs(60),
        deletion: None,
        safe_to_evict: None,
        local_volumes: std::collections::BTreeSet::new(),
        budgets: Vec::new(),
        requests: NodeAmounts {
            cpu_milli: 500,
            memory_bytes: GIB,
            gpus: 0,
        },
    }
}

/// Nodes of one group, each with so many pods of half a core.
pub(super) fn world(counts: &[usize], controller: PodController) -> (Room, Vec<ShrinkNode>) {
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
    (room, nodes)
}

pub(super) fn shrink(
    shrinker: &mut Shrinker,
    at: i64,
    (room, nodes): &(Room, Vec<ShrinkNode>),
    min: usize,
) -> ShrinkPlan {
    let size = GroupSize {
        nodes: nodes.len(),
        min,
    };
    let seen = ShrinkView {
        nodes,
        groups: &BTreeMap::from([("g".into(), size)]),
        budgets: &Budgets::default(),
        going: (0, 0),
    };
    shrinker.plan(Instant::from_secs(at), &mut room.clone(), &seen)
}

pub(super) fn names(plan: &ShrinkPlan) -> Vec<&str> {
    plan.removals.iter().map(|own| &*own.node).collect()
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
    let why = Kept::Blocked(Blocked::NotReplicated);
    assert_eq!(plan.kept, [("n0".into(), why), ("n1".into(), why)]);
    let plan = shrink(&mut shrinker, 299, &world, 0);
    assert!(
        plan.kept
            .iter()
            .all(|(_, why)| *why == Kept::RecentlyUnremovable)
    );
    assert_eq!(shrink(&mut shrinker, 300, &world, 0).kept.len(), 2);
}
