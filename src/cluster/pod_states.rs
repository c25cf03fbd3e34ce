//! Knowledge of pods beside their records: readiness, restarts, orders to end, owners, and what is
//! kept of owned pods that ended by themselves. Pods that arrive by a trace have none of it, and
//! cost nothing here.

use super::conflict::Conflict;
use model::{EndReason, InitialState, Pod, PodChange, PodOwner, PodRef, PodSpec, Restarts};
use units::{Duration, Instant, ObjectId, PodId, SortedMap};

/// State of a living pod in addition to its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodState {
    /// The object that controls the pod.
    pub owner: Option<PodOwner>,
    /// Number of earlier pods of the owner with the pod's index.
    pub turn: u32,
    /// The pod's condition `Ready`.
    pub is_ready: bool,
    /// Instant at which readiness last changed; before the first report, that of the pod's
    /// creation.
    pub ready_changed: Instant,
    /// Restarts of its containers.
    pub restarts: Restarts,
    /// Number of components that hold the pod back: its node prepares it, and does not start it.
    pub holds: u32,
    /// The order to end, if there was one.
    pub terminating: Option<Terminating>,
}

/// An order to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminating {
    /// Instant of the order.
    pub since: Instant,
    /// Time that the pod may take from then.
    pub grace: Duration,
    /// Reason for the end.
    pub reason: EndReason,
}

/// An owned pod that ended by itself, until its object is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedPod {
    /// The pod's record as it was before it ended.
    pub pod: Pod,
    /// The pod's state as it was.
    pub state: PodState,
    /// Reason the pod ended.
    pub reason: EndReason,
    /// Instant of the end.
    pub at: Instant,
}

/// States of living pods and records of finished ones.
#[derive(Clone, Debug, Default)]
pub struct PodStates {
    /// By slot.
    rows: Vec<Option<(PodId, PodState)>>,
    finished: SortedMap<(ObjectId, PodId), FinishedPod>,
    /// Owners of the finished pods.
    finished_of: SortedMap<PodId, ObjectId>,
}

impl PodState {
    /// Whether the pod is held back.
    pub const fn is_held(&self) -> bool {
        self.holds > 0
    }

    const fn new(owner: Option<PodOwner>, created: Instant) -> Self {
        Self {
            owner,
            turn: 0,
            is_ready: false,
            ready_changed: created,
            restarts: Restarts::of_one(0),
            holds: 0,
            terminating: None,
        }
    }
}

impl PodStates {
    /// The state of a living pod; `None` if nothing was ever said of it.
    pub fn get(&self, pod: PodRef) -> Option<&PodState> {
        let (id, state) = self.rows.get(pod.slot.index())?.as_ref()?;
        (*id == pod.id).then_some(state)
    }

    /// Whether a pod was asked to terminate.
    pub fn is_terminating(&self, pod: PodRef) -> bool {
        self.get(pod)
            .is_some_and(|state| state.terminating.is_some())
    }

    /// The pods of an object that ended by themselves and are kept, oldest first.
    pub fn finished(&self, owner: ObjectId) -> impl Iterator<Item = &FinishedPod> {
        let kept = self
            .finished
            .range((owner, PodId(0))..=(owner, PodId(u32::MAX)));
        kept.map(|(_, pod)| pod)
    }

    /// All pods that ended by themselves and are kept, by owner.
    pub fn all_finished(&self) -> impl Iterator<Item = &FinishedPod> {
        self.finished.values()
    }

    /// Number of kept pods that ended by themselves.
    pub fn finished_count(&self) -> usize {
        self.finished.len()
    }

    pub(super) fn own(&mut self, pod: PodRef, owner: PodOwner, turn: u32, now: Instant) {
        let state = PodState {
            turn,
            ..PodState::new(Some(owner), now)
        };
        self.set(pod, state);
    }

    /// A pod was found on a node: how often its containers were started again, and since when it is not
    /// ready.
    pub(super) fn find(&mut self, pod: PodRef, spec: &PodSpec, found: &InitialState, now: Instant) {
        let known = self.get(pod).copied();
        let state = PodState {
            restarts: found.restarts(spec),
            ready_changed: found.ready_since(false).unwrap_or(now),
            ..known.unwrap_or(PodState::new(None, now))
        };
        self.set(pod, state);
    }

    /// Sets the number of earlier pods that a pod without an owner had when it had one.
    pub(super) fn set_turn(&mut self, pod: PodRef, turn: u32, now: Instant) {
        let state = PodState {
            turn,
            ..PodState::new(None, now)
        };
        self.set(pod, state);
    }

