//! Jobs: pods that run until enough of them succeeded.

use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

pub use super::indexes::Indexes;
pub use super::job_status::{JobCondition, JobConditionKind, JobReason, JobStatus, UntrackedPods};
use crate::queueing::TopologyRequest;
use crate::{LabelSelector, PodSpec, Text};
use units::Duration;

/// A `Job` (spec: kubernetes.md 2.5).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Job {
    /// The job's namespace.
    pub namespace: Text,
    /// The job's name.
    pub name: Text,
    /// Selector of the job's own pods; `None` is generated.
    pub selector: Option<LabelSelector>,
    /// Pod template.
    pub template: Arc<PodSpec>,
    /// Restart policy of containers that end.
    pub restart: RestartPolicy,
    /// Number of pods that may run at once.
    pub parallelism: i32,
    /// Number of pods that must succeed; `None` ends with the first that does.
    pub completions: Option<i32>,
    /// Whether each completion has an index.
    pub mode: CompletionMode,
    /// Number of failures that ends the job.
    pub backoff_limit: i32,
    /// Number of failures that ends an index.
    pub backoff_limit_per_index: Option<i32>,
    /// Number of failed indexes that ends the job.
    pub max_failed_indexes: Option<i32>,
    /// Longest time that the job may take.
    pub active_deadline: Option<Duration>,
    /// Marks a job that is suspended.
    pub suspend: bool,
    /// Condition under which a pod that ends is replaced.
    pub replacement: PodReplacement,
    /// Rules for failed pods; the first match wins.
    pub failure_policy: Vec<FailureRule>,
    /// Rules that end the job before every index has succeeded; the first match wins.
    pub success_policy: Vec<SuccessRule>,
    /// Time for which the job stays after its end; `None` sets no end.
    pub ttl_after_finished: Option<Duration>,
    /// Queue that the job waits in.
    pub queue: QueueReference,
    /// Last reported status.
    pub status: JobStatus,
}

/// The queue of Kueue that a job waits in. In canonical bytes it is nothing where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueReference(pub Option<Arc<JobQueue>>);

impl Hash for QueueReference {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if let Some(queue) = &self.0 {
            queue.hash(state);
        }
    }
}

/// A queue of a job's namespace, and the job's wishes about its quota.
/// In canonical bytes what was added to it later is nothing where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobQueue {
    /// Name of the queue.
    pub name: Text,
    /// Name of the class of priority among workloads; `None` takes that of the pods.
    pub priority_class: Option<Text>,
    /// Number of pods at once that the job can do with.
    pub min_parallelism: Option<i32>,
    /// Longest time that the job may hold its quota.
    pub max_execution: Option<Duration>,
    /// Wishes of the pods about a topology.
    #[serde(default)]
    pub topology: Option<TopologyRequest>,
    /// Part that the job has in a workload of several jobs.
    #[serde(default)]
    pub member: Option<Arc<JobMember>>,
}

/// Part of a job in a workload that several jobs are, such as those of a `JobSet`. In canonical bytes
/// what was added to it later is nothing where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobMember {
    /// Name of the workload.
    pub workload: Text,
    /// Name of its pod set that the job's pods belong to.
    pub set: Text,
    /// Place of the pod set among those of the workload.
    pub number: u32,
    /// Place of the job among those of its pod set.
    pub replica: u32,
    /// Number of jobs of the workload.
    pub jobs: u32,
    /// Whether pods that are asked to terminate hold their quota until they are gone: pods that are their own
    /// owners, alone or in groups.
    #[serde(default)]
    pub keeps_quota: bool,
}

impl Hash for JobMember {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.workload.hash(state);
        self.set.hash(state);
        self.number.hash(state);
        self.replica.hash(state);
        self.jobs.hash(state);
        if self.keeps_quota {
            true.hash(state);
        }
    }
}

impl Hash for JobQueue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.priority_class.hash(state);
        self.min_parallelism.hash(state);
        self.max_execution.hash(state);
        if let Some(topology) = &self.topology {
            topology.hash(state);
        }
        if let Some(member) = &self.member {
            member.hash(state);
        }
    }
}

/// Restart policy of containers that end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// The pod fails with it.
    #[default]
    Never,
    /// It runs again if it failed.
    OnFailure,
}

/// Whether completions are distinguished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CompletionMode {
    /// Any success counts.
    #[default]
    NonIndexed,
    /// Each index must succeed once.
    Indexed,
}

/// Condition under which a pod that ends is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PodReplacement {
    /// Replaced as soon as its termination is ordered.
    #[default]
    TerminatingOrFailed,
    /// Once it has failed.
    Failed,
}

/// One rule of a pod failure policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FailureRule {
    /// Action of the rule.
    pub action: FailureAction,
    /// Failures that the rule matches.
    pub matches: FailureMatch,
}

/// Action after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FailureAction {
    /// The job fails.
    FailJob,
    /// The index fails.
    FailIndex,
    /// It isn't counted.
    Ignore,
    /// It is counted.
    Count,
}

/// Failures that a rule matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FailureMatch {
    /// A container that failed with one of these codes, or with none of them.
    ExitCodes {
        /// The container; `None` is any.
        container: Option<Text>,
        /// Whether the code must be among the values, or must not.
        among: bool,
        /// The codes.
        values: Vec<i32>,
    },
    /// The pod has one of these conditions, with this status.
    Conditions(Vec<(Text, Text)>),
}

/// One rule of a success policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SuccessRule {
    /// The indexes that matter, as intervals with both ends; `None` is all.
    pub indexes: Option<Vec<(i32, i32)>>,
    /// Number of the indexes that must succeed; `None` is all.
    pub count: Option<i32>,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            namespace: "default".into(),
            name: "".into(),
            selector: None,
            template: Arc::default(),
            restart: RestartPolicy::default(),
            parallelism: 1,
            completions: Some(1),
            mode: CompletionMode::default(),
            backoff_limit: 6,
            backoff_limit_per_index: None,
            max_failed_indexes: None,
            active_deadline: None,
            suspend: false,
            replacement: PodReplacement::default(),
            failure_policy: Vec::new(),
            success_policy: Vec::new(),
            ttl_after_finished: None,
            queue: QueueReference::default(),
            status: JobStatus::default(),
        }
    }
}

impl Job {
    /// Fills in what a manifest left out, as an API server does: completions and parallelism are 1
    /// only if both are absent; the back-off limit is 6, or none with one per index; a failure
    /// policy replaces pods once they have failed.
    pub fn with_defaults(
        mut self,
        parallelism: Option<i32>,
        completions: Option<i32>,
        backoff_limit: Option<i32>,
    ) -> Self {
        self.completions = match (parallelism, completions) {
            (None, None) => Some(1),
            (_, completions) => completions,
        };
        self.parallelism = parallelism.unwrap_or(1);
        let limit = if self.backoff_limit_per_index.is_some() {
            i32::MAX
        } else {
            6
        };
        self.backoff_limit = backoff_limit.unwrap_or(limit);
        self
    }
}
