//! A consolidating provisioner in Karpenter's manner: it buys the cheapest instance types that the
//! pods that wait fit, and gives back or replaces nodes when that is cheaper
//! (spec: kubernetes.md 3.4).

mod candidate;
mod component;
mod consolidate;
mod disrupt;
mod domains;
mod market;
mod movable;
mod pack;
mod pools;
mod preferences;
mod refusals;
mod replace;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::nodes::pods::pods_on;
use crate::nodes::{ClusterView, Daemons, DeclarationCache, Departures, DrainRules, OrderRefusals};
use crate::snapshot::{ClusterSnapshot, KubeSnapshot};
use cluster::Store;
use control::Outbox;
use control::provider::{MachineOrder, ProviderRequest};
use model::node::HOSTNAME_LABEL;
use model::{ClusterObjects, NewPrice, Node, PodRef, Text};
use scheduler::kube::{CacheError, KubeProfile};
use units::{Duration, Instant, NodeId, SortedMap, SortedSet};

use candidate::PoolNode;
pub use candidate::{BudgetWindow, Reason};
pub use consolidate::{Consolidation, Leaver, PodsOf, Proposal};
use disrupt::{Decision, Replacement};
pub use market::Market;
use movable::{CoveringBudgets, is_moved};
pub use pack::{NewNode, PackResult, pack};
pub use pools::{ConsolidationPolicy, DisruptionBudget, InitialNode, Pool};
pub use preferences::Applicant;
use preferences::Preferences;
pub use replace::{ReplacedNode, replacements};

/// The taint of nodes on their way out.
const LEAVING_TAINT: &str = "karpenter.sh/disrupted";
/// Pods that wait are taken together until none came for this time …
const BATCH_IDLE: Duration = Duration::from_secs(1);
/// … at most for this one.
const BATCH_MOST: Duration = Duration::from_secs(10);
/// Time after which pods that wait or lose their node are looked at again.
const PLANNED_ANEW: Duration = Duration::from_secs(10);
/// Time for which a node that pods are expected on is left alone.
const NOMINATION: Duration = Duration::from_secs(20);
/// Time between two steps of emptying nodes.
const EMPTYING_PERIOD: Duration = Duration::from_secs(1);
/// Time between two looks for nodes that could go.
const DISRUPTION_PERIOD: Duration = Duration::from_secs(10);

/// Time after the last change of the cluster from which it is looked at again.
const QUIET_PERIOD: Duration = Duration::from_secs(300);

/// An instance type as it is sold.
#[derive(Clone, Debug)]
pub struct Offering {
    /// The offering's instance type.
    pub instance_type: Text,
    /// Template of the offering's nodes; their name and host name are set when they are ordered.
    pub node: Arc<Node>,
    /// Price per hour, in millionths of the currency.
    pub price: i64,
    /// Key of the price, as used by [`NewPrice`].
    pub priced_as: Text,
    /// Marks an offering that the provider may take back.
    pub is_spot: bool,
    /// The pool that it is for, as a place in the list.
    pub pool: usize,
}

/// Options of a provisioner.
#[derive(Clone)]
pub struct ProvisionerOptions {
    /// Pools, those that are tried first at the beginning, each state of one that changes for itself.
    pub pools: Vec<Pool>,
    /// Nodes that were there at the start and that the provisioner bought before, by name.
    pub found: SortedMap<Text, InitialNode>,
    /// Available offerings.
    pub offerings: Vec<Offering>,
    /// The most nodes; `None` is no limit.
    pub most_nodes: Option<usize>,
    /// Instants at which the declarations of new nodes change.
    pub drifts: Vec<Instant>,
    /// The time of day at zero, in seconds since 1970.
    pub zero_unix_secs: i64,
    /// Whether spot nodes are replaced by cheaper spot nodes.
    pub spot_to_spot: bool,
    /// Whether what pods prefer is left to the scheduler.
    pub ignores_preferences: bool,
    /// Longest time that a node on its way out keeps pods; `None` is for as long as it takes.
    pub termination_grace: Option<Duration>,
    /// The filters of the scheduler.
    pub profile: Arc<KubeProfile>,
    /// Objects around nodes and pods.
    pub objects: Arc<ClusterObjects>,
}

/// A node that was ordered.
#[derive(Clone, Debug)]
struct PendingNode {
    offering: usize,
    /// The pods that it is for.
    pods: Vec<PodRef>,
}

