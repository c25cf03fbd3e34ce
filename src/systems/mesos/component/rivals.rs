//! A master beside other schedulers on the same nodes: its frameworks launch the pods that name it, and
//! what others have bound is no part of what agents offer. Kubelets run the tasks; one whose room others
//! have taken is refused by its node, its controller makes another, and the framework launches that one
//! at the next run over all agents.

use std::sync::Arc;

use cluster::{Class, Conflict, Store};
use model::gpu::DEVICE_MILLI;
use model::{Decision, DeviceSet, EndReason, Event, PodRef};
use units::{Duration, Instant, NodeId};

use super::super::columns::GPUS;
use super::super::fast::FastOffer;
use super::super::fast::amounts::{Amounts, add};
use super::MesosMaster;
use crate::parts::devices::whole_devices;
use crate::parts::turn::Turn;

/// State of the race with other schedulers.
#[derive(Clone, Debug, Default)]
pub(super) struct Rivals {
    /// Pods that others have bound, by slot, with their nodes.
    bound: Vec<Option<(PodRef, NodeId)>>,
    /// Pods that were launched once, by slot.
    tried: Vec<Option<PodRef>>,
    /// Launches that the store has not answered yet.
    attempts: Vec<Attempt>,
    /// Instant of these launches.
    began: Instant,
}

/// A launch.
#[derive(Clone, Debug)]
struct Attempt {
    pod: PodRef,
    /// Instant of the submission, if this is the first launch of the pod.
    submitted: Option<Instant>,
    /// `true` if the store refused the binding, as a device is another pod's.
    is_in_conflict: bool,
    /// `true` unless the store refused the binding.
    is_placed: bool,
}

impl Rivals {
    /// Another scheduler has bound a pod.
    pub(super) fn note(&mut self, pod: PodRef, node: NodeId) {
        let slot = pod.slot.index();
        if self.bound.len() <= slot {
            self.bound.resize(slot + 1, None);
        }
        self.bound[slot] = Some((pod, node));
    }

    /// Notes the launch of a pod; whether it is the first.
    fn try_first(&mut self, pod: PodRef) -> bool {
        let slot = pod.slot.index();
        if self.tried.len() <= slot {
            self.tried.resize(slot + 1, None);
        }
        self.tried[slot].replace(pod) != Some(pod)
    }

    /// The store refused the binding of a launch.
    pub(super) fn refused(&mut self, pod: PodRef, conflict: &Conflict) {
        if let Some(own) = self.attempts.iter_mut().find(|own| own.pod == pod) {
            own.is_in_conflict = matches!(conflict, Conflict::NoRoom);
            own.is_placed = false;
        }
    }
}

impl MesosMaster {
    /// `true` if other schedulers place pods on the same nodes.
    pub(super) fn has_rivals(&self) -> bool {
        self.options.place.is_some()
    }

    /// `true` if pods of a class are for the frameworks of this master.
    pub(super) fn is_own(&self, class: &Class) -> bool {
        let name = class.spec.scheduler();
        let place = self.options.place.as_ref();
        place.is_none_or(|place| *place.name == *name)
    }

    /// Another scheduler has bound a pod.
    pub(super) fn others_bound(&mut self, pod: PodRef, node: NodeId, store: &Store) {
        if self.has_rivals() {
            self.rivals.note(pod, node);
            self.updated(node, store);
        }
    }

    /// A pod ended that another scheduler may have bound.
    pub(super) fn others_ended(&mut self, pod: PodRef, store: &Store) {
        let place = self.rivals.bound.get_mut(pod.slot.index());
        let known = place.and_then(|place| place.take_if(|(known, _)| *known == pod));
        if let Some((_, node)) = known {
            self.updated(node, store);
        }
    }

    /// Amounts that pods of other schedulers take of a node.
    pub(super) fn taken_by_others(&self, node: NodeId, store: &Store) -> Amounts {
        let mut taken = Amounts::from_elem(0, self.columns.count());
        for slot in store.nodes().pods(node) {
            let known = self.rivals.bound.get(slot.index()).and_then(Option::as_ref);
            let record = store.pods().at(*slot);
            if let Some(record) = record.filter(|own| known == Some(&(own.pod, node)))
                && let Some(needs) = self.columns.needs(store.class(record.class))
            {
                add(&mut taken, &needs);
            }
        }
        taken
    }

    /// The devices of an offer, or others in their place if another pod has taken one of them meanwhile.
    pub(super) fn free_devices(
        &self,
        offer: &FastOffer,
        devices: DeviceSet,
        store: &Store,
    ) -> DeviceSet {
        let node = NodeId(offer.agent);
        let is_free = |device: usize| store.nodes().gpu_room(node)[device] == DEVICE_MILLI;
        if !self.has_rivals() || devices.iter().all(is_free) {
            return devices;
        }
        let gpus = offer.resources.amount(GPUS);
        whole_devices(store, node, DeviceSet::EMPTY, gpus)
    }

    /// Notes a launch, where others race for the same room.
    pub(super) fn attempt(&mut self, pod: PodRef, store: &Store) {
        if self.has_rivals() {
            let record = store.pods().get(pod);
            let is_first = self.rivals.try_first(pod);
            self.rivals.began = self.now;
            self.rivals.attempts.push(Attempt {
                pod,
                submitted: record.filter(|_| is_first).map(|record| record.created),
                is_in_conflict: false,
                is_placed: true,
            });
        }
    }

    /// Reports what became of the launches before; whether there were any. The time that it took to
    /// decide on them all counts once, and it ends here: a step that decides on others would be over
    /// later.
    pub(super) fn report_attempts(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(place) = &self.options.place else {
            return false;
        };
        let mut began = self.rivals.began;
        let has_any = !self.rivals.attempts.is_empty();
        for own in self.rivals.attempts.drain(..) {
            let decision = Decision {
                scheduler: place.name.clone(),
                schedulers: place.schedulers,
                began,
                submitted: own.submitted,
                claims: 1,
                conflicts: u32::from(own.is_in_conflict),
                placed: u32::from(own.is_placed),
            };
            turn.write(Event::Decided(Arc::new(decision)));
            began = self.now;
        }
        has_any
    }

    /// A node has refused a task for what others have taken: the framework asks for no offers before
    /// the next run over all agents.
    pub(super) fn lost(&mut self, framework: usize, reason: EndReason) {
        if self.has_rivals() && matches!(reason, EndReason::Refused(_)) {
            self.seats[framework].waits_until = Some(self.batch_after(self.now));
        }
    }

    /// Delay with which the master sees changes, and time that it takes to decide on a pod, in addition
    /// to those of all components.
    pub(super) fn own_delays(&self) -> (Duration, Duration) {
        let place = self.options.place.as_ref();
        place.map_or((Duration::ZERO, Duration::ZERO), |place| {
            (place.watch_delay, place.decision_time)
        })
    }
}
