//! Workloads: the objects that keep pods alive, with the defaults that Kubernetes fills in
//! (spec: kubernetes.md parts 2 and 4). A `Default` of a type is what an empty manifest means.
//! [`validate`] finds what an API server would refuse.

use serde::Deserialize;
use serde::de::value::BorrowedStrDeserializer;

pub mod count;
pub mod cron_job;
pub mod cron_schedule;
pub mod daemon_set;
pub mod deployment;
pub mod disruption_budget;
pub mod horizontal;
pub mod indexes;
pub mod job;
pub mod job_status;
pub mod limit_range;
pub mod observed;
pub mod omissions;
pub mod probe;
pub mod replica_set;
pub mod resource_quota;
pub mod revision;
pub mod stateful_set;
pub mod validate;
pub mod vertical;

pub use count::{Count, CountError};
pub use cron_job::{ConcurrencyPolicy, CronJob};
pub use cron_schedule::{CronError, CronSchedule, UnixSeconds};
pub use daemon_set::DaemonSet;
pub use deployment::{Deployment, DeploymentStrategy, RollingUpdate};
pub use disruption_budget::{BudgetLimit, BudgetStatus, PodDisruptionBudget, UnhealthyPodEviction};
pub use horizontal::{HorizontalPodAutoscaler, HorizontalSpec, ObjectRef};
pub use job::{CompletionMode, Job, PodReplacement, RestartPolicy};
pub use limit_range::{LimitItem, LimitRange, LimitedKind};
pub use observed::{ObservedPhase, ObservedPod, Readiness};
pub use probe::{Probe, ProbeKind};
pub use replica_set::ReplicaSet;
pub use resource_quota::{QuotaScope, QuotaStatus, ResourceQuota};
pub use revision::{DaemonHistory, TemplateRevision};
pub use stateful_set::{
    ClaimRetention, ClaimTemplate, ClaimTemplates, PodManagement, StatefulSet, StatefulUpdate,
};
pub use validate::{Finding, Problem};
pub use vertical::VerticalPodAutoscaler;

/// The value that has a name in the API, such as the reason of a condition; `None` of a name that is not
/// modelled.
pub fn named<'n, T: Deserialize<'n>>(name: &'n str) -> Option<T> {
    let name: BorrowedStrDeserializer<'n, serde::de::value::Error> =
        BorrowedStrDeserializer::new(name);
    T::deserialize(name).ok()
}
