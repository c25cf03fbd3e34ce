//! Scale-up: estimates, which group grows, who is waited for, orders that fail.

use std::sync::Arc;

use super::super::*;
use super::room::*;
use crate::snapshot::ClusterSnapshot;
use model::resource_list::MEMORY;
use model::{GpuRequest, Node, PodSpec};
use rng::Stream;
use scheduler::kube::PodClass;
use units::{Duration, Instant, Quantity};

pub(super) fn group(id: &str, cpu_milli: i64) -> NodeGroup {
    NodeGroup {
        id: id.into(),
        min: 0,
        max: 10,
        target: 0,
        unready: 0,
        template: Some(template(cpu_milli, 16 * GIB)),
        instance_type: None,
        quota: None,
    }
}

pub(super) fn pending(count: usize, age_secs: i64) -> Vec<PendingPod> {
    let pods = pods("p", &class(1000, GIB, 0), count).into_iter();
    pods.map(|info| PendingPod {
        info,
        age: Duration::from_secs(age_secs),
    })
    .collect()
}

fn view<'a>(groups: &'a [NodeGroup], health: Health, pending: &'a [PendingPod]) -> GrowView<'a> {
    GrowView {
        groups,
        health,
        pending,
    }
}

pub(super) fn plan(
    grower: &mut Grower,
    at: i64,
    groups: &[NodeGroup],
    pods: &[PendingPod],
) -> Growth {
    let mut rng = Stream::new(1, "expander", 0);
    let view = view(groups, Health::default(), pods);
    let now = Instant::from_secs(at);
    let growth = grower.plan(now, &mut Room::default(), &view, &mut rng);
    growth.expect("names that differ")
}

pub(super) fn grow(group: &str, nodes: usize, pods: usize) -> Growth {
    Growth::Grow {
        group: group.into(),
        nodes,
        pods,
        others: Vec::new(),
    }
}

#[test]
fn three_nodes_hold_the_pods_of_the_example() {
    let groups = [
        PodGroup {
            pods: pods("a", &class(2000, 2 * GIB, 0), 3),
        },
        PodGroup {
            pods: pods("b", &class(1000, 6 * GIB, 0), 4),
        },
    ];
    let own = estimate(&mut Room::default(), &template(4000, 16 * GIB), &groups, 0);
    let own = own.expect("names that differ");
    assert_eq!((own.nodes, own.scheduled), (3, vec![3, 4]));
    let limited = estimate(&mut Room::default(), &template(4000, 16 * GIB), &groups, 2);
    let limited = limited.expect("names that differ");
    assert_eq!((limited.nodes, limited.scheduled), (2, vec![3, 2]));
}

#[test]
fn the_group_with_the_least_waste_grows_and_ordered_nodes_count() {
    let mut grower = Grower::new(GrowSettings::default());
    let groups = [group("large", 16_000), group("small", 4000)];
    assert_eq!(
        plan(&mut grower, 0, &groups, &pending(4, 0)),
        Growth::TooYoung
    );
    assert_eq!(
        plan(&mut grower, 10, &groups, &pending(4, 10)),
        grow("small", 1, 4)
    );
    assert_eq!(
        plan(&mut grower, 20, &groups, &pending(4, 20)),
        Growth::NotNeeded
    );
    assert_eq!(
        plan(&mut grower, 30, &groups, &pending(5, 20)),
        grow("small", 1, 1)
    );
    assert_eq!(grower.ordered(), 2);
    grower.registered("small");
    assert_eq!(grower.ordered(), 1);
}

#[test]
fn pods_that_ask_for_gpus_are_waited_for_longer() {
    let spec = PodSpec {
        gpu: GpuRequest {
            devices: 1,
            milli_per_device: 1000,
            models: Vec::new(),
        },
        ..PodSpec::clone(&class(1000, GIB, 0).spec)
    };
    let class = Arc::new(
        PodClass::derive(Arc::new(spec), model::Changes::default()).expect("amounts that fit"),
    );
    let info = pods("g", &class, 1).remove(0);
    for (age, expected) in [(29, Growth::TooYoung), (30, grow("only", 1, 1))] {
        let waiting = [PendingPod {
            info: info.clone(),
            age: Duration::from_secs(age),
        }];
        let mut grower = Grower::new(GrowSettings::default());
        let found = plan(&mut grower, 0, &[group("only", 4000)], &waiting);
        assert_eq!(found, expected, "{age}");
    }
}

