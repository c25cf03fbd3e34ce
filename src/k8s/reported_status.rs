//! The state that a dump reports of a workload: its age, its rollout and the pods that it has
//! counted. A manifest that a user wrote reports nothing, and its workload begins with the run.

use serde_json::Value;

use super::field::parse_unix_secs;
use super::parts::Parts;
use model::Text;
use model::workload::BudgetStatus;

/// Annotations by which a deployment numbers its replica sets and remembers its size.
const REVISION: &str = "deployment.kubernetes.io/revision";
const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";
/// Annotation of a daemon set that counts its templates; its pods carry the number as a label.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// Keys of the annotations that hold a workload's state.
pub(super) const ANNOTATIONS: [&str; 4] = [
    REVISION,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    TEMPLATE_GENERATION,
];

/// State of a workload as a dump reports it. Times are seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportedStatus {
    /// Marks an object of an API server: it states an identity or a time of creation.
    pub is_there: bool,
    /// Time of the object's creation.
    pub created: Option<i64>,
    /// Number of the rollout that last used a replica set.
    pub revision: i64,
    /// Size of the deployment when a replica set was last scaled.
    pub desired_replicas: Option<i32>,
    /// The desired size and the surge.
    pub max_replicas: Option<i32>,
    /// Number of a daemon set's present template.
    pub template_generation: Option<Text>,
    /// Revision that a rollout of a stateful set leads to.
    pub update_revision: Option<Text>,
    /// Revision that a rollout of a stateful set comes from.
    pub current_revision: Option<Text>,
    /// Pods of a deployment or replica set, where the status counts them.
    pub counts: Option<ReportedCounts>,
    /// Conditions.
    pub conditions: Vec<ReportedCondition>,
    /// State of a job.
    pub job: ReportedJob,
    /// Jobs that a cron job has under way.
    pub active: Vec<Text>,
    /// Time for which a cron job last made a job.
    pub last_schedule: Option<i64>,
    /// Time at which a job of a cron job last succeeded.
    pub last_success: Option<i64>,
    /// Status of a disruption budget that says how many pods may go, but for what is in `disrupted`.
    pub budget: Option<BudgetStatus>,
    /// Pods whose eviction a disruption budget granted and that have not ended yet, with the time of that.
    pub disrupted: Vec<(Text, i64)>,
}

/// Pods of a deployment or replica set, as its status counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportedCounts {
    /// Active pods.
    pub replicas: i32,
    /// Those of the present template.
    pub updated: i32,
    /// Ready pods.
    pub ready: i32,
    /// Available pods.
    pub available: i32,
    /// Wanted pods that are not available.
    pub unavailable: i32,
}

/// A condition as a dump reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportedCondition {
    /// Type of the condition.
    pub kind: Text,
    /// Status of the condition, `true` if it holds; `None` is unknown.
    pub status: Option<bool>,
    /// Reason that is given for it.
    pub reason: Text,
    /// Time of the last write, if reported.
    pub updated: Option<i64>,
    /// Time at which `status` last changed.
    pub changed: Option<i64>,
}

/// State of a job as a dump reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportedJob {
    /// Time of the beginning.
    pub start: Option<i64>,
    /// Time of completion.
    pub completion: Option<i64>,
    /// Active pods.
    pub active: i32,
    /// Active pods that are ready.
    pub ready: Option<i32>,
    /// Pods asked to terminate that have not.
    pub terminating: Option<i32>,
    /// Pods that succeeded and were counted.
    pub succeeded: i32,
    /// Pods that failed and were counted.
    pub failed: i32,
    /// Indexes that succeeded.
    pub completed_indexes: Text,
    /// Indexes that failed.
    pub failed_indexes: Option<Text>,
}

impl ReportedStatus {
    /// State that the parts of an object report. What an API server would not write is passed over:
    /// a status is no declaration.
    pub(super) fn of(parts: &Parts) -> Self {
        let metadata = &parts.metadata;
        let annotation = |key: &str| metadata.annotations.get(key);
        let number = |key: &str| annotation(key).and_then(|text| text.parse::<i32>().ok());
        let status = parts.late_status.as_ref().unwrap_or(&Value::Null);
        let created = metadata
            .creation_timestamp
            .as_deref()
            .and_then(parse_unix_secs);
        let has_identity = metadata.uid.as_deref().is_some_and(|uid| !uid.is_empty());
        Self {
            is_there: has_identity || created.is_some(),
            created,
            revision: annotation(REVISION)
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            desired_replicas: number(DESIRED_REPLICAS),
            max_replicas: number(MAX_REPLICAS),
            template_generation: annotation(TEMPLATE_GENERATION).map(Into::into),
            update_revision: text(status, "updateRevision"),
            current_revision: text(status, "currentRevision"),
            counts: counts(status),
            conditions: list(status, "conditions").filter_map(condition).collect(),
            job: ReportedJob::of(status),
            active: list(status, "active")
                .filter_map(|own| text(own, "name"))
                .collect(),
            last_schedule: time(status, "lastScheduleTime"),
            last_success: time(status, "lastSuccessfulTime"),
            budget: budget(status),
            disrupted: disrupted(status),
        }
    }
}