/// The component.
#[derive(Clone)]
pub struct Provisioner {
    options: ProvisionerOptions,
    seen: ClusterView,
    leaving: Departures,
    /// Present prices, by key.
    prices: SortedMap<Text, i64>,
    /// Declarations of the pools' nodes; `None` of others.
    declared: DeclarationCache<Option<Arc<PoolNode>>>,
    /// Orders under way, by the node's name.
    ordered: SortedMap<Text, PendingNode>,
    /// Number of orders that each pod is in.
    met: SortedMap<PodRef, usize>,
    /// Pods that wait and that nothing was ordered for.
    unmet: SortedSet<PodRef>,
    serial: u64,
    /// Instants of the first and the last pod of the present batch, and the number of its pods.
    batch: Option<(Instant, Instant, usize)>,
    /// Instant at which pods were planned for last, and their number.
    planned: Option<(Instant, usize)>,
    /// Instants until which offerings that failed are left out.
    shunned: SortedMap<usize, Instant>,
    disruption_due: Instant,
    emptying_due: Instant,
    /// The decision that is looked at again.
    decision: Option<Decision>,
    /// Nodes that wait for their replacements.
    replacing: Vec<Replacement>,
    /// Nodes that pods are expected on, until when.
    nominated: SortedMap<NodeId, Instant>,
    /// Conditions of pods that wish for something.
    wishes: Preferences,
    /// Whether nothing changed since nothing could be consolidated.
    is_settled: bool,
    /// Instant of the last change of the cluster, or of the last look without one.
    changed_at: Instant,
    /// Number of changes to the declarations of new nodes at the last look at nodes.
    drift_seen: usize,
    /// Instant as of which the states of pools count.
    pools_at: Instant,
    /// Whether nodes may still be closed for a command that an earlier provisioner did not carry out.
    has_remains: bool,
    refusals: OrderRefusals,
}

/// Time for which an offering is left out after a failure.
const SHUNNED: Duration = Duration::from_secs(180);

impl Provisioner {
    /// A provisioner that has seen nothing yet.
    pub fn new(options: ProvisionerOptions) -> Self {
        Self {
            seen: ClusterView::new(options.profile.changes),
            leaving: Departures::new(
                LEAVING_TAINT,
                None,
                DrainRules::Karpenter {
                    limit: options.termination_grace,
                },
            ),
            prices: prices(&options),
            declared: DeclarationCache::default(),
            ordered: SortedMap::new(),
            met: SortedMap::new(),
            unmet: SortedSet::new(),
            serial: 0,
            batch: None,
            planned: None,
            shunned: SortedMap::new(),
            disruption_due: Instant::ZERO.saturating_add(DISRUPTION_PERIOD),
            emptying_due: Instant::ZERO,
            decision: None,
            replacing: Vec::new(),
            nominated: SortedMap::new(),
            wishes: Preferences::new(options.ignores_preferences),
            is_settled: false,
            changed_at: Instant::ZERO,
            drift_seen: 0,
            pools_at: Instant::ZERO,
            has_remains: false,
            refusals: OrderRefusals::default(),
            options,
        }
    }

    /// Offerings that can be asked for.
    fn open(&self, now: Instant) -> Vec<usize> {
        let all = 0..self.options.offerings.len();
        let is_open = |place: &usize| {
            let pool = &self.options.pools[self.options.offerings[*place].pool];
            pool.is_there(now)
                && !pool.is_deleted
                && self.shunned.get(place).is_none_or(|until| *until <= now)
        };
        all.filter(is_open).collect()
    }

