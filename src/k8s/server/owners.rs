//! Rules about templates of pods by the kind of their owner. Source: `pkg/apis/apps/validation/validation.go`,
//! `pkg/apis/core/validation/validation.go` (`ValidatePodTemplateSpecForRC`), `pkg/apis/batch/validation/validation.go`.

use crate::field::{Path, Problem};
use crate::raw;

/// Kinds whose pods start over whenever they end.
const ENDLESS: [&str; 5] = [
    "DaemonSet",
    "Deployment",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
];

/// Holds a template to the rules of its owner's kind.
///
/// # Errors
/// It breaks one.
pub(in super::super) fn check_owner(kind: &str, spec: &raw::PodSpec) -> Result<(), Problem> {
    let path = Path::root("spec");
    let policy = spec.restart_policy.as_deref().unwrap_or_default();
    if matches!(kind, "Job" | "CronJob") && matches!(policy, "" | "Always") {
        // The default is `Always`, which a job may not have (`validateJobSpec`, pkg/apis/batch/validation).
        let words = "Required value: valid values: \"OnFailure\", \"Never\"";
        let found = if policy.is_empty() { "nothing" } else { policy };
        return Err(path
            .field("restartPolicy")
            .broken(format!("{words}, found `{found}`")));
    }
    if !ENDLESS.contains(&kind) {
        return Ok(());
    }
    if !matches!(policy, "" | "Always") {
        let words = format!("Unsupported value: supported values: \"Always\", found `{policy}`");
        return Err(path.field("restartPolicy").broken(words));
    }
    if let Some(secs) = spec.active_deadline_seconds {
        let words = format!("activeDeadlineSeconds in {kind} is not supported, found `{secs}`");
        return Err(path.field("activeDeadlineSeconds").broken(words));
    }
    Ok(())
}
