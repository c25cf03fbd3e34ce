//! The scheduling queue (spec: kubernetes.md 1.2): pods that may be tried now, pods that wait out a
//! back-off, pods that wait for an event that may help, and pods in flight. A pure state machine:
//! its caller says what happens and when, and keeps its clock with [`Queue::next_flush`] and
//! [`Queue::flush`].
//!
//! Pods of equal priority and equal timestamp go in the order in which they got the timestamp.

mod backoff;
mod flush;
mod in_flight;
mod places;
mod queued_pod;
mod views;
mod without_hints;

use std::cmp::Reverse;
use std::sync::Arc;

pub use backoff::Backoff;
use backoff::BackoffRule;
pub use queued_pod::{Hints, Place, PluginMask, QueuedPod};

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::event::{ClusterEvent, EventKinds, pod_changes};
use super::{KubeProfile, PodInfo};
use in_flight::InFlight;
use model::ClusterObjects;
use queued_pod::RejectionGroup;
use units::{Duration, Instant, SortedMap, SortedSet};

/// Time between two releases of pods whose back-off is over.
const BACKOFF_FLUSH: Duration = Duration::from_secs(1);
/// Time between two looks at pods that wait for an event.
const UNSCHEDULABLE_FLUSH: Duration = Duration::from_secs(30);
/// Identity of a pod in the queue, never reused.
pub type PodUid = u64;

/// Context of the queue in addition to its pods.
#[derive(Clone, Copy)]
pub struct QueueContext<'a> {
    /// The instant.
    pub now: Instant,
    /// The profiles, by the index that pods carry.
    pub profiles: &'a [KubeProfile],
    /// The objects around nodes and pods.
    pub objects: &'a ClusterObjects,
}

/// Destination of a rejected pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strategy {
    /// It waits for an event.
    Skip,
    /// It waits out its back-off.
    AfterBackoff,
    /// It is tried again at once.
    Immediately,
}

/// Queue position: higher priority first, then earlier timestamp, then order of arrival. Pods of a
/// group share the group's timestamp, and go one after the other.
type Rank = (Reverse<i32>, Instant, (usize, u64));

/// A move by a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Instant of the move.
    pub at: Instant,
    /// The pod.
    pub pod: PodUid,
    /// Destination of the move.
    pub to: Place,
}

/// The queue.
#[derive(Clone, Debug)]
pub struct Queue {
    backoff: Backoff,
    timing: BackoffRule,
    hints: Vec<Hints>,
    pods: IndexMap<PodUid, QueuedPod, FxBuildHasher>,
    active: SortedSet<(Rank, PodUid)>,
    waiting_out: SortedSet<(Instant, Rank, PodUid)>,
    /// Pods that no plugin rejected; never popped before their back-off is over.
    after_errors: SortedSet<(Instant, Rank, PodUid)>,
    /// Pods that wait for an event, by timestamp.
    unschedulable: SortedMap<RejectionGroup, SortedSet<(Instant, PodUid)>>,
    in_flight: InFlight,
    sequence: u64,
    next_backoff_flush: Instant,
    next_unschedulable_flush: Instant,
}

impl Queue {
    /// An empty queue whose clock starts at `now`. Profiles are those of every later
    /// [`QueueContext`].
    pub fn new(profiles: &[KubeProfile], backoff: Backoff, now: Instant) -> Self {
        Self {
            backoff,
            timing: BackoffRule::of(profiles),
            hints: profiles.iter().map(Hints::of).collect(),
            pods: IndexMap::default(),
            active: SortedSet::new(),
            waiting_out: SortedSet::new(),
            after_errors: SortedSet::new(),
            unschedulable: SortedMap::new(),
            in_flight: InFlight::default(),
            sequence: 0,
            next_backoff_flush: backoff::whole_second(now) + BACKOFF_FLUSH,
            next_unschedulable_flush: backoff::whole_second(now) + UNSCHEDULABLE_FLUSH,
        }
    }

    /// A new pod without a node.
    pub fn add(&mut self, ctx: QueueContext<'_>, uid: PodUid, profile: usize, pod: Arc<PodInfo>) {
        let mut queued = QueuedPod::new(pod, profile);
        queued.timestamp = ctx.now;
        queued.sequence = self.next_sequence();
        let place = if queued.gate(ctx) {
            Place::Unschedulable
        } else {
            Place::Active
        };
        if self.pods.contains_key(&uid) {
            self.take_out(uid);
        }
        self.pods.insert(uid, queued);
        self.put(uid, place);
    }

    /// Takes the next pod: the first of those that may be tried, otherwise the first that waits
    /// out a back-off after a rejection.
    pub fn pop(&mut self) -> Option<(PodUid, &QueuedPod)> {
        let uid = match self.active.pop_first() {
            Some((_, uid)) => uid,
            None if self.timing == BackoffRule::Late => return None,
            None => self.waiting_out.pop_first()?.2,
        };
        let pod = self.pods.get_mut(&uid)?;
        pod.attempts += 1;
        pod.expiry = None;
        pod.rejected_by = PluginMask::default();
        pod.pending_on = PluginMask::default();
        pod.place = Place::InFlight;
        self.in_flight.begin(uid);
        Some((uid, pod))
    }

