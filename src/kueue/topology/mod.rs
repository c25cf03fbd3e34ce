//! Places in topologies: domains of nodes, what is free in them, and where the pods of a workload go
//! (spec: batch-on-kubernetes.md 1.9).

mod count;
mod count_cache;
mod fill;
mod level;
mod requests;
mod tree;

pub use count_cache::CountCache;
pub use requests::{Failure, LostPods, PlaceRequests, PlacementContext, PodSetFlavors};
pub use tree::{FlavorTopology, Leaf};

use std::sync::Arc;

use model::queueing::{PodSet, ResourceFlavor, Topology, TopologyConstraint};
use model::{Node, ResourceList, Text};
use units::{QuantityError, SortedMap};

use super::names::{Flavor, Names, PODS, Resource};
use super::workload::DomainUse;

/// Usage that is taken into account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// That of the workloads that hold places.
    Present,
    /// That of other pods alone, as if no workload held a place.
    Nothing,
}

/// Topologies by flavor, and what of them is used.
#[derive(Clone, Debug, Default)]
pub struct Topologies {
    of: SortedMap<Flavor, FlavorTopology>,
    pods: Option<Resource>,
}

impl Topologies {
    /// Topologies without nodes.
    pub fn new(names: &mut Names, flavors: &[ResourceFlavor], topologies: &[Topology]) -> Self {
        let mut of = SortedMap::default();
        for flavor in flavors {
            let named = flavor.topology.as_ref();
            let mut topologies = topologies.iter();
            let topology =
                named.and_then(|name| topologies.find(|topology| topology.name == *name));
            if let Some(topology) = topology {
                let id = names.flavor(&flavor.name);
                of.insert(id, FlavorTopology::new(Arc::new(flavor.clone()), topology));
            }
        }
        Self {
            of,
            pods: Some(names.resource(PODS)),
        }
    }

    /// The topology of a flavor.
    pub fn get(&self, flavor: Flavor) -> Option<&FlavorTopology> {
        self.of.get(&flavor)
    }

    /// Takes in a node, for the flavors that it belongs to.
    ///
    /// # Errors
    /// What the node can hold is too large to be counted.
    pub fn add_node(&mut self, names: &mut Names, node: &Node) -> Result<(), QuantityError> {
        let capacity = amounts(names, &node.allocatable);
        for topology in self.of.values_mut() {
            topology.add_node(node, &capacity);
        }
        Ok(())
    }

    /// Prepares comparisons of domains, once all nodes are there.
    pub fn rank_domains(&mut self) {
        for topology in self.of.values_mut() {
            topology.rank_domains();
        }
    }

    /// Whether no flavor has a topology.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// Flavors with a topology.
    pub fn flavors(&self) -> impl Iterator<Item = Flavor> + '_ {
        self.of.keys().copied()
    }

    /// Forgets all nodes and what is used of them.
    pub fn clear(&mut self) {
        for topology in self.of.values_mut() {
            topology.clear();
        }
    }

    /// Takes in a pod on a node that no workload with a place owns.
    pub fn add_foreign_pod(&mut self, names: &mut Names, node: &str, requests: &ResourceList) {
        self.change_foreign(names, node, requests, -1);
    }

    /// A pod on a node that no workload with a place owns has ended.
    pub fn remove_foreign_pod(&mut self, names: &mut Names, node: &str, requests: &ResourceList) {
        self.change_foreign(names, node, requests, 1);
    }

    fn change_foreign(
        &mut self,
        names: &mut Names,
        node: &str,
        requests: &ResourceList,
        sign: i64,
    ) {
        let mut amounts = amounts(names, requests);
        amounts.retain(|(resource, _)| Some(*resource) != self.pods);
        amounts.extend(self.pods.map(|pods| (pods, 1)));
        let amounts = scaled(&amounts, sign);
        for topology in self.of.values_mut() {
            topology.add_foreign(node, &amounts);
        }
    }

    /// Adds the usage of pods in a domain.
    pub fn add(&mut self, domain: &DomainUse) {
        self.change(domain, 1);
    }

    /// Takes the usage of pods in a domain away.
    pub fn remove(&mut self, domain: &DomainUse) {
        self.change(domain, -1);
    }

    fn change(&mut self, domain: &DomainUse, sign: i64) {
        let mut amounts: Vec<(Resource, i64)> = scaled(&domain.single, domain.count * sign);
        amounts.extend(self.pods.map(|pods| (pods, domain.count * sign)));
        let is_by_host = self
            .of
            .get(&domain.flavor)
            .is_some_and(FlavorTopology::is_by_host);
        for (flavor, topology) in &mut self.of {
            // What one flavor uses of a host, all flavors of the host lack.
            let shares = is_by_host && topology.is_by_host();
            if *flavor == domain.flavor || shares {
                topology.add_usage(&domain.values, &amounts);
            }
        }
    }

    /// Whether pods fit into a domain as usage stands.
    pub fn fits(&self, domain: &DomainUse) -> bool {
        let leaf = self
            .of
            .get(&domain.flavor)
            .and_then(|own| own.leaf_named(&domain.values));
        leaf.is_some_and(|leaf| {
            let mut requests = domain.single.clone();
            requests.extend(self.pods.map(|pods| (pods, 1)));
            leaf.count(&requests, Usage::Present, &[]) >= domain.count
        })
    }

    /// The resource that counts pods.
    pub(super) fn pods(&self) -> Option<Resource> {
        self.pods
    }
}

/// Reason why a pod set may not use a flavor, by what it asks of topologies; `covers_any` says that
/// the flavor is for a resource that the set requests.
pub fn refusal(
    ground: PlacementContext<'_>,
    is_implied: bool,
    covers_any: bool,
    set: &PodSet,
    flavor: &ResourceFlavor,
) -> Option<String> {
    let name = &flavor.name;
    let number = ground.names.known_flavor(name)?;
    let topology = ground.topologies.get(number);
    let Some(request) = &set.topology else {
        let is_refused = topology.is_some() && !is_implied;
        return is_refused
            .then(|| format!("Flavor {name:?} supports only TopologyAwareScheduling"));
    };
    let Some(topology) = topology else {
        return covers_any
            .then(|| format!("Flavor {name:?} does not support TopologyAwareScheduling"));
    };
    let has = |level: &Text| topology.level(level).is_some();
    let wished = match &request.wish {
        Some(TopologyConstraint::Required(level) | TopologyConstraint::Preferred(level)) => {
            has(level)
        }
        Some(TopologyConstraint::Unconstrained) => true,
        None => !request.slices.is_empty(),
    };
    let has_all = wished && request.slices.iter().all(|slice| has(&slice.level));
    (!has_all).then(|| format!("Flavor {name:?} does not contain the requested level"))
}

/// Amounts times a number.
fn scaled(amounts: &[(Resource, i64)], times: i64) -> Vec<(Resource, i64)> {
    let amounts = amounts.iter();
    amounts
        .map(|(resource, amount)| (*resource, amount.saturating_mul(times)))
        .collect()
}

/// Amounts by number of resource.
fn amounts(names: &mut Names, list: &ResourceList) -> Vec<(Resource, i64)> {
    let list = list.iter();
    list.map(|(name, amount)| (names.resource(name), Names::amount(name, amount)))
        .collect()
}

/// Values of labels that name a domain.
type Values = Vec<Text>;