    /// The cluster with what is ordered, each node with the pods that it is for, and without the
    /// pods of nodes on their way out, which take nothing; the places of nodes that have not started.
    /// What is simulated is behind a mark, to be taken back.
    fn simulated(
        &mut self,
        now: Instant,
        store: &Store,
        daemons: &Daemons,
    ) -> Result<(KubeSnapshot, SortedSet<usize>), CacheError> {
        let own = &self.options;
        let mut cluster = (self.seen).cluster(store, &own.profile, &own.objects)?;
        cluster.mark();
        let mut starting = SortedSet::new();
        let mut budgets = CoveringBudgets::of(store);
        let place = |cluster: &KubeSnapshot, node| cluster.place_of(store.nodes().name(node));
        let nodes = self.seen.starting();
        starting.extend(nodes.filter_map(|node| place(&cluster, node)));
        for node in self.leaving.nodes() {
            let Some(place) = place(&cluster, node) else {
                continue;
            };
            for pod in pods_on(store, node) {
                let moves = is_moved(now, store, pod, &mut budgets);
                if let Some(info) = self.seen.info(store, pod).filter(|_| moves) {
                    cluster.displace(&info, place);
                }
            }
            cluster.hide(place);
        }
        for (name, own) in &self.ordered {
            let offering = &self.options.offerings[own.offering];
            let node = named(&offering.node, name);
            let on_it = daemons.on(&node);
            let place = cluster.add_node(node, &on_it)?;
            starting.insert(place);
            for &pod in &own.pods {
                let record = store.pods().get(pod);
                let is_homeless = record.is_some_and(|record| {
                    (record.node()).is_none_or(|node| {
                        self.leaving.has(node) && is_moved(now, store, pod, &mut budgets)
                    })
                });
                if let Some(info) = self.seen.info(store, pod).filter(|_| is_homeless) {
                    cluster.place(&info, place);
                }
            }
        }
        Ok((cluster, starting))
    }

    /// Pods that wait and that nothing was ordered for.
    fn unmet(&mut self, store: &Store) -> Vec<(PodRef, Applicant)> {
        let unmet: Vec<PodRef> = self.unmet.iter().copied().collect();
        let changes = self.options.profile.changes;
        let wanted = unmet.into_iter().filter_map(|pod| {
            let record = store.pods().get(pod)?;
            let is_ending = store.pod_states().is_terminating(pod);
            if record.node().is_some() || is_ending {
                return None;
            }
            let info = self.seen.info(store, pod)?;
            Some((pod, self.wishes.of(info, changes)))
        });
        wanted.collect()
    }

    /// Pods of nodes on their way out that nothing was ordered for.
    fn going(&mut self, now: Instant, store: &Store) -> Vec<(PodRef, Applicant)> {
        // Most of the time no node leaves, and a store has many objects.
        let mut known = None;
        let changes = self.options.profile.changes;
        let mut going = Vec::new();
        for node in self.leaving.nodes() {
            for pod in pods_on(store, node) {
                let budgets = known.get_or_insert_with(|| CoveringBudgets::of(store));
                let is_met = self.met.contains_key(&pod);
                if !is_met
                    && is_moved(now, store, pod, budgets)
                    && let Some(info) = self.seen.info(store, pod)
                {
                    going.push((pod, self.wishes.of(info, changes)));
                }
            }
        }
        going
    }

    /// Follows who waits.
    fn follow_waiting(&mut self) {
        for pod in self.seen.take_turned() {
            if self.seen.is_waiting(pod) && !self.met.contains_key(&pod) {
                self.unmet.insert(pod);
            } else {
                self.unmet.remove(&pod);
            }
        }
    }

    /// An order is none any more: the node is there, or will not be.
    fn close_order(&mut self, name: &Text) -> Option<PendingNode> {
        let own = self.ordered.remove(name)?;
        for &pod in &own.pods {
            if let Some(count) = self.met.get_mut(&pod) {
                *count -= 1;
                if *count == 0 {
                    self.met.remove(&pod);
                    if self.seen.is_waiting(pod) {
                        self.unmet.insert(pod);
                    }
                }
            }
        }
        Some(own)
    }