    /// A pod's attempt failed: `rejected_by` and `pending_on` are the plugins that said so; none at
    /// all is an error. A pod that is gone meanwhile is dropped.
    pub fn fail(
        &mut self,
        ctx: QueueContext<'_>,
        uid: PodUid,
        rejected_by: PluginMask,
        pending_on: PluginMask,
    ) {
        let sequence = self.next_sequence();
        let Some(pod) = self.pods.get_mut(&uid) else {
            self.in_flight.end(uid);
            return;
        };
        if pod.place != Place::InFlight {
            return;
        }
        pod.rejected_by = rejected_by;
        pod.pending_on = pending_on;
        if pod.rejectors().is_empty() {
            pod.consecutive_errors += 1;
        } else {
            pod.unschedulable_count += 1;
            pod.consecutive_errors = 0;
        }
        pod.expiry = None;
        pod.timestamp = ctx.now;
        pod.sequence = sequence;
        let strategy = self.after_events_in_flight(ctx, uid);
        self.requeue(ctx, uid, strategy);
        self.in_flight.end(uid);
    }

    /// A pod's attempt ended well, or it is not wanted any more: it leaves the queue. Whether it
    /// was in flight.
    pub fn done(&mut self, uid: PodUid) -> bool {
        let place = self.pods.get(&uid).map(|pod| pod.place);
        let was_in_flight = place == Some(Place::InFlight);
        if was_in_flight {
            self.pods.swap_remove(&uid);
        }
        self.in_flight.end(uid);
        was_in_flight
    }

    /// A pod in the queue.
    pub fn waiting(&self, uid: PodUid) -> Option<&QueuedPod> {
        self.pods.get(&uid)
    }

    /// Stops recording events for a pod in flight, because it is about to be bound.
    pub fn forget_events(&mut self, uid: PodUid) {
        self.in_flight.end(uid);
    }

    /// A pod without a node is gone. One in flight is dropped when its attempt ends.
    pub fn delete(&mut self, uid: PodUid) {
        self.take_out(uid);
        self.pods.swap_remove(&uid);
    }

    /// A pod without a node was declared anew.
    pub fn update(
        &mut self,
        ctx: QueueContext<'_>,
        uid: PodUid,
        profile: usize,
        after: Arc<PodInfo>,
    ) {
        let Some(pod) = self.pods.get(&uid) else {
            return self.add(ctx, uid, profile, after);
        };
        let place = pod.place;
        let before = pod.info.clone();
        match place {
            Place::Active | Place::Backoff | Place::ErrorBackoff => {
                self.take_out(uid);
                self.replace(uid, after);
                self.put(uid, place);
            }
            Place::InFlight => {
                self.replace(uid, after.clone());
                for event in pod_changes(&before, &after) {
                    self.in_flight.happened_to(uid, event);
                }
            }
            Place::Unschedulable => {
                self.replace(uid, after.clone());
                for event in pod_changes(&before, &after) {
                    let is_asked = self.hints[profile].are_asked;
                    let strategy = if is_asked {
                        self.worth(ctx, uid, &event)
                    } else {
                        Strategy::AfterBackoff
                    };
                    if strategy > Strategy::Skip && self.requeue(ctx, uid, strategy) != place {
                        break;
                    }
                }
            }
        }
    }

    fn replace(&mut self, uid: PodUid, info: Arc<PodInfo>) {
        if let Some(pod) = self.pods.get_mut(&uid) {
            pod.info = info;
        }
    }

    /// Something happened that may help pods that wait for it.
    pub fn happened(&mut self, ctx: QueueContext<'_>, event: ClusterEvent) {
        self.happened_to(ctx, event, |_, _| true);
    }

    /// Something happened that may help those pods that `is_open` admits.
    pub fn happened_to(
        &mut self,
        ctx: QueueContext<'_>,
        event: ClusterEvent,
        is_open: impl Fn(PodUid, &QueuedPod) -> bool,
    ) {
        self.wake(ctx, &event, is_open);
        self.in_flight.happened(event);
    }

    /// A pod that was not bound lost its place, which may help those pods, in flight or not, that
    /// `is_open` admits.
    pub fn given_back(
        &mut self,
        ctx: QueueContext<'_>,
        event: &ClusterEvent,
        is_open: impl Fn(PodUid, &QueuedPod) -> bool,
    ) {
        self.wake(ctx, event, &is_open);
        let in_flight: Vec<PodUid> = self.in_flight.pods().collect();
        for uid in in_flight {
            if self.pods.get(&uid).is_some_and(|pod| is_open(uid, pod)) {
                self.in_flight.happened_to(uid, event.clone());
            }
        }
    }