    /// A living pod belongs to nothing from now on.
    pub(super) fn disown(&mut self, pod: PodRef) {
        if let Some(state) = self.get(pod).copied() {
            let state = PodState {
                owner: None,
                ..state
            };
            self.set(pod, state);
        }
    }

    /// Something was said of a living pod.
    pub(super) fn change(&mut self, now: Instant, record: &Pod, change: PodChange) {
        let (pod, created) = (record.pod, record.created);
        let is_state = !matches!(
            change,
            PodChange::Pull { .. }
                | PodChange::OomKilled { .. }
                | PodChange::Exited { .. }
                | PodChange::Moving { .. }
                | PodChange::Relocated(_)
                | PodChange::Declared { .. }
                | PodChange::Resized { .. }
        );
        if !is_state {
            return;
        }
        let known = self.get(pod).copied();
        let mut state = known.unwrap_or(PodState::new(None, created));
        match change {
            PodChange::Ready(ready) => {
                // What a run finds at its beginning was so before.
                let found = record.found().filter(|_| now == Instant::ZERO);
                let since = found.and_then(|found| found.ready_since(ready));
                (state.is_ready, state.ready_changed) = (ready, since.unwrap_or(now));
            }
            PodChange::Restarted(restarts) => state.restarts = restarts,
            PodChange::Terminating { grace, reason } => {
                // A pod found terminating at the beginning was asked to before.
                let found = record.found().filter(|_| now == Instant::ZERO);
                let found = found.and_then(|found| found.told_to_end);
                let order = Terminating {
                    since: found.map_or(now, |found| found.since),
                    grace: found.map_or(grace, |found| found.grace),
                    reason,
                };
                state.terminating = Some(match state.terminating {
                    None => order,
                    Some(known) => known.shortened(order),
                });
            }
            PodChange::Held => state.holds += 1,
            PodChange::Released => state.holds = state.holds.saturating_sub(1),
            PodChange::Forgotten
            | PodChange::Pull { .. }
            | PodChange::OomKilled { .. }
            | PodChange::Declared { .. }
            | PodChange::Resized { .. }
            | PodChange::Moving { .. }
            | PodChange::Relocated(_)
            | PodChange::Exited { .. } => {}
        }
        self.set(pod, state);
    }

    /// A pod ended; what is said of it from now on is about its finished record.
    pub(super) fn end(&mut self, now: Instant, pod: &Pod, reason: EndReason) -> Option<PodOwner> {
        let row = self.rows.get_mut(pod.pod.slot.index())?;
        let (_, state) = row.take_if(|(id, _)| *id == pod.pod.id)?;
        let owner = state.owner?;
        if state.terminating.is_none() && reason.leaves_object() {
            // One that was found ended did so before.
            let found = pod.found().and_then(|found| found.end.as_ref());
            let record = FinishedPod {
                pod: pod.clone(),
                state,
                reason,
                at: found.and_then(|end| end.at).unwrap_or(now),
            };
            self.finished.insert((owner.object, pod.pod.id), record);
            self.finished_of.insert(pod.pod.id, owner.object);
        }
        Some(owner)
    }

    /// Forgets a finished pod.
    pub(super) fn forget(&mut self, pod: PodRef) -> Result<(), Conflict> {
        let owner = self.finished_of.remove(&pod.id);
        let owner = owner.ok_or(Conflict::UnknownPod)?;
        self.finished.remove(&(owner, pod.id));
        Ok(())
    }

    fn set(&mut self, pod: PodRef, state: PodState) {
        let slot = pod.slot.index();
        if self.rows.len() <= slot {
            self.rows.resize(slot + 1, None);
        }
        self.rows[slot] = Some((pod.id, state));
    }
}

