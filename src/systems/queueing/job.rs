//! Jobs as owners of workloads: what they ask for, and what becomes of them once they are admitted.

use std::sync::Arc;

use cluster::Store;
use control::Outbox;
use kueue::Snapshot;
use kueue::run::{Stage, State};
use model::queueing::{PodSet, PodSetAdmission, QueuedWorkload, workload_of_job};
use model::workload::Job;
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
}

impl QueuedJob {
    pub(super) fn new(job: &Job) -> Self {
        Self {
            namespace: job.namespace.clone(),
            workload: workload_of_job(&job.name),
            template: job.template.clone(),
            parallelism: job.parallelism,
        }
    }

    /// Whether a suspended job asks for other pods than this one.
    pub(super) fn is_other(&self, job: &Job) -> bool {
        job.suspend && (job.template != self.template || job.parallelism != self.parallelism)
    }

    /// Number of pods that run at once.
    fn pods(&self, job: &Job) -> i64 {
        let most = job.completions.unwrap_or(self.parallelism);
        i64::from(self.parallelism.min(most).max(0))
    }

    /// The workload that waits for the job's quota.
    pub(super) fn workload(
        &self,
        id: ObjectId,
        job: &Job,
        now: Instant,
        priorities: &SortedMap<Text, i32>,
    ) -> QueuedWorkload {
        let queue = job.queue.0.as_deref().cloned().unwrap_or_default();
        let class = queue.priority_class.as_ref();
        let priority = class.and_then(|class| priorities.get(class).copied());
        let count = self.pods(job);
        let least = queue.min_parallelism.map(i64::from);
        QueuedWorkload {
            namespace: self.namespace.clone(),
            name: self.workload.clone(),
            // Of equal priority and age the first one goes first.
            uid: format!("{:020}", id.0).into(),
            queue: queue.name,
            priority: priority.unwrap_or(self.template.priority),
            created: now,
            active: true,
            pod_sets: vec![PodSet {
                name: POD_SET.into(),
                count,
                min_count: least.filter(|least| *least < count),
                spec: self.template.clone(),
                topology: queue.topology,
            }],
            max_execution: queue.max_execution,
            admission: None,
            conditions: Vec::new(),
            reclaimable: SortedMap::default(),
        }
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

    /// Lets the job run with its admission, or stops it.
    pub(super) fn show(
        &self,
        id: ObjectId,
        state: &State,
        snapshot: &Snapshot,
        store: &Store,
        out: &mut Outbox,
    ) {
        let Some(Object::Job(job)) = store.objects().get(id).map(|row| &row.object) else {
            return;
        };
        let admission = state.workload.admission.as_ref();
        let admission = admission.and_then(|own| own.pod_sets.first());
        let (suspend, template, parallelism) = match (state.stage, admission) {
            (Stage::Finished, _) => return,
            (Stage::Admitted, Some(set)) => {
                let pods = i32::try_from(set.count).unwrap_or(self.parallelism);
                let is_partial = i64::from(pods) < self.pods(job);
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
        out.write(store, Event::Object(ObjectChange::Updated { id, object }));
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
