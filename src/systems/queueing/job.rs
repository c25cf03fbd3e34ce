//! Jobs as owners of workloads: what they ask for, and what becomes of them once they are admitted.

use crate::parts::turn::Turn;
use std::sync::Arc;

use cluster::Store;
use kueue::Snapshot;
use kueue::run::{Stage, State};
use model::queueing::{PodSet, PodSetAdmission, QueuedWorkload, workload_of_job};
use model::workload::Job;
use model::workload::job::JobMember;
use model::{Event, Object, ObjectChange, PodSpec, Text};
use units::{Instant, ObjectId, SortedMap};

/// Name of the set of a job's pods.
pub(super) const POD_SET: &str = "main";

/// Label of pods that get places in a topology.
pub(super) const PLACED_LABEL: &str = "kueue.x-k8s.io/tas";

/// Scheduling gate of a pod that has no place in a topology yet.
pub(super) const GATE: &str = "kueue.x-k8s.io/topology";

/// A job with a queue, as its user declared it.
#[derive(Clone, Debug)]
pub(super) struct QueuedJob {
    pub(super) namespace: Text,
    /// Name of the job's workload.
    pub(super) workload: Text,
    template: Arc<PodSpec>,
    parallelism: i32,
    member: Option<Arc<JobMember>>,
}

/// Place of a job in its workload: pod set, and job of that.
pub(super) type Place = (u32, u32);

impl QueuedJob {
    pub(super) fn new(job: &Job) -> Self {
        let member = job.queue.0.as_ref().and_then(|own| own.member.clone());
        let workload = member.as_ref().map(|own| own.workload.clone());
        Self {
            namespace: job.namespace.clone(),
            workload: workload.unwrap_or_else(|| workload_of_job(&job.name)),
            template: job.template.clone(),
            parallelism: job.parallelism,
            member,
        }
    }

    /// Place of the job in its workload.
    pub(super) fn place(&self) -> Place {
        let member = self.member.as_ref();
        member.map_or((0, 0), |own| (own.number, own.replica))
    }

    /// Number of jobs of the workload; `None` of one that is a job alone.
    pub(super) fn siblings(&self) -> Option<usize> {
        self.member.as_ref().map(|own| own.jobs as usize)
    }

    /// Whether pods that are told to stop hold their quota until they are gone.
    pub(super) fn keeps_quota(&self) -> bool {
        self.member.as_ref().is_some_and(|own| own.keeps_quota)
    }

    /// Whether a job is suspended and none of its pods is left.
    pub(super) fn is_gone(job: &Job) -> bool {
        let terminating = job.status.terminating.unwrap_or(0);
        has_ended(job) || (job.suspend && job.status.active == 0 && terminating == 0)
    }

    /// Whether a suspended job asks for other pods than this one.
    pub(super) fn is_other(&self, job: &Job) -> bool {
        job.suspend && (job.template != self.template || job.parallelism != self.parallelism)
    }

    /// Number of pods that run at once.
    pub(super) fn pods(&self, job: &Job) -> i64 {
        let most = job.completions.unwrap_or(self.parallelism);
        i64::from(self.parallelism.min(most).max(0))
    }

    /// Number of the job's pods that need their quota no more: fewer completions are left than run at
    /// once.
    pub(super) fn idle_pods(&self, job: &Job) -> i64 {
        let pods = self.pods(job);
        let succeeded = i64::from(job.status.succeeded);
        let left = job
            .completions
            .map_or(pods, |all| i64::from(all) - succeeded);
        if pods <= 1 || succeeded == 0 {
            return 0;
        }
        (pods - left.max(0)).max(0)
    }

    /// Whether all pods that the job runs at once are ready or have succeeded.
    pub(super) fn is_ready(job: &Job) -> bool {
        let most = job.completions.unwrap_or(job.parallelism);
        let ready = job.status.ready.unwrap_or(0);
        !job.suspend && job.status.succeeded.saturating_add(ready) >= job.parallelism.min(most)
    }