impl Terminating {
    /// A second order can only bring the end forward.
    fn shortened(self, later: Self) -> Self {
        let end = |order: &Self| order.since.saturating_add(order.grace);
        if end(&later) < end(&self) {
            Self {
                grace: end(&later).since(self.since),
                ..self
            }
        } else {
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use model::workload::ReplicaSet;
    use model::{Event, InitialStopOrder, Object, ObjectChange, PodCreated, PodName, PodSpec};
    use units::{NodeId, TenantId};

    const GRACE: Duration = Duration::from_secs(30);

    struct World(Store);

    impl World {
        fn new() -> Self {
            let mut world = Self(Store::new());
            let added = world.0.class_added(&PodSpec::default().into());
            world.apply(added.expect("a new class")).expect("a class");
            world
                .apply(Event::Object(ObjectChange::Created {
                    id: ObjectId(0),
                    owner: None,
                    object: Object::ReplicaSet(ReplicaSet::default().into()),
                }))
                .expect("a new object");
            world
        }

        fn apply(&mut self, event: Event) -> Result<(), Conflict> {
            self.0.apply(Instant::ZERO, event).map(|_| ())
        }

        fn pod(&mut self) -> PodRef {
            self.pod_found(None)
        }

        fn pod_found(&mut self, found: Option<InitialState>) -> PodRef {
            let pod = self.0.pods().next();
            self.apply(Event::PodCreated(PodCreated {
                pod,
                class: units::ClassId(0),
                name: PodName::Job(0),
                tenant: TenantId(0),
                gang: None,
                time_limit: None,
                estimate: None,
                found: found.map(std::sync::Arc::new),
                owner: Some(PodOwner::new(ObjectId(0), 0)),
            }))
            .expect("its owner is there");
            pod
        }

        fn change(&mut self, pod: PodRef, change: PodChange) -> Result<(), Conflict> {
            self.apply(Event::PodChanged { pod, change })
        }
    }

    #[test]
    fn a_pod_that_ends_by_itself_is_kept_until_it_is_forgotten() {
        for (reason, was_told, is_kept) in [
            (EndReason::Error, false, true),
            (EndReason::Completed, false, true),
            (EndReason::Cancelled, false, false),
            (EndReason::Error, true, false),
        ] {
            let mut world = World::new();
            let pod = world.pod();
            if was_told {
                let order = PodChange::Terminating {
                    grace: GRACE,
                    reason,
                };
                world.change(pod, order).expect("it lives");
            }
            world
                .apply(Event::PodEnded { pod, reason })
                .expect("it lives");
            let owner = ObjectId(0);
            assert_eq!(
                world.0.pod_states().finished(owner).count(),
                usize::from(is_kept)
            );
            assert!(
                world
                    .0
                    .objects()
                    .get(owner)
                    .expect("it is there")
                    .pods
                    .is_empty()
            );
            assert_eq!(world.change(pod, PodChange::Forgotten).is_ok(), is_kept);
            assert_eq!(world.0.pod_states().all_finished().count(), 0);
        }
    }

    #[test]
    fn a_second_order_to_end_only_shortens_the_first() {
        let mut world = World::new();
        let pod = world.pod();
        for (secs, expected) in [(30, 30), (60, 30), (5, 5)] {
            let grace = Duration::from_secs(secs);
            let reason = EndReason::Cancelled;
            let order = PodChange::Terminating { grace, reason };
            world.change(pod, order).expect("it lives");
            let state = world.0.pod_states().get(pod).copied();
            let known = state
                .and_then(|state| state.terminating)
                .map(|order| order.grace);
            assert_eq!(known, Some(Duration::from_secs(expected)));
        }
    }

    #[test]
    fn a_pod_that_was_found_ending_was_told_to_before() {
        let mut world = World::new();
        let since = Instant::from_secs(-70);
        let order = InitialStopOrder {
            since,
            grace: GRACE,
        };
        let pod = world.pod_found(Some(InitialState {
            is_terminating: true,
            told_to_end: Some(order),
            ..InitialState::on(NodeId(0))
        }));
        let change = PodChange::Terminating {
            grace: Duration::ZERO,
            reason: EndReason::Cancelled,
        };
        world.change(pod, change).expect("it lives");
        let state = world.0.pod_states().get(pod).copied();
        let known = state.and_then(|state| state.terminating);
        let known = known.map(|order| (order.since, order.grace));
        assert_eq!(known, Some((since, GRACE)));
    }

    #[test]
    fn the_next_pod_in_a_slot_starts_anew() {
        let mut world = World::new();
        let pod = world.pod();
        world.change(pod, PodChange::Ready(true)).expect("it lives");
        let reason = EndReason::Cancelled;
        world
            .apply(Event::PodEnded { pod, reason })
            .expect("it lives");
        let next = world.pod();
        assert_eq!(next.slot, pod.slot);
        let state = world.0.pod_states().get(next).expect("it has an owner");
        assert!(!state.is_ready && world.0.pod_states().get(pod).is_none());
        assert_eq!(
            world.change(pod, PodChange::Ready(true)),
            Err(Conflict::UnknownPod)
        );
    }
}
