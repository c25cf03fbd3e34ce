//! Nodes over time: running jobs hold theirs until they have run as long as they asked to, and
//! reservations hold concrete nodes for theirs. A job's members share a node that has room for them.

use smallvec::SmallVec;

use cluster::{Class, Store};
use model::DeviceSet;
use units::{ClassId, Instant, NodeId, Resources};

use super::super::free_amounts::FreeAmounts;
use super::super::job::JobNumber;
use super::super::mixed_jobs::{kinds, place};
use super::super::reservations::Reservations;
use super::super::room::{Places, admits, of_one_job, push_places, slots_in};
use super::super::running_jobs::RunningJobs;
use super::queue::Queue;
use super::shadow::just_after;
use super::{Candidate, Pass, Start};

/// A job's stay on a node.
#[derive(Clone, Copy, Debug)]
struct Occupancy {
    /// `None` for a running job, whose amounts are not free now.
    from: Option<Instant>,
    until: Instant,
    class: ClassId,
    devices: DeviceSet,
    job: JobNumber,
}

/// A job's place in time: an instant, and a node for every member.
#[derive(Clone, Debug)]
pub struct Slot {
    /// The instant from which on the job has its places.
    pub from: Instant,
    /// The job with its places.
    pub start: Start,
}

/// The stays on every node.
pub struct Timetable<'a> {
    store: &'a Store,
    queue: &'a Queue,
    reservations: &'a Reservations,
    now: Instant,
    stays: Vec<Vec<Occupancy>>,
    /// The instants at which something ends.
    ends: Vec<Instant>,
}

impl<'a> Timetable<'a> {
    /// The timetable of running jobs alone.
    pub(super) fn of(pass: &Pass<'a>, running: &RunningJobs) -> Self {
        let now = pass.now;
        let mut table = Self {
            store: pass.store,
            queue: pass.queue,
            reservations: pass.reservations,
            now,
            stays: vec![Vec::new(); pass.store.nodes().len()],
            ends: pass.reservations.ends().collect(),
        };
        for (&job, running) in running.jobs() {
            let until = running.expected_end.max(just_after(now));
            table.ends.push(until);
            for place in running.places.iter().filter(|place| place.held) {
                table.stays[place.node.index()].push(Occupancy {
                    from: None,
                    until,
                    class: place.class,
                    devices: place.devices,
                    job,
                });
            }
        }
        table
    }

    /// Reserves a slot for a job.
    pub fn reserve(&mut self, slot: &Slot) {
        let number = slot.start.number;
        let Some(job) = self.queue.get(number) else {
            return;
        };
        let until = slot.from.saturating_add(job.facts.requested);
        self.ends.push(until);
        for (position, &(node, devices)) in slot.start.places.iter().enumerate() {
            self.stays[node.index()].push(Occupancy {
                from: Some(slot.from),
                until,
                class: job.class_of(self.store, position),
                devices,
                job: number,
            });
        }
    }

    /// Takes the reservation of a job out.
    pub fn release(&mut self, slot: &Slot) {
        let number = slot.start.number;
        for &(node, _) in &slot.start.places {
            let is_other = |stay: &Occupancy| stay.job != number || stay.from.is_none();
            self.stays[node.index()].retain(is_other);
        }
    }

    /// The earliest slot of a job: now, or at the end of something.
    pub fn first_fit(&mut self, candidate: &Candidate) -> Option<Slot> {
        self.ends.sort_unstable();
        self.ends.dedup();
        let now = std::iter::once(self.now);
        let later = self.ends.iter().copied().filter(|&end| end > self.now);
        let mut instants = now.chain(later).filter(|&at| at < Instant::MAX);
        instants.find_map(|from| {
            let start = self.fit(candidate, from)?;
            Some(Slot { from, start })
        })
    }

    /// The places of a job that starts now, if it has room beside every reservation.
    pub fn fit_now(&self, candidate: &Candidate) -> Option<Start> {
        self.fit(candidate, self.now)
    }

    /// The places of a job that starts at an instant, lowest node first, if it has room.
    fn fit(&self, candidate: &Candidate, from: Instant) -> Option<Start> {
        let number = candidate.number();
        let job = self.queue.get(number)?;
        let until = from.saturating_add(job.facts.requested);
        let until = until.max(just_after(from));
        let is_open = |node: NodeId| {
            self.store.nodes().schedulable()[node.index()]
                && self.reservations.admit(&job.facts, node, from, until)
        };
        if job.is_mixed {
            let free = |node: NodeId| is_open(node).then(|| self.least(node, from, until));
            let kinds = kinds(self.store, job);
            let places = place(self.store, &kinds, job.members.len(), free)?;
            return Some(Start { number, places });
        }
        let class = self.store.class(job.class);
        let mut places = Places::new();
        for node in self.store.nodes().ids() {
            if !admits(self.store, class, node) || !is_open(node) {
                continue;
            }
            let FreeAmounts { row, devices } = self.least(node, from, until);
            let left = job.members.len() - places.len();
            let here = of_one_job(class, slots_in(class, &row, &devices));
            let here = (here as usize).min(left);
            push_places(&mut places, class, node, &devices, here);
            if places.len() == job.members.len() {
                return Some(Start { number, places });
            }
        }
        None
    }

    /// The least of each amount that is free on a node from an instant to another.
    fn least(&self, node: NodeId, from: Instant, until: Instant) -> FreeAmounts {
        let stays = &self.stays[node.index()];
        let (mut row, mut devices) = self.free_at(node, from);
        let begins = stays.iter().filter_map(|stay| stay.from);
        for at in begins.filter(|&at| from < at && at < until) {
            let (other, rooms) = self.free_at(node, at);
            keep_least(&mut row, &other);
            for (device, room) in devices.iter_mut().zip(rooms) {
                *device = room.min(*device);
            }
        }
        FreeAmounts { row, devices }
    }

    /// The amounts that are free on a node at an instant.
    fn free_at(&self, node: NodeId, at: Instant) -> (Resources, SmallVec<[u16; 8]>) {
        let nodes = self.store.nodes();
        let mut row = nodes.free().row(node);
        let mut devices: SmallVec<[u16; 8]> = SmallVec::from_slice(nodes.gpu_room(node));
        for stay in &self.stays[node.index()] {
            let class: &Class = self.store.class(stay.class);
            match stay.from {
                None if stay.until <= at => {
                    row.add(&class.requests);
                    for device in stay.devices.iter() {
                        devices[device] += class.gpu.milli_per_device;
                    }
                }
                Some(from) if from <= at && at < stay.until => {
                    row.subtract(&class.requests);
                    for device in stay.devices.iter() {
                        let room = &mut devices[device];
                        *room = room.saturating_sub(class.gpu.milli_per_device);
                    }
                }
                _ => {}
            }
        }
        (row, devices)
    }
}

fn keep_least(row: &mut Resources, other: &Resources) {
    row.cpu_milli = row.cpu_milli.min(other.cpu_milli);
    row.memory_bytes = row.memory_bytes.min(other.memory_bytes);
    row.storage_bytes = row.storage_bytes.min(other.storage_bytes);
    row.gpu_milli = row.gpu_milli.min(other.gpu_milli);
    row.pods = row.pods.min(other.pods);
    for (id, amount) in &mut row.extended {
        *amount = other.extended_amount(*id).min(*amount);
    }
}