    /// Buys nodes for the pods that wait, once their batch is complete, and for those that lose their
    /// node. Nodes that are there and take some of them are left alone for a while.
    fn provision(
        &mut self,
        now: Instant,
        store: &Store,
        out: &mut Outbox,
    ) -> Result<(), CacheError> {
        let going = self.going(now, store);
        let count = self.unmet.len() + going.len();
        if count == 0 {
            self.batch = None;
            self.refusals.tell(SortedMap::new(), out);
            return Ok(());
        }
        let (first, last) = match self.batch {
            Some((first, last, known)) if known == count => (first, last),
            Some((first, ..)) => (first, now),
            None => (now, now),
        };
        self.batch = Some((first, last, count));
        let idle = last.saturating_add(BATCH_IDLE);
        let most = first.saturating_add(BATCH_MOST);
        let is_planned = self.planned.is_some_and(|(at, known)| {
            self.unmet.is_empty() && known == count && now < at.saturating_add(PLANNED_ANEW)
        });
        if is_planned || (now < idle && now < most) {
            if !is_planned {
                out.wake_at(idle.min(most));
            }
            return Ok(());
        }
        // What finds no place now is tried again when something changes.
        self.batch = Some((now, now, count));
        self.planned = Some((now, count));
        let mut wanted = self.unmet(store);
        wanted.extend(going);
        let daemons = self.seen.daemons(store);
        let rooms = self.rooms(store);
        let (mut cluster, starting) = self.simulated(now, store, &daemons)?;
        let open = self.open(now);
        let mut market = Market::new(&self.options.offerings, &open, &daemons);
        market.starting = starting;
        market.rooms = rooms;
        let packed = pack(&mut market, &mut cluster, &wanted);
        let expected = packed.as_ref().map(|packed| {
            let places: SortedSet<usize> = packed.placed.iter().map(|own| own.1).collect();
            let names = places.iter().map(|&place| &cluster.nodes()[place]);
            let nodes = names.filter_map(|name| store.nodes().by_name(name));
            nodes.collect::<Vec<NodeId>>()
        });
        let expected = expected.unwrap_or_default();
        let refused = packed.as_ref().map_or_else(
            |_| Ok(SortedMap::new()),
            |packed| {
                let pools = &self.options.pools;
                refusals::refusals(&market, pools, &mut cluster, &wanted, &packed.left)
            },
        )?;
        cluster.undo();
        self.seen.keep(cluster);
        let packed = packed?;
        self.nominate(now, expected);
        self.buy(packed.new, refused, store, out);
        Ok(())
    }

    /// Orders new nodes, as many as there may be, and tells the pods that get none.
    fn buy(
        &mut self,
        new: Vec<NewNode>,
        mut refused: SortedMap<PodRef, Text>,
        store: &Store,
        out: &mut Outbox,
    ) {
        let nodes = store.nodes().present().count() + self.ordered.len();
        let most = self.options.most_nodes.unwrap_or(usize::MAX);
        let mut new = new.into_iter();
        for own in new.by_ref().take(most.saturating_sub(nodes)) {
            self.order(own.cheapest, own.pods, store, out);
        }
        for pod in new.flat_map(|own| own.pods) {
            let why = format!("{}, the limit of nodes is reached: {most}", refusals::HEAD);
            refused.insert(pod, why.into());
        }
        self.refusals.tell(refused, out);
    }

    /// Takes up a new price: it may pay now to replace a node.
    fn reprice(&mut self, new: &NewPrice) {
        if let Some(price) = self.prices.get_mut(&new.kind) {
            self.is_settled &= *price == new.price_micro_per_hour;
            *price = new.price_micro_per_hour;
        }
        for own in &mut self.options.offerings {
            if own.priced_as == new.kind && own.price != new.price_micro_per_hour {
                own.price = new.price_micro_per_hour;
                self.is_settled = false;
            }
        }
    }

    fn order(
        &mut self,
        offering: usize,
        pods: Vec<PodRef>,
        store: &Store,
        out: &mut Outbox,
    ) -> Text {
        let own = &self.options.offerings[offering];
        let pool = &self.options.pools[own.pool].name;
        let name: Text = loop {
            let name: Text = format!("{pool}-{}", self.serial).into();
            self.serial += 1;
            let is_awaited = self.ordered.contains_key(&name);
            if store.nodes().by_name(&name).is_none() && !is_awaited {
                break name;
            }
        };
        out.requests.push(ProviderRequest::Launch(MachineOrder {
            node: named(&own.node, &name),
            group: pool.clone(),
            instance_type: own.instance_type.clone(),
            is_spot: own.is_spot,
        }));
        for &pod in &pods {
            *self.met.entry(pod).or_default() += 1;
            self.unmet.remove(&pod);
        }
        self.ordered
            .insert(name.clone(), PendingNode { offering, pods });
        name
    }
}

/// Prices at the start, by key.
fn prices(options: &ProvisionerOptions) -> SortedMap<Text, i64> {
    let sold = options.offerings.iter();
    let sold = sold.map(|own| (own.priced_as.clone(), own.price));
    let found = options.found.values().map(|own| own.price.clone());
    found.chain(sold).collect()
}

/// A node of a name.
fn named(node: &Arc<Node>, name: &Text) -> Arc<Node> {
    let mut node = Node::clone(node);
    node.name = name.clone();
    node.labels.insert(HOSTNAME_LABEL.into(), name.clone());
    Arc::new(node)
}
