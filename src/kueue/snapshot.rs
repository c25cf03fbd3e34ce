//! The state that decisions read: trees of quotas, flavors, topologies, and who holds what.

use std::sync::Arc;

use model::queueing::{
    ClusterQueue, Cohort, QueuedWorkload, QueueingObjects, ResourceFlavor, ResourceGroup,
    StopPolicy, TopologyAssignment,
};
use model::{LabelSelector, Node, ResourceList, Text};
use units::{Instant, Quantity, QuantityError, SortedMap, SortedSet};

use super::names::{Flavor, FlavorResource, Names, Resource};
use super::settings::Settings;
use super::share::Share;
use super::topology::{CountCache, Failure, PlaceRequests, PlacementContext, Topologies, Usage};
use super::tree::{NodeId, Quota, Tree};
use super::workload::{QuotaHolder, queue_timestamp};

/// A group of resources of a queue.
#[derive(Clone, Debug)]
pub struct Group {
    /// Resources that are taken from one flavor together.
    pub covered: Vec<Resource>,
    /// Flavors in order of preference.
    pub flavors: Vec<Flavor>,
}

/// A queue of the cluster.
#[derive(Clone, Debug)]
pub struct Queue {
    /// The queue's settings.
    pub spec: Arc<ClusterQueue>,
    /// Groups of resources.
    pub groups: Vec<Arc<Group>>,
    /// Workloads that hold its quota, by number.
    pub holdings: SortedSet<usize>,
    /// Whether workloads of the queue are tried: it is not stopped, no cycle of cohorts is above it, and
    /// nothing that it names is missing.
    pub is_active: bool,
}

impl Queue {
    /// The group that covers a resource.
    pub fn group_of(&self, resource: Resource) -> Option<&Arc<Group>> {
        let mut groups = self.groups.iter();
        groups.find(|group| group.covered.contains(&resource))
    }

    /// Whether all flavors have topologies, so that all pods get places.
    pub fn implies_places(&self, topologies: &Topologies) -> bool {
        let mut flavors = self.groups.iter().flat_map(|group| &group.flavors);
        !self.groups.is_empty() && flavors.all(|flavor| topologies.get(*flavor).is_some())
    }

    /// Whether workloads of a namespace with these labels are taken.
    pub fn takes(&self, labels: &model::Labels) -> bool {
        let selector: Option<&LabelSelector> = self.spec.namespaces.as_ref();
        selector.is_some_and(|selector| selector.matches(labels))
    }
}

/// The state that decisions read.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Settings.
    pub settings: Settings,
    /// Number of the cycle that decides.
    pub cycle: u64,
    /// Numbers of flavors and resources.
    pub names: Names,
    /// Quotas and their use.
    pub tree: Tree,
    /// Topologies and their use.
    pub topologies: Topologies,
    flavors: SortedMap<Flavor, Arc<ResourceFlavor>>,
    /// By number of the node; cohorts have none. Shared by copies of the state until they change.
    queues: Vec<Option<Arc<Queue>>>,
    node_of: SortedMap<(bool, Text), NodeId>,
    holdings: Vec<Option<Arc<QuotaHolder>>>,
    free: Vec<usize>,
    settled_pairs: usize,
    work: u64,
    /// Numbers of pods that fit into the domains of topologies.
    kept: CountCache,
}

impl Snapshot {
    /// A state in which nothing is held.
    pub fn new(settings: Settings, objects: &QueueingObjects) -> Self {
        let mut snapshot = Self {
            settings,
            cycle: 0,
            names: Names::default(),
            tree: Tree::default(),
            topologies: Topologies::default(),
            flavors: SortedMap::default(),
            queues: Vec::new(),
            node_of: SortedMap::default(),
            holdings: Vec::new(),
            free: Vec::new(),
            settled_pairs: 0,
            work: 0,
            kept: CountCache::default(),
        };
        for flavor in &objects.flavors {
            let id = snapshot.names.flavor(&flavor.name);
            snapshot.flavors.insert(id, Arc::new(flavor.clone()));
        }
        snapshot.topologies =
            Topologies::new(&mut snapshot.names, &objects.flavors, &objects.topologies);
        let stated = objects.cohorts.iter();
        let stated: SortedMap<&Text, &Cohort> = stated.map(|own| (&own.name, own)).collect();
        let named = objects
            .cohorts
            .iter()
            .filter_map(|cohort| cohort.parent.as_ref());
        let named = named.chain(
            objects
                .queues
                .iter()
                .filter_map(|queue| queue.cohort.as_ref()),
        );
        let cohorts: SortedSet<&Text> = stated.keys().copied().chain(named).collect();
        for name in cohorts.iter().copied() {
            let weight = stated.get(name).map_or(1.0, |own| weight(own.weight));
            let id = snapshot.tree.add_node(name.clone(), false, weight);
            snapshot.node_of.insert((false, name.clone()), id);
        }
        for name in cohorts.iter().copied() {
            let id = snapshot.node_of[&(false, name.clone())];
            let Some(own) = stated.get(name) else {
                continue;
            };
            snapshot.set_quotas(id, &own.groups);
            if let Some(parent) = own.parent.as_ref().filter(|_| !is_in_cycle(name, &stated)) {
                let parent = snapshot.node_of[&(false, parent.clone())];
                snapshot.tree.connect(id, parent);
            }
        }
        let mut queues: Vec<&ClusterQueue> = objects.queues.iter().collect();
        queues.sort_by(|one, other| one.name.cmp(&other.name));
        for queue in queues {
            snapshot.add_queue(queue, &stated);
        }
        snapshot.settle();
        snapshot
    }

