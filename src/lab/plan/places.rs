//! Places of bought nodes: the zones that each type comes in, how nodes are dealt to them, and the labels that
//! follow from it.

use std::sync::Arc;

use super::deal::Spot;
use super::demand::zone_of;
use super::groups::Group;
use super::loss::Survive;
use k8s::ManifestPod;
use model::node::{
    HOSTNAME_LABEL, OLD_REGION_LABEL, OLD_ZONE_LABEL, REGION_LABEL, ZONE_LABEL, label_of,
};
use model::{Node, Text};
use scheduler::kube::NodeInfo;
use units::SortedSet;

/// Labels that say where a node is.
pub(super) const OF_PLACE: [&str; 5] = [
    HOSTNAME_LABEL,
    ZONE_LABEL,
    OLD_ZONE_LABEL,
    REGION_LABEL,
    OLD_REGION_LABEL,
];

/// Places in which nodes can be bought.
pub(super) struct Places {
    /// Names of the zones; one without a name if no node states a zone.
    pub(super) zones: Vec<Text>,
    /// Labels that follow from the zone, such as its region and those of volume drivers.
    zone_labels: Vec<Vec<(Text, Text)>>,
    /// Other labels by whose values nodes may be lost or pods spread.
    pub(super) lanes: Vec<Lane>,
}

/// A label with its values.
pub(super) struct Lane {
    key: Text,
    /// The values; the last one is that of nodes without the label, where these can't be lost by it.
    names: Vec<Option<Text>>,
    /// Places of the values that each zone has.
    pub(super) of_zone: Vec<Vec<usize>>,
    /// Whether values take whole zones, several of them at least once, as a region does.
    pub(super) is_wide: bool,
    /// Groups with nodes that lack the label.
    lacking: SortedSet<usize>,
}

impl Lane {
    /// Whether nodes of a group may have a value: only some groups have nodes without one.
    pub(super) fn is_open(&self, value: usize, group: usize) -> bool {
        self.names[value].is_some() || self.lacking.contains(&group)
    }
}

