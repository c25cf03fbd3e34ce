//! Rules about zones: pods that spread over them, and pods whose volumes lie in one of them.

use super::demand::{Demand, GoalPod};
use super::rules::{Ground, NodeKind, Resource, Rule, RuleSort, classes, named, size_of};
use model::node::ZONE_LABEL;
use model::rules::affinity::meets;
use model::{ClusterObjects, Node, NodeSelector, PodSpec, Text};
use scheduler::kube::PodInfo;
use units::{SortedMap, SortedSet, plural};

/// Rules of spreading over zones: some of the zones take the pods, and any may be among those. Pods
/// that others are counted with may lie anywhere by themselves.
pub(super) fn spreads(demand: &Demand, ground: &Ground<'_>, taking: usize) -> Vec<Rule> {
    let Ground { kinds, beside, .. } = *ground;
    let zones = ground.zones.len();
    let mut spreads = Vec::new();
    let classes = classes(demand);
    // Specs by namespace, each with a number of pods: selectors look at those of their own.
    let mut specs: SortedMap<&Text, Vec<(&PodSpec, usize)>> = SortedMap::new();
    let alike = { classes.iter() }.map(|pods| (demand.pods[pods[0]].info.spec(), pods.len()));
    for own in alike.chain(beside.iter().map(|own| (own.info.spec(), 1))) {
        specs.entry(&own.0.namespace).or_default().push(own);
    }
    for (place, pods) in classes.iter().enumerate() {
        let info = &demand.pods[pods[0]].info;
        let spec = info.spec();
        let mut rules = spec.topology_spread.iter();
        let rule = rules.find(|rule| {
            let selector = rule.selector.as_ref();
            rule.hard
                && &*rule.topology_key == ZONE_LABEL
                && selector.is_some_and(|selector| selector.matches(&spec.labels))
        });
        let Some(rule) = rule.filter(|_| zones > 1 && taking > 0) else {
            continue;
        };
        let selector = rule.selector.as_ref();
        let counted = specs
            .get(&spec.namespace)
            .into_iter()
            .flatten()
            .filter(|(theirs, _)| {
                selector.is_some_and(|selector| selector.matches(&theirs.labels))
            });
        if counted.map(|own| own.1).sum::<usize>() != pods.len() {
            continue;
        }
        let skew = u64::try_from(rule.max_skew).unwrap_or(1) * (taking as u64 - 1);
        let count = pods.len() as u64;
        let least = count.saturating_sub(skew).div_ceil(taking as u64);
        let per_node = kinds.iter().map(|kind| {
            let parts = size_of(&info.class).into_iter();
            let parts = parts.map(|(resource, amount)| resource.of(&kind.free).max(0) / amount);
            parts.min().unwrap_or(i64::MAX).min(kind.free.pods.max(0))
        });
        let most = u64::try_from(per_node.max().unwrap_or(0)).unwrap_or(0);
        if most == 0 {
            continue;
        }
        let nodes = least.div_ceil(most) * zones as u64;
        spreads.push(Rule {
            what: format!(
                "nodes in {zones} zones that each take {} under a hard spread, at most {most} a \
                 node",
                plural::count(least, "pod")
            ),
            need: i64::try_from(nodes).unwrap_or(i64::MAX),
            gives: vec![1; kinds.len()],
            pods: count,
            named: named(pods.iter().map(|&pod| &demand.pods[pod])),
            classes: vec![place],
            sort: RuleSort::Spread,
            given: 0,
        });
    }
    spreads
}

/// Pods of one class whose volumes lie in one zone.
struct Pinned<'d> {
    place: usize,
    zone: usize,
    pods: Vec<&'d GoalPod>,
    /// By kind of node: whether it may take them.
    admitted: Vec<bool>,
}

