//! Jobs as they come, change and go, and what their workloads learn of it: several jobs may be one
//! workload, which is submitted once all of them are there.

use cluster::Store;
use kueue::run::{Readiness, Stage};
use model::Text;
use model::queueing::QueuedWorkload;
use model::workload::Job;
use units::{Instant, ObjectId, SortedMap};

use super::Queueing;
use super::job::{self, QueuedJob};

impl Queueing {
    /// A job with a queue is there, or has changed.
    pub(super) fn job(&mut self, now: Instant, id: ObjectId, job: &Job, store: &Store) {
        let known = self.jobs.get(&id);
        if known.is_some_and(|known| !known.is_other(job)) {
            self.follow(id, job, store);
            return;
        }
        if known.is_some() {
            self.deleted(id);
        }
        let own = QueuedJob::new(job);
        let key = (own.namespace.clone(), own.workload.clone());
        let siblings = self.jobs_of.entry(key.clone()).or_default();
        siblings.insert(own.place(), id);
        let is_complete = own.siblings().is_none_or(|all| siblings.len() >= all);
        self.jobs.insert(id, own);
        if !is_complete {
            return;
        }
        let members = self.members(&key, id, job, store);
        let workload = job::workload(&members, id, now, &self.priorities);
        // A workload of the dump may have been held before its job came; it is one workload with the job's.
        let held = self.controller.state(&key.0, &key.1);
        let held = held.map(kueue::run::State::shown);
        if held.is_some() {
            self.controller.delete(&key.0, &key.1);
        }
        if self.controller.submit(workload).is_err() {
            // Readers of manifests refuse requests that can't be added.
            return;
        }
        if members.iter().any(|(own, _)| own.keeps_quota()) {
            self.controller.keep_quota_while_stopping(&key.0, &key.1);
        }
        self.unsettled.insert(key.clone());
        let mut dumped = self.others.iter();
        let dumped = dumped.position(|own| (&own.namespace, &own.name) == (&key.0, &key.1));
        if let Some(place) = dumped {
            let dumped = self.others.remove(place);
            self.take_over(dumped);
        } else if let Some(held) = held {
            self.go_on(held);
        }
        self.is_awake = true;
        self.follow(id, job, store);
    }

    /// The jobs of a workload, of which one is as given.
    fn members<'j>(
        &self,
        key: &(Text, Text),
        id: ObjectId,
        job: &'j Job,
        store: &'j Store,
    ) -> Vec<(QueuedJob, &'j Job)> {
        let ids = self
            .jobs_of
            .get(key)
            .into_iter()
            .flat_map(SortedMap::values);
        let members = ids.filter_map(|own| {
            let present = if *own == id {
                job
            } else {
                job::job_of(store, *own)?
            };
            Some((self.jobs.get(own)?.clone(), present))
        });
        members.collect()
    }

    /// A workload of a dump goes on: it keeps its quota, and its reservation counts as made when the run
    /// began.
    pub(super) fn take_over(&mut self, mut dumped: QueuedWorkload) {
        for condition in &mut dumped.conditions {
            condition.since = Instant::ZERO;
        }
        self.go_on(dumped);
    }

    /// A workload that was submitted goes on with the quota and the conditions that it had before.
    fn go_on(&mut self, before: QueuedWorkload) {
        let Some(state) = self.controller.state(&before.namespace, &before.name) else {
            return;
        };
        let workload = QueuedWorkload {
            active: before.active,
            admission: before.admission,
            conditions: before.conditions,
            ..(*state.workload).clone()
        };
        let queue = (workload.namespace.clone(), workload.queue.clone());
        let name = workload.name.clone();
        self.controller.adopt(workload);
        if let Some(reason) = self.drained.get(&queue) {
            self.controller.drain(&queue.0, &name, reason);
        }
    }

    /// What a job reports, as far as the quota of its workload depends on it.
    fn follow(&mut self, id: ObjectId, job: &Job, store: &Store) {
        let Some(own) = self.jobs.get(&id).cloned() else {
            return;
        };
        let key = (own.namespace.clone(), own.workload.clone());
        let (namespace, name) = (&*key.0, &*key.1);
        let members = self.members(&key, id, job, store);
        if members.iter().all(|(_, job)| job::has_ended(job)) {
            let state = self.controller.state(namespace, name);
            if state.is_some_and(|state| state.stage != Stage::Finished) {
                self.controller.finish_workload(namespace, name);
                self.is_awake = true;
            }
            return;
        }
        let is_stopping = |state: &kueue::run::State| state.is_stopping;
        if self
            .controller
            .state(namespace, name)
            .is_some_and(is_stopping)
        {
            if members.iter().all(|(_, job)| QueuedJob::is_gone(job)) {
                self.controller.stopped(namespace, name);
                self.is_awake = true;
            }
            return;
        }
        if self.controller.waits_for_pods() {
            let was_ready = self.is_ready(namespace, name);
            let runs = |job: &Job| !job.suspend;
            let is_done = |job: &Job| job::has_ended(job) || QueuedJob::is_ready(job);
            if members.iter().all(|(_, job)| is_done(job)) {
                self.controller.pods_ready(namespace, name);
            } else if members.iter().any(|(_, job)| runs(job)) {
                self.controller.pods_lost(namespace, name);
            }
            self.is_awake |= was_ready != self.is_ready(namespace, name);
        }
        let set = own.set();
        let idle = if own.siblings().is_none() {
            own.idle_pods(job)
        } else {
            let ended = members
                .iter()
                .filter(|(own, job)| own.set() == set && job::has_ended(job));
            ended.map(|(own, job)| own.pods(job)).sum()
        };
        let state = self.controller.state(namespace, name);
        let known = state.and_then(|state| state.workload.reclaimable.get(&set));
        let sets = state.into_iter().flat_map(|state| &state.workload.pod_sets);
        let place = sets.map(|own| &own.name).position(|own| *own == set);
        if let Some(place) = place.filter(|_| idle > known.copied().unwrap_or(0)) {
            self.controller.reclaim(namespace, name, place, idle);
            self.is_awake = true;
        }
    }

    fn is_ready(&self, namespace: &str, name: &str) -> bool {
        let state = self.controller.state(namespace, name);
        state.is_some_and(|state| state.readiness == Readiness::Ready)
    }

    pub(super) fn deleted(&mut self, id: ObjectId) {
        if let Some(own) = self.jobs.remove(&id) {
            self.controller.delete(&own.namespace, &own.workload);
            let (place, key) = (own.place(), (own.namespace, own.workload));
            if let Some(siblings) = self.jobs_of.get_mut(&key) {
                siblings.remove(&place);
                if siblings.is_empty() {
                    self.jobs_of.remove(&key);
                }
            }
            self.is_awake = true;
        }
    }
}