#[test]
fn pods_that_are_too_new_do_not_count() {
    let settings = GrowSettings {
        new_pod_delay: Duration::from_secs(60),
        ..GrowSettings::default()
    };
    let mut grower = Grower::new(settings);
    let groups = [group("only", 4000)];
    assert_eq!(
        plan(&mut grower, 0, &groups, &pending(4, 59)),
        Growth::NotNeeded
    );
    assert_eq!(
        plan(&mut grower, 1, &groups, &pending(4, 60)),
        grow("only", 1, 4)
    );
}

#[test]
fn similar_groups_share_new_nodes() {
    let settings = GrowSettings {
        balances: true,
        ..GrowSettings::default()
    };
    let mut grower = Grower::new(settings);
    let mut groups = [group("a", 4000), group("b", 4000), group("c", 8000)];
    groups[0].target = 2;
    // Five nodes of four cores: `b` catches up with `a` first, then they take turns, and it begins.
    let growth = plan(&mut grower, 0, &groups[..2], &pending(20, 10));
    let expected = Growth::Grow {
        group: "a".into(),
        nodes: 1,
        pods: 20,
        others: vec![("b".into(), 4)],
    };
    let other = Growth::Grow {
        group: "b".into(),
        nodes: 4,
        pods: 20,
        others: vec![("a".into(), 1)],
    };
    assert!(growth == expected || growth == other, "{growth:?}");
    assert_eq!(grower.ordered(), 5);
}

type Change<'c> = &'c dyn Fn(&mut Node, &str, i64);

fn mem(node: &mut Node, capacity: i64, allocatable: i64) {
    node.capacity.clone_from(&node.allocatable);
    (node.capacity).set(MEMORY, Quantity::from_units(capacity));
    (node.allocatable).set(MEMORY, Quantity::from_units(allocatable));
}

fn label(node: &mut Node, key: &str, value: &str) {
    node.labels.insert(key.into(), value.into());
}

