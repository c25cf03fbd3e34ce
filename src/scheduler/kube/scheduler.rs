//! The Kubernetes scheduler as a component. It feeds its cache and its queue from the log, takes
//! one pod a step through a cycle, assumes the outcome, and binds it once a binding time has
//! passed; a pod that fails goes back to the queue when its cycle is over, and what it preempts is
//! evicted.
//!
//! A node that is down carries the taint of an unreachable one. Times of the queue are those at
//! which the component is stepped: with a decision-time model a cycle begins at one step and fails
//! at the next.

mod act;
mod claims;
mod devices;
mod objects;
mod permit;
mod pod_record;
mod race;
mod read;

use std::sync::Arc;

use super::cycle::Round;
use super::labels::{Labels, Work};
use super::queue::{Backoff, PluginMask, PodUid};
use super::volumes::Reservations;
use super::{
    Cache, ClusterEvent, KubeProfile, NodeInfo, Outside, PodClass, Queue, QueueContext, TieBreak,
    Witness,
};
use crate::pipeline::evaluate::Form;
use cluster::{Conflict, Store};
use control::client_limit::{ClientLimit, TokenBucket};
use control::probe::Probe;
use control::{Component, Outbox, Progress, Write};
use model::workload::StatefulSet;
use model::{ClusterObjects, Event, Node, PodRef, Text};
use permit::WaitingPods;
use pod_record::{Pods, uid_of};
use units::{ComponentId, Duration, Instant, NodeId, ObjectId, Revision, SortedMap, SortedSet};

/// A pod's role in preemptions before the scheduler starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreemptionState {
    /// The node that it awaits a place on.
    pub nominated_node: Option<Text>,
    /// Marks a pod that ends because a scheduler preempted it.
    pub is_preempted: bool,
}

/// Settings of a scheduler.
#[derive(Clone)]
pub struct KubeOptions {
    /// The scheduler's place in the control plane.
    pub owner: ComponentId,
    /// The scheduler's name, for messages.
    pub name: String,
    /// The scheduler's profiles, at least one; pods choose theirs by scheduler name.
    pub profiles: Vec<KubeProfile>,
    /// Time for which failed pods are kept back.
    pub backoff: Backoff,
    /// Tie-breaking rule among equally good nodes.
    pub ties: TieBreak,
    /// Form that decides.
    pub form: Form,
    /// Time from the end of a cycle to the binding; the pod's place is held meanwhile.
    pub binding_time: Duration,
    /// Time from the order to evict a pod to its end.
    pub eviction_time: Duration,
    /// The limit of the client that binds; `None` sends every binding at once.
    pub client: Option<ClientLimit>,
    /// Namespaces, budgets, services, owners, storage, groups.
    pub objects: ClusterObjects,
    /// Witness that sees every attempt.
    pub witness: Option<Arc<dyn Witness>>,
    /// Pods, by namespace and name, that take part in preemptions when they are first seen.
    pub preemptions: SortedMap<(Text, Text), PreemptionState>,
    /// The scheduler's place among others.
    pub place: SchedulerPlace,
}

/// Place of a scheduler among others over one store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchedulerPlace {
    /// Labels of the nodes that the scheduler places pods on; none is every node.
    pub nodes: model::Labels,
    /// Names by which pods choose the other schedulers.
    pub others: Arc<[Text]>,
    /// Delay with which it sees changes, in addition to that of all components.
    pub watch_delay: Duration,
    /// Time that it takes to decide on a pod, in addition to that of all components.
    pub decision_time: Duration,
}

impl SchedulerPlace {
    fn holds(&self, node: &Node) -> bool {
        let mut nodes = self.nodes.iter();
        nodes.all(|(key, value)| node.labels.get(key) == Some(value))
    }
}

/// Work left after a failed cycle.
#[derive(Clone, Debug)]
struct CycleFailure {
    pod: PodRef,
    rejected_by: PluginMask,
}

/// A node as last reported.
#[derive(Clone, Debug)]
struct NodeRecord {
    /// The node as declared, with the taint of a node that is down if applicable.
    object: Arc<Node>,
    /// The node's slot in the cache.
    slot: u32,
    is_ready: bool,
    is_down: bool,
}

impl NodeRecord {
    /// The node when empty; `None` is impossible because the store refuses amounts that don't fit.
    fn empty(&self) -> Option<Arc<NodeInfo>> {
        let mut info = NodeInfo::new(self.object.clone()).ok()?;
        info.is_down = self.is_down;
        Some(Arc::new(info))
    }
}