    fn add_queue(&mut self, queue: &ClusterQueue, cohorts: &SortedMap<&Text, &Cohort>) {
        let id = self
            .tree
            .add_node(queue.name.clone(), true, weight(queue.weight));
        self.node_of.insert((true, queue.name.clone()), id);
        self.set_quotas(id, &queue.groups);
        let mut is_cyclic = false;
        if let Some(cohort) = &queue.cohort {
            let parent = self.node_of[&(false, cohort.clone())];
            self.tree.connect(id, parent);
            is_cyclic = leads_to_cycle(cohort, cohorts);
        }
        let groups = queue.groups.iter().map(|group| {
            let covered = group.covered.iter();
            let flavors = group.flavors.iter();
            Arc::new(Group {
                covered: covered.map(|name| self.names.resource(name)).collect(),
                flavors: flavors.map(|own| self.names.flavor(&own.flavor)).collect(),
            })
        });
        let groups: Vec<Arc<Group>> = groups.collect();
        let exists = |flavor: &Flavor| {
            let own = self.flavors.get(flavor);
            own.is_some_and(|own| own.topology.is_none() || self.topologies.get(*flavor).is_some())
        };
        let mut flavors = groups.iter().flat_map(|group| &group.flavors);
        let is_active = queue.stop == StopPolicy::None && !is_cyclic && flavors.all(exists);
        let queue = Queue {
            spec: Arc::new(queue.clone()),
            groups,
            holdings: SortedSet::default(),
            is_active,
        };
        self.queues.resize(id.0, None);
        self.queues.push(Some(Arc::new(queue)));
    }

    fn set_quotas(&mut self, id: NodeId, groups: &[ResourceGroup]) {
        for flavor in groups.iter().flat_map(|group| &group.flavors) {
            let number = self.names.flavor(&flavor.flavor);
            for own in &flavor.resources {
                let resource = self.names.resource(&own.resource);
                let pair = self.names.pair(number, resource);
                let amount = |quantity: Quantity| Names::amount(&own.resource, quantity);
                let quota = Quota {
                    nominal: amount(own.nominal),
                    borrowing_limit: own.borrowing_limit.map(amount),
                    lending_limit: own.lending_limit.map(amount),
                };
                self.tree.set_quota(id, pair, quota);
            }
        }
    }

    /// A queue has other quotas, of the same resources in the same flavors.
    pub fn requote(&mut self, id: NodeId, queue: &ClusterQueue) {
        let held: Vec<usize> = (0..self.holdings.len()).collect();
        for number in &held {
            self.change_quota_use(*number, Tree::remove);
        }
        self.set_quotas(id, &queue.groups);
        if let Some(own) = self.queue_mut(id) {
            own.spec = Arc::new(queue.clone());
        }
        self.settle();
        for number in &held {
            self.change_quota_use(*number, Tree::add);
        }
    }

    /// Counts the quota of a workload in or out, but not its places.
    fn change_quota_use(
        &mut self,
        number: usize,
        change: fn(&mut Tree, NodeId, FlavorResource, i64),
    ) {
        if let Some(holding) = &self.holdings[number] {
            for (pair, amount) in &holding.usage {
                change(&mut self.tree, holding.queue, *pair, *amount);
            }
        }
    }

