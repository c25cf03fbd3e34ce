//! Decisions recorded from the Kubernetes scheduler, held against the plugins of
//! [`policy::kubernetes`]: single decisions with every verdict, score, message and
//! preemption, sequences of decisions, and operations on the queue. Cases count under the family that they name.
//!
//! A file is one JSON object a line. What a case declares goes through the manifest reader into
//! the model; a case passes only if everything it records agrees.

pub(super) mod decision;
pub(super) mod door;
mod fast;
mod queue;
mod sequence;
mod sequence_door;
pub(super) mod world;

use std::path::{Path, PathBuf};

use model::Changes;
use serde_json::Value;

use super::cases::{Differences, Outcome, first_case, has_json_lines, is_of_release, judge_lines};
use super::{Family, FamilyReport, Judge, VerifyOptions};
use crate::door::Door;

/// Decisions of the Kubernetes scheduler.
pub const FAMILY: Family = Family {
    name: "kube-scheduler",
    summary: "decisions of kube-scheduler: verdicts, scores, messages, preemption, sequences, the queue",
    claims,
    kinds: KINDS,
    judge: Judge::Several(judge),
    door: Door::Judge(door::judge),
};

/// What the recordings hold, as it is printed; a file may name more.
const KINDS: &[&str] = &[
    "kube-balanced",
    "kube-balanced-unasked",
    "kube-disrupted-pods",
    "kube-empty-terms",
    "kube-explicit-zero",
    "kube-fit-extended",
    "kube-fit-least",
    "kube-fit-most",
    "kube-fit-ratio",
    "kube-gates",
    "kube-ignored-resources",
    "kube-image-locality",
    "kube-large-basic",
    "kube-large-mixed",
    "kube-large-spread",
    "kube-mixed",
    "kube-namespace-selector",
    "kube-node-affinity",
    "kube-nominated",
    "kube-nominated-second-pass",
    "kube-pod-affinity",
    "kube-pod-affinity-label-keys",
    "kube-pod-level-resources",
    "kube-ports",
    "kube-preemption",
    "kube-preemption-latest-start",
    "kube-preemption-pdb",
    "kube-queue-backoff",
    "kube-queue-config",
    "kube-queue-crowded",
    "kube-queue-errors",
    "kube-queue-gates",
    "kube-queue-hints",
    "kube-queue-mixed",
    "kube-queue-timeout",
    "kube-sequence-affinity",
    "kube-sequence-basic",
    "kube-sequence-basic-mostallocated",
    "kube-sequence-gpu",
    "kube-sequence-mixed",
    "kube-sequence-priority",
    "kube-sequence-sampling",
    "kube-sequence-spread",
    "kube-spread",
    "kube-spread-defaults",
    "kube-spread-hostname-policy",
    "kube-spread-simulation",
    "kube-spread-terminating",
    "kube-taints",
    "kube-volume-capacity",
    "kube-volume-claims",
    "kube-volume-disks",
    "kube-volume-limits",
    "kube-volume-matching",
    "kube-volume-zones",
    "kube-volumes",
];

/// Whether a file belongs here: in a folder of the family's name, or by what its first line holds.
fn claims(path: &Path) -> bool {
    let folder = path.parent().and_then(Path::file_name);
    has_json_lines(path)
        && !is_of_release(path)
        && (folder.is_some_and(|folder| folder == FAMILY.name) || is_recording(path))
}

/// Whether the first line of a file is a case of this family.
fn is_recording(path: &Path) -> bool {
    let Some(case) = first_case(path) else {
        return false;
    };
    let has = |field: &str| case.get(field).is_some();
    let family = case.get("family").and_then(Value::as_str);
    let is_queue = has("ops") && family.is_some_and(|family| family.starts_with("queue-"));
    let first_step = case.pointer("/steps/0/op").and_then(Value::as_str);
    let is_decision = has("pod") || first_step == Some("schedule");
    let is_placed = has("nodes") && has("pods") && is_decision;
    has("id") && has("expect") && (is_queue || is_placed)
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<Vec<FamilyReport>, String> {
    judge_lines(files, options, |place, case| {
        judge_case(place, case, options)
    })
}

fn judge_case(
    place: &str,
    case: &Value,
    options: &VerifyOptions,
) -> Result<Option<(String, Outcome)>, String> {
    let text = |key: &str| case.get(key).and_then(Value::as_str);
    let (Some(id), Some(family)) = (text("id"), text("family")) else {
        return Err(format!("{place}: expected a case with `id` and `family`"));
    };
    let row = format!("kube-{family}");
    if !options.wants(id) || !options.wants_row(FAMILY.name, &row) {
        return Ok(None);
    }
    let compared = if case.get("ops").is_some() {
        queue::compare(id, case)
    } else if case.get("steps").is_some() {
        sequence::compare(id, case)
    } else {
        decision::compare(id, case, Changes::default())
    };
    let outcome = match compared {
        Ok(differences) => differences.outcome(id),
        Err(why) => Outcome::Differs(format!("{id}: {why}")),
    };
    Ok(Some((row, outcome)))
}