impl Places {
    /// The places of the nodes that are there, in their groups.
    pub(super) fn of(
        nodes: &[NodeInfo],
        groups: &[Group<'_>],
        pods: &[ManifestPod],
        lost: &[Survive],
    ) -> Self {
        let zones: SortedSet<Text> = nodes.iter().map(zone_of).collect();
        let mut zones: Vec<Text> = zones.into_iter().collect();
        if zones.is_empty() {
            zones.push(Text::default());
        }
        let lost: SortedSet<&Text> = lost.iter().filter_map(Survive::label).collect();
        let mut keys = topology_keys(pods);
        keys.extend(&lost);
        keys.retain(|key| ![HOSTNAME_LABEL, ZONE_LABEL, OLD_ZONE_LABEL].contains(&&***key));
        let lanes = keys.into_iter();
        let lanes = lanes.map(|key| lane(key, lost.contains(key), nodes, groups, &zones));
        Self {
            lanes: lanes.collect(),
            zone_labels: zones.iter().map(|zone| zone_labels(zone, nodes)).collect(),
            zones,
        }
    }

    /// Zones of a group of nodes. A group that has several nodes and leaves out zones is not in these; nor is one
    /// of many that lie in a zone each (`is_zonal`).
    pub(super) fn of_group(&self, nodes: &[&NodeInfo], is_zonal: bool) -> Vec<usize> {
        let own = zones_of(nodes);
        let all = 0..self.zones.len();
        if own.is_empty() || !(is_zonal || nodes.len() > own.len()) {
            return all.collect();
        }
        all.filter(|&place| own.contains(&self.zones[place]))
            .collect()
    }

    /// Gives a node the labels of its place.
    pub(super) fn put(&self, node: &mut Node, spot: &Spot) {
        let zone = &self.zones[spot.zone];
        if !zone.is_empty() {
            node.labels.insert(ZONE_LABEL.into(), zone.clone());
        }
        for (key, value) in &self.zone_labels[spot.zone] {
            node.labels.insert(key.clone(), value.clone());
        }
        for (lane, value) in self.lanes.iter().zip(&spot.values) {
            if let Some(value) = value.and_then(|value| lane.names[value].clone()) {
                node.labels.insert(lane.key.clone(), value);
            }
        }
    }

    /// A node in each of some zones, with each value of the lanes there.
    pub(super) fn variants(&self, node: &Node, zones: &[usize]) -> Vec<Arc<Node>> {
        let variants = zones.iter().flat_map(|&zone| {
            let values = self.lanes.iter().map(|own| own.of_zone[zone].len());
            let most = values.max().unwrap_or(1).max(1);
            (0..most).map(move |turn| {
                let values = self.lanes.iter().map(|own| {
                    let values = &own.of_zone[zone];
                    values.get(turn % values.len().max(1)).copied()
                });
                let values = values.collect();
                let mut own = node.clone();
                self.put(&mut own, &Spot { zone, values });
                Arc::new(own)
            })
        });
        variants.collect()
    }
}

/// A label with the values that nodes have; those without one count where nodes are lost by it.
fn lane(
    key: &Text,
    is_lost: bool,
    nodes: &[NodeInfo],
    groups: &[Group<'_>],
    zones: &[Text],
) -> Lane {
    let value = |own: &NodeInfo| label_of(&own.object.labels, key).cloned();
    let lacks = |own: &NodeInfo| is_lost && value(own).is_none();
    let named: SortedSet<Text> = nodes.iter().filter_map(value).collect();
    let mut names: Vec<Option<Text>> = named.into_iter().map(Some).collect();
    if nodes.iter().any(lacks) {
        names.push(None);
    }
    let of_zone = zones.iter().map(|zone| {
        let own = nodes.iter().filter(|own| zone_of(own) == *zone);
        let own: SortedSet<Option<Text>> = own.map(value).collect();
        let own = names
            .iter()
            .enumerate()
            .filter(|(_, name)| own.contains(name));
        own.map(|(place, _)| place).collect()
    });
    let of_zone: Vec<Vec<usize>> = of_zone.collect();
    let lacking = groups.iter().enumerate();
    let lacking = lacking.filter(|(_, own)| own.1.iter().any(|node| lacks(node)));
    Lane {
        key: key.clone(),
        is_wide: names.len() < zones.len() && of_zone.iter().all(|own| own.len() == 1),
        lacking: lacking.map(|(place, _)| place).collect(),
        names,
        of_zone,
    }
}

/// The zones of some nodes; one without a name is that of nodes that state none.
pub(super) fn zones_of(nodes: &[&NodeInfo]) -> SortedSet<Text> {
    nodes.iter().map(|node| zone_of(node)).collect()
}

/// Labels over whose values pods spread, or by which they keep apart or together.
fn topology_keys(pods: &[ManifestPod]) -> SortedSet<&Text> {
    let mut keys: SortedSet<&Text> = SortedSet::new();
    for pod in pods {
        keys.extend(pod.spec.topology_spread.iter().map(|own| &own.topology_key));
        let own = &pod.spec.affinity;
        let terms = own.required_pod_affinity.iter();
        let terms = terms.chain(own.required_pod_anti_affinity.iter());
        keys.extend(terms.map(|term| &term.topology_key));
    }
    keys
}

/// The labels that follow from a zone: its region, and those that name the zone once more, as volume drivers do.
fn zone_labels(zone: &Text, nodes: &[NodeInfo]) -> Vec<(Text, Text)> {
    let mut own = nodes.iter().filter(|own| zone_of(own) == *zone);
    let Some(first) = own.next().filter(|_| !zone.is_empty()) else {
        return Vec::new();
    };
    let labels = first.object.labels.iter().filter(|(key, value)| {
        let is_region = [REGION_LABEL, OLD_REGION_LABEL].contains(&&***key);
        is_region || (*value == zone && &***key != HOSTNAME_LABEL)
    });
    labels
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