impl ReportedStatus {
    /// Newest time that the state has.
    pub(super) fn newest_time(&self) -> Option<i64> {
        let times = [
            self.created,
            self.job.start,
            self.job.completion,
            self.last_schedule,
            self.last_success,
        ];
        let conditions = self.conditions.iter();
        let conditions = conditions.flat_map(|condition| [condition.updated, condition.changed]);
        let disrupted = self.disrupted.iter().map(|(_, at)| Some(*at));
        let times = times.into_iter().chain(conditions).chain(disrupted);
        times.flatten().max()
    }
}

impl ReportedJob {
    fn of(status: &Value) -> Self {
        let stated = |field| status.get(field).map(|_| number(status, field));
        Self {
            start: time(status, "startTime"),
            completion: time(status, "completionTime"),
            active: number(status, "active"),
            ready: stated("ready"),
            terminating: stated("terminating"),
            succeeded: number(status, "succeeded"),
            failed: number(status, "failed"),
            completed_indexes: text(status, "completedIndexes").unwrap_or_default(),
            failed_indexes: text(status, "failedIndexes"),
        }
    }
}

fn counts(status: &Value) -> Option<ReportedCounts> {
    // What is 0 is left out; only the number of pods is stated always.
    status.get("replicas")?.as_i64()?;
    Some(ReportedCounts {
        replicas: number(status, "replicas"),
        updated: number(status, "updatedReplicas"),
        ready: number(status, "readyReplicas"),
        available: number(status, "availableReplicas"),
        unavailable: number(status, "unavailableReplicas"),
    })
}

fn budget(status: &Value) -> Option<BudgetStatus> {
    status.get("disruptionsAllowed")?.as_i64()?;
    Some(BudgetStatus {
        disruptions_allowed: number(status, "disruptionsAllowed"),
        current_healthy: number(status, "currentHealthy"),
        desired_healthy: number(status, "desiredHealthy"),
        expected_pods: number(status, "expectedPods"),
        is_current: true,
        ..BudgetStatus::default()
    })
}

fn condition(own: &Value) -> Option<ReportedCondition> {
    let status = match own.get("status").and_then(Value::as_str) {
        Some("True") => Some(true),
        Some("False") => Some(false),
        _ => None,
    };
    Some(ReportedCondition {
        kind: text(own, "type")?,
        status,
        reason: text(own, "reason").unwrap_or_default(),
        updated: time(own, "lastUpdateTime"),
        changed: time(own, "lastTransitionTime"),
    })
}

fn disrupted(status: &Value) -> Vec<(Text, i64)> {
    let pods = status.get("disruptedPods").and_then(Value::as_object);
    let granted = pods.into_iter().flatten().filter_map(|(pod, at)| {
        let at = parse_unix_secs(at.as_str()?)?;
        Some((pod.as_str().into(), at))
    });
    granted.collect()
}

fn list<'v>(value: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    let list = value.get(field).and_then(Value::as_array);
    list.into_iter().flatten()
}

fn text(value: &Value, field: &str) -> Option<Text> {
    let text = value.get(field)?.as_str()?;
    (!text.is_empty()).then(|| text.into())
}

fn time(value: &Value, field: &str) -> Option<i64> {
    parse_unix_secs(value.get(field)?.as_str()?)
}

fn number(value: &Value, field: &str) -> i32 {
    let number = value.get(field).and_then(Value::as_i64);
    number
        .and_then(|number| i32::try_from(number).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_budget_tells_what_it_counted_if_it_counted() {
        let status = json!({"currentHealthy": 3, "desiredHealthy": 2, "expectedPods": 4});
        assert_eq!(budget(&status), None);
        let mut counted = status;
        counted["disruptionsAllowed"] = 1.into();
        let expected = BudgetStatus {
            disruptions_allowed: 1,
            current_healthy: 3,
            desired_healthy: 2,
            expected_pods: 4,
            is_current: true,
            ..BudgetStatus::default()
        };
        assert_eq!(budget(&counted), Some(expected));
    }
}