    /// What the pod set of the job's pods holds.
    pub(super) fn admission<'s>(&self, state: &'s State) -> Option<&'s PodSetAdmission> {
        let admission = state.workload.admission.as_ref()?;
        match &self.member {
            Some(member) => admission.pod_sets.iter().find(|set| set.name == member.set),
            None => admission.pod_sets.first(),
        }
    }

    /// Name of the pod set of the job's pods.
    pub(super) fn set(&self) -> Text {
        let member = self.member.as_ref();
        member.map_or_else(|| POD_SET.into(), |own| own.set.clone())
    }

    /// Lets the job run with its admission, or stops it.
    pub(super) fn show(
        &self,
        id: ObjectId,
        state: &State,
        snapshot: &Snapshot,
        turn: &mut Turn<'_>,
    ) {
        let Some(job) = job_of(turn.store, id) else {
            return;
        };
        let admission = self.admission(state);
        let (suspend, template, parallelism) = match (state.stage, admission) {
            (Stage::Finished, _) => return,
            (Stage::Admitted, Some(set)) if !state.is_stopping => {
                let pods = i32::try_from(set.count).unwrap_or(self.parallelism);
                let is_partial = self.member.is_none() && i64::from(pods) < self.pods(job);
                let parallelism = if is_partial { pods } else { self.parallelism };
                (false, self.admitted(set, snapshot), parallelism)
            }
            _ => (true, self.template.clone(), self.parallelism),
        };
        let is_so = job.suspend == suspend && job.parallelism == parallelism;
        if is_so && job.template == template {
            return;
        }
        let object = Object::Job(Arc::new(Job {
            suspend,
            template,
            parallelism,
            ..(**job).clone()
        }));
        turn.write(Event::Object(ObjectChange::Updated { id, object }));
    }

    /// The template with what the flavors of an admission add to it.
    fn admitted(&self, set: &PodSetAdmission, snapshot: &Snapshot) -> Arc<PodSpec> {
        let mut template = self.template.clone();
        if set.topology.is_some() {
            let spec = Arc::make_mut(&mut template);
            spec.labels.insert(PLACED_LABEL.into(), "true".into());
            spec.scheduling_gates.push(GATE.into());
        }
        let mut flavors: Vec<&Text> = set.flavors.values().collect();
        flavors.sort();
        flavors.dedup();
        for name in flavors {
            let flavor = snapshot.names.known_flavor(name);
            let Some(flavor) = flavor.and_then(|flavor| snapshot.flavor(flavor)) else {
                continue;
            };
            if flavor.node_labels.is_empty() && flavor.tolerations.is_empty() {
                continue;
            }
            let spec = Arc::make_mut(&mut template);
            for (key, value) in &flavor.node_labels {
                spec.node_selector.insert(key.clone(), value.clone());
            }
            for toleration in &flavor.tolerations {
                if !spec.tolerations.contains(toleration) {
                    spec.tolerations.push(toleration.clone());
                }
            }
        }
        template
    }
}

/// A job as the store has it.
pub(super) fn job_of(store: &Store, id: ObjectId) -> Option<&Arc<Job>> {
    match &store.objects().get(id)?.object {
        Object::Job(job) => Some(job),
        _ => None,
    }
}

/// Whether a job has ended.
pub(super) fn has_ended(job: &Job) -> bool {
    let mut conditions = job.status.conditions.iter();
    conditions.any(|condition| condition.holds && condition.kind.is_final())
}

/// The workload that waits for the quota of jobs, in order of their places; several jobs may have one
/// pod set. Of equal priority and age the workload of the first identity goes first.
pub(super) fn workload(
    jobs: &[(QueuedJob, &Job)],
    id: ObjectId,
    now: Instant,
    priorities: &SortedMap<Text, i32>,
) -> QueuedWorkload {
    let queue = jobs.first().and_then(|(_, job)| job.queue.0.as_deref());
    let queue = queue.cloned().unwrap_or_default();
    let class = queue.priority_class.as_ref();
    let priority = class.and_then(|class| priorities.get(class).copied());
    let mut stated = jobs.iter().map(|(own, _)| own.template.priority);
    let priority = priority.or_else(|| stated.find(|own| *own != 0));
    let mut pod_sets: Vec<PodSet> = Vec::new();
    for (own, job) in jobs {
        let (set, pods) = (own.set(), own.pods(job));
        if let Some(known) = pod_sets.iter_mut().find(|known| known.name == set) {
            known.count = known.count.saturating_add(pods);
            continue;
        }
        let wishes = job.queue.0.as_deref();
        let least = wishes.and_then(|own| own.min_parallelism).map(i64::from);
        pod_sets.push(PodSet {
            name: set,
            count: pods,
            min_count: least.filter(|least| own.member.is_none() && *least < pods),
            spec: own.template.clone(),
            topology: wishes.and_then(|own| own.topology.clone()),
        });
    }
    let first = jobs.first().map(|(own, _)| own);
    QueuedWorkload {
        namespace: first.map(|own| own.namespace.clone()).unwrap_or_default(),
        name: first.map(|own| own.workload.clone()).unwrap_or_default(),
        uid: format!("{:020}", id.0).into(),
        queue: queue.name,
        priority: priority.unwrap_or(0),
        created: now,
        active: true,
        pod_sets,
        max_execution: queue.max_execution,
        admission: None,
        conditions: Vec::new(),
        reclaimable: SortedMap::default(),
    }
}
