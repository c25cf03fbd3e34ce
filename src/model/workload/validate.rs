//! Checks of a workload: faults that an API server would refuse, and what can only be a mistake, as
//! findings that name their field. The reader of the manifest adds file and line.

use thiserror::Error;

use super::probe::{Probe, ProbeKind};
use super::{
    BudgetLimit, Count, CronJob, CronSchedule, DaemonSet, Deployment, DeploymentStrategy, Job,
    PodDisruptionBudget, ReplicaSet, StatefulSet, StatefulUpdate,
};
use crate::{LabelSelector, Labels, PodSpec, Text};
use units::{Duration, SortedMap};

/// Something wrong at a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The field, from the manifest's root (`spec.strategy.rollingUpdate.maxSurge`).
    pub field: String,
    /// The problem.
    pub problem: Problem,
}

/// The problem.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// Below zero.
    #[error("{0} is negative; 0 or more is expected")]
    Negative(i64),
    /// Below what makes sense.
    #[error("{value} is too small; {least} or more is expected")]
    TooSmall {
        /// The value as written.
        value: i64,
        /// The least that is allowed.
        least: i64,
    },
    /// A last ordinal that no pod can have.
    #[error("the last pod would have the ordinal {0}; at most 2147483647 is expected")]
    OrdinalTooLarge(i64),
    /// A percentage above 100.
    #[error("{0}% is more than all; 0% to 100% is expected")]
    PercentTooLarge(i32),
    /// The update may not replace any pod.
    #[error("maxSurge and maxUnavailable are both 0, so no pod could ever be replaced")]
    NothingMayMove,
    /// The update of an application of Marathon says nothing that Marathon does.
    #[error(
        "maxSurge and maxUnavailable are both 0, which Kubernetes refuses and Marathon takes for one instance more"
    )]
    NoUpgradeStrategy,
    /// Only one of the two is allowed.
    #[error(
        "maxSurge and maxUnavailable (1 unless stated) are both more than 0; for a DaemonSet one must be 0"
    )]
    BothSurgeAndUnavailable,
    /// The template's pods would not be the workload's own.
    #[error("the selector does not match the labels of the template: {missing}")]
    SelectorMissesTemplate {
        /// The first requirement that fails.
        missing: String,
    },
    /// The deadline passes before a pod can count.
    #[error("the deadline of {deadline} is not longer than minReadySeconds, {min_ready}")]
    DeadlineTooShort {
        /// The deadline.
        deadline: Duration,
        /// Time for which a pod must be ready.
        min_ready: Duration,
    },
    /// A schedule that can't be read.
    #[error("{0}")]
    Schedule(String),
    /// A time zone that isn't known.
    #[error("{0}")]
    Zone(String),
    /// A schedule that states its time zone, which the API server refuses.
    #[error("cannot use TZ or CRON_TZ in schedule, use timeZone field instead")]
    ZoneInSchedule,
    /// A budget that protects nothing.
    #[error("the selector matches no pod, so this budget protects nothing")]
    SelectsNothing,
    /// Owners that own each other.
    #[error("the owners form a loop: {0}")]
    OwnerLoop(String),
}

impl Problem {
    /// Returns the fix for the problem.
    pub const fn fix(&self) -> &'static str {
        match self {
            Self::Negative(_) | Self::TooSmall { .. } => "raise the number, or leave the field out",
            Self::OrdinalTooLarge(_) => "lower spec.ordinals.start or spec.replicas",
            Self::PercentTooLarge(_) => "write 100% or less",
            Self::NothingMayMove => "raise maxSurge or maxUnavailable to 1 or more",
            Self::NoUpgradeStrategy => {
                "state `minimumHealthCapacity` and `maximumOverCapacity` under `marathon` of the framework, or \
                 raise one of both to 1 or more"
            }
            Self::BothSurgeAndUnavailable => "set one of the two to 0",
            Self::SelectorMissesTemplate { .. } => {
                "make spec.selector and spec.template.metadata.labels agree"
            }
            Self::DeadlineTooShort { .. } => "raise progressDeadlineSeconds",
            Self::Schedule(_) => {
                "write five fields: minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-6"
            }
            Self::Zone(_) => {
                "write a name of the tz database, such as Europe/Berlin, or leave the field out"
            }
            Self::ZoneInSchedule => "move the zone to spec.timeZone",
            Self::SelectsNothing => "make the selector agree with the labels of the pods",
            Self::OwnerLoop(_) => "remove one of these owner references",
        }
    }

    /// Whether an API server takes it all the same.
    pub const fn is_warning(&self) -> bool {
        matches!(self, Self::SelectsNothing | Self::OwnerLoop(_))
    }
}

