//! Jobs that grow and shrink: while no job waits, jobs that get on faster with more GPUs take those of their
//! nodes that are idle, and give them back at the beginning of the round in which others want them
//! (Gandiva, OSDI'18: grow-shrink; spec: orchestrators-b.md section 8.2). Each change costs a suspension and
//! a start. The devices beyond its own count for no job's turn.

use std::sync::Arc;

use cluster::Store;
use model::gpu::{DEVICE_MILLI, MAX_DEVICES};
use model::{DeviceSet, GPUS_NOW_LABEL, JOB_GPUS_LABEL, PodSpec};
use units::{ClassId, Instant, Resources, SortedSet};

use super::SharingPlanner;
use super::jobs::Form;
use super::plan::{Claim, Need, Place, Plan};

/// A job that may grow.
#[derive(Clone, Debug)]
struct GrowthCandidate {
    number: u64,
    class: ClassId,
    column: usize,
    /// Devices of each member.
    devices: usize,
    places: Vec<Place>,
    grew: bool,
}

impl SharingPlanner {
    /// Speed of a job that runs beside that with the devices that it was submitted with.
    pub(super) fn gain(&self, number: u64, store: &Store) -> f64 {
        let class = self.jobs.class(number).map(|class| store.class(class));
        let on = self.columns.as_ref().zip(self.jobs.column(number));
        let gain = on.zip(class);
        gain.map_or(1.0, |((columns, column), class)| {
            columns.gain(class, column)
        })
    }

    /// Marks the devices that jobs took because they were idle: others take them last.
    pub(super) fn mark_spare(&self, plan: &mut Plan, store: &Store) {
        for (number, held) in self.jobs.running(store) {
            let Some(own) = self.grown(number, store) else {
                continue;
            };
            for (place, devices) in beyond(&own, &held) {
                plan.set_spare(place, devices);
            }
        }
    }

    /// The claim of a job without the devices that it took because they were idle; `None` of one that took
    /// none.
    fn grown(&self, number: u64, store: &Store) -> Option<Claim> {
        let is_grown = matches!(self.jobs.form(number), Form::Grown(_));
        { self.jobs.claim(number, store) }.filter(|own| is_grown && own.places.is_some())
    }

    /// Lets jobs give back the devices beyond their own where others were granted some of them.
    pub(super) fn shrink(
        &mut self,
        plan: &mut Plan,
        order: &[u64],
        keeps: &mut SortedSet<u64>,
        store: &Store,
    ) {
        for &number in order {
            let claims = self.grown(number, store).zip(self.jobs.held(number, store));
            let Some((own, held)) = claims.filter(|_| keeps.contains(&number)) else {
                continue;
            };
            if !plan.take_all(&beyond(&own, &held)) {
                keeps.remove(&number);
                self.promise(number, &own.places.unwrap_or_default(), Form::Whole);
            }
        }
    }

    /// Lets jobs take idle devices, one number of GPUs after another in the order of the rule, if no job
    /// waits for devices.
    pub(super) fn grow(
        &mut self,
        now: Instant,
        plan: &mut Plan,
        order: &[u64],
        keeps: &mut SortedSet<u64>,
        store: &Store,
    ) {
        let waits = |number: &u64| {
            let class = self.jobs.whole(*number).map(|class| store.class(class));
            let is_set = keeps.contains(number) || self.granted.contains_key(number);
            !is_set && class.is_some_and(|class| class.gpu.devices > 0)
        };
        if order.iter().any(waits) {
            return;
        }
        let keep = order
            .iter()
            .copied()
            .filter(|number| keeps.contains(number));
        let growing = keep.filter_map(|number| self.growing(now, number, store));
        let mut growing: Vec<GrowthCandidate> = growing.collect();
        loop {
            let mut any = false;
            for own in &mut growing {
                any |= self.step_up(own, plan, store);
            }
            if !any {
                break;
            }
        }
        for own in growing.iter().filter(|own| own.grew) {
            keeps.remove(&own.number);
            self.promise(own.number, &own.places, Form::Grown(own.devices as u8));
        }
    }

    /// A job that has run with the devices that it has for a round, and may be faster with more.
    fn growing(&self, now: Instant, number: u64, store: &Store) -> Option<GrowthCandidate> {
        let run = self.jobs.run_of(number, now)?;
        let form = self.jobs.form(number);
        let (class, column) = (self.jobs.whole(number)?, self.jobs.column(number)?);
        let gpu = store.class(class).gpu;
        if run < self.round || form == Form::Half || gpu.milli_per_device != DEVICE_MILLI {
            return None;
        }
        let places = self.jobs.held(number, store)?.places?;
        let devices = match form {
            Form::Grown(devices) => devices,
            _ => gpu.devices,
        };
        Some(GrowthCandidate {
            number,
            class,
            column,
            devices: usize::from(devices),
            places,
            grew: false,
        })
    }

    /// Gives each member of a job as many idle devices of its node as the next number of GPUs takes with
    /// which it is faster; `false` if there is none.
    fn step_up(&self, own: &mut GrowthCandidate, plan: &mut Plan, store: &Store) -> bool {
        let members = own.places.len();
        let width = (own.devices * members) as u32;
        let class = store.class(own.class);
        let next = { self.columns.as_ref() }
            .and_then(|columns| columns.next_width(class, own.column, width, members as u32));
        let Some(devices) = next.map(|next| next as usize / members) else {
            return false;
        };
        let mut taken: Vec<(Place, DeviceSet)> = Vec::with_capacity(members);
        for &place in &own.places {
            let more = devices - own.devices;
            let found = plan.idle(place, more).map(|found| (place, found));
            let Some(found) = found.filter(|own| devices <= MAX_DEVICES && plan.take_all(&[*own]))
            else {
                plan.give_all_back(&taken);
                return false;
            };
            taken.push(found);
        }
        for (place, (_, more)) in own.places.iter_mut().zip(taken) {
            place.devices.0 |= more.0;
        }
        (own.devices, own.grew) = (devices, true);
        true
    }
}

