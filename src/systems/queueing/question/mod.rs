//! The question about a job that is submitted now: admitted, queued, or never to be
//! admitted; who makes room for it, what binds, and which smallest change would admit it.
//!
//! Every answer is a trial: Kueue itself decides about the workloads of the cluster with the job, as
//! they are or with the change. Nothing else starts or ends in the meantime, but where the question is
//! when the job starts.

use std::cell::Cell;
use std::sync::Arc;

use kueue::Names;
use kueue::limits::adjusted;
use kueue::names::PODS;
use kueue::run::Controller;
use model::queueing::{QueuedWorkload, QueueingObjects};
use model::workload::{Job, LimitRange};
use model::{ClusterObjects, Node, PodSpec, ResourceList, Text};
use units::{Duration, Instant, ObjectId, SortedMap, SortedSet};

use self::changes::Changes;
use self::held::Held;
use self::trial::{MOST_CYCLES, MOST_WORK, settle};
use super::job::{self, PLACED_LABEL, QueuedJob};

mod answer;
mod changes;
mod held;
mod obstacle;
mod start;
#[cfg(test)]
mod tests;
mod trial;

pub use self::answer::{Answer, Change, Raise, Verdict, Victim};
pub use self::obstacle::{Obstacle, ObstacleAmounts, ObstacleKind};
pub use self::start::{RunTimes, Start};

/// A job over the objects of a cluster.
pub struct Question<'a> {
    objects: &'a ClusterObjects,
    job: &'a Job,
    own: QueuedJob,
    /// The jobs of its workload, in order of their places.
    members: Vec<(QueuedJob, &'a Job)>,
    now: Instant,
    /// Instant at which the job was submitted.
    submitted: Instant,
    local_queue: Text,
    queue: Option<Text>,
    /// Workloads that are submitted just before the job.
    before: Vec<QueuedWorkload>,
    /// Nodes that places are given on.
    nodes: Vec<Arc<Node>>,
    /// Pods on nodes that no workload with a place owns: node and requests.
    others: Vec<(Text, ResourceList)>,
    run_times: RunTimes,
    /// Limit ranges of the cluster.
    ranges: Vec<Arc<LimitRange>>,
    /// Work that is left for trials of changes.
    left: Cell<u64>,
    /// Whether a trial of a change ended without an outcome since the mark was taken off.
    is_cut: Cell<bool>,
    /// Amounts of all workloads of the cluster, by resource.
    held: SortedMap<Text, Held>,
}

impl<'a> Question<'a> {
    /// A question about a job, or about several that are one workload.
    ///
    /// # Errors
    /// The job names no queue, or requests are too large to be added; the text says so.
    pub fn new(objects: &'a ClusterObjects, jobs: &'a [Arc<Job>]) -> Result<Self, String> {
        let Some(job) = jobs.first() else {
            return Err("there is no job to ask about".to_owned());
        };
        let Some(queue) = job.queue.0.as_deref() else {
            return Err(format!(
                "Job `{}/{}`: metadata.labels[\"kueue.x-k8s.io/queue-name\"]: expected the name of a \
                 LocalQueue, but it is missing",
                job.namespace, job.name
            ));
        };
        for job in jobs {
            let requests = job.template.requests();
            requests.map_err(|error| format!("Job `{}/{}`: {error}", job.namespace, job.name))?;
        }
        let members = jobs.iter().map(|job| (QueuedJob::new(job), &**job));
        let mut members: Vec<(QueuedJob, &Job)> = members.collect();
        members.sort_by_key(|(own, _)| own.place());
        let workloads = &objects.queueing.workloads;
        let times = workloads.iter().flat_map(|own| {
            let conditions = own.conditions.iter().map(|condition| condition.since);
            conditions.chain([own.created])
        });
        let last = times.max();
        let mut local = objects.queueing.local_queues.iter();
        let is_own = |own: &&model::queueing::LocalQueue| {
            (&own.namespace, &own.name) == (&job.namespace, &queue.name)
        };
        let now = last.unwrap_or(Instant::ZERO);
        let now = now.saturating_add(Duration::from_secs(1));
        Ok(Self {
            before: Vec::new(),
            own: QueuedJob::new(job),
            members,
            now,
            submitted: now,
            local_queue: queue.name.clone(),
            queue: local.find(is_own).map(|own| own.cluster_queue.clone()),
            nodes: Vec::new(),
            others: Vec::new(),
            run_times: RunTimes::default(),
            ranges: Vec::new(),
            left: Cell::new(MOST_WORK),
            is_cut: Cell::new(false),
            held: Held::of(objects),
            objects,
            job,
        })
    }

