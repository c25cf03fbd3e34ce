//! Two jobs on one GPU: a job that finds none shares that of another, where their speeds together are
//! more than that of one (Gandiva, OSDI'18; spec: orchestrators-b.md section 8.2). Each asks for a half
//! of the device as long as it shares it: the first one is suspended for it. Once a GPU is free and no
//! job waits for one, the later of two moves to it.

use std::sync::Arc;

use cluster::Store;
use control::Outbox;
use model::gpu::DEVICE_MILLI;
use model::{Event, PodChange, PodRef, WHOLE_SPEED};
use units::{ClassId, SortedSet};

use super::SharingPlanner;
use super::plan::{Need, Place, Plan};
use crate::batch::room::{Places, admits};

/// Milli-GPU of a job that shares its device.
const HALF: u16 = DEVICE_MILLI / 2;

impl SharingPlanner {
    /// Lets waiting jobs share the GPUs of others, or, if none waits, moves jobs that share one to GPUs
    /// that are free.
    pub(super) fn pack(
        &mut self,
        plan: &mut Plan,
        order: &[u64],
        keeps: &mut SortedSet<u64>,
        store: &Store,
    ) {
        let mut all_found = true;
        for &number in order {
            if self.granted.contains_key(&number) {
                continue;
            }
            let Some((_, members)) = self.jobs.ready(number) else {
                continue;
            };
            let found = (members.len() == 1 && self.is_single(number, store))
                .then(|| self.host(number, plan, keeps, store))
                .flatten();
            let Some((host, place)) = found else {
                all_found = false;
                continue;
            };
            if !self.jobs.is_half(host) {
                keeps.remove(&host);
                self.promise(host, &[place], true);
            }
            if let Some(class) = self.jobs.whole(number) {
                plan.share(&Need::of(store.class(class)), place);
            }
            self.promise(number, &[place], true);
        }
        if all_found {
            self.unpack(plan, keeps, store);
        }
    }

    /// Whether the members of a job were submitted with one whole device each.
    fn is_single(&self, number: u64, store: &Store) -> bool {
        let class = self.jobs.whole(number).map(|class| store.class(class));
        class.is_some_and(|own| own.gpu.devices == 1 && own.gpu.milli_per_device == DEVICE_MILLI)
    }

    /// The job beside which a waiting one gets on best, and the device that they share; of equal ones the
    /// earliest. Both together are faster than one, and no third job is on the device.
    fn host(
        &self,
        number: u64,
        plan: &Plan,
        keeps: &SortedSet<u64>,
        store: &Store,
    ) -> Option<(u64, Place)> {
        let columns = self.columns.as_ref()?;
        let class = store.class(self.jobs.whole(number)?);
        let speeds = self.jobs.speeds(number)?;
        let mut best: Option<(u64, u64, Place)> = None;
        for &host in keeps {
            let claim = self.jobs.claim(host, store);
            let Some(claim) = claim.filter(|_| self.is_single(host, store)) else {
                continue;
            };
            let Some([place]) = claim.places.as_deref() else {
                continue;
            };
            let other = store.class(self.jobs.whole(host)?);
            let together = columns.together(class, other).unwrap_or(0);
            let is_better = best.is_none_or(|(_, most, _)| together > most);
            let gets_on = columns.of(place.node).is_some_and(|own| speeds[own] > 0.0);
            if together > WHOLE_SPEED
                && is_better
                && gets_on
                && admits(store, class, place.node)
                && plan.has_room_beside(&Need::of(class), *place, claim.need.milli)
            {
                best = Some((host, together, *place));
            }
        }
        best.map(|(host, _, place)| (host, place))
    }

    /// Moves the later of two jobs on one device to a device of the same model that is free.
    fn unpack(&mut self, plan: &mut Plan, keeps: &mut SortedSet<u64>, store: &Store) {
        let halves: Vec<u64> = { keeps.iter().copied() }
            .filter(|&number| self.jobs.is_half(number))
            .collect();
        for (at, &number) in halves.iter().enumerate().rev() {
            let own = self.place(number, store);
            let earlier = halves[..at].iter().map(|&other| self.place(other, store));
            let shares = own.is_some() && earlier.into_iter().any(|other| other == own);
            let Some(whole) = self.jobs.whole(number).filter(|_| shares) else {
                continue;
            };
            let column = self.jobs.column(number);
            let need = Need::of(store.class(whole));
            let may = |node| self.is_on(node, column) && self.admits(store, number, node);
            if let Some(place) = plan.find(&need, &may) {
                plan.take(&need, place);
                keeps.remove(&number);
                self.promise(number, &[place], false);
            }
        }
    }

    /// The place of a job of one member that runs.
    fn place(&self, number: u64, store: &Store) -> Option<Place> {
        let places = self.jobs.claim(number, store)?.places?;
        (places.len() == 1).then(|| places[0])
    }

    /// Declares the members of a job that is to start as what it asks for there: half of a device beside
    /// another job, otherwise what it was submitted with. `true` if something had to be written first.
    pub(super) fn declare(
        &mut self,
        number: u64,
        class: ClassId,
        members: &[PodRef],
        store: &Store,
        out: &mut Outbox,
    ) -> bool {
        let Some(whole) = self.jobs.whole(number) else {
            return false;
        };
        let is_packed = { self.granted.get(&number) }.is_some_and(|own| own.is_packed);
        let wanted = if is_packed {
            let mut half = store.class(whole).spec.as_ref().clone();
            half.gpu.milli_per_device = HALF;
            let half = Arc::new(half);
            let Some(known) = store.class_of(&half) else {
                if let Some(event) = store.class_added(&half) {
                    out.write(store, event);
                }
                return true;
            };
            known
        } else {
            whole
        };
        if wanted == class {
            return false;
        }
        for &pod in members {
            let change = PodChange::Declared { class: wanted };
            out.write(store, Event::PodChanged { pod, change });
        }
        self.jobs.declare(number, wanted);
        true
    }
}

/// Exactly these places for members of a class; `None` if one has no room.
pub(super) fn places_on(store: &Store, class: ClassId, places: &[Place]) -> Option<Places> {
    let (class, nodes) = (store.class(class), store.nodes());
    let milli = class.gpu.milli_per_device;
    let mut found = Places::new();
    for &Place { node, devices } in places {
        let rooms = nodes.gpu_room(node);
        let has_room = |index: usize| rooms.get(index).is_some_and(|&room| room >= milli);
        let is_open = nodes.schedulable()[node.index()] && admits(store, class, node);
        if !is_open || !nodes.has_room(node, &class.requests) || !devices.iter().all(has_room) {
            return None;
        }
        found.push((node, devices));
    }
    Some(found)
}
