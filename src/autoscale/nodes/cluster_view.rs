//! The cluster as an autoscaler of nodes sees it: followed by the log, shown as the scheduler's own
//! filters see it for simulations.

use std::sync::Arc;

use super::Daemons;
use super::drain::NodePod;
use super::pod_events::PodEvents;
use super::pods::{BudgetList, is_daemon, node_pod, pods_on, priority_of};
use super::start_up::{StartUps, started};
use crate::snapshot::{ClusterSnapshot, KubeSnapshot};
use cluster::Store;
use model::{
    Changes, ClusterObjects, EndReason, Event, EvictionCause, LabelSelector, NewPrice, Node,
    Object, Pod, PodChange, PodRef, PodSpec, Text,
};
use scheduler::kube::{Cache, CacheError, KubeProfile, PodClass, PodInfo};
use units::{ClassId, Duration, Instant, NodeId, ObjectId, Revision, SortedMap, SortedSet};

/// Followed state of the cluster.
#[derive(Clone, Default)]
pub struct ClusterView {
    cursor: Revision,
    /// Pods that an attempt to place failed for, and that have no node yet.
    waiting: SortedSet<PodRef>,
    /// Pods that began to wait or ceased to since it was last asked.
    turned: Vec<PodRef>,
    /// Where pods are, and when they last came to or left each node.
    pod_events: PodEvents,
    classes: SortedMap<ClassId, Arc<PodClass>>,
    /// Names of nodes that joined since it was last asked.
    joined: Vec<(NodeId, Text)>,
    /// Nodes that joined and have not started yet.
    start_ups: StartUps,
    /// Nodes that left since it was last asked.
    left: Vec<NodeId>,
    /// Prices that changed since it was last asked.
    priced: Vec<Arc<NewPrice>>,
    has_changed: bool,
    /// The cluster as it was shown last.
    cluster: Option<KubeSnapshot>,
    /// Nodes whose pods are not as the cluster has them.
    behind: SortedSet<NodeId>,
    /// Nodes that are not declared as the cluster has them, or not up or down as it has them.
    redeclared: SortedSet<NodeId>,
    /// Nodes that joined, and names of nodes that left, since the cluster was shown.
    fresh: Vec<NodeId>,
    gone: Vec<Text>,
    /// The pods of nodes as scale-down sees them, where time changes nothing about them.
    node_pods: SortedMap<NodeId, Arc<Vec<NodePod>>>,
    /// Selectors of the budgets that the view knows, by number.
    meant: Vec<(Text, Option<LabelSelector>)>,
    /// Classes of pods of daemon sets, by the sets.
    daemons: SortedMap<ObjectId, Arc<PodClass>>,
    /// Pods of lower priority don't count.
    least_priority: Option<i32>,
    /// Switches of the release by which pods count.
    changes: Changes,
}

impl ClusterView {
    /// Has seen nothing yet; pods count as in the release that the scheduler follows, and a node
    /// starts until it is ready once.
    pub fn new(changes: Changes) -> Self {
        Self {
            changes,
            ..Self::default()
        }
    }

    /// A node that is not ready counts as one that starts for so long after its joining.
    pub fn starting_for(mut self, span: Duration) -> Self {
        self.start_ups.span = Some(span);
        self
    }

    /// Pods of lower priority don't count, wherever they are.
    pub fn without_below(mut self, priority: i32) -> Self {
        self.least_priority = Some(priority);
        self
    }

    /// Revision up to which the log was read.
    pub const fn cursor(&self) -> Revision {
        self.cursor
    }

