//! Decisions recorded from the Kubernetes scheduler, held against the plugins of
//! [`crate::policy::kubernetes`]: single decisions with every verdict, score, message and
//! preemption, sequences of decisions, and operations on the queue. Cases count under the family that they name.
//!
//! A file is one JSON object a line. What a case declares goes through the manifest reader into
//! the model; a case passes only if everything it records agrees.

mod decision;
mod queue;
mod sequence;
mod world;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::cases::{self, Differences};
use super::{Family, FamilyReport, Judge, VerifyOptions};

/// Decisions of the Kubernetes scheduler.
pub const FAMILY: Family = Family {
    name: "kube-scheduler",
    summary: "decisions of kube-scheduler: verdicts, scores, messages, preemption, sequences, the queue",
    claims,
    judge: Judge::Several(judge),
};

/// Whether a file belongs here: in a folder of the family's name, or by what its first line holds.
fn claims(path: &Path) -> bool {
    let folder = path.parent().and_then(Path::file_name);
    let is_ours = || cases::first(path).is_some_and(|case| is_recording(&case));
    cases::has_lines(path) && (folder.is_some_and(|folder| folder == FAMILY.name) || is_ours())
}

/// Whether a case is one of this family.
fn is_recording(case: &Value) -> bool {
    let has = |field: &str| case.get(field).is_some();
    let family = case.get("family").and_then(Value::as_str);
    let is_queue = has("ops") && family.is_some_and(|family| family.starts_with("queue-"));
    let first_step = case.pointer("/steps/0/op").and_then(Value::as_str);
    let is_decision = has("pod") || first_step == Some("schedule");
    let is_placed = has("nodes") && has("pods") && is_decision;
    has("id") && has("expect") && (is_queue || is_placed)
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<Vec<FamilyReport>, String> {
    cases::judge(files, options, |family| format!("kube-{family}"), compare)
}

fn compare(id: &str, case: &Value) -> Result<(), String> {
    let differences = if case.get("ops").is_some() {
        queue::compare(id, case)
    } else if case.get("steps").is_some() {
        sequence::compare(id, case)
    } else {
        decision::compare(id, case)
    }?;
    differences.verdict()
}
