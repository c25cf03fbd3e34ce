//! A consolidating provisioner in Karpenter's manner: it buys the cheapest instance types that the
//! pods that wait fit, and gives back or replaces nodes when that is cheaper
//! (spec: kubernetes.md 3.4).

mod candidate;
mod consolidate;
mod disrupt;
mod pack;
mod replace;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::nodes::{Daemons, Declared, Leaving, Seen};
use crate::snapshot::{ClusterSnapshot, KubeSnapshot};
use cluster::{Conflict, Store};
use control::provider::{MachineOrder, ORDERED_LABEL, OrderFailed, ProviderRequest};
use control::{Component, Kept, Outbox, Program, Progress, Write};
use model::node::HOSTNAME_LABEL;
use model::{ClusterObjects, EvictionCause, NewPrice, Node, PodRef, Text};
use scheduler::kube::{CacheError, KubeProfile, PodInfo};
use units::{Duration, Instant, Revision, SortedMap, SortedSet};

use candidate::PoolNode;
pub use candidate::{BudgetWindow, Reason};
pub use consolidate::{Consolidation, Leaver, PodsOf};
use disrupt::Command;
pub use pack::{Market, NewNode, Packed, pack};
pub use replace::{Replaced, replacements};

/// The taint of nodes on their way out.
const LEAVING_TAINT: &str = "karpenter.sh/disrupted";
/// Pods that wait are taken together until none came for this time …
const BATCH_IDLE: Duration = Duration::from_secs(1);
/// … at most for this one.
const BATCH_MOST: Duration = Duration::from_secs(10);
/// Time between two looks for nodes that could go.
const DISRUPTION_PERIOD: Duration = Duration::from_secs(10);

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
}

/// Condition under which nodes are given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsolidationPolicy {
    /// The nodes are empty.
    WhenEmpty,
    /// The nodes are empty, or their pods fit elsewhere, or on something cheaper.
    #[default]
    WhenEmptyOrUnderutilized,
}

/// Number of nodes that may be on their way out at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisruptionBudget {
    /// A number of nodes.
    Nodes(usize),
    /// A percentage of the nodes, rounded up.
    Percent(usize),
}

/// Options of a provisioner.
#[derive(Clone)]
pub struct ProvisionerOptions {
    /// The provisioner's name; nodes bear it as a label, and their names begin with it.
    pub pool: Text,
    /// Available offerings.
    pub offerings: Vec<Offering>,
    /// The most nodes; `None` is no limit.
    pub most_nodes: Option<usize>,
    /// Condition under which nodes are given back.
    pub consolidation: ConsolidationPolicy,
    /// Time for which no pod may have come to or left a node that is consolidated.
    pub consolidate_after: Duration,
    /// Number of nodes that may be on their way out at a time.
    pub budget: DisruptionBudget,
    /// Budgets that hold at times, besides.
    pub budgets: Vec<BudgetWindow>,
    /// Greatest age of a node; `None` is any age.
    pub expire_after: Option<Duration>,
    /// Instants at which the declarations of new nodes change.
    pub drifts: Vec<Instant>,
    /// The time of day at zero, in seconds since 1970.
    pub zero_unix_secs: i64,
    /// Whether spot nodes are replaced by cheaper spot nodes.
    pub spot_to_spot: bool,
    /// The filters of the scheduler.
    pub profile: Arc<KubeProfile>,
    /// Objects around nodes and pods.
    pub objects: Arc<ClusterObjects>,
}

/// A node that was ordered.
#[derive(Clone, Debug)]
struct Ordered {
    offering: usize,
    /// The pods that it is for.
    pods: Vec<PodRef>,
}

/// Claims of nodes, which are objects of the original: what was ordered and what was told to go outlive
/// the program.
struct Claims {
    /// Offerings of orders under way, by the node's name.
    ordered: SortedMap<Text, usize>,
    leaving: Leaving,
    serial: u64,
}

/// The component.
#[derive(Clone)]
pub struct Provisioner {
    options: ProvisionerOptions,
    seen: Seen,
    leaving: Leaving,
    /// Declarations of the pool's nodes; `None` of others.
    declared: Declared<Option<Arc<PoolNode>>>,
    /// Orders under way, by the node's name.
    ordered: SortedMap<Text, Ordered>,
    /// Number of orders that each pod is in.
    met: SortedMap<PodRef, usize>,
    /// Pods that wait and that nothing was ordered for.
    unmet: SortedSet<PodRef>,
    serial: u64,
    /// Instants of the first and the last pod of the present batch, and the number of its pods.
    batch: Option<(Instant, Instant, usize)>,
    /// Instants until which offerings that failed are left out.
    shunned: SortedMap<usize, Instant>,
    disruption_due: Instant,
    command: Option<Command>,
    /// Whether nothing changed since nothing could be consolidated.
    is_settled: bool,
    /// Number of changes to the declarations of new nodes at the last look at nodes.
    drift_seen: usize,
    /// Whether nodes may still be closed for a command that an earlier provisioner did not carry out.
    has_remains: bool,
}