/// The spec of members of a job with another number of devices each.
pub(super) fn grown_spec(whole: &PodSpec, devices: u8, members: usize) -> Arc<PodSpec> {
    let mut spec = whole.clone();
    let stated = model::JobGpus::of(whole).stated;
    spec.gpu.devices = devices;
    let now = usize::from(devices) * members;
    for (name, gpus) in [(JOB_GPUS_LABEL, stated as usize), (GPUS_NOW_LABEL, now)] {
        let text = gpus.to_string();
        spec.labels.insert(name.into(), text.as_str().into());
    }
    Arc::new(spec)
}

/// The devices at each place that a job holds beyond its own.
fn beyond(own: &Claim, held: &Claim) -> Vec<(Place, DeviceSet)> {
    let own = own.places.iter().flatten();
    let held = held.places.iter().flatten();
    let more = own.zip(held);
    more.map(|(own, held)| (*own, DeviceSet(held.devices.0 & !own.devices.0)))
        .collect()
}

/// The need of whole devices alone.
fn need(devices: DeviceSet) -> Need {
    Need {
        resources: Resources {
            gpu_milli: devices.len() as i64 * i64::from(DEVICE_MILLI),
            ..Resources::default()
        },
        devices: devices.len() as u8,
        milli: DEVICE_MILLI,
    }
}

impl Plan {
    /// Whole devices of a place's node that are free, the lowest first; `None` if there are fewer.
    fn idle(&self, place: Place, count: usize) -> Option<DeviceSet> {
        let left = self
            .left
            .get(place.node.index())
            .filter(|own| own.is_open)?;
        let free = |&(_, &room): &(usize, &u16)| room == DEVICE_MILLI;
        let mut found = DeviceSet::EMPTY;
        for (index, _) in left.devices.iter().enumerate().filter(free).take(count) {
            found.insert(index);
        }
        (found.len() == count).then_some(found)
    }

    /// Takes whole devices at places, all of them or none; `false` if one is not free.
    fn take_all(&mut self, devices: &[(Place, DeviceSet)]) -> bool {
        for (at, &(place, own)) in devices.iter().enumerate() {
            let need = need(own);
            let left = &mut self.left[place.node.index()];
            if !left.has(&need, own) {
                self.give_all_back(&devices[..at]);
                return false;
            }
            left.take(&need, own);
        }
        true
    }

    fn give_all_back(&mut self, devices: &[(Place, DeviceSet)]) {
        for &(place, own) in devices {
            self.left[place.node.index()].give_back(&need(own), own);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::plan::testing::{place, plan};
    use super::*;
    use model::{GpuRequest, JobGpus, ResourceList};

    #[test]
    fn the_spec_of_a_job_that_grew_says_what_it_had() {
        let whole = PodSpec {
            gpu: GpuRequest {
                devices: 2,
                milli_per_device: DEVICE_MILLI,
                models: Vec::new(),
            },
            ..PodSpec::with_requests(ResourceList::default())
        };
        let grown = grown_spec(&whole, 8, 1);
        assert_eq!(grown.gpu.devices, 8);
        assert_eq!(JobGpus::of(&grown), JobGpus { stated: 2, now: 8 });
        assert_eq!(grown_spec(&grown, 4, 1).gpu.devices, 4);
        assert_eq!(JobGpus::of(&grown_spec(&grown, 4, 1)).stated, 2);
    }

    #[test]
    fn devices_are_taken_all_or_none() {
        let mut plan = plan(&[&[0, 1_000, 1_000, 500]]);
        assert_eq!(plan.idle(place(0, 0b1), 2), Some(DeviceSet(0b110)));
        assert_eq!(plan.idle(place(0, 0b1), 3), None);
        let before = plan.left.clone();
        let own = place(0, 0b1);
        let parts = [(own, DeviceSet(0b10)), (own, DeviceSet(0b1000))];
        assert!(!plan.take_all(&parts));
        assert_eq!(plan.left, before);
        assert!(plan.take_all(&[(own, DeviceSet(0b110))]));
        assert_eq!(plan.left[0].devices[..], [0, 0, 0, 500]);
        plan.set_spare(own, DeviceSet(0b10));
        plan.give_all_back(&[(own, DeviceSet(0b110))]);
        // Others take the devices of jobs that grew last.
        let found = plan.find(&super::super::plan::testing::need(1, 1_000), &|_| true);
        assert_eq!(found.map(|way| way.place), Some(place(0, 0b100)));
    }

    proptest! {
        /// Devices that jobs take beyond their own were free, and are free again afterwards.
        #[test]
        fn idle_devices_come_back(rooms in prop::collection::vec(prop::bool::ANY, 1..9), count in 1_usize..9) {
            let rooms: Vec<u16> = rooms.iter().map(|&own| if own { 1_000 } else { 0 }).collect();
            let mut plan = plan(&[&rooms]);
            let before = plan.left.clone();
            let free = rooms.iter().filter(|&&own| own > 0).count();
            let own = place(0, 0);
            let found = plan.idle(own, count);
            prop_assert_eq!(found.is_some(), count <= free);
            if let Some(found) = found {
                prop_assert!(plan.take_all(&[(own, found)]));
                let left = plan.left[0].devices.iter().filter(|&&room| room > 0).count();
                prop_assert_eq!(left, free - count);
                plan.give_all_back(&[(own, found)]);
                prop_assert_eq!(&plan.left, &before);
            }
        }
    }
}