/// Rules of volumes: each zone needs nodes for the pods whose volumes lie there.
pub(super) fn zonal(demand: &Demand, ground: &Ground<'_>) -> Vec<Rule> {
    let mut pinned: Vec<Pinned<'_>> = Vec::new();
    for (place, pods) in classes(demand).into_iter().enumerate() {
        let info = &demand.pods[pods[0]].info;
        let Some(zone) = zone_of_volumes(info, ground) else {
            continue;
        };
        pinned.push(Pinned {
            place,
            zone,
            pods: pods.iter().map(|&pod| &demand.pods[pod]).collect(),
            admitted: { ground.kinds.iter() }
                .map(|kind| kind.admits(info.spec()))
                .collect(),
        });
    }
    let sets: SortedSet<&[bool]> = pinned.iter().map(|own| &*own.admitted).collect();
    let rules = sets.into_iter().filter_map(|set| {
        let within =
            |own: &&Pinned<'_>| own.admitted.iter().zip(set).all(|(own, set)| !own || *set);
        let group: Vec<&Pinned<'_>> = pinned.iter().filter(within).collect();
        let mut by_zone: SortedMap<usize, Vec<&Pinned<'_>>> = SortedMap::new();
        for own in &group {
            by_zone.entry(own.zone).or_default().push(own);
        }
        let open = ground.kinds.iter().zip(set).filter(|(_, open)| **open);
        let open: Vec<&NodeKind> = open.map(|(kind, _)| kind).collect();
        let needs = by_zone.values().map(|own| nodes_for(own, &open));
        let need: i64 = needs.sum();
        let pods = group.iter().flat_map(|own| own.pods.iter().copied());
        (need > 0).then(|| Rule {
            what: format!(
                "nodes in {} with volumes of pods",
                plural::count(by_zone.len(), "zone")
            ),
            need,
            gives: set.iter().map(|own| i64::from(*own)).collect(),
            pods: pods.clone().count() as u64,
            named: named(pods),
            classes: group.iter().map(|own| own.place).collect(),
            sort: RuleSort::Spread,
            given: 0,
        })
    });
    rules.collect()
}

/// The zone in which all volumes of a pod lie, by its place among the zones; `None` if they lie in
/// none, in several, or who reaches them depends on more than the zone.
fn zone_of_volumes(info: &PodInfo, ground: &Ground<'_>) -> Option<usize> {
    let mut names = info.stated_claim_names();
    let is_bound = |claim| {
        let key = (info.spec().namespace.clone(), claim);
        volume_of(&key, ground.objects).is_some()
    };
    let affinities = affinities_of(info, ground.objects);
    if affinities.is_empty() || !names.all(is_bound) {
        return None;
    }
    let reaches = |zone: &Text| {
        let node = Node {
            labels: [(ZONE_LABEL.into(), zone.clone())].into_iter().collect(),
            ..Node::default()
        };
        affinities.iter().all(|own| meets(Some(own), &node))
    };
    let zones = ground.zones.iter().enumerate();
    let mut found = zones.filter(|(_, zone)| !zone.is_empty() && reaches(zone));
    let (place, _) = found.next()?;
    found.next().is_none().then_some(place)
}

/// Node affinities of the volumes of a pod.
pub(super) fn affinities_of<'o>(
    info: &PodInfo,
    objects: &'o ClusterObjects,
) -> Vec<&'o NodeSelector> {
    let volumes = info.stated_claim_names().filter_map(|claim| {
        let key = (info.spec().namespace.clone(), claim);
        volume_of(&key, objects)
    });
    volumes
        .filter_map(|own| own.node_affinity.as_ref())
        .collect()
}

/// The volume that a claim is bound to.
fn volume_of<'o>(
    key: &(Text, Text),
    objects: &'o ClusterObjects,
) -> Option<&'o model::volume::PersistentVolume> {
    let claim = objects.claims.get(key)?;
    objects.volumes.get(&claim.volume)
}

/// Number of nodes that pods of one zone need, of whichever of the kinds holds most.
fn nodes_for(pinned: &[&Pinned<'_>], kinds: &[&NodeKind]) -> i64 {
    let resources: SortedSet<Resource> = { pinned.iter() }
        .flat_map(|own| size_of(&own.pods[0].info.class))
        .map(|(resource, _)| resource)
        .chain([Resource::Pods])
        .collect();
    let needs = resources.into_iter().map(|resource| {
        let asked = pinned.iter().map(|own| {
            let each = resource.asked(&own.pods[0].info.class);
            each.saturating_mul(own.pods.len() as i64)
        });
        let asked = asked.fold(0, i64::saturating_add);
        let most = kinds.iter().map(|kind| resource.of(&kind.free)).max();
        match most {
            Some(most @ 1..) => (asked - 1).div_euclid(most) + 1,
            _ => 0,
        }
    });
    needs.max().unwrap_or(0)
}
