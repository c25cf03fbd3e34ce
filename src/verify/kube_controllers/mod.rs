//! Decisions recorded from the controllers of Kubernetes, its kubelet's ranking and its budgets,
//! held against [`control::controllers`]; and those of its autoscalers, held against
//! [`autoscale`]. A case passes only if everything it records
//! agrees. Cases count under the family that they name.

mod ca_scale_down;
mod cron_job;
mod cron_next;
mod daemon_set;
mod deployment;
mod disruption;
mod door;
mod hpa_calc;
mod hpa_normalize;
mod job;
mod kubelet_eviction;
mod node_lifecycle;
mod objects;
mod pod_accounting;
mod pod_gc;
mod replica_set;
mod stateful_set;
mod taint_eviction;
mod vpa_recommender;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::cases::{Differences, Outcome, first_case, has_json_lines, judge_lines};
use super::{Family, FamilyReport, Judge, VerifyOptions};
use crate::door::Door;
use units::{Duration, Instant};

/// Steps of the Deployment controller (Kubernetes 1.28).
pub const DEPLOYMENT: Family = Family {
    name: "deployment",
    summary: "steps of the Deployment controller: replica sets, status, conditions, events",
    claims: |path| is_of(path, "deployment", |case| case.get("deployment").is_some()),
    kinds: &[
        "deployment-rolling",
        "deployment-recreate",
        "deployment-step",
    ],
    judge: Judge::Several(|files, options| judge(files, options, DEPLOYMENT.name)),
    door: Door::Judge(|files, options, share| door::judge(files, options, share, DEPLOYMENT.name)),
};

/// The order in which a replica set gives up pods (Kubernetes 1.28).
pub const REPLICA_SET: Family = Family {
    name: "replicaset",
    summary: "the order in which a replica set gives up pods",
    claims: |path| {
        is_of(path, "replicaset", |case| {
            case.pointer("/pods/0/replicaSet").is_some()
        })
    },
    kinds: &["replicaset-victims", "replicaset-scale-down"],
    judge: Judge::Several(|files, options| judge(files, options, REPLICA_SET.name)),
    door: Door::Judge(|files, options, share| door::judge(files, options, share, REPLICA_SET.name)),
};

/// Decisions of the other controllers (Kubernetes 1.36).
pub const FAMILY: Family = Family {
    name: "kube-controllers",
    summary: "decisions of the controllers, of budgets, of the kubelet's eviction",
    claims: |path| {
        is_of(path, "kube-controllers", |case| {
            let family = case.get("family").and_then(Value::as_str);
            let is_known =
                family.is_some_and(|family| JUDGES.iter().any(|(name, _)| *name == family));
            is_known && case.get("input").is_some()
        })
    },
    kinds: &[
        "statefulset-sequence",
        "daemonset-node",
        "daemonset-update",
        "hpa-calc",
        "hpa-normalize",
        "vpa-buckets",
        "vpa-recommender",
        "ca-scale-down-node",
        "job-sequence",
        "cronjob-sequence",
        "node-lifecycle",
        "taint-eviction",
        "podgc",
        "pdb",
        "pod-accounting",
        "kubelet-eviction-rank",
        "cron-next",
    ],
    judge: Judge::Several(|files, options| judge(files, options, FAMILY.name)),
    door: Door::Judge(|files, options, share| door::judge(files, options, share, FAMILY.name)),
};

/// Comparison of a case of a family with the recording.
type Compare = fn(&Value, &mut Differences) -> Result<(), String>;

/// Every family that can be judged, by the name that its cases give.
const JUDGES: &[(&str, Compare)] = &[
    ("deployment-rolling", deployment::compare_sequence),
    ("deployment-recreate", deployment::compare_sequence),
    ("deployment-step", deployment::compare_step),
    ("statefulset-sequence", stateful_set::compare),
    ("daemonset-node", daemon_set::compare_node),
    ("daemonset-update", daemon_set::compare_update),
    ("hpa-calc", hpa_calc::compare),
    ("hpa-normalize", hpa_normalize::compare),
    ("vpa-buckets", vpa_recommender::compare_buckets),
    ("vpa-recommender", vpa_recommender::compare),
    ("ca-scale-down-node", ca_scale_down::compare),
    ("job-sequence", job::compare),
    ("cronjob-sequence", cron_job::compare),
    ("node-lifecycle", node_lifecycle::compare),
    ("taint-eviction", taint_eviction::compare),
    ("podgc", pod_gc::compare),
    ("pdb", disruption::compare),
    ("pod-accounting", pod_accounting::compare),
    ("kubelet-eviction-rank", kubelet_eviction::compare),
    ("cron-next", cron_next::compare),
    ("replicaset-victims", replica_set::compare_victims),
    ("replicaset-scale-down", replica_set::compare_scale_down),
];

/// Whether a file belongs to a family: by its folder's name, or by what its first line holds.
fn is_of(path: &Path, folder: &str, holds: fn(&Value) -> bool) -> bool {
    let named = path.parent().and_then(Path::file_name);
    has_json_lines(path)
        && (named.is_some_and(|named| named == folder)
            || first_case(path).is_some_and(|case| case.get("id").is_some() && holds(&case)))
}

fn judge(
    files: &[PathBuf],
    options: &VerifyOptions,
    whole: &str,
) -> Result<Vec<FamilyReport>, String> {
    judge_lines(files, options, |place, case| {
        judge_case(place, case, options, whole)
    })
}

fn judge_case(
    place: &str,
    case: &Value,
    options: &VerifyOptions,
    whole: &str,
) -> Result<Option<(String, Outcome)>, String> {
    let text = |key: &str| case.get(key).and_then(Value::as_str);
    let id = text("id").unwrap_or(place);
    if !options.wants(id) {
        return Ok(None);
    }
    let family = match text("family") {
        Some(family) => family,
        None if case.pointer("/pods/0/replicaSet").is_some() => "replicaset-scale-down",
        None => return Err(format!("{place}: expected a case with `id` and `family`")),
    };
    if !options.wants_row(whole, family) {
        return Ok(None);
    }
    let Some((_, compare)) = JUDGES.iter().find(|(name, _)| *name == family) else {
        let why = format!("verify has no judge for cases of `{family}`");
        return Ok(Some((family.to_owned(), Outcome::Unsupported(why))));
    };
    let mut differences = Differences::default();
    let outcome = match compare(case, &mut differences) {
        Ok(()) => differences.outcome(id),
        Err(why) => Outcome::Differs(format!("{id}: {why}")),
    };
    Ok(Some((family.to_owned(), outcome)))
}

/// Seconds of a case's own scale as an instant.
fn seconds(secs: f64) -> Instant {
    Instant::ZERO.saturating_add(span(secs))
}

/// Seconds as a span.
fn span(secs: f64) -> Duration {
    Duration::checked_from_secs_f64(secs).unwrap_or(Duration::MAX)
}

/// An instant as seconds of the case's scale, whole where it is whole.
pub(crate) fn told(at: Instant) -> Value {
    told_span(at.since(Instant::ZERO))
}

/// A span as seconds, whole where it is whole.
fn told_span(span: Duration) -> Value {
    let nanos = span.as_nanos();
    if nanos % 1_000_000_000 == 0 {
        Value::from(nanos / 1_000_000_000)
    } else {
        Value::from(span.as_secs_f64())
    }
}