    /// The question on these nodes, with these pods on them.
    #[must_use]
    pub fn on<'p>(
        mut self,
        nodes: &[Arc<Node>],
        pods: impl Iterator<Item = (&'p Text, &'p PodSpec)>,
    ) -> Self {
        self.nodes = nodes.to_vec();
        let others = pods.filter(|(_, spec)| !spec.labels.contains_key(PLACED_LABEL));
        // Readers of manifests refuse requests that can't be added.
        let others = others.filter_map(|(node, spec)| Some((node.clone(), spec.requests().ok()?)));
        self.others = others.collect();
        self
    }

    /// The question after others of the same file, whose workloads come just before.
    #[must_use]
    pub fn after(self, before: Vec<QueuedWorkload>) -> Self {
        Self { before, ..self }
    }

    /// The question about a job that a cluster has had since an instant; without one it is submitted now.
    #[must_use]
    pub fn submitted(self, at: Option<Instant>) -> Self {
        let submitted = at.map_or(self.now, |at| at.min(self.now));
        Self { submitted, ..self }
    }

    /// The question in a cluster with limit ranges.
    #[must_use]
    pub fn within(self, ranges: &[Arc<LimitRange>]) -> Self {
        let ranges = ranges.to_vec();
        Self { ranges, ..self }
    }

    /// The question with run times of the workloads of the cluster.
    #[must_use]
    pub fn with_run_times(self, run_times: RunTimes) -> Self {
        Self { run_times, ..self }
    }

    /// The answer.
    pub fn answer(&self) -> Answer {
        let queueing = &self.objects.queueing;
        let workload = self.workload();
        let mut cluster = self.cluster(queueing, &queueing.workloads);
        settle(&mut cluster);
        // Copies of the cluster need not know what has happened before.
        cluster.take_changed();
        let trial = self.attempt(&cluster, workload.clone());
        let verdict = if trial.admission.is_some() {
            Verdict::Admitted
        } else if self.admits(&self.cluster(queueing, &[]), workload.clone()) {
            Verdict::Queued
        } else {
            Verdict::Never
        };
        let changes = match verdict {
            Verdict::Admitted => Changes::default(),
            Verdict::Queued | Verdict::Never => self.changes(&cluster),
        };
        let sets = trial.admission.iter().flat_map(|own| &own.pod_sets);
        let flavors: SortedSet<(Text, Text)> = sets
            .clone()
            .flat_map(|set| &set.flavors)
            .map(|(resource, flavor)| (resource.clone(), flavor.clone()))
            .collect();
        let places = sets.clone().filter_map(|set| set.topology.as_ref());
        let places = places.flat_map(|own| &own.domains);
        let places = places.map(|(values, count)| (values.join("/"), *count));
        let places = places.collect();
        let checks = self.checks(&flavors);
        let obstacles = self.obstacles(&cluster, &trial);
        Answer {
            job: self.name(),
            local_queue: self.local_queue.clone(),
            queue: self.queue.clone(),
            priority: workload.priority,
            pods: workload.pod_sets.iter().map(|set| set.count).sum(),
            requests: Self::amounts(&workload)
                .into_iter()
                .filter(|(name, _)| **name != *PODS)
                .map(|(name, amount)| {
                    let shown = Names::quantity(&name, amount);
                    (name, shown)
                })
                .collect(),
            verdict,
            admitted_pods: sets.map(|set| set.count).sum(),
            flavors: flavors.into_iter().collect(),
            places,
            checks,
            victims: trial.victims,
            ahead: trial.ahead,
            reasons: trial.reasons,
            obstacles,
            changes: changes.found,
            untried_kinds: changes.untried_kinds,
            untried_choices: changes.untried_choices,
            start: match verdict {
                Verdict::Queued => self.start(&cluster, &workload),
                Verdict::Admitted | Verdict::Never => None,
            },
        }
    }

    /// The job, `NAMESPACE/NAME`; of several jobs their workload.
    fn name(&self) -> String {
        let several = self.own.siblings().map(|_| &self.own.workload);
        format!(
            "{}/{}",
            self.job.namespace,
            several.unwrap_or(&self.job.name)
        )
    }

    /// Names of the checks that a workload with these flavors by resource waits for.
    fn checks(&self, flavors: &SortedSet<(Text, Text)>) -> Vec<Text> {
        let mut queues = self.objects.queueing.queues.iter();
        let queue = queues.find(|own| Some(&own.name) == self.queue.as_ref());
        let checks = queue.into_iter().flat_map(|own| &own.checks);
        let has = |own: &Text| flavors.iter().any(|(_, flavor)| flavor == own);
        let applies = checks.filter(|own| {
            !flavors.is_empty() && (own.flavors.is_empty() || own.flavors.iter().any(has))
        });
        applies.map(|own| own.name.clone()).collect()
    }

    /// The workload of the job.
    pub fn workload(&self) -> QueuedWorkload {
        let priorities = &self.objects.queueing.priorities;
        let before = u32::try_from(self.before.len()).unwrap_or(u32::MAX);
        let id = ObjectId((u32::MAX / 2).saturating_add(before));
        let workload = job::workload(&self.members, id, self.submitted, priorities);
        adjusted(workload, self.ranges.iter().map(|range| &**range))
    }

    /// Requests of all pods, in the units of quotas, and their number.
    fn amounts(workload: &QueuedWorkload) -> SortedMap<Text, i64> {
        let mut all: SortedMap<Text, i64> = SortedMap::new();
        for set in &workload.pod_sets {
            // What does not add up was refused when it was read.
            let single = set.spec.requests().unwrap_or_default();
            let single = single
                .iter()
                .map(|(name, amount)| (name, Names::amount(name, amount).max(0)));
            for (name, one) in single.chain([(PODS, 1)]) {
                let sum = all.entry(name.into()).or_default();
                *sum = sum.saturating_add(one.saturating_mul(set.count));
            }
        }
        all
    }

    /// Kueue over queues with workloads as they are; the job itself is not among them.
    fn cluster(&self, queueing: &QueueingObjects, workloads: &[QueuedWorkload]) -> Controller {
        let mut cluster = super::controller(queueing, &self.objects.namespaces, self.now, 0);
        for range in &self.ranges {
            cluster.set_limit_range(range.clone());
        }
        let queues = self.queues_that_matter(&cluster);
        for own in workloads {
            let matters = queues.as_ref().is_none_or(|known| known.matter_to(own));
            if !matters || own.holding("Finished").is_some() {
                continue;
            }
            let is_asked = |other: &QueuedWorkload| {
                (&own.namespace, &own.name) == (&other.namespace, &other.name)
            };
            let is_own = (&own.namespace, &own.name) == (&self.own.namespace, &self.own.workload);
            if is_own || self.before.iter().any(is_asked) {
                continue;
            }
            let blank = QueuedWorkload {
                admission: None,
                conditions: Vec::new(),
                ..own.clone()
            };
            // Readers of manifests refuse requests that can't be added.
            if cluster.submit(blank).is_ok() {
                cluster.adopt(own.clone());
            }
        }
        for own in &self.before {
            // Their requests were added when their questions were asked.
            let _ = cluster.submit(own.clone());
        }
        if cluster.gives_places() {
            cluster.renew_nodes(self.nodes.iter().map(|own| &**own));
            for (node, requests) in &self.others {
                cluster.add_foreign_pod(node, requests);
            }
        }
        cluster
    }

    /// The queues whose workloads the fate of the job depends on: those of its tree of cohorts. `None` is
    /// all of them, as places and the readiness of pods join the trees.
    fn queues_that_matter(&self, cluster: &Controller) -> Option<Related> {
        if cluster.gives_places() || cluster.waits_for_pods() {
            return None;
        }
        let snapshot = cluster.snapshot();
        let root = |name: &str| Some(snapshot.tree.root(snapshot.queue_named(name)?));
        let own = self.queue.as_ref().and_then(|name| root(name));
        let is_related = |name: &str| own.is_some() && root(name) == own;
        let queueing = &self.objects.queueing;
        let local = queueing.local_queues.iter();
        let local = local.filter(|queue| is_related(&queue.cluster_queue));
        let names = queueing.queues.iter().map(|queue| &queue.name);
        Some(Related {
            local: local
                .map(|queue| (queue.namespace.clone(), queue.name.clone()))
                .collect(),
            cluster: names.filter(|name| is_related(name)).cloned().collect(),
        })
    }
}

/// Queues of one tree of cohorts.
struct Related {
    /// Local queues, by namespace and name.
    local: SortedSet<(Text, Text)>,
    /// Queues of the cluster.
    cluster: SortedSet<Text>,
}

impl Related {
    /// Whether a workload waits in one of them, or holds quota of one.
    fn matter_to(&self, workload: &QueuedWorkload) -> bool {
        let local = (workload.namespace.clone(), workload.queue.clone());
        let held = workload.admission.as_ref();
        self.local.contains(&local)
            || held.is_some_and(|own| self.cluster.contains(&own.cluster_queue))
    }
}