    /// Takes in a node for the topologies whose flavors it belongs to.
    ///
    /// # Errors
    /// What it can hold is too large to be added.
    pub fn add_node(&mut self, node: &Node) -> Result<(), QuantityError> {
        self.topologies.add_node(&mut self.names, node)
    }

    /// Takes in a pod on a node that no workload with a topology owns.
    pub fn add_foreign_pod(&mut self, node: &str, requests: &ResourceList) {
        self.topologies
            .add_foreign_pod(&mut self.names, node, requests);
    }

    /// A pod on a node that no workload with a topology owns has ended.
    pub fn remove_foreign_pod(&mut self, node: &str, requests: &ResourceList) {
        self.topologies
            .remove_foreign_pod(&mut self.names, node, requests);
    }

    /// Takes in all nodes anew, without foreign pods; workloads keep their places as far as they are
    /// still there. A node whose amounts are too large to be added is left out.
    pub fn renew_nodes<'n>(&mut self, nodes: impl Iterator<Item = &'n Node>) {
        self.topologies.clear();
        for node in nodes {
            // The store refuses such a node, too.
            let _ = self.add_node(node);
        }
        self.topologies.rank_domains();
        for domain in self.holdings.iter().flatten().flat_map(|own| &own.domains) {
            self.topologies.add(domain);
        }
    }

    /// Topologies and names, by which places are given.
    pub fn ground(&self) -> PlacementContext<'_> {
        PlacementContext {
            topologies: &self.topologies,
            names: &self.names,
            fills_smallest: self.settings.fills_smallest,
        }
    }

    /// Topologies and names, with the numbers of pods that are kept from decision to decision.
    const fn ground_and_kept(&mut self) -> (PlacementContext<'_>, &mut CountCache) {
        let ground = PlacementContext {
            topologies: &self.topologies,
            names: &self.names,
            fills_smallest: self.settings.fills_smallest,
        };
        (ground, &mut self.kept)
    }

    /// Whether pod sets have places.
    pub fn have_places(&mut self, places: &PlaceRequests, usage: Usage) -> bool {
        let (ground, kept) = self.ground_and_kept();
        places.fit(ground, usage, kept)
    }

    /// Places for pod sets.
    ///
    /// # Errors
    /// A group of them has no place.
    pub fn find_places(
        &mut self,
        places: &PlaceRequests,
        usage: Usage,
    ) -> Result<Vec<(Text, TopologyAssignment)>, Failure> {
        let (ground, kept) = self.ground_and_kept();
        places.place_with(ground, usage, Some(kept))
    }

    /// Takes in pairs that were met since.
    fn settle(&mut self) {
        self.settled_pairs = self.names.pair_count();
        self.tree.settle(self.settled_pairs);
    }

    /// The pair of a flavor and a resource, with room for it in the trees.
    pub fn pair(&mut self, flavor: Flavor, resource: Resource) -> FlavorResource {
        let pair = self.names.pair(flavor, resource);
        if self.names.pair_count() > self.settled_pairs {
            self.settle();
        }
        pair
    }

    /// Work that decisions took so far: the usage of workloads that was counted in and out, and a fixed amount for
    /// each nomination.
    pub const fn work(&self) -> u64 {
        self.work
    }

    pub(crate) fn note_work(&mut self, amount: u64) {
        self.work += amount;
    }

    /// The queue of a name.
    pub fn queue_named(&self, name: &str) -> Option<NodeId> {
        self.node_of.get(&(true, Text::from(name))).copied()
    }

    /// The cohort of a name.
    pub fn cohort_named(&self, name: &str) -> Option<NodeId> {
        self.node_of.get(&(false, Text::from(name))).copied()
    }

    /// A queue.
    ///
    /// # Panics
    /// The number is that of a cohort.
    pub fn queue(&self, id: NodeId) -> &Queue {
        let queue = self.queues[id.0].as_ref();
        queue.expect("invariant: workloads wait in queues, not in cohorts")
    }

    fn queue_mut(&mut self, id: NodeId) -> Option<&mut Queue> {
        let queue = self.queues.get_mut(id.0)?.as_mut();
        queue.map(Arc::make_mut)
    }

    /// Every queue.
    pub fn queues(&self) -> impl Iterator<Item = (NodeId, &Queue)> {
        let queues = self.queues.iter().enumerate();
        queues.filter_map(|(id, queue)| Some((NodeId(id), &**queue.as_ref()?)))
    }

    /// A flavor's settings, if it exists.
    pub fn flavor(&self, flavor: Flavor) -> Option<&Arc<ResourceFlavor>> {
        self.flavors.get(&flavor)
    }

    /// Flavors that exist.
    pub fn flavors(&self) -> impl Iterator<Item = (Flavor, &Arc<ResourceFlavor>)> {
        self.flavors.iter().map(|(id, flavor)| (*id, flavor))
    }

    /// A workload takes the quota of its admission; the number stands for it until it gives it up.
    /// `None` if its queue doesn't exist.
    pub fn hold(&mut self, workload: Arc<QueuedWorkload>, now: Instant) -> Option<usize> {
        let admission = workload.admission.as_ref()?;
        let queue = self.queue_named(&admission.cluster_queue)?;
        let timestamp = queue_timestamp(&workload, self.settings.requeue_time);
        let mut holding = QuotaHolder::new(workload, queue, now, &mut self.names);
        holding.timestamp = timestamp;
        if self.names.pair_count() > self.settled_pairs {
            self.settle();
        }
        Some(self.insert(holding))
    }

    /// A workload takes quota.
    pub fn insert(&mut self, holding: QuotaHolder) -> usize {
        let number = self.free.pop().unwrap_or(self.holdings.len());
        if number == self.holdings.len() {
            self.holdings.push(None);
        }
        if let Some(queue) = self.queue_mut(holding.queue) {
            queue.holdings.insert(number);
        }
        self.holdings[number] = Some(Arc::new(holding));
        self.add_usage(number);
        number
    }

    /// A workload gives up what it holds.
    pub fn release(&mut self, number: usize) -> Option<Arc<QuotaHolder>> {
        self.holdings.get(number)?.as_ref()?;
        self.remove_usage(number);
        let holding = self.holdings[number].take()?;
        if let Some(queue) = self.queue_mut(holding.queue) {
            queue.holdings.remove(&number);
        }
        self.free.push(number);
        Some(holding)
    }

    /// A workload that holds quota.
    ///
    /// # Panics
    /// It has given it up.
    pub fn holding(&self, number: usize) -> &QuotaHolder {
        let holding = self.holdings[number].as_deref();
        holding.expect("invariant: numbers stand for workloads that hold quota")
    }

    /// Adds the usage of a workload that was taken away for a trial.
    pub fn add_usage(&mut self, number: usize) {
        self.work += 1;
        self.change_quota_use(number, Tree::add);
        for domain in self.holdings[number].iter().flat_map(|own| &own.domains) {
            self.topologies.add(domain);
        }
    }

    /// Takes the usage of a workload away for a trial; it still counts as one that holds quota.
    pub fn remove_usage(&mut self, number: usize) {
        self.work += 1;
        self.change_quota_use(number, Tree::remove);
        for domain in self.holdings[number].iter().flat_map(|own| &own.domains) {
            self.topologies.remove(domain);
        }
    }

    /// Amount that a queue may still use.
    pub fn available(&self, queue: NodeId, pair: FlavorResource) -> i64 {
        self.tree.available(queue, pair).max(0)
    }

    /// The share of a node of the tree.
    pub fn share(&self, id: NodeId) -> Share {
        Share::of(&self.tree, &self.names, id)
    }

    /// Whether a queue can use these amounts in addition.
    pub fn fits(&self, queue: NodeId, usage: &[(FlavorResource, i64)]) -> bool {
        let mut usage = usage.iter();
        usage.all(|(pair, amount)| *amount <= self.available(queue, *pair))
    }
}

/// A weight as shares are divided by it.
#[expect(
    clippy::cast_precision_loss,
    reason = "the original keeps weights in binary64"
)]
fn weight(weight: Quantity) -> f64 {
    weight.nanos() as f64 / 1e9
}

/// Whether a cohort is above itself.
fn is_in_cycle(name: &Text, cohorts: &SortedMap<&Text, &Cohort>) -> bool {
    above(name, cohorts).any(|other| *other == *name)
}

/// Whether the cohorts above this one, itself included, never end.
fn leads_to_cycle(name: &Text, cohorts: &SortedMap<&Text, &Cohort>) -> bool {
    let mut chain = std::iter::once(name).chain(above(name, cohorts));
    chain.any(|own| is_in_cycle(own, cohorts))
}

/// Cohorts above one, each once.
fn above<'a>(
    name: &'a Text,
    cohorts: &'a SortedMap<&Text, &Cohort>,
) -> impl Iterator<Item = &'a Text> {
    let parent = |name: &Text| cohorts.get(name).and_then(|cohort| cohort.parent.as_ref());
    std::iter::successors(parent(name), move |name| parent(name)).take(cohorts.len())
}
