//! Replicas placed in the fast form go where they go one decision after the other.

use std::sync::Arc;

use windtunnel::control::scheduler::kube::{Cache, PodClass, PodInfo};
use windtunnel::lab::place::{Stop, place, place_plainly};
use windtunnel::model::{Affinity, PodSpec};

use super::deciders::Change;
use super::dice::Dice;
use super::{World, objects, profile};

/// How many clusters are filled.
const CLUSTERS: u64 = 150;
/// How many replicas at most.
const MOST: u64 = 60;

/// A cluster with some pods on its nodes, wherever they came to be.
fn cluster(world: &mut World) -> Cache {
    let mut cache = Cache::default();
    for change in world.begin() {
        match change {
            Change::NodeJoined(node) => cache.add_node(node).unwrap(),
            Change::Objects(objects) => cache.objects = *objects,
            _ => {}
        }
    }
    for _ in 0..world.dice.below(20) {
        let mut pod = world.pod();
        let node = world.dice.pick(&world.nodes).name.clone();
        if world.dice.chance(10) {
            pod.nominated_node = Some(node);
            cache.nominate(Arc::new(pod));
        } else {
            cache.add_pod(Arc::new(pod), &node).unwrap();
        }
    }
    cache
}

/// A pod as the fast form takes it, or any.
fn pod(dice: &mut Dice) -> PodInfo {
    let mut spec = objects::pod_spec(dice);
    if dice.chance(70) {
        spec = PodSpec {
            affinity: Affinity {
                node: spec.affinity.node,
                ..Affinity::default()
            },
            topology_spread: Vec::new(),
            owner: None,
            volumes: Vec::new(),
            labels: [("other".into(), "x".into())].into(),
            ..spec
        };
    }
    PodInfo {
        class: Arc::new(PodClass::derive(Arc::new(spec)).unwrap()),
        name: "more".into(),
        ..PodInfo::default()
    }
}

#[test]
fn replicas_go_where_they_go_one_by_one() {
    let profile = profile();
    let (mut fits, mut ended) = (0, 0);
    for seed in 0..CLUSTERS {
        let mut world = World::new(1_000 + seed);
        let cache = cluster(&mut world);
        let pod = pod(&mut world.dice);
        let fast = place(&cache, &profile, &pod, MOST).unwrap();
        let plain = place_plainly(&cache, &profile, &pod, MOST).unwrap();
        assert_eq!(fast.fits, plain.nodes.len() as u64, "seed {seed}: {pod:?}");
        assert_eq!(fast.stop, plain.stop, "seed {seed}");
        for (node, count) in &fast.by_node {
            let there = plain.nodes.iter().filter(|own| *own == node).count();
            assert_eq!(*count, there as u64, "seed {seed}: {node}");
        }
        fits += fast.fits;
        ended += usize::from(matches!(fast.stop, Stop::NoNode(_)));
    }
    assert!(fits > 500 && ended > 50, "{fits} {ended}");
}
