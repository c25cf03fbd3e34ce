//! Trials: Kueue decides about the workloads of a cluster with a job, until nothing changes.

use kueue::Snapshot;
use kueue::run::{Controller, Cycle, Entry, RequeueReason, Stage};
use model::Text;
use model::queueing::{Admission, QueuedWorkload, StopPolicy};
use units::{Duration, SortedSet};

use super::{Obstacle, Question, Victim};

/// Most cycles of a trial.
pub(super) const MOST_CYCLES: usize = 100_000;

/// Most work of all trials of changes together, in usage of workloads that is counted in or out.
pub(super) const MOST_WORK: u64 = 15_000_000;

/// Time for which a trial goes on: retries are collected for a second.
const TRIAL: Duration = Duration::from_secs(10);

/// Outcome of a trial.
#[derive(Default)]
pub(super) struct Trial {
    pub(super) admission: Option<Admission>,
    pub(super) victims: Vec<Victim>,
    pub(super) reasons: Vec<String>,
    pub(super) ahead: usize,
    /// Flavors that the pods may not use, and topologies that have no place for them.
    pub(super) obstacles: Vec<Obstacle>,
    /// Names of those flavors.
    pub(super) refusing: SortedSet<Text>,
}

impl Question<'_> {
    pub(super) fn admits(&self, cluster: &Controller, workload: QueuedWorkload) -> bool {
        self.change(cluster, workload).admission.is_some()
    }

    /// An attempt with a change; without an outcome once the work of all trials is done.
    pub(super) fn change(&self, cluster: &Controller, workload: QueuedWorkload) -> Trial {
        let left = self.left.get();
        if left == 0 {
            self.is_cut.set(true);
            return Trial::default();
        }
        let (trial, work) = self.attempt_within(cluster, workload, left);
        self.left.set(left.saturating_sub(work));
        self.is_cut.set(self.is_cut.get() || self.is_exhausted());
        trial
    }

    /// Whether no change can be tried any more.
    pub(super) fn is_exhausted(&self) -> bool {
        self.left.get() == 0
    }

    /// Submits a workload to a copy of the cluster and lets Kueue decide until nothing changes.
    pub(super) fn attempt(&self, cluster: &Controller, workload: QueuedWorkload) -> Trial {
        self.attempt_within(cluster, workload, u64::MAX).0
    }

    /// An attempt that ends without an outcome once it has taken an amount of work; and its work.
    pub(super) fn attempt_within(
        &self,
        cluster: &Controller,
        workload: QueuedWorkload,
        most: u64,
    ) -> (Trial, u64) {
        let mut cluster = cluster.clone();
        let before = cluster.snapshot().work();
        let trial = self.attempt_in(&mut cluster, workload, before.saturating_add(most));
        (trial, cluster.snapshot().work() - before)
    }

    /// Submits a workload to a cluster and lets Kueue decide until nothing changes, or its work is done.
    pub(super) fn attempt_in(
        &self,
        cluster: &mut Controller,
        workload: QueuedWorkload,
        most: u64,
    ) -> Trial {
        let mut trial = Trial {
            reasons: self.reasons_of_queue(cluster),
            ..Trial::default()
        };
        let (priority, created) = (workload.priority, workload.created);
        let end = cluster.now().saturating_add(TRIAL);
        let mut cycles = 0;
        if cluster.submit(workload.clone()).is_err() {
            return trial;
        }
        loop {
            while let Some(cycle) = cluster.cycle() {
                cycles += 1;
                self.note(&cycle, cluster.snapshot(), &mut trial);
                let state = cluster.state(&self.own.namespace, &self.own.workload);
                let state =
                    state.filter(|own| matches!(own.stage, Stage::Admitted | Stage::QuotaReserved));
                if let Some(state) = state {
                    trial.admission.clone_from(&state.workload.admission);
                    trial.reasons.clear();
                    trial.obstacles.clear();
                    return trial;
                }
                if cluster.snapshot().work() >= most {
                    return Trial::default();
                }
                if !cycle.has_changed || cycles > MOST_CYCLES {
                    break;
                }
            }
            match cluster.next_due() {
                Some(due) if due <= end && cycles <= MOST_CYCLES => {
                    cluster.advance(due);
                }
                _ => break,
            }
        }
        if trial.reasons.is_empty() {
            self.note_untried(cluster, workload, &mut trial);
        }
        let queue = self.queue.as_ref();
        let waits = cluster.states().filter(|own| {
            let is_here = own.queue.map(|id| &cluster.snapshot().queue(id).spec.name) == queue;
            let own_priority = own.workload.priority;
            let is_before = own_priority > priority
                || (own_priority == priority && own.workload.created < created);
            own.stage == Stage::Pending && is_here && is_before
        });
        trial.ahead = waits.count();
        trial
    }

    /// Reasons for which the queue takes no workloads at all.
    pub(super) fn reasons_of_queue(&self, cluster: &Controller) -> Vec<String> {
        let (namespace, name) = (&self.job.namespace, &self.local_queue);
        let mut local = self.objects.queueing.local_queues.iter();
        let local = local.find(|own| (&own.namespace, &own.name) == (namespace, name));
        let Some(local) = local else {
            return vec![format!(
                "the namespace `{namespace}` has no LocalQueue `{name}`"
            )];
        };
        if local.stop != StopPolicy::None {
            return vec![format!("the LocalQueue `{name}` is stopped (`stopPolicy`)")];
        }
        let snapshot = cluster.snapshot();
        let Some(queue) = snapshot.queue_named(&local.cluster_queue) else {
            return vec![format!(
                "there is no ClusterQueue `{}`",
                local.cluster_queue
            )];
        };
        let own = snapshot.queue(queue);
        if own.spec.stop != StopPolicy::None {
            return vec![format!(
                "the ClusterQueue `{}` is stopped (`stopPolicy`)",
                own.spec.name
            )];
        }
        Vec::new()
    }

    /// Notes the part of the job in a cycle.
    fn note(&self, cycle: &Cycle, snapshot: &Snapshot, trial: &mut Trial) {
        let is_own = |entry: &&Entry| {
            let own = &entry.pending.workload;
            (&own.namespace, &own.name) == (&self.own.namespace, &self.own.workload)
        };
        let Some(entry) = cycle.entries.iter().find(is_own) else {
            return;
        };
        trial.reasons = sentences(&entry.message);
        if let Some(nomination) = &entry.nomination {
            self.note_assignment(snapshot, &nomination.assignment, trial);
        }
        if entry.reason == Some(RequeueReason::PendingPreemption) {
            for (name, queue, reason) in &entry.targeted {
                let victim = Victim {
                    name: name.clone(),
                    queue: queue.clone(),
                    reason: reason.name(),
                };
                // One that comes back can stop again.
                if !trial.victims.contains(&victim) {
                    trial.victims.push(victim);
                }
            }
        }
    }
}

/// Lets Kueue decide about the workloads that wait, until nothing changes.
pub(super) fn settle(cluster: &mut Controller) {
    let end = cluster.now().saturating_add(TRIAL);
    let mut cycles = 0;
    loop {
        while let Some(cycle) = cluster.cycle() {
            cycles += 1;
            if !cycle.has_changed || cycles > MOST_CYCLES {
                break;
            }
        }
        match cluster.next_due() {
            Some(due) if due <= end && cycles <= MOST_CYCLES => {
                cluster.advance(due);
            }
            _ => return,
        }
    }
}

/// The sentences of a message of Kueue.
pub(super) fn sentences(message: &str) -> Vec<String> {
    let sentences = message.split("; ").filter(|own| !own.is_empty());
    sentences.map(str::to_owned).collect()
}
