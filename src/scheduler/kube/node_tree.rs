//! The order in which the scheduler looks at nodes: one of each zone in turn
//! (spec: kubernetes.md 1.3).

use model::node::{OLD_REGION_LABEL, OLD_ZONE_LABEL, REGION_LABEL, ZONE_LABEL};
use model::{Labels, Text};

/// Nodes, each by a key of its own, by zone.
#[derive(Clone, Debug)]
pub struct NodeTree<K> {
    /// Zones in order of first appearance, with their nodes in order of addition.
    zones: Vec<((Text, Text), Vec<K>)>,
}

/// Place of a node that was removed.
#[derive(Clone, Debug)]
pub struct TreePlace {
    zone: usize,
    /// Place among the nodes of the zone.
    position: usize,
    /// Region and zone, if these went with the node.
    key: Option<(Text, Text)>,
}

impl<K> Default for NodeTree<K> {
    fn default() -> Self {
        Self { zones: Vec::new() }
    }
}

impl<K: Copy + PartialEq> NodeTree<K> {
    /// Adds a node; one that is known stays where it is.
    pub fn add(&mut self, node: K, labels: &Labels) {
        let key = zone_of(labels);
        let mut zones = self.zones.iter();
        let zone = zones.find(|(known, _)| *known == key);
        if zone.is_none_or(|(_, nodes)| !nodes.contains(&node)) {
            self.add_new(node, labels);
        }
    }

    /// Adds a node that is not there, without a look for it.
    pub fn add_new(&mut self, node: K, labels: &Labels) {
        let key = zone_of(labels);
        let zone = self.zones.iter_mut().find(|(known, _)| *known == key);
        match zone {
            Some((_, nodes)) => nodes.push(node),
            None => self.zones.push((key, vec![node])),
        }
    }

    /// Removes a node; a zone without nodes goes away and comes back at the end. Gives the place
    /// that the node had.
    pub fn remove(&mut self, node: K, labels: &Labels) -> Option<TreePlace> {
        let key = zone_of(labels);
        let zone = self.zones.iter().position(|(known, _)| *known == key)?;
        let nodes = &mut self.zones[zone].1;
        let position = nodes.iter().position(|&known| known == node)?;
        nodes.remove(position);
        let key = nodes.is_empty().then(|| self.zones.remove(zone).0);
        Some(TreePlace {
            zone,
            position,
            key,
        })
    }

    /// Puts a node back that was removed; those that were removed after it are there again.
    pub fn put_back(&mut self, node: K, place: TreePlace) {
        match place.key {
            Some(key) => self.zones.insert(place.zone, (key, vec![node])),
            None => self.zones[place.zone].1.insert(place.position, node),
        }
    }

    /// A node's labels changed: one whose zone changed goes to the end of its new zone. Whether it did.
    pub fn update(&mut self, node: K, before: &Labels, after: &Labels) -> bool {
        let moves = zone_of(before) != zone_of(after);
        if moves {
            self.remove(node, before);
            self.add(node, after);
        }
        moves
    }

    /// All nodes, one of each zone in turn.
    pub fn order(&self) -> Vec<K> {
        let longest = self.zones.iter().map(|(_, nodes)| nodes.len()).max();
        let rounds = 0..longest.unwrap_or(0);
        rounds
            .flat_map(|round| {
                self.zones
                    .iter()
                    .filter_map(move |(_, nodes)| nodes.get(round))
            })
            .copied()
            .collect()
    }
}

/// Region and zone of a node; both empty where it states none.
fn zone_of(labels: &Labels) -> (Text, Text) {
    let either = |old: &str, stable: &str| {
        let value = labels.get(old).or_else(|| labels.get(stable));
        value.cloned().unwrap_or_default()
    };
    (
        either(OLD_REGION_LABEL, REGION_LABEL),
        either(OLD_ZONE_LABEL, ZONE_LABEL),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_come_one_of_each_zone_in_turn() {
        let labels = |zone: &str| Labels::from([(ZONE_LABEL.into(), zone.into())]);
        let mut tree = NodeTree::default();
        for (name, zone) in [
            ("a1", "a"),
            ("b1", "b"),
            ("c1", "c"),
            ("a2", "a"),
            ("a3", "a"),
            ("c2", "c"),
        ] {
            tree.add(name, &labels(zone));
        }
        let order = |tree: &NodeTree<&str>| tree.order().join(" ");
        assert_eq!(order(&tree), "a1 b1 c1 a2 c2 a3");
        tree.remove("b1", &labels("b"));
        tree.add("b1", &labels("b"));
        assert_eq!(order(&tree), "a1 c1 b1 a2 c2 a3");
        tree.update("a1", &labels("a"), &labels("c"));
        assert_eq!(order(&tree), "a2 c1 b1 a3 c2 a1");
        let [first, second] = ["b1", "c2"].map(|name| {
            let labels = labels(&name[..1]);
            tree.remove(name, &labels).unwrap()
        });
        assert_eq!(order(&tree), "a2 c1 a3 a1");
        tree.put_back("c2", second);
        tree.put_back("b1", first);
        assert_eq!(order(&tree), "a2 c1 b1 a3 c2 a1");
    }
}