    fn wake(
        &mut self,
        ctx: QueueContext<'_>,
        event: &ClusterEvent,
        is_open: impl Fn(PodUid, &QueuedPod) -> bool,
    ) {
        let kind = event.kind();
        let mut pods: Vec<PodUid> = Vec::new();
        for (rejected, members) in &self.unschedulable {
            let hints = &self.hints[rejected.profile];
            if kind.is_none_or(|kind| hints.may_help(rejected.by, kind)) {
                let pods_of = |&(_, uid): &(Instant, PodUid)| Some((uid, self.pods.get(&uid)?));
                let open = members.iter().filter_map(pods_of);
                pods.extend(
                    open.filter(|&(uid, pod)| is_open(uid, pod))
                        .map(|(uid, _)| uid),
                );
            }
        }
        pods.sort_unstable();
        self.move_pods(ctx, &pods, event);
    }

    /// Puts a newer record of a pod in the place of the older; nothing that plugins listen to
    /// changed, nor its rank.
    pub fn set_info(&mut self, uid: PodUid, info: Arc<PodInfo>) {
        self.replace(uid, info);
    }

    /// Moves pods that an event may help.
    fn move_pods(
        &mut self,
        ctx: QueueContext<'_>,
        pods: &[PodUid],
        event: &ClusterEvent,
    ) -> Vec<(PodUid, Place)> {
        let mut moved = Vec::new();
        for &uid in pods {
            let Some(pod) = self.pods.get(&uid) else {
                continue;
            };
            if !self.is_open_to(pod, event) {
                continue;
            }
            let strategy = self.worth(ctx, uid, event);
            if strategy > Strategy::Skip {
                let to = self.requeue(ctx, uid, strategy);
                if to != Place::Unschedulable {
                    moved.push((uid, to));
                }
            }
        }
        moved
    }

    /// Whether an event may move a pod: one held back before the queue listens to the events of
    /// what holds it back alone.
    fn is_open_to(&self, pod: &QueuedPod, event: &ClusterEvent) -> bool {
        pod.gated_by.is_none_or(|plugin| {
            let kind = event.kind();
            kind.is_some_and(|kind| self.hints[pod.profile].listens(plugin, kind))
        })
    }

    /// A plugin wants a pod to be tried at once.
    pub fn activate(&mut self, ctx: QueueContext<'_>, uid: PodUid) {
        match self.pods.get(&uid).map(|pod| pod.place) {
            Some(Place::Unschedulable | Place::Backoff | Place::ErrorBackoff) => {
                self.put_into_active(ctx, uid, true);
            }
            Some(Place::InFlight) => self.in_flight.happened_to(uid, ClusterEvent::Anything),
            Some(Place::Active) | None => {}
        }
    }

    /// Evaluates the recorded events with the plugins that rejected a pod.
    fn after_events_in_flight(&self, ctx: QueueContext<'_>, uid: PodUid) -> Strategy {
        let Some(pod) = self.pods.get(&uid) else {
            return Strategy::Skip;
        };
        if pod.rejectors().is_empty() || !self.in_flight.contains(uid) {
            return Strategy::AfterBackoff;
        }
        let mut events = self.in_flight.since(uid).peekable();
        if !self.hints[pod.profile].are_asked && events.peek().is_some() {
            return Strategy::AfterBackoff;
        }
        let mut strategy = Strategy::Skip;
        for event in events {
            strategy = strategy.max(self.worth(ctx, uid, event));
            let is_decided = pod.pending_on.is_empty() && strategy == Strategy::AfterBackoff;
            if strategy == Strategy::Immediately || is_decided {
                break;
            }
        }
        strategy
    }

    /// Evaluates an event with the plugins that rejected a pod.
    fn worth(&self, ctx: QueueContext<'_>, uid: PodUid, event: &ClusterEvent) -> Strategy {
        let Some(pod) = self.pods.get(&uid) else {
            return Strategy::Skip;
        };
        let Some(kind) = event.kind() else {
            return Strategy::AfterBackoff;
        };
        if pod.rejectors().is_empty() {
            return Strategy::AfterBackoff;
        }
        if event.is_of_strange_claim(&pod.info) {
            return Strategy::Skip;
        }
        let (hints, plugins) = (&self.hints[pod.profile], &ctx.profiles[pod.profile].plugins);
        if !hints.are_asked && !without_hints::is_offered(event, &pod.info) {
            return Strategy::Skip;
        }
        let mut strategy = Strategy::Skip;
        for plugin in pod.rejectors().iter() {
            let helps = hints.listens(plugin, kind)
                && (!hints.are_asked
                    || hints.takes_any_taint(plugin, kind)
                    || plugins[plugin].queueing_hint(&pod.info, event, ctx.objects));
            if helps && pod.pending_on.contains(plugin) {
                return Strategy::Immediately;
            }
            if helps {
                strategy = Strategy::AfterBackoff;
            }
        }
        strategy
    }

    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}