#[test]
fn similar_groups_differ_by_a_little_memory_and_in_the_names_of_places_and_pools() {
    let settings = GrowSettings {
        balances: true,
        ignored_labels: vec!["team".into()],
        ..GrowSettings::default()
    };
    let pods = pending(20, 10);
    let changes: [(&str, Change<'_>, bool); 10] = [
        (
            "zone",
            &|node, id, _| label(node, "topology.kubernetes.io/zone", id),
            true,
        ),
        (
            "pool",
            &|node, id, _| label(node, "eks.amazonaws.com/nodegroup", id),
            true,
        ),
        (
            "csi",
            &|node, id, _| label(node, "topology.ebs.csi.aws.com/zone", id),
            true,
        ),
        (
            "own type",
            &|node, id, _| label(node, "node.kubernetes.io/instance-type", id),
            true,
        ),
        ("ignored", &|node, id, _| label(node, "team", id), true),
        ("disk", &|node, id, _| label(node, "disk", id), false),
        (
            "memory by 1.5 %",
            &|node, _, number| mem(node, 1000 * GIB - 15 * GIB * number, 16 * GIB),
            true,
        ),
        (
            "memory by 1.6 %",
            &|node, _, number| mem(node, 1000 * GIB - 16 * GIB * number, 16 * GIB),
            false,
        ),
        (
            "allocatable by 5 %",
            &|node, _, number| mem(node, 100 * GIB, (100 - 5 * number) * GIB),
            true,
        ),
        (
            "allocatable by 6 %",
            &|node, _, number| mem(node, 100 * GIB, (100 - 6 * number) * GIB),
            false,
        ),
    ];
    for (name, change, is_similar) in changes {
        let changed = |id: &str, number: i64| {
            let mut own = group(id, 4000);
            let template = own.template.as_mut().expect("a template");
            change(Arc::make_mut(&mut template.node), id, number);
            own
        };
        let groups = [changed("a", 0), changed("b", 1)];
        let growth = plan(&mut Grower::new(settings.clone()), 0, &groups, &pods);
        let Growth::Grow { others, .. } = growth else {
            panic!("{name}: {growth:?}");
        };
        assert_eq!(others.len(), usize::from(is_similar), "{name}");
    }
}

#[test]
fn groups_that_do_not_take_the_same_pods_share_no_new_nodes() {
    let settings = GrowSettings {
        balances: true,
        ..GrowSettings::default()
    };
    // Daemons leave too little on nodes of `b`, by less than groups may differ.
    let mut groups = [group("a", 40_000), group("b", 40_000)];
    let template = groups[1].template.as_mut().expect("a template");
    template.daemons = pods("daemon", &class(1000, 0, 0), 1);
    let large: Vec<PendingPod> = pods("large", &class(39_500, GIB, 0), 2)
        .into_iter()
        .map(|info| PendingPod {
            info,
            age: Duration::from_secs(10),
        })
        .collect();
    let growth = plan(&mut Grower::new(settings.clone()), 0, &groups, &large);
    assert_eq!(growth, grow("a", 2, 2));
    let small = plan(&mut Grower::new(settings), 0, &groups, &pending(50, 10));
    assert!(
        matches!(&small, Growth::Grow { others, .. } if others.len() == 1),
        "{small:?}"
    );
}

#[test]
fn new_nodes_are_balanced_as_the_original_does() {
    for (sizes, new, expected) in [
        (vec![(2, 9), (0, 9)], 5, vec![1, 4]),
        (vec![(0, 9), (0, 9), (0, 9)], 4, vec![2, 1, 1]),
        (vec![(1, 9), (0, 9)], 2, vec![0, 2]),
        (vec![(0, 1), (0, 9)], 4, vec![1, 3]),
        (vec![(3, 3), (1, 2)], 4, vec![0, 1]),
    ] {
        assert_eq!(balance(&sizes, new), expected, "{sizes:?}");
    }
}

#[test]
fn an_unhealthy_cluster_is_left_alone_and_expendable_pods_wait() {
    let mut grower = Grower::new(GrowSettings::default());
    let groups = [group("only", 4000)];
    let mut rng = Stream::new(1, "expander", 0);
    for (unready, expected) in [(5, Growth::Unhealthy), (4, grow("only", 1, 4))] {
        let health = Health { nodes: 10, unready };
        let pods = pending(4, 10);
        let view = view(&groups, health, &pods);
        let own = grower.plan(Instant::ZERO, &mut Room::default(), &view, &mut rng);
        assert_eq!(own.expect("names that differ"), expected);
    }
    let low: Vec<PendingPod> = pods("low", &class(1000, GIB, -11), 3)
        .into_iter()
        .map(|info| PendingPod {
            info,
            age: Duration::from_secs(60),
        })
        .collect();
    assert_eq!(plan(&mut grower, 0, &groups, &low), Growth::NotNeeded);
}

#[test]
fn the_defaults_are_those_of_the_specification() {
    let secs = Duration::from_secs;
    let grow = GrowSettings::default();
    assert_eq!((grow.expendable, grow.new_pod_delay), (-10, secs(0)));
    assert_eq!((grow.youngest, grow.youngest_gpu), (secs(2), secs(30)));
    assert_eq!((grow.ok_unready, grow.max_unready_percent), (3, 45));
    assert_eq!((grow.max_new, grow.max_total), (1000, None));
    assert_eq!(grow.provision, secs(15 * 60));
    let backoff = (grow.backoff, grow.max_backoff, grow.forget);
    assert_eq!(backoff, (secs(300), secs(1800), secs(3 * 3600)));
    assert_eq!(grow.expanders, [Expander::LeastWaste]);
    assert!(!grow.balances);
    let shrink = ShrinkSettings::default();
    assert_eq!(shrink.threshold.to_bits(), 0.5_f64.to_bits());
    assert_eq!((shrink.unneeded, shrink.unready), (secs(600), secs(1200)));
    let cooling = (
        shrink.after_growth,
        shrink.after_deletion,
        shrink.after_failure,
    );
    assert_eq!(cooling, (secs(600), secs(0), secs(180)));
    assert_eq!((shrink.recheck, shrink.interval), (secs(300), secs(10)));
    assert_eq!((shrink.parallel, shrink.parallel_drains), (10, 1));
}

#[test]
fn up_to_three_unready_nodes_are_always_tolerated_and_forty_five_percent_beyond() {
    let groups = [group("only", 4000)];
    for (nodes, unready, is_healthy) in [
        (3, 3, true),
        (4, 4, false),
        (8, 4, false),
        (9, 4, true),
        (100, 45, true),
        (100, 46, false),
    ] {
        let mut grower = Grower::new(GrowSettings::default());
        let mut rng = Stream::new(1, "expander", 0);
        let pods = pending(1, 10);
        let view = view(&groups, Health { nodes, unready }, &pods);
        let growth = grower.plan(Instant::ZERO, &mut Room::default(), &view, &mut rng);
        let found = growth.expect("names that differ") != Growth::Unhealthy;
        assert_eq!(found, is_healthy, "{unready} of {nodes}");
    }
}

#[test]
fn pods_keep_the_node_that_they_were_given_in_the_loop_before() {
    let mut grower = Grower::new(GrowSettings::default());
    let groups = [group("only", 4000)];
    let mut room = Room::default();
    let full = pods("full", &class(4000, GIB, 0), 1);
    room.add_node(node("large", 4000, 16 * GIB), &full)
        .expect("names that differ");
    room.add_node(node("small", 1000, 16 * GIB), &[])
        .expect("names that differ");
    let waiting = |list: &[(&str, i64, i32)]| -> Vec<PendingPod> {
        let own = list.iter().map(|(name, cpu, priority)| PendingPod {
            info: pods(name, &class(*cpu, GIB, *priority), 1).remove(0),
            age: Duration::from_secs(60),
        });
        own.collect()
    };
    let mut rng = Stream::new(1, "expander", 0);
    let mut plan = |room: &mut Room, pods: &[PendingPod]| {
        let view = view(&groups, Health::default(), pods);
        let growth = grower.plan(Instant::ZERO, room, &view, &mut rng);
        growth.expect("names that differ")
    };
    let first = waiting(&[("p", 1000, 10)]);
    assert_eq!(plan(&mut room, &first), Growth::NotNeeded);
    // The large one is free again. The pod stays with the small one, so that the next finds room.
    room.displace(&full[0], 0);
    let both = waiting(&[("q", 4000, 0), ("p", 1000, 10)]);
    assert_eq!(plan(&mut room, &both), Growth::NotNeeded);
    // Who never was given one takes the first, the highest priority before others.
    let others = waiting(&[("r", 4000, 0), ("s", 1000, 10)]);
    assert_eq!(plan(&mut room, &others), grow("only", 1, 1));
}

#[test]
fn the_rest_of_a_group_is_given_up_when_a_fresh_node_takes_none() {
    // The second pod of the group does not fit a fresh node beside nothing.
    let groups = [PodGroup {
        pods: [
            pods("small", &class(1000, GIB, 0), 1),
            pods("huge", &class(9000, GIB, 0), 1),
            pods("more", &class(4000, GIB, 0), 1),
        ]
        .concat(),
    }];
    let own = estimate(&mut Room::default(), &template(4000, 16 * GIB), &groups, 0);
    let own = own.expect("names that differ");
    assert_eq!((own.nodes, own.scheduled), (1, vec![1]));
}

#[test]
fn a_node_that_stays_empty_is_filled_before_another_is_added() {
    // Neither large pod fits a fresh node; the second one finds the first one's still empty.
    let groups = [9000, 8000, 1000].map(|cpu_milli| PodGroup {
        pods: pods(&format!("p{cpu_milli}"), &class(cpu_milli, GIB, 0), 2),
    });
    let own = estimate(&mut Room::default(), &template(4000, 16 * GIB), &groups, 0);
    let own = own.expect("names that differ");
    assert_eq!((own.nodes, own.scheduled), (1, vec![0, 0, 2]));
}

#[test]
fn what_existing_nodes_take_needs_no_new_ones_and_the_most_nodes_of_the_cluster_hold() {
    let settings = GrowSettings {
        max_total: Some(3),
        ..GrowSettings::default()
    };
    let mut grower = Grower::new(settings);
    let groups = [group("only", 4000)];
    let health = Health {
        nodes: 1,
        unready: 0,
    };
    let mut room = Room::default();
    room.add_node(node("there", 4000, 16 * GIB), &[])
        .expect("names that differ");
    let mut rng = Stream::new(1, "expander", 0);
    let pods = pending(40, 10);
    let view = view(&groups, health, &pods);
    let growth = grower.plan(Instant::ZERO, &mut room, &view, &mut rng);
    // Four pods fit the node that is there; of the nine nodes for the others two may come.
    assert_eq!(growth.expect("names that differ"), grow("only", 2, 8));
}