/// Findings as they gather.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, field: &str, problem: Problem) {
        self.0.push(Finding {
            field: field.to_owned(),
            problem,
        });
    }

    fn at_least(&mut self, field: &str, value: i64, least: i64) {
        if value < least && least <= 0 {
            self.add(field, Problem::Negative(value));
        } else if value < least {
            self.add(field, Problem::TooSmall { value, least });
        }
    }

    fn count(&mut self, field: &str, count: Count) {
        match count {
            Count::Percent(percent) if percent > 100 => {
                self.add(field, Problem::PercentTooLarge(percent));
            }
            Count::Number(value) | Count::Percent(value) => {
                self.at_least(field, i64::from(value), 0);
            }
        }
    }

    fn span(&mut self, field: &str, span: Duration) {
        self.at_least(
            field,
            span.as_nanos() / Duration::from_secs(1).as_nanos(),
            0,
        );
    }

    fn selector(&mut self, selector: &LabelSelector, template: &PodSpec) {
        let mut requirements = selector.requirements.iter();
        let missing = requirements.find(|one| !one.matches(&template.labels));
        let missing = match missing {
            Some(one) => format!(
                "no label fulfils {} {:?} {:?}",
                one.key, one.operator, one.values
            ),
            None if selector.requirements.is_empty() => "it is empty".to_owned(),
            None => return,
        };
        self.add("spec.selector", Problem::SelectorMissesTemplate { missing });
    }
}

/// Returns the problems of a replica set.
pub fn replica_set(set: &ReplicaSet) -> Vec<Finding> {
    let mut findings = Findings::default();
    findings.at_least("spec.replicas", i64::from(set.replicas), 0);
    findings.span("spec.minReadySeconds", set.min_ready);
    findings.selector(&set.selector, &set.template);
    findings.0
}

/// Returns the problems of a deployment.
pub fn deployment(deployment: &Deployment) -> Vec<Finding> {
    let mut findings = Findings::default();
    findings.at_least("spec.replicas", i64::from(deployment.replicas), 0);
    findings.span("spec.minReadySeconds", deployment.min_ready);
    if let DeploymentStrategy::RollingUpdate(rolling) = deployment.strategy {
        let field = "spec.strategy.rollingUpdate";
        if let Count::Number(_) = rolling.max_surge {
            findings.count(&format!("{field}.maxSurge"), rolling.max_surge);
        }
        findings.count(&format!("{field}.maxUnavailable"), rolling.max_unavailable);
        if rolling.max_surge.is_zero() && rolling.max_unavailable.is_zero() {
            findings.add(field, Problem::NothingMayMove);
        }
    }
    if let Some(limit) = deployment.revision_history_limit {
        findings.at_least("spec.revisionHistoryLimit", i64::from(limit), 0);
    }
    if let Some(deadline) = deployment.progress_deadline
        && deadline <= deployment.min_ready
    {
        let min_ready = deployment.min_ready;
        let problem = Problem::DeadlineTooShort {
            deadline,
            min_ready,
        };
        findings.add("spec.progressDeadlineSeconds", problem);
    }
    findings.selector(&deployment.selector, &deployment.template);
    findings.0
}

/// Returns the problems of a stateful set.
pub fn stateful_set(set: &StatefulSet) -> Vec<Finding> {
    let mut findings = Findings::default();
    findings.at_least("spec.replicas", i64::from(set.replicas), 0);
    findings.at_least("spec.ordinals.start", i64::from(set.first_ordinal), 0);
    let last = i64::from(set.first_ordinal) + i64::from(set.replicas) - 1;
    if last > i64::from(i32::MAX) {
        findings.add("spec.ordinals.start", Problem::OrdinalTooLarge(last));
    }
    findings.span("spec.minReadySeconds", set.min_ready);
    if let StatefulUpdate::RollingUpdate {
        partition,
        max_unavailable,
    } = set.update
    {
        let field = "spec.updateStrategy.rollingUpdate";
        findings.at_least(&format!("{field}.partition"), i64::from(partition), 0);
        if let Some(most) = max_unavailable {
            let field = format!("{field}.maxUnavailable");
            findings.count(&field, most);
            if most.is_zero() {
                findings.at_least(&field, 0, 1);
            }
        }
    }
    findings.selector(&set.selector, &set.template);
    findings.0
}

/// Returns the problems of a daemon set.
pub fn daemon_set(set: &DaemonSet) -> Vec<Finding> {
    let mut findings = Findings::default();
    findings.span("spec.minReadySeconds", set.min_ready);
    if let Some(update) = set.update {
        let field = "spec.updateStrategy.rollingUpdate";
        findings.count(&format!("{field}.maxSurge"), update.max_surge);
        findings.count(&format!("{field}.maxUnavailable"), update.max_unavailable);
        match (update.max_surge.is_zero(), update.max_unavailable.is_zero()) {
            (true, true) => findings.add(field, Problem::NothingMayMove),
            (false, false) => findings.add(field, Problem::BothSurgeAndUnavailable),
            _ => {}
        }
    }
    findings.selector(&set.selector, &set.template);
    findings.0
}

