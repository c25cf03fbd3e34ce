//! The domains of a flavor's topology, and what is free in the lowest of them (spec:
//! batch-on-kubernetes.md 1.9.1).

use std::cmp::Ordering;
use std::sync::Arc;

use model::queueing::{ResourceFlavor, Topology};
use model::{Node, Text};
use units::SortedMap;

use super::{Usage, Values};
use crate::names::Resource;

/// Label of the level of single nodes.
const HOST: &str = "kubernetes.io/hostname";

/// Amounts by resource, dense.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Amounts(Vec<i64>);

impl Amounts {
    fn get(&self, resource: Resource) -> i64 {
        self.0.get(resource.0).copied().unwrap_or(0)
    }

    fn add(&mut self, amounts: &[(Resource, i64)]) {
        for (resource, amount) in amounts {
            if self.0.len() <= resource.0 {
                self.0.resize(resource.0 + 1, 0);
            }
            let own = &mut self.0[resource.0];
            *own = own.saturating_add(*amount);
        }
    }
}

/// A lowest domain.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The node, where the lowest level is that of single nodes.
    pub(super) node: Option<Arc<Node>>,
    capacity: Amounts,
    used: Amounts,
}

impl Leaf {
    /// Number of pods of these requests that fit beside what is assumed.
    pub(super) fn count(
        &self,
        requests: &[(Resource, i64)],
        usage: Usage,
        assumed: &[(Resource, i64)],
    ) -> i64 {
        let counts = requests
            .iter()
            .map(|(resource, amount)| self.count_of(*resource, *amount, usage, assumed));
        counts.min().unwrap_or(0)
    }

    /// Number of pods that fit by one resource alone.
    pub(super) fn count_of(
        &self,
        resource: Resource,
        amount: i64,
        usage: Usage,
        assumed: &[(Resource, i64)],
    ) -> i64 {
        let most = i64::from(i32::MAX);
        if amount == 0 {
            return most;
        }
        let mut free = self.capacity.get(resource);
        if usage == Usage::Present {
            free = free.saturating_sub(self.used.get(resource));
        }
        for (_, amount) in assumed.iter().filter(|(own, _)| *own == resource) {
            free = free.saturating_sub(*amount);
        }
        (free / amount).clamp(0, most)
    }
}

/// A domain of any level.
#[derive(Clone, Debug)]
pub(super) struct Domain {
    /// Values of the labels of this level and those above.
    pub(super) values: Values,
    pub(super) parent: Option<usize>,
    pub(super) children: Vec<usize>,
    pub(super) leaf: Option<Leaf>,
}

/// The topology of a flavor's nodes.
#[derive(Clone, Debug)]
pub struct FlavorTopology {
    pub(super) name: Text,
    pub(super) levels: Vec<Text>,
    pub(crate) flavor: Arc<ResourceFlavor>,
    pub(super) domains: Vec<Domain>,
    pub(super) at_level: Vec<Vec<usize>>,
    number_of: SortedMap<Values, usize>,
    /// Place of each domain in the order of values; of no use while domains are missing.
    ranks: Vec<usize>,
    leaf_of: SortedMap<Values, usize>,
    leaf_of_node: SortedMap<Text, usize>,
    /// Number of changes of nodes and their capacity.
    nodes: u64,
    /// Leaves whose usage changed last, in order, and the number of changes before those.
    changed: Vec<usize>,
    forgotten: u64,
}

/// Most changes of usage that are remembered.
const MOST_CHANGED: usize = 4096;

impl FlavorTopology {
    /// Whether a domain is another one or below it.
    pub(super) fn is_below(&self, domain: usize, other: usize) -> bool {
        let parent = |own: &usize| self.domains[*own].parent;
        std::iter::successors(Some(domain), parent).any(|own| own == other)
    }

    /// The domain of a level that a lowest domain is in.
    pub(super) fn domain_at(&self, leaf: &Values, level: usize) -> Option<usize> {
        let leaf = *self.leaf_of.get(leaf)?;
        let parent = |own: &usize| self.domains[*own].parent;
        let above = self.levels.len() - 1 - level;
        std::iter::successors(Some(leaf), parent).nth(above)
    }

    /// A topology without nodes.
    pub(super) fn new(flavor: Arc<ResourceFlavor>, topology: &Topology) -> Self {
        Self {
            name: topology.name.clone(),
            levels: topology.levels.clone(),
            flavor,
            domains: Vec::new(),
            at_level: vec![Vec::new(); topology.levels.len()],
            number_of: SortedMap::default(),
            ranks: Vec::new(),
            leaf_of: SortedMap::default(),
            leaf_of_node: SortedMap::default(),
            nodes: 0,
            changed: Vec::new(),
            forgotten: 0,
        }
    }

    /// Number of the state of nodes and their capacity.
    pub(super) const fn nodes_version(&self) -> u64 {
        self.nodes
    }

    /// Number of the state of usage.
    pub(super) const fn usage_version(&self) -> u64 {
        self.forgotten + self.changed.len() as u64
    }

    /// Leaves whose usage has changed since a state of usage; `None` if that is too long ago.
    pub(super) fn changed_since(&self, version: u64) -> Option<&[usize]> {
        let start = version.checked_sub(self.forgotten)?;
        self.changed.get(usize::try_from(start).ok()?..)
    }

    /// Forgets all nodes and what is used of them.
    pub(super) fn clear(&mut self) {
        self.nodes += 1;
        self.domains.clear();
        self.at_level = vec![Vec::new(); self.levels.len()];
        self.number_of.clear();
        self.ranks.clear();
        self.leaf_of.clear();
        self.leaf_of_node.clear();
    }

    /// Whether the lowest level is that of single nodes.
    pub(super) fn is_by_host(&self) -> bool {
        self.levels.last().is_some_and(|level| **level == *HOST)
    }

