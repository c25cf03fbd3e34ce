//! Policies of a job: the meaning of failures, and the conditions of success.

use super::{Indexes, JobPod};
use model::workload::Job;
use model::workload::job::{FailureAction, FailureMatch};

/// The action of the first rule of the failure policy that a failed pod matches; `None` without a
/// policy or a matching rule.
pub(super) fn failure_action(job: &Job, pod: &JobPod) -> Option<FailureAction> {
    let rule = job.failure_policy.iter().find(|rule| match &rule.matches {
        FailureMatch::ExitCodes {
            container,
            among,
            values,
        } => pod.exit_codes.iter().any(|(name, code)| {
            let concerned = container.as_ref().is_none_or(|container| container == name);
            concerned && *code != 0 && values.contains(code) == *among
        }),
        FailureMatch::Conditions(conditions) => conditions
            .iter()
            .any(|condition| pod.conditions.contains(condition)),
    });
    rule.map(|rule| rule.action)
}

/// Whether a failure of a pod counts.
pub(super) fn is_counted(job: &Job, pod: &JobPod) -> bool {
    failure_action(job, pod) != Some(FailureAction::Ignore)
}

/// Whether a rule of the success policy is met.
pub(super) fn is_success(job: &Job, succeeded: &Indexes, completions: i32) -> bool {
    succeeded.total() > 0
        && job.success_policy.iter().any(|rule| match &rule.indexes {
            Some(intervals) => {
                let required = Indexes::of_intervals(intervals, completions);
                let all = required.total();
                all > 0 && required.common(succeeded) >= rule.count.unwrap_or(all)
            }
            None => rule.count.is_some_and(|count| succeeded.total() >= count),
        })
}