/// Returns the problems of a job.
pub fn job(job: &Job) -> Vec<Finding> {
    let mut findings = Findings::default();
    findings.at_least("spec.parallelism", i64::from(job.parallelism), 0);
    findings.at_least("spec.backoffLimit", i64::from(job.backoff_limit), 0);
    for (field, value) in [
        ("spec.completions", job.completions),
        ("spec.backoffLimitPerIndex", job.backoff_limit_per_index),
        ("spec.maxFailedIndexes", job.max_failed_indexes),
    ] {
        findings.at_least(field, value.map_or(0, i64::from), 0);
    }
    for (field, span) in [
        ("spec.activeDeadlineSeconds", job.active_deadline),
        ("spec.ttlSecondsAfterFinished", job.ttl_after_finished),
    ] {
        findings.span(field, span.unwrap_or_default());
    }
    findings.0
}

/// Returns the problems of a cron job.
pub fn cron_job(cron_job: &CronJob) -> Vec<Finding> {
    let mut findings = Findings::default();
    if let Err(error) = CronSchedule::parse(&cron_job.schedule, None) {
        let problem = if cron_job.schedule.contains("TZ=") {
            Problem::ZoneInSchedule
        } else {
            Problem::Schedule(error.to_string())
        };
        findings.add("spec.schedule", problem);
    }
    if let Err(error) = CronSchedule::parse("@daily", cron_job.time_zone.as_deref()) {
        findings.add("spec.timeZone", Problem::Zone(error.to_string()));
    }
    let deadline = cron_job.starting_deadline.unwrap_or_default();
    findings.span("spec.startingDeadlineSeconds", deadline);
    for (field, limit) in [
        (
            "spec.successfulJobsHistoryLimit",
            cron_job.successful_history,
        ),
        ("spec.failedJobsHistoryLimit", cron_job.failed_history),
    ] {
        findings.at_least(field, limit.map_or(0, i64::from), 0);
    }
    findings.0
}

/// Returns the problems of a budget, `pods` being the labels of the pods of its namespace.
pub fn budget<'a>(
    budget: &PodDisruptionBudget,
    mut pods: impl Iterator<Item = &'a Labels>,
) -> Vec<Finding> {
    let mut findings = Findings::default();
    let (field, count) = match budget.limit {
        BudgetLimit::MinAvailable(count) => ("spec.minAvailable", count),
        BudgetLimit::MaxUnavailable(count) => ("spec.maxUnavailable", count),
    };
    findings.count(field, count);
    let selector = budget.selector.as_ref();
    if !pods.any(|labels| selector.is_some_and(|selector| selector.matches(labels))) {
        findings.add("spec.selector", Problem::SelectsNothing);
    }
    findings.0
}

/// Returns the problems of a pod's grace, in seconds.
pub fn grace(seconds: i64) -> Vec<Finding> {
    let mut findings = Findings::default();
    findings.at_least("spec.terminationGracePeriodSeconds", seconds, 0);
    findings.0
}

/// Returns the problems of a container's probe; `container` is the container's field
/// (`spec.containers[0]`).
pub fn probe(container: &str, kind: ProbeKind, probe: &Probe) -> Vec<Finding> {
    let mut findings = Findings::default();
    let name = match kind {
        ProbeKind::Startup => "startupProbe",
        ProbeKind::Liveness => "livenessProbe",
        ProbeKind::Readiness => "readinessProbe",
    };
    for (field, value, least) in [
        ("initialDelaySeconds", probe.initial_delay_secs, 0),
        ("periodSeconds", probe.period_secs, 1),
        ("timeoutSeconds", probe.timeout_secs, 1),
        ("successThreshold", probe.success_threshold, 1),
        ("failureThreshold", probe.failure_threshold, 1),
    ] {
        findings.at_least(
            &format!("{container}.{name}.{field}"),
            i64::from(value),
            least,
        );
    }
    findings.0
}

/// The loops among owners: of each object (`Kind/name`) the one that owns it. Each loop is found
/// once, from its first object by name.
pub fn owners(owner_of: &SortedMap<Text, Text>) -> Vec<Finding> {
    let mut findings = Findings::default();
    for start in owner_of.keys() {
        let mut path = vec![start];
        while let Some(owner) = path.last().and_then(|last| owner_of.get(*last)) {
            if owner == start {
                let names: Vec<&str> = path.iter().map(|name| &***name).collect();
                let shown = format!("{} -> {start}", names.join(" -> "));
                findings.add("metadata.ownerReferences", Problem::OwnerLoop(shown));
                break;
            }
            // A loop is reported from its least member only; one further on is not this one's.
            if owner < start || path.contains(&owner) {
                break;
            }
            path.push(owner);
        }
    }
    findings.0
}

#[cfg(test)]
mod tests;