    /// The index of a level.
    pub(super) fn level(&self, key: &str) -> Option<usize> {
        self.levels.iter().position(|level| **level == *key)
    }

    /// Takes in a node, if it belongs to the flavor and has a label for every level.
    pub(super) fn add_node(&mut self, node: &Node, capacity: &[(Resource, i64)]) {
        let mut labels = self.flavor.node_labels.iter();
        let is_of_flavor = labels.all(|(key, value)| node.labels.get(key) == Some(value));
        let levels = self.levels.iter();
        let values: Option<Values> = levels.map(|key| node.labels.get(key).cloned()).collect();
        let Some(values) = values.filter(|_| is_of_flavor && !node.unschedulable) else {
            return;
        };
        self.nodes += 1;
        let place = self.leaf_key(&values);
        let number = match self.leaf_of.get(&place) {
            Some(known) => *known,
            None => self.domain(values),
        };
        self.leaf_of.insert(place, number);
        self.leaf_of_node.insert(node.name.clone(), number);
        let is_by_host = self.is_by_host();
        let leaf = self.domains[number].leaf.get_or_insert_with(|| Leaf {
            node: is_by_host.then(|| Arc::new(node.clone())),
            capacity: Amounts::default(),
            used: Amounts::default(),
        });
        leaf.capacity.add(capacity);
    }

    /// The domain of these values, made if it is new.
    fn domain(&mut self, values: Values) -> usize {
        if let Some(known) = self.number_of.get(&values) {
            return *known;
        }
        let above = (values.len() > 1).then(|| self.domain(values[..values.len() - 1].to_vec()));
        let number = self.domains.len();
        self.at_level[values.len() - 1].push(number);
        self.number_of.insert(values.clone(), number);
        self.domains.push(Domain {
            values,
            parent: above,
            children: Vec::new(),
            leaf: None,
        });
        if let Some(above) = above {
            self.domains[above].children.push(number);
        }
        number
    }

    /// The values that name a leaf: the node's alone where the lowest level is that of single nodes.
    pub(super) fn leaf_key(&self, values: &[Text]) -> Values {
        self.leaf_place(values).to_vec()
    }

    /// The part of a leaf's values that [`Self::leaf_key`] has.
    pub(super) fn leaf_place<'v>(&self, values: &'v [Text]) -> &'v [Text] {
        if self.is_by_host() {
            &values[values.len().saturating_sub(1)..]
        } else {
            values
        }
    }

    /// The leaf of an assignment's values.
    pub(super) fn leaf_named(&self, values: &[Text]) -> Option<&Leaf> {
        let number = self.leaf_of.get(self.leaf_place(values))?;
        self.domains[*number].leaf.as_ref()
    }

    /// Adds usage to a leaf, if it is there.
    pub(super) fn add_usage(&mut self, values: &[Text], amounts: &[(Resource, i64)]) {
        let Some(number) = self.leaf_of.get(self.leaf_place(values)).copied() else {
            return;
        };
        if let Some(leaf) = &mut self.domains[number].leaf {
            leaf.used.add(amounts);
            if self.changed.len() == MOST_CHANGED {
                self.forgotten += self.changed.len() as u64;
                self.changed.clear();
            }
            self.changed.push(number);
        }
    }

    /// Changes the capacity of a node's leaf, as a pod there comes or goes.
    pub(super) fn add_foreign(&mut self, node: &str, amounts: &[(Resource, i64)]) {
        self.nodes += 1;
        let number = self.leaf_of_node.get(node).copied();
        let leaf = number.and_then(|number| self.domains[number].leaf.as_mut());
        if let Some(leaf) = leaf {
            leaf.capacity.add(amounts);
        }
    }

    /// Ranks all domains by their values, once all nodes are there.
    pub(super) fn rank_domains(&mut self) {
        self.ranks = vec![0; self.domains.len()];
        for (rank, number) in self.number_of.values().enumerate() {
            self.ranks[*number] = rank;
        }
    }

    /// The order of domains that are otherwise equal.
    pub(super) fn compare_values(&self, one: usize, other: usize) -> Ordering {
        if self.ranks.len() == self.domains.len() {
            return self.ranks[one].cmp(&self.ranks[other]);
        }
        let (one, other) = (&self.domains[one], &self.domains[other]);
        if self.is_by_host() && one.parent == other.parent {
            one.values.last().cmp(&other.values.last())
        } else {
            one.values.cmp(&other.values)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranks_are_the_order_of_values(
            by_host in any::<bool>(),
            places in prop::collection::vec(("[a-c]", "[a-b]", "[a-d]"), 1..20),
        ) {
            let flavor = Arc::new(ResourceFlavor::default());
            let lowest = if by_host { HOST } else { "shelf" };
            let levels = ["block", "rack", lowest];
            let topology = Topology {
                name: "t".into(),
                levels: levels.map(Into::into).to_vec(),
            };
            let mut topology = FlavorTopology::new(flavor, &topology);
            for (block, rack, last) in &places {
                let mut node = Node::default();
                for (level, value) in levels.into_iter().zip([block, rack, last]) {
                    node.labels.insert(level.into(), value.as_str().into());
                }
                topology.add_node(&node, &[]);
            }
            let all = 0..topology.domains.len();
            let pairs: Vec<(usize, usize)> = all.clone().flat_map(|one| all.clone().map(move |other| (one, other))).collect();
            let order = |topology: &FlavorTopology| -> Vec<Ordering> {
                pairs.iter().map(|(one, other)| topology.compare_values(*one, *other)).collect()
            };
            let plain = order(&topology);
            topology.rank_domains();
            prop_assert_eq!(order(&topology), plain);
        }
    }
}
