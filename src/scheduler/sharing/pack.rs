//! Two jobs on the same GPUs: a job that finds none shares those of another that has as many, where their
//! speeds together are more than that of one (Gandiva, OSDI'18; spec: orchestrators-b.md section 8.2).
//! Each asks for a half of every device as long as it shares them: the first one is suspended for it. Once
//! as many GPUs are free and no job waits for them, the later of two moves to them.

use std::sync::Arc;

use cluster::Store;
use control::Outbox;
use model::gpu::DEVICE_MILLI;
use model::{Event, PodChange, PodRef, WHOLE_SPEED};
use units::{ClassId, SortedSet};

use super::SharingPlanner;
use super::grow::grown_spec;
use super::jobs::Form;
use super::plan::{Claim, Need, Place, Plan};
use crate::batch::room::{Places, admits};

/// Milli-GPU of each device of a job that shares its devices.
const HALF: u16 = DEVICE_MILLI / 2;

impl SharingPlanner {
    /// Lets jobs that have no turn share the GPUs of those that have one, whether they wait or are about to
    /// lose theirs, or, if there is none, moves jobs that share one to GPUs that are free.
    pub(super) fn pack(
        &mut self,
        plan: &mut Plan,
        order: &[u64],
        keeps: &mut SortedSet<u64>,
        store: &Store,
    ) {
        let mut all_found = true;
        for &number in order {
            if keeps.contains(&number) || self.granted.contains_key(&number) {
                continue;
            }
            let claim = self.jobs.anew(number, store);
            let Some(claim) = claim.filter(|own| own.need.devices > 0) else {
                continue;
            };
            let Some((host, places)) = self.host(number, &claim, plan, keeps, store) else {
                all_found = false;
                continue;
            };
            if let Some(promise) = self.granted.get_mut(&host) {
                promise.form = Form::Half;
            } else if self.jobs.form(host) != Form::Half {
                keeps.remove(&host);
                self.promise(host, &places, Form::Half);
            }
            for &place in &places {
                plan.share(&claim.need, place);
            }
            self.promise(number, &places, Form::Half);
        }
        if all_found {
            self.unpack(plan, keeps, store);
        }
    }

    /// The devices of each member of a job, if it was submitted with whole ones.
    fn whole_devices(&self, number: u64, store: &Store) -> Option<u8> {
        let gpu = store.class(self.jobs.whole(number)?).gpu;
        (gpu.devices > 0 && gpu.milli_per_device == DEVICE_MILLI).then_some(gpu.devices)
    }

    /// The job beside which one without a turn gets on best, and the places whose devices they share; of
    /// equal ones the earliest. Both have as many members with as many devices, are faster together than
    /// one, and no third job is on the devices.
    fn host(
        &self,
        number: u64,
        own: &Claim,
        plan: &mut Plan,
        keeps: &SortedSet<u64>,
        store: &Store,
    ) -> Option<(u64, Vec<Place>)> {
        let columns = self.columns.as_ref()?;
        let class = store.class(self.jobs.whole(number)?);
        let devices = self.whole_devices(number, store)?;
        let speeds = self.jobs.speeds(number)?;
        let granted = self.granted.keys().copied();
        let mut hosts: Vec<u64> = keeps.iter().copied().chain(granted).collect();
        hosts.sort_unstable();
        let mut best: Option<(u64, u64, Vec<Place>)> = None;
        for host in hosts {
            let is_like = self.whole_devices(host, store) == Some(devices);
            let Some((places, milli)) = self.offered(host, store).filter(|_| is_like) else {
                continue;
            };
            let other = store.class(self.jobs.whole(host)?);
            let together = columns.together(class, other).unwrap_or(0);
            let is_better = best.as_ref().is_none_or(|(_, most, _)| together > *most);
            let gets_on = |place: &Place| {
                let column = columns.of(place.node);
                column.is_some_and(|column| speeds[column] > 0.0)
                    && admits(store, class, place.node)
            };
            if together > WHOLE_SPEED
                && is_better
                && places.len() == own.members
                && places.iter().all(gets_on)
                && plan.have_room_beside(&own.need, &places, milli)
            {
                best = Some((host, together, places));
            }
        }
        best.map(|(host, _, places)| (host, places))
    }

    /// The places of a job that has its turn, and the milli-GPU of each device that it holds there; `None`
    /// of one that shares them in this turn.
    fn offered(&self, host: u64, store: &Store) -> Option<(Vec<Place>, u16)> {
        if let Some(promise) = self.granted.get(&host) {
            return (promise.form == Form::Whole).then(|| (promise.places.clone(), DEVICE_MILLI));
        }
        let claim = self.jobs.claim(host, store)?;
        Some((claim.places?, claim.need.milli))
    }

    /// Moves the later of two jobs on the same devices to devices of the same model that are free.
    fn unpack(&mut self, plan: &mut Plan, keeps: &mut SortedSet<u64>, store: &Store) {
        let halves: Vec<u64> = { keeps.iter().copied() }
            .filter(|&number| self.jobs.form(number) == Form::Half)
            .collect();
        for (at, &number) in halves.iter().enumerate().rev() {
            let own = self.held_at(number, store);
            let earlier = halves[..at].iter();
            let mut earlier = earlier.flat_map(|&other| self.held_at(other, store));
            let shares = earlier.any(|other| own.iter().any(|own| overlap(*own, other)));
            let Some(whole) = self.jobs.whole(number).filter(|_| shares) else {
                continue;
            };
            let column = self.jobs.column(number);
            let claim = Claim {
                members: own.len(),
                need: Need::of(store.class(whole)),
                places: None,
            };
            let may = |node| self.is_on(node, column) && self.admits(store, number, node);
            if let Some(places) = plan.grant(&claim, may) {
                keeps.remove(&number);
                self.promise(number, &places, Form::Whole);
            }
        }
    }

    /// The places of a job that runs.
    fn held_at(&self, number: u64, store: &Store) -> Vec<Place> {
        let claim = self.jobs.claim(number, store);
        claim.and_then(|claim| claim.places).unwrap_or_default()
    }

    /// Declares the members of a job that is to start as what it asks for there: half of its devices beside
    /// another job, more than its own where these are idle, otherwise what it was submitted with. `true` if something had to be written first.
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
        let form = { self.granted.get(&number) }.map_or(Form::Whole, |own| own.form);
        let spec = &store.class(whole).spec;
        let other = match form {
            Form::Whole => None,
            Form::Half => {
                let mut half = spec.as_ref().clone();
                half.gpu.milli_per_device = HALF;
                Some(Arc::new(half))
            }
            Form::Grown(devices) => Some(grown_spec(spec, devices, members.len())),
        };
        let wanted = match other.map(|spec| (store.class_of(&spec), spec)) {
            None => whole,
            Some((Some(known), _)) => known,
            Some((None, spec)) => {
                if let Some(event) = store.class_added(&spec) {
                    out.write(store, event);
                }
                return true;
            }
        };
        if wanted == class {
            return false;
        }
        for &pod in members {
            let change = PodChange::Declared { class: wanted };
            out.write(store, Event::PodChanged { pod, change });
        }
        self.jobs.declare(number, wanted, form);
        true
    }
}

/// Whether two places have a device in common.
fn overlap(one: Place, other: Place) -> bool {
    one.node == other.node && one.devices.0 & other.devices.0 != 0
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
