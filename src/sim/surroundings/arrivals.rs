//! Pods that arrive, alone or as gangs.

use std::sync::Arc;

use arrivals::{Arrival, Submission};
use cluster::Store;
use control::operation::Operation;
use model::{Object, PodCreated, PodSpec, Text};
use units::{ClassId, GangId, Instant, TenantId};

use super::super::SimError;
use super::super::context::Context;
use super::Surroundings;

impl Surroundings {
    /// Instant of the next arrival.
    #[inline]
    pub(in super::super) fn arriving(&self) -> Option<Instant> {
        let upcoming = self.upcoming.as_ref().map(|arrival| arrival.submit);
        match &self.precedence {
            None => upcoming,
            Some(precedence) => upcoming.into_iter().chain(precedence.releasing()).min(),
        }
    }

    /// Takes the next arrival, with all others of its gang; the workload's before one that was held back. `None`
    /// if it is held back now.
    pub(in super::super) fn take_arrival(
        &mut self,
        now: Instant,
    ) -> Result<Option<Submission>, SimError> {
        if self.precedence.is_none() {
            return match self.upcoming.take() {
                Some(first) => self.with_mates(first).map(Some),
                None => Ok(None),
            };
        }
        let due = match self.upcoming.take_if(|arrival| arrival.submit <= now) {
            Some(first) => Some(self.with_mates(first)?),
            None => None,
        };
        let Some(precedence) = &mut self.precedence else {
            return Ok(due);
        };
        Ok(match due {
            Some(due) => precedence.due(now, due, self.arrivals.files())?,
            None => precedence.take_released(),
        })
    }

    /// The arrival that was read last, with those that follow it and are members of its gang.
    #[inline]
    fn with_mates(&mut self, first: Arrival) -> Result<Submission, SimError> {
        let mut own = Submission::from(first);
        if own.first.gang().is_some() {
            self.read()?;
            while let Some(mate) = self.upcoming.take_if(|next| next.is_mate_of(&own.first)) {
                own.mates.push(mate);
                self.read()?;
            }
        }
        Ok(own)
    }

    /// The pods of an arrival are created from here on.
    pub(in super::super) fn begin_arrival(&mut self, arrival: &Arrival) {
        if let Some(precedence) = &mut self.precedence {
            precedence.begin(arrival);
        }
    }

    /// The pods of an arrival were created.
    pub(in super::super) fn finish_arrival(&mut self) {
        if let Some(precedence) = &mut self.precedence {
            precedence.finish();
        }
    }

    /// Reads the next arrival, unless it is read. The arrivals before it have happened.
    pub(in super::super) fn fetch(&mut self) -> Result<(), SimError> {
        if self.upcoming.is_some() {
            return Ok(());
        }
        self.read()?;
        if self.is_exhausted
            && !std::mem::replace(&mut self.is_end_told, true)
            && let Some(precedence) = &mut self.precedence
        {
            precedence.exhausted(self.last_arrival, self.arrivals.files());
        }
        Ok(())
    }

    /// Reads the next arrival, unless there is none.
    fn read(&mut self) -> Result<(), SimError> {
        if self.is_exhausted {
            return Ok(());
        }
        self.upcoming = self.arrivals.next()?;
        self.is_exhausted = self.upcoming.is_none();
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

    /// Submits an arrival as a job, or a gang as several, and returns `true`, if arrivals are jobs.
    pub(in super::super) fn submit_jobs(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        submission: &Submission,
        is_answered: bool,
    ) -> Result<bool, SimError> {
        let Some(submitter) = &mut self.submitter else {
            return Ok(false);
        };
        let jobs = submitter.jobs(submission, &*self.arrivals)?;
        for (arrival, job) in submission.members().zip(jobs) {
            if let Some(precedence) = &mut self.precedence {
                precedence.submitted_job(arrival, &job);
            }
            let number = self.operations.len();
            self.operations.push(Operation::Create(Object::Job(job)));
            self.operations_left += 1;
            self.operate(ctx, store, number as u32, is_answered)?;
            if is_answered {
                // All of it is done: a job is created in one step.
                self.operations.truncate(number);
            }
        }
        Ok(true)
    }

    /// The name of an arrival's tenant, where it has one.
    #[inline]
    pub(in super::super) fn tenant_of(&self, arrival: &Arrival) -> Option<&Text> {
        self.arrivals.tenants().get(arrival.tenant as usize)
    }

    /// The class of an arrival; `None` if it is met for the first time.
    #[inline]
    pub(in super::super) fn class_of(&self, arrival: &Arrival) -> Option<ClassId> {
        self.classes.get(arrival.class as usize).copied()
    }

    /// The next class of arrivals that is not known yet.
    pub(in super::super) fn next_class(&self) -> Result<Arc<PodSpec>, SimError> {
        Ok(self.arrivals.classes().get(self.classes.len() as u32)?)
    }

    /// The next class of arrivals is this one in the store.
    pub(in super::super) fn learn_class(&mut self, class: ClassId) {
        self.classes.push(class);
    }

    /// The gang that all pods of a submission form, whichever classes they are of.
    pub(in super::super) fn gang_of(&mut self, submission: &Submission) -> Option<GangId> {
        (submission.pods() > 1).then(|| {
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
        name: if arrival.members > 1 {
            arrival.name.member(member)
        } else {
            arrival.name.clone()
        },
        tenant: TenantId(arrival.tenant),
        gang,
        time_limit: arrival.time_limit,
        estimate: None,
        found: None,
        owner: None,
    }
}
