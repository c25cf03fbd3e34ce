//! Arrivals of the workload, which become pods or jobs.

use arrivals::{Arrival, UNNAMED};
use model::{Event, Object, PodOwner};
use units::{ClassId, Duration, GangId, Identity};

use super::super::SimError;
use super::super::context::Context;
use super::super::node_plane::drawn_run_time;
use super::super::surroundings::pod_of;
use super::admission::adopts;
use super::{Engine, declaration};

impl Engine {
    /// Creates the pods of the next arrival.
    pub(in super::super) fn arrive(&mut self, ctx: &mut Context<'_>) -> Result<(), SimError> {
        let Some(submission) = self.surroundings.take_arrival(ctx.now())? else {
            return self.surroundings.fetch();
        };
        let (store, acts) = (self.control.store(), self.control.acts());
        if self
            .surroundings
            .submit_jobs(ctx, store, &submission, acts)?
        {
            // The requests for the jobs arrive now, not with whatever happens next.
            self.deliver(ctx, 0)?;
            return self.surroundings.fetch();
        }
        // All classes are there before the first pod, so that the pods of a gang follow each other.
        for arrival in submission.members() {
            self.class_of(ctx, arrival)?;
        }
        self.endless.arriving(ctx.now(), true);
        let gang = self.surroundings.gang_of(&submission);
        for arrival in submission.members() {
            self.create_pods(ctx, arrival, gang)?;
        }
        self.endless.arriving(ctx.now(), false);
        self.surroundings.fetch()
    }

    /// The class of an arrival's pods, which is added to the store if need be.
    #[inline]
    fn class_of(&mut self, ctx: &mut Context<'_>, arrival: &Arrival) -> Result<ClassId, SimError> {
        loop {
            match self.surroundings.class_of(arrival) {
                Some(class) => return Ok(class),
                None => self.add_class(ctx)?,
            }
        }
    }

    /// Creates the pods of an arrival, of which some gang is made up.
    fn create_pods(
        &mut self,
        ctx: &mut Context<'_>,
        arrival: &Arrival,
        gang: Option<GangId>,
    ) -> Result<(), SimError> {
        let class = self.class_of(ctx, arrival)?;
        self.surroundings.begin_arrival(arrival);
        let is_limited = self.limits_arrivals(class);
        // Members are alike, and what admission fills in are no labels.
        let owner = self.adopter(class);
        for member in 0..arrival.members {
            let admitted = if is_limited {
                self.admitted(ctx, &arrival.name.text(), class)?
            } else {
                Some(class)
            };
            let own = admitted.unwrap_or(class);
            let mut created = pod_of(self.control.store(), arrival, own, gang, member);
            created.owner = owner;
            let who = self.control.store().identity_of_new(&created);
            // Pods of one name may be of several tenants.
            let who = match self.surroundings.tenant_of(arrival) {
                Some(tenant) if **tenant != *UNNAMED => who.with(tenant),
                _ => who,
            };
            let run_time = match arrival.run_time {
                None => self.stated_run_time(ctx, who, class)?,
                known => known,
            };
            created.estimate = run_time;
            self.nodes.submit(created.pod, who, run_time);
            self.nodes.limit(arrival, who);
            if admitted.is_none() {
                self.refuse(ctx, Event::PodCreated(created))?;
                continue;
            }
            self.commit(ctx, Event::PodCreated(created))
                .map_err(|why| declaration(format!("`{}` of the workload", arrival.name), &why))?;
        }
        self.surroundings.finish_arrival();
        Ok(())
    }

    /// The replica set that adopts an orphan pod of a class: the first whose selector it matches
    /// (`ReplicaSetController.addPod`, `ClaimPods`).
    fn adopter(&self, class: ClassId) -> Option<PodOwner> {
        const KIND: &str = "ReplicaSet";
        let store = self.control.store();
        let spec = &store.class(class).spec;
        if spec.labels.is_empty() || !store.objects().has_kind(KIND) {
            return None;
        }
        let mut sets = store.objects().of_kind(KIND, &spec.namespace);
        let (object, _) = sets.find(|(_, row)| match &row.object {
            Object::ReplicaSet(set) => adopts(set, spec),
            _ => false,
        })?;
        Some(PodOwner::new(object, 0))
    }

    /// Run time of a pod of a class, as its manifest states it.
    fn stated_run_time(
        &self,
        ctx: &Context<'_>,
        who: Identity,
        class: ClassId,
    ) -> Result<Option<Duration>, SimError> {
        let spec = &self.control.store().class(class).spec;
        match spec.life {
            Some(_) => drawn_run_time(ctx, who, spec.main_container(), spec),
            None => Ok(None),
        }
    }

    /// The next class of arrivals is added to the store, unless it is there.
    fn add_class(&mut self, ctx: &mut Context<'_>) -> Result<(), SimError> {
        let object = self.surroundings.next_class()?;
        if let Some(event) = self.control.store().class_added(&object) {
            self.commit(ctx, event)
                .map_err(|why| declaration("a pod of the workload".to_owned(), &why))?;
        }
        let known = self.control.store().class_of(&object);
        let class = known.ok_or_else(|| SimError::Invariant {
            at: ctx.now(),
            what: "a known class is unknown".to_owned(),
            seed: ctx.options().seed,
        })?;
        self.surroundings.learn_class(class);
        Ok(())
    }
}
