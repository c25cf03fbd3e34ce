//! Pods that arrive, alone or as gangs.

use std::sync::Arc;

use cluster::Store;
use model::{PodCreated, PodName, PodSpec};
use trace::Arrival;
use units::{ClassId, GangId, Instant, TenantId};

use super::super::SimError;
use super::Surroundings;

impl Surroundings {
    /// Instant of the next arrival.
    #[inline]
    pub(in super::super) fn arriving(&self) -> Option<Instant> {
        self.upcoming.as_ref().map(|arrival| arrival.submit)
    }

    /// Takes the next arrival.
    pub(in super::super) const fn take_arrival(&mut self) -> Option<Arrival> {
        self.upcoming.take()
    }

    /// Reads the next arrival.
    pub(in super::super) fn fetch(&mut self) -> Result<(), SimError> {
        self.upcoming = self.arrivals.next()?;
        if let Some(arrival) = &self.upcoming {
            let (at, last) = (arrival.submit, self.last_arrival);
            if at < last {
                let name = arrival.name.to_string();
                return Err(SimError::OutOfOrder { name, at, last });
            }
            self.last_arrival = at;
        }
        Ok(())
    }

    /// The class of an arrival; `None` if it is met for the first time.
    #[inline]
    pub(in super::super) fn class_of(&self, arrival: &Arrival) -> Option<ClassId> {
        self.classes.get(arrival.class as usize).copied()
    }

    /// The next class of arrivals that is not known yet.
    pub(in super::super) fn next_class(&self) -> Arc<PodSpec> {
        self.arrivals.classes()[self.classes.len()].clone()
    }

    /// The next class of arrivals is this one in the store.
    pub(in super::super) fn learn_class(&mut self, class: ClassId) {
        self.classes.push(class);
    }

    /// The gang that the pods of an arrival form.
    pub(in super::super) fn gang_of(&mut self, arrival: &Arrival) -> Option<GangId> {
        (arrival.members > 1).then(|| {
            self.gangs += 1;
            GangId(self.gangs - 1)
        })
    }
}

/// A pod of an arrival, the next that the store creates.
pub(in super::super) fn pod_of(
    store: &Store,
    arrival: &Arrival,
    class: ClassId,
    gang: Option<GangId>,
    member: u32,
) -> PodCreated {
    PodCreated {
        pod: store.pods().next(),
        class,
        name: if gang.is_some() {
            member_name(&arrival.name, member)
        } else {
            arrival.name.clone()
        },
        tenant: TenantId(arrival.tenant),
        gang,
        time_limit: arrival.time_limit,
        found: None,
        owner: None,
    }
}

/// The name of a member of a gang.
fn member_name(gang: &PodName, member: u32) -> PodName {
    match gang {
        PodName::Job(number) | PodName::Member(number, _) => PodName::Member(*number, member),
        PodName::Text(name) => PodName::Text(format!("{name}-{member}").into()),
    }
}
