//! Replicas placed in the fast form go where they go one decision after the other.

use std::sync::Arc;

use windtunnel::lab::place::{Form, Stop, place, place_plainly};
use windtunnel::model::Changes;
use windtunnel::model::{Affinity, PodSpec};
use windtunnel::scheduler::kube::{Cache, PodClass, PodInfo};

use super::deciders::Change;
use super::dice::Dice;
use super::{World, clusters, objects, profile};

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
            Change::Objects(objects) => *cache.objects = *objects,
            _ => {}
        }
    }
    for _ in 0..world.dice.below(20) {
        let mut pod = world.pod();
        let node = world.dice.pick(&world.nodes).name.clone();
        if world.dice.chance(10) {
            pod.set_nominated_node(Some(node));
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
        class: Arc::new(PodClass::derive(Arc::new(spec), Changes::default()).unwrap()),
        name: "more".into(),
        ..PodInfo::default()
    }
}

/// A pod with rules about other pods, many of which mean its own kind.
fn pod_with_rules(dice: &mut Dice) -> PodInfo {
    loop {
        let spec = objects::pod_spec(dice);
        let affinity = &spec.affinity;
        let has_rules = spec.owner.is_some()
            || !spec.topology_spread.is_empty()
            || !affinity.required_pod_affinity.is_empty()
            || !affinity.required_pod_anti_affinity.is_empty()
            || !affinity.preferred_pod_affinity.is_empty()
            || !affinity.preferred_pod_anti_affinity.is_empty();
        if has_rules {
            let spec = PodSpec {
                volumes: Vec::new(),
                scheduling_gates: Vec::new(),
                ..spec
            };
            return PodInfo {
                class: Arc::new(PodClass::derive(Arc::new(spec), Changes::default()).unwrap()),
                name: "more".into(),
                ..PodInfo::default()
            };
        }
    }
}

/// Places in both forms; how many fit, and whether no more do.
fn compare(seed: u64, cache: &Cache, pod: &PodInfo, most: u64) -> (u64, bool) {
    let profile = profile();
    let fast = place(cache, &profile, pod, most).unwrap();
    let plain = place_plainly(cache, &profile, pod, most).unwrap();
    assert_eq!(fast.fits, plain.nodes.len() as u64, "seed {seed}: {pod:?}");
    assert_eq!(fast.stop, plain.stop, "seed {seed}");
    for form in Form::ALL {
        if let Some(placed) = form.place(cache, &profile, pod, most) {
            assert_eq!(placed.nodes, plain.nodes, "seed {seed}: {form:?}: {pod:?}");
            assert_eq!(placed.stop, plain.stop, "seed {seed}: {form:?}");
        }
    }
    for (node, count) in &fast.by_node {
        let there = plain.nodes.iter().filter(|own| *own == node).count();
        assert_eq!(*count, there as u64, "seed {seed}: {node}: {pod:?}");
    }
    (fast.fits, matches!(fast.stop, Stop::NoNode(_)))
}

#[test]
fn replicas_go_where_they_go_one_by_one() {
    let (mut fits, mut ended) = (0, 0);
    for seed in 0..clusters(CLUSTERS) {
        let mut world = World::new(1_000 + seed);
        let cache = cluster(&mut world);
        let pod = pod(&mut world.dice);
        let (count, has_ended) = compare(seed, &cache, &pod, MOST);
        fits += count;
        ended += usize::from(has_ended);
    }
    assert!(fits > 500 && ended > 50, "{fits} {ended}");
}

/// Stops after any number of replicas, so that their order counts.
#[test]
fn replicas_with_rules_about_each_other_go_where_they_go_one_by_one() {
    let (mut fits, mut ended) = (0, 0);
    for seed in 0..clusters(2 * CLUSTERS) {
        let mut world = World::new(5_000 + seed);
        let cache = cluster(&mut world);
        let pod = pod_with_rules(&mut world.dice);
        let most = 1 + world.dice.below(MOST as usize) as u64;
        let (count, has_ended) = compare(seed, &cache, &pod, most);
        fits += count;
        ended += usize::from(has_ended);
    }
    assert!(fits > 500 && ended > 50, "{fits} {ended}");
}