/// Time for which an offering is left out after a failure.
const SHUNNED: Duration = Duration::from_secs(180);

impl Provisioner {
    /// A provisioner that has seen nothing yet.
    pub fn new(options: ProvisionerOptions) -> Self {
        Self {
            seen: Seen::new(options.profile.changes),
            options,
            leaving: Leaving::new(LEAVING_TAINT, None),
            declared: Declared::default(),
            ordered: SortedMap::new(),
            met: SortedMap::new(),
            unmet: SortedSet::new(),
            serial: 0,
            batch: None,
            shunned: SortedMap::new(),
            disruption_due: Instant::ZERO.saturating_add(DISRUPTION_PERIOD),
            command: None,
            is_settled: false,
            drift_seen: 0,
            has_remains: false,
        }
    }

    /// Offerings that can be asked for.
    fn open(&self, now: Instant) -> Vec<usize> {
        let all = 0..self.options.offerings.len();
        let is_open = |place: &usize| self.shunned.get(place).is_none_or(|until| *until <= now);
        all.filter(is_open).collect()
    }

    /// The cluster with what is ordered, each node with the pods that it is for; nodes on their way
    /// out take nothing. What is ordered is behind a mark, to be taken back.
    fn simulated(&mut self, store: &Store, daemons: &Daemons) -> Result<KubeSnapshot, CacheError> {
        let own = &self.options;
        let mut cluster = (self.seen).cluster(store, &own.profile, &own.objects)?;
        cluster.mark();
        for (name, own) in &self.ordered {
            let offering = &self.options.offerings[own.offering];
            let node = named(&offering.node, name);
            let on_it = daemons.on(&node);
            let place = cluster.add_node(node, &on_it)?;
            for &pod in &own.pods {
                let is_waiting = store
                    .pods()
                    .get(pod)
                    .is_some_and(|record| record.node().is_none());
                if let Some(info) = self.seen.info(store, pod).filter(|_| is_waiting) {
                    cluster.place(&info, place);
                }
            }
        }
        Ok(cluster)
    }