    /// Reads what is new.
    pub fn read(&mut self, store: &Store) {
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::PodUnschedulable { pod } => {
                    if self.waiting.insert(*pod) {
                        self.has_changed = true;
                        self.turned.push(*pod);
                    }
                    continue;
                }
                Event::PodBound { pod, node, .. } => {
                    self.waits_no_more(*pod);
                    let is_daemon = is_daemon(store, *pod);
                    self.pod_events.took(entry.at, *pod, *node, is_daemon);
                    self.changed_pods(*node);
                }
                Event::PodEnded { pod, .. } => {
                    self.waits_no_more(*pod);
                    if let Some(node) = self.pod_events.lost(entry.at, *pod) {
                        self.changed_pods(node);
                    }
                }
                Event::PodChanged { pod, change } => {
                    if matches!(change, PodChange::Terminating { .. }) {
                        self.pod_events.told_to_end(entry.at, *pod);
                    }
                    if let Some(node) = store.pods().get(*pod).and_then(Pod::node) {
                        self.changed_pods(node);
                    }
                }
                Event::NodeAdded { node, object } => {
                    self.joined.push((*node, object.name.clone()));
                    self.start_ups.joined(store, entry.at, *node);
                    self.pod_events.started(*node, entry.at);
                    self.fresh.push(*node);
                }
                Event::NodeRemoved { node } => {
                    self.left.push(*node);
                    self.pod_events.left(*node);
                    self.start_ups.left(*node);
                    self.node_pods.remove(node);
                    self.gone.push(store.nodes().name(*node).into());
                }
                Event::NodeUpdated { node, .. } => self.changed_node(store, entry.at, *node),
                Event::NodeReadiness { node, .. } => {
                    self.start_ups.turned(entry.at, *node);
                    self.changed_node(store, entry.at, *node);
                }
                Event::PriceChanged(new) => {
                    self.priced.push(Arc::clone(new));
                    continue;
                }
                Event::Object(_)
                | Event::ClassAdded { .. }
                | Event::NodeContact { .. }
                | Event::PodCreated(_)
                | Event::PodStarting { .. }
                | Event::PodRunning { .. }
                | Event::HoldPlaced(_)
                | Event::HoldReleased { .. }
                | Event::Decided(_)
                | Event::Delivery(_)
                | Event::Rollout { .. }
                | Event::Volume(_)
                | Event::ServiceLevels(_)
                | Event::MachineFailed(_) => continue,
            }
            self.has_changed = true;
        }
        self.cursor = store.revision();
    }

    fn changed_node(&mut self, store: &Store, at: Instant, node: NodeId) {
        self.redeclared.insert(node);
        let was_starting = self.is_starting(node);
        self.start_ups.follow(store, at, node);
        if was_starting && !self.is_starting(node) {
            self.pod_events.started(node, at);
        }
    }

    /// Nodes that take longer than they may to start count as what they are.
    pub fn give_up_starting(&mut self, now: Instant) {
        let late = self.start_ups.give_up(now);
        self.has_changed |= !late.is_empty();
        self.redeclared.extend(late);
    }

    /// True for a node that joined and has not started yet: it counts as the node that it will be
    /// (spec: kubernetes.md 3.3, upcoming nodes).
    pub fn is_starting(&self, node: NodeId) -> bool {
        self.start_ups.has(node)
    }

    /// Nodes that joined and have not started yet.
    pub fn starting(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.start_ups.nodes()
    }

    /// Whether a node can be an example of its group's nodes.
    pub fn is_stable(&self, now: Instant, store: &Store, node: NodeId) -> bool {
        self.start_ups.is_stable(now, store, node)
    }

    /// A node as simulations have it: one that starts without the taints of that.
    fn as_simulated(&self, store: &Store, node: NodeId) -> Option<Arc<Node>> {
        let object = store.nodes().object(node)?;
        let is_starting = self.is_starting(node);
        Some(if is_starting {
            started(object)
        } else {
            Arc::clone(object)
        })
    }

    /// True where simulations have a node as one that takes no pods.
    fn is_down(&self, store: &Store, node: NodeId) -> bool {
        !store.nodes().is_ready(node) && !self.is_starting(node)
    }

    fn waits_no_more(&mut self, pod: PodRef) {
        if self.waiting.remove(&pod) {
            self.turned.push(pod);
        }
    }

    /// Pods that began to wait or ceased to since it was last asked.
    pub fn take_turned(&mut self) -> Vec<PodRef> {
        std::mem::take(&mut self.turned)
    }

    /// Prices that changed since it was last asked.
    pub fn take_priced(&mut self) -> Vec<Arc<NewPrice>> {
        std::mem::take(&mut self.priced)
    }

    /// Whether a pod waits.
    pub fn is_waiting(&self, pod: PodRef) -> bool {
        self.waiting.contains(&pod)
    }

    /// The pods of a node are not as they were.
    fn changed_pods(&mut self, node: NodeId) {
        self.behind.insert(node);
        self.node_pods.remove(&node);
    }

    /// Whether anything changed that bears on nodes since it was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    /// Nodes that joined since it was last asked.
    pub fn take_joined(&mut self) -> Vec<(NodeId, Text)> {
        std::mem::take(&mut self.joined)
    }

    /// Nodes that left since it was last asked.
    pub fn take_left(&mut self) -> Vec<NodeId> {
        std::mem::take(&mut self.left)
    }

    /// Instant at which a pod last came to or left a node, or the node started.
    pub fn touched(&self, node: NodeId) -> Instant {
        self.pod_events.of(node)
    }

    /// Pods that wait, oldest first, each with its age.
    pub fn waiting(
        &mut self,
        now: Instant,
        store: &Store,
    ) -> Vec<(PodRef, Arc<PodInfo>, Duration)> {
        let waiting: Vec<PodRef> = self.waiting.iter().copied().collect();
        let waiting = waiting.into_iter().filter_map(|pod| {
            let record = store.pods().get(pod)?;
            let is_ending = store.pod_states().is_terminating(pod);
            if record.node().is_some() || is_ending {
                return None;
            }
            let age = now.since(record.created);
            Some((pod, self.info(store, pod)?, age))
        });
        waiting.collect()
    }

    /// Whether any pod waits.
    pub fn is_awaited(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// A pod as the scheduler sees it.
    pub fn info(&mut self, store: &Store, pod: PodRef) -> Option<Arc<PodInfo>> {
        let record = store.pods().get(pod)?;
        let class = self.class(store, record.class)?;
        let mut info = PodInfo {
            class,
            uid: uid(pod),
            name: record.name.clone(),
            is_terminating: store.pod_states().is_terminating(pod),
            ..PodInfo::default()
        };
        info.set_devices(record.devices());
        Some(Arc::new(info))
    }

    fn class(&mut self, store: &Store, class: ClassId) -> Option<Arc<PodClass>> {
        if let Some(known) = self.classes.get(&class) {
            return Some(known.clone());
        }
        let derived = PodClass::derive(store.class(class).spec.clone(), self.changes).ok()?;
        let derived = Arc::new(derived);
        self.classes.insert(class, derived.clone());
        Some(derived)
    }

    /// The cluster as it is, to simulate in; the caller gives it back by [`ClusterView::keep`], as it was.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn cluster(
        &mut self,
        store: &Store,
        profile: &Arc<KubeProfile>,
        objects: &ClusterObjects,
    ) -> Result<KubeSnapshot, CacheError> {
        let behind = std::mem::take(&mut self.behind);
        let redeclared = std::mem::take(&mut self.redeclared);
        let fresh = std::mem::take(&mut self.fresh);
        let gone = std::mem::take(&mut self.gone);
        let Some(mut cluster) = self.cluster.take() else {
            let cache = self.whole(store, objects)?;
            return Ok(KubeSnapshot::new(cache, profile.clone()));
        };
        let nodes = store.nodes();
        if !gone.is_empty() || !fresh.is_empty() {
            let new = fresh
                .iter()
                .filter_map(|&node| self.as_simulated(store, node));
            cluster.follow_nodes(&gone, new)?;
        }
        for &node in fresh.iter().chain(&redeclared) {
            if let Some(object) = self.as_simulated(store, node) {
                cluster.follow_node(&object, self.is_down(store, node))?;
            }
        }
        for &node in fresh.iter().chain(&behind) {
            if nodes.object(node).is_some() {
                self.catch_up(store, &mut cluster, node);
            }
        }
        Ok(cluster)
    }

    /// Keeps the cluster until it is asked for again.
    pub fn keep(&mut self, cluster: KubeSnapshot) {
        self.cluster = Some(cluster);
    }

    /// The pods of a node that count. Those that were preempted make room for a pod that has the node
    /// as its nominated one and needs no other.
    fn counted_on(&self, store: &Store, node: NodeId) -> Vec<PodRef> {
        let mut pods = pods_on(store, node);
        pods.retain(|&pod| !is_preempted(store, pod));
        if let Some(least) = self.least_priority {
            pods.retain(|&pod| priority_of(store, pod) >= least);
        }
        pods
    }

    /// Brings the pods of a node up to date.
    fn catch_up(&mut self, store: &Store, cluster: &mut KubeSnapshot, node: NodeId) {
        let name = store.nodes().name(node);
        let Some(place) = cluster.place_of(name) else {
            return;
        };
        let mut missing: SortedMap<u64, PodRef> = self
            .counted_on(store, node)
            .into_iter()
            .map(|pod| (uid(pod), pod))
            .collect();
        for info in cluster.pods_at(place) {
            let is_same = missing.get(&info.uid).is_some_and(|&pod| {
                let devices = store.pods().get(pod).map(Pod::devices);
                info.is_terminating == store.pod_states().is_terminating(pod)
                    && devices == Some(info.devices())
            });
            if is_same {
                missing.remove(&info.uid);
            } else {
                cluster.displace(&info, place);
            }
        }
        for pod in missing.into_values() {
            if let Some(info) = self.info(store, pod) {
                cluster.place(&info, place);
            }
        }
    }

    fn whole(&mut self, store: &Store, objects: &ClusterObjects) -> Result<Cache, CacheError> {
        let mut cache = Cache::of_release(self.changes);
        *cache.objects = objects.clone();
        let nodes = store.nodes();
        let present: Vec<NodeId> = nodes.present().collect();
        cache.add_nodes(
            present
                .iter()
                .filter_map(|&node| self.as_simulated(store, node)),
        )?;
        for node in present {
            let name = nodes.name(node).to_owned();
            if self.is_down(store, node) {
                cache.set_down(&name, true);
            }
            for pod in self.counted_on(store, node) {
                if let Some(info) = self.info(store, pod) {
                    cache.add_pod(info, &name)?;
                }
            }
        }
        Ok(cache)
    }

    /// The pods of a node as scale-down sees them.
    pub fn node_pods(
        &mut self,
        now: Instant,
        store: &Store,
        node: NodeId,
        budgets: &BudgetList,
    ) -> Arc<Vec<NodePod>> {
        if let Some(known) = self.node_pods.get(&node) {
            return known.clone();
        }
        let pods = self.counted_on(store, node).into_iter();
        let pods = pods.filter_map(|pod| node_pod(now, store, pod, budgets));
        let pods: Arc<Vec<NodePod>> = Arc::new(pods.collect());
        if !pods.iter().any(NodePod::changes_by_itself) {
            self.node_pods.insert(node, pods.clone());
        }
        pods
    }

    /// Budgets are about to be asked for: what is known holds if they mean whom they meant.
    pub fn heed_budgets(&mut self, budgets: &BudgetList) {
        let is_same = budgets.len() == self.meant.len()
            && budgets
                .iter()
                .zip(&self.meant)
                .all(|((own, _), known)| own.namespace == known.0 && own.selector == known.1);
        if !is_same {
            let meant = budgets.iter();
            self.meant = meant
                .map(|(own, _)| (own.namespace.clone(), own.selector.clone()))
                .collect();
            self.node_pods.clear();
        }
    }

    /// The daemon sets, each with a pod of it.
    pub fn daemons(&mut self, store: &Store) -> Daemons {
        let mut daemons = Vec::new();
        let mut classes = SortedMap::new();
        for (id, row) in store.objects().iter() {
            let Object::DaemonSet(set) = &row.object else {
                continue;
            };
            let spec = PodSpec {
                namespace: set.namespace.clone(),
                ..(*set.template).clone()
            };
            let known = self.daemons.remove(&id).filter(|known| *known.spec == spec);
            let class = known.map_or_else(
                || PodClass::derive(Arc::new(spec), self.changes).map(Arc::new),
                Ok,
            );
            let Ok(class) = class else { continue };
            classes.insert(id, class.clone());
            let pod = PodInfo {
                class,
                name: set.name.clone().into(),
                ..PodInfo::default()
            };
            daemons.push((set.template.clone(), Arc::new(pod)));
        }
        self.daemons = classes;
        Daemons::new(daemons)
    }
}

/// Whether a pod ends because another is to have its place.
fn is_preempted(store: &Store, pod: PodRef) -> bool {
    let state = store.pod_states().get(pod);
    let order = state.and_then(|state| state.terminating);
    order.is_some_and(|order| order.reason == EndReason::Evicted(EvictionCause::Preemption))
}

/// A pod's identity as the scheduler has it, where 0 is none.
fn uid(pod: PodRef) -> u64 {
    u64::from(pod.id.0) + 1
}
