//! Places of bought nodes: the zones that each type comes in, how nodes are dealt to them, and the labels that
//! follow from it.

use std::sync::Arc;

use super::demand::zone_of;
use super::loss::Survive;
use k8s::ManifestPod;
use model::node::{
    HOSTNAME_LABEL, OLD_REGION_LABEL, OLD_ZONE_LABEL, REGION_LABEL, ZONE_LABEL, label_of,
};
use model::{Node, Text};
use scheduler::kube::NodeInfo;
use units::{SortedMap, SortedSet};

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
    /// Other labels by whose values nodes may be lost or pods spread, with the values in each zone.
    lanes: Vec<(Text, Vec<Vec<Text>>)>,
}

/// Numbers of nodes that each value of each lane has so far.
type Turns = Vec<SortedMap<Text, u64>>;

impl Places {
    /// The places of the nodes that are there.
    pub(super) fn of(nodes: &[NodeInfo], pods: &[ManifestPod], lost: &[Survive]) -> Self {
        let zones: SortedSet<Text> = nodes.iter().map(zone_of).collect();
        let mut zones: Vec<Text> = zones.into_iter().collect();
        if zones.is_empty() {
            zones.push(Text::default());
        }
        let mut keys: SortedSet<&Text> = lost.iter().filter_map(Survive::label).collect();
        keys.extend(topology_keys(pods));
        keys.retain(|key| !OF_PLACE.contains(&&***key));
        let lanes = keys.into_iter().map(|key| {
            let of_zone = |zone: &Text| {
                let own = nodes.iter().filter(|own| zone_of(own) == *zone);
                let values = own.filter_map(|own| label_of(&own.object.labels, key));
                let values: SortedSet<Text> = values.cloned().collect();
                values.into_iter().collect()
            };
            (key.clone(), zones.iter().map(of_zone).collect())
        });
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

    /// Gives a node the labels of a zone, and of each lane the value that has fewest nodes so far.
    pub(super) fn put(&self, node: &mut Node, place: usize, turns: &mut Turns) {
        turns.resize_with(self.lanes.len(), SortedMap::new);
        self.label(node, place, |lane, values| {
            let count = |value: &&Text| turns[lane].get(*value).copied().unwrap_or(0);
            let value = values.iter().min_by_key(count)?.clone();
            *turns[lane].entry(value.clone()).or_default() += 1;
            Some(value)
        });
    }

    /// A node in each of some zones, with each value of the lanes there.
    pub(super) fn variants(&self, node: &Node, zones: &[usize]) -> Vec<Arc<Node>> {
        let variants = zones.iter().flat_map(|&place| {
            let values = self.lanes.iter().map(|(_, values)| values[place].len());
            let most = values.max().unwrap_or(1).max(1);
            (0..most).map(move |turn| {
                let mut own = node.clone();
                self.label(&mut own, place, |_, values| {
                    values.get(turn % values.len().max(1)).cloned()
                });
                Arc::new(own)
            })
        });
        variants.collect()
    }

    fn label(
        &self,
        node: &mut Node,
        place: usize,
        mut value: impl FnMut(usize, &[Text]) -> Option<Text>,
    ) {
        let zone = &self.zones[place];
        if !zone.is_empty() {
            node.labels.insert(ZONE_LABEL.into(), zone.clone());
        }
        for (key, value) in &self.zone_labels[place] {
            node.labels.insert(key.clone(), value.clone());
        }
        for (lane, (key, values)) in self.lanes.iter().enumerate() {
            if let Some(value) = value(lane, &values[place]) {
                node.labels.insert(key.clone(), value);
            }
        }
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