    /// Pods that wait and that nothing was ordered for.
    fn unmet(&mut self, store: &Store) -> Vec<(PodRef, Arc<PodInfo>)> {
        let unmet: Vec<PodRef> = self.unmet.iter().copied().collect();
        let infos = unmet.into_iter().filter_map(|pod| {
            let record = store.pods().get(pod)?;
            let is_ending = store.pod_states().is_terminating(pod);
            if record.node().is_some() || is_ending {
                return None;
            }
            Some((pod, self.seen.info(store, pod)?))
        });
        infos.collect()
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
    fn close_order(&mut self, name: &Text) -> Option<Ordered> {
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

    /// Buys nodes for the pods that wait, once their batch is complete.
    fn provision(
        &mut self,
        now: Instant,
        store: &Store,
        out: &mut Outbox,
    ) -> Result<(), CacheError> {
        if self.unmet.is_empty() {
            self.batch = None;
            return Ok(());
        }
        let unmet_count = self.unmet.len();
        let (first, last) = match self.batch {
            Some((first, last, count)) if count == unmet_count => (first, last),
            Some((first, ..)) => (first, now),
            None => (now, now),
        };
        self.batch = Some((first, last, unmet_count));
        let idle = last.saturating_add(BATCH_IDLE);
        let most = first.saturating_add(BATCH_MOST);
        if now < idle && now < most {
            out.wake_at(idle.min(most));
            return Ok(());
        }
        // What finds no place now is tried again when something changes.
        self.batch = Some((now, now, unmet_count));
        let unmet = self.unmet(store);
        let daemons = self.seen.daemons(store);
        let mut cluster = self.simulated(store, &daemons)?;
        let open = self.open(now);
        let mut market = Market::new(&self.options.offerings, &open, &daemons);
        let packed = pack(&mut market, &mut cluster, &unmet);
        cluster.undo();
        self.seen.keep(cluster);
        let packed = packed?;
        let nodes = store.nodes().present().count() + self.ordered.len();
        let most = self.options.most_nodes.unwrap_or(usize::MAX);
        for own in packed.new.into_iter().take(most.saturating_sub(nodes)) {
            self.order(own.cheapest, own.pods, store, out);
        }
        Ok(())
    }

    /// Takes up a new price: it may pay now to replace a node.
    fn reprice(&mut self, new: &NewPrice) {
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
        let name: Text = loop {
            let name: Text = format!("{}-{}", self.options.pool, self.serial).into();
            self.serial += 1;
            let is_awaited = self.ordered.contains_key(&name);
            if store.nodes().by_name(&name).is_none() && !is_awaited {
                break name;
            }
        };
        let own = &self.options.offerings[offering];
        out.requests.push(ProviderRequest::Launch(MachineOrder {
            node: named(&own.node, &name),
            group: self.options.pool.clone(),
            instance_type: own.instance_type.clone(),
            is_spot: own.is_spot,
        }));
        for &pod in &pods {
            *self.met.entry(pod).or_default() += 1;
            self.unmet.remove(&pod);
        }
        self.ordered
            .insert(name.clone(), Ordered { offering, pods });
        name
    }
}

/// A node of a name.
fn named(node: &Arc<Node>, name: &Text) -> Arc<Node> {
    let mut node = Node::clone(node);
    node.name = name.clone();
    node.labels.insert(HOSTNAME_LABEL.into(), name.clone());
    Arc::new(node)
}

impl Component for Provisioner {
    fn name(&self) -> &'static str {
        "provisioner"
    }

    fn program(&self) -> Program {
        Program::Provisioner
    }

    fn cursor(&self) -> Revision {
        self.seen.cursor()
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.seen.read(view);
        self.follow_waiting();
        for (_, name) in self.seen.take_joined() {
            self.close_order(&name);
        }
        for node in self.seen.take_left() {
            self.leaving.forget(node);
            self.declared.forget(node);
        }
        for new in self.seen.take_priced() {
            self.reprice(&new);
        }
        if std::mem::take(&mut self.has_remains) {
            // Nodes of commands that were in memory alone (`disruption/controller.go`, `Reconcile`).
            self.leaving.release_held(view, out);
        }
        let provisioned = self.provision(now, view, out);
        debug_assert!(provisioned.is_ok(), "invariant: {provisioned:?}");
        if now >= self.disruption_due {
            self.disruption_due = now.saturating_add(DISRUPTION_PERIOD);
            self.is_settled &= !self.seen.take_changed();
            self.leaving
                .proceed(now, view, EvictionCause::Consolidation, out);
            let disrupted = self.disrupt(now, view, out);
            debug_assert!(disrupted.is_ok(), "invariant: {disrupted:?}");
        }
        out.wake_at(self.disruption_due);
        Progress::Idle
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {}

    fn awaits(&mut self, _now: Instant, order: &MachineOrder) {
        let name = &order.node.name;
        let mut declared = Node::clone(&order.node);
        declared.labels.remove(ORDERED_LABEL);
        let mut offerings = self.options.offerings.iter();
        let offering = offerings.position(|own| *named(&own.node, name) == declared);
        if let Some(offering) = offering.filter(|_| order.group == self.options.pool) {
            let pods = Vec::new();
            self.ordered
                .insert(name.clone(), Ordered { offering, pods });
        }
    }

    fn kept(&self) -> Option<Kept> {
        let ordered = self.ordered.iter();
        let claims = Claims {
            ordered: ordered
                .map(|(name, own)| (name.clone(), own.offering))
                .collect(),
            leaving: self.leaving.clone(),
            serial: self.serial,
        };
        let what = Box::new(claims);
        Some(Kept { by: None, what })
    }

    fn reads_back(&mut self, _now: Instant, kept: Kept) {
        let Ok(claims) = kept.what.downcast::<Claims>() else {
            return;
        };
        let ordered = claims.ordered.into_iter();
        let ordered = ordered.map(|(name, offering)| {
            let pods = Vec::new();
            (name, Ordered { offering, pods })
        });
        self.ordered = ordered.collect();
        self.leaving = claims.leaving;
        self.serial = claims.serial;
        self.has_remains = true;
    }

    fn restarted(&mut self, now: Instant) {
        self.disruption_due = now.saturating_add(DISRUPTION_PERIOD);
    }

    fn order_failed(&mut self, now: Instant, failed: &OrderFailed) {
        if let Some(own) = self.close_order(&failed.node) {
            self.shunned
                .insert(own.offering, now.saturating_add(SHUNNED));
            self.batch = None;
        }
        if let Some(command) = &mut self.command
            && command.awaits(&failed.node)
        {
            command.fail();
        }
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