/// The scheduler.
#[derive(Clone)]
pub struct KubeScheduler {
    options: Arc<KubeOptions>,
    round: Round,
    labels: Labels,
    cache: Cache,
    queue: Queue,
    pods: Pods,
    nodes: Vec<Option<NodeRecord>>,
    /// The node in each slot of the cache; it may have left.
    by_slot: Vec<NodeId>,
    /// By index of the store's classes.
    classes: Vec<Arc<PodClass>>,
    cursor: Revision,
    failed: Option<CycleFailure>,
    /// Placed pods whose write was refused.
    refused: Vec<PodRef>,
    /// The newest attempt, where others race for the same nodes.
    attempt: Option<race::Attempt>,
    /// The tokens of the client that binds, where it is limited.
    client: Option<TokenBucket>,
    /// Placed pods by when they are bound.
    bindings: SortedSet<(Instant, PodRef)>,
    waiting: WaitingPods,
    /// Numbers of holds that stand for nothing any more.
    releases: Vec<u64>,
    /// Terminating pods, by deadline.
    evictions: SortedSet<(Instant, PodRef)>,
    /// The newest message of pods that found no place.
    messages: SortedMap<PodUid, Text>,
    /// Preemption states of pods that the scheduler has not seen yet.
    preemptions: SortedMap<(Text, Text), PreemptionState>,
    /// Storage of pods that have a place and are not bound yet.
    reservations: Reservations,
    /// Claims on devices of pods that are about to be bound.
    claims: devices::ClaimWrites,
    /// Stateful sets whose claims don't stay.
    claim_owners: SortedMap<ObjectId, Arc<StatefulSet>>,
    /// Objects of the API that placements look at.
    named: SortedMap<ObjectId, objects::ObjectKey>,
    /// Number of times that the cluster changed in a way that may change a decision.
    changes: u64,
    /// Pods that failed, by how often it had changed then.
    tried_at: SortedSet<(u64, PodUid)>,
}

impl KubeScheduler {
    /// A scheduler that has seen nothing yet.
    pub fn new(options: KubeOptions) -> Self {
        let queue = Queue::new(&options.profiles, options.backoff, Instant::ZERO);
        let first = options.profiles.first();
        let mut cache = Cache::of_release(first.map(|own| own.changes).unwrap_or_default());
        *cache.objects = options.objects.clone();
        Self {
            round: Round::new(options.ties.clone(), options.form),
            labels: Labels::default(),
            preemptions: options.preemptions.clone(),
            client: options.client.map(TokenBucket::new),
            options: Arc::new(options),
            cache,
            queue,
            pods: Pods::default(),
            nodes: Vec::new(),
            by_slot: Vec::new(),
            classes: Vec::new(),
            cursor: Revision::default(),
            failed: None,
            refused: Vec::new(),
            attempt: None,
            bindings: SortedSet::new(),
            waiting: WaitingPods::default(),
            releases: Vec::new(),
            evictions: SortedSet::new(),
            messages: SortedMap::new(),
            reservations: Reservations::default(),
            claim_owners: SortedMap::new(),
            claims: devices::ClaimWrites::default(),
            named: SortedMap::new(),
            changes: 0,
            tried_at: SortedSet::new(),
        }
    }

    /// The scheduler's cache of its cluster.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The scheduler's queue.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// The scheduler's profiles.
    pub fn profiles(&self) -> &[KubeProfile] {
        &self.options.profiles
    }

    /// Pods that wait, with the message of their newest failed attempt, by creation.
    pub fn messages(&self) -> impl Iterator<Item = (PodRef, &Text)> {
        let messages = self.messages.iter();
        messages.filter_map(|(&uid, text)| Some((self.pods.by_uid(uid)?, text)))
    }

    /// The sides of plugins towards programs outside.
    fn outsides(&self) -> impl Iterator<Item = &dyn Outside> {
        self.options.profiles.iter().flat_map(KubeProfile::outsides)
    }

    /// Calls the queue with what it looks at.
    fn with_queue<T>(
        &mut self,
        now: Instant,
        call: impl FnOnce(&mut Queue, QueueContext<'_>) -> T,
    ) -> T {
        let ctx = QueueContext {
            now,
            profiles: &self.options.profiles,
            objects: &self.cache.objects,
        };
        let queue = &mut self.queue;
        self.labels.within(Work::Queue, || call(queue, ctx))
    }

    fn seen_node(&self, node: NodeId) -> Option<&NodeRecord> {
        self.nodes.get(node.index())?.as_ref()
    }

    /// The slot of a node in the cache, if it has not left.
    fn slot_of(&self, node: NodeId) -> Option<usize> {
        Some(self.seen_node(node)?.slot as usize)
    }

    /// Asks for the wake-ups that are needed.
    fn wake(&self, out: &mut Outbox) {
        let first = |set: &SortedSet<(Instant, PodRef)>| set.first().map(|&(at, _)| at);
        let times = [
            first(&self.bindings),
            first(&self.evictions),
            self.waiting.next_deadline(),
        ];
        for at in times.into_iter().flatten() {
            out.wake_at(at);
        }
        if let Some(at) = self.queue.next_flush() {
            // A pod that failed on the cluster as it is would fail again.
            let oldest = self.tried_at.first();
            if oldest.is_some_and(|&(changes, _)| changes < self.changes) {
                out.wake_at(at);
            } else {
                out.wake_idle_at(at);
            }
        }
    }
}

impl Component for KubeScheduler {
    fn name(&self) -> &str {
        &self.options.name
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        // Flushes that were due come before what happened at this instant.
        self.with_queue(now, Queue::flush);
        for outside in self.outsides() {
            outside.at(now);
        }
        let before = self.labels.enter(Work::Cache);
        self.read(now, view);
        self.labels.leave(before);
        self.attempt_ends(view, out);
        self.conclude(now);
        self.due(now, view, out);
        if out.writes.is_empty() && self.queue.is_ready() {
            self.attempt(now, view, out);
        }
        self.wake(out);
        out.failure = self.outsides().find_map(Outside::failure);
        // A pod that its extender did not bind is given back in the next step.
        let has_refused = !self.refused.is_empty();
        if self.queue.is_ready() || self.failed.is_some() || has_refused || self.has_claims_due() {
            Progress::More
        } else {
            Progress::Idle
        }
    }

    fn surrounded(&mut self, now: Instant, objects: &ClusterObjects) {
        let is_stored_elsewhere = objects::differ_in_storage(&self.cache.objects, objects);
        (*self.cache.objects).clone_from(objects);
        if is_stored_elsewhere {
            self.happened(now, ClusterEvent::Anything);
        }
    }

    fn watch_delay(&self) -> Duration {
        self.options.place.watch_delay
    }

    fn decision_time(&self) -> Duration {
        self.options.place.decision_time
    }

    fn places_pods(&self) -> bool {
        true
    }

    fn refused(&mut self, write: &Write, conflict: &Conflict) {
        if let Event::Object(change) = &write.event {
            self.claim_write_refused(change.id(), conflict);
        }
        let pod = match &write.event {
            Event::PodBound { pod, .. } => Some(*pod),
            Event::HoldPlaced(hold) if hold.owner == self.options.owner => {
                self.pods.by_uid(hold.number)
            }
            _ => None,
        };
        if let Some(pod) = pod {
            self.claim_refused(pod, conflict);
            self.refused.push(pod);
        }
    }

    fn attach(&mut self, probe: &Probe) {
        self.labels = Labels::new(probe, &self.options.name);
        self.round.attach(self.labels.clone());
    }

    fn backlog(&self) -> usize {
        self.queue.len()
    }

    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        if let Some(message) = self.messages.get(&uid_of(pod)) {
            return Some(message.clone());
        }
        let seen = self.pods.get(pod).filter(|seen| seen.profile().is_none())?;
        let wanted = &seen.info.class.spec.scheduler_name;
        if self.options.place.others.contains(wanted) {
            return None;
        }
        Some(format!("no scheduler is named `{wanted}` (spec.schedulerName)").into())
    }

    fn waiting_filters(&self, pod: PodRef) -> Vec<Text> {
        let waiting = self.queue.waiting(uid_of(pod));
        let names = waiting.into_iter().flat_map(|waiting| {
            let profile = &self.options.profiles[waiting.profile];
            let plugins = waiting.rejected_by.iter();
            plugins.filter_map(|plugin| Some(profile.plugins.get(plugin)?.name().into()))
        });
        names.collect()
    }

    fn clone_component(&self) -> Box<dyn Component> {
        let mut copy = self.clone();
        if self.outsides().next().is_some() {
            let profiles = self.options.profiles.iter();
            copy.options = Arc::new(KubeOptions {
                profiles: profiles
                    .map(|own| own.with_outsides(|own| own.again()))
                    .collect(),
                ..(*self.options).clone()
            });
        }
        Box::new(copy)
    }
}
