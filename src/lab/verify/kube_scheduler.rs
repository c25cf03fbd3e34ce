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

use indexmap::IndexMap;
use rayon::prelude::*;
use serde_json::Value;

use super::{Family, FamilyReport, Judge, VerifyOptions, file_name};
use crate::trace::Input;

/// Decisions of the Kubernetes scheduler.
pub const FAMILY: Family = Family {
    name: "kube-scheduler",
    summary: "decisions of kube-scheduler: verdicts, scores, messages, preemption, sequences, the queue",
    claims,
    kinds: &[],
    judge: Judge::Several(judge),
};

/// Whether a file belongs here: in a folder of the family's name, or by what its first line holds.
fn claims(path: &Path) -> bool {
    let name = file_name(path);
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let has_lines = Path::new(plain)
        .extension()
        .is_some_and(|ending| ending == "jsonl");
    let folder = path.parent().and_then(Path::file_name);
    has_lines && (folder.is_some_and(|folder| folder == FAMILY.name) || is_recording(path))
}

/// Whether the first line of a file is a case of this family.
fn is_recording(path: &Path) -> bool {
    let first = Input::path(path).lines().and_then(|mut lines| {
        let line = lines.next_line()?;
        Ok(line.and_then(|(_, line)| serde_json::from_slice::<Value>(line).ok()))
    });
    let Ok(Some(case)) = first else {
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

/// What came of a case.
enum Outcome {
    Agrees,
    Differs(String),
}

fn judge(files: &[PathBuf], options: &VerifyOptions) -> Result<Vec<FamilyReport>, String> {
    let mut lines = Vec::new();
    for file in files {
        let text = Input::path(file).read_to_string();
        let text = text.map_err(|error| error.to_string())?;
        let name = file.display().to_string();
        let numbered = text.lines().enumerate();
        let filled = numbered.filter(|(_, line)| !line.trim().is_empty());
        lines.extend(filled.map(|(number, line)| {
            let place = format!("{name}:{}", number + 1);
            (place, line.to_owned())
        }));
    }
    let step = options
        .sample
        .map_or(1, |sample| lines.len().div_ceil(sample.max(1)).max(1));
    let judged: Vec<Option<(String, Outcome)>> = lines
        .par_iter()
        .step_by(step)
        .map(|(place, line)| judge_line(place, line, options))
        .collect::<Result<_, String>>()?;
    let mut reports: IndexMap<String, FamilyReport> = IndexMap::new();
    for (family, outcome) in judged.into_iter().flatten() {
        let name = format!("kube-{family}");
        let report = reports
            .entry(name)
            .or_insert_with_key(|name| FamilyReport::new(name));
        match outcome {
            Outcome::Agrees => report.pass(),
            Outcome::Differs(words) => report.fail(|| words),
        }
    }
    Ok(reports.into_values().collect())
}

fn judge_line(
    place: &str,
    line: &str,
    options: &VerifyOptions,
) -> Result<Option<(String, Outcome)>, String> {
    let case: Value = serde_json::from_str(line).map_err(|error| format!("{place}: {error}"))?;
    let text = |key: &str| case.get(key).and_then(Value::as_str);
    let (Some(id), Some(family)) = (text("id"), text("family")) else {
        return Err(format!("{place}: expected a case with `id` and `family`"));
    };
    if !options.wants(id) {
        return Ok(None);
    }
    let compared = if case.get("ops").is_some() {
        queue::compare(id, &case)
    } else if case.get("steps").is_some() {
        sequence::compare(id, &case)
    } else {
        decision::compare(id, &case)
    };
    let outcome = match compared {
        Ok(differences) if differences.is_empty() => Outcome::Agrees,
        Ok(differences) => Outcome::Differs(format!("{id}: {}", differences.told())),
        Err(why) => Outcome::Differs(format!("{id}: {why}")),
    };
    Ok(Some((family.to_owned(), outcome)))
}

/// Where what was decided differs from what was recorded.
#[derive(Default)]
struct Differences(Vec<String>);

/// How many differences of a case are told in words.
const TOLD: usize = 3;

impl Differences {
    /// Holds a field against the recording.
    fn field(&mut self, field: &str, recorded: Option<&Value>, decided: &Value) {
        let nothing = Value::Null;
        let recorded = recorded.unwrap_or(&nothing);
        if !is_same(recorded, decided) {
            self.0
                .push(format!("{field}: recorded {recorded}, decided {decided}"));
        }
    }

    /// Holds the entries of a map against the recording, each by itself.
    fn entries(&mut self, field: &str, recorded: Option<&Value>, decided: Option<&Value>) {
        let (Some(Value::Object(one)), Some(Value::Object(other))) = (recorded, decided) else {
            return self.field(field, recorded, decided.unwrap_or(&Value::Null));
        };
        for (key, recorded) in one {
            let decided = other.get(key);
            if decided.is_none_or(|decided| !is_same(recorded, decided)) {
                let nothing = Value::from("nothing");
                let decided = decided.unwrap_or(&nothing);
                self.0.push(format!(
                    "{field} of {key}: recorded {recorded}, decided {decided}"
                ));
            }
        }
        for (key, decided) in other.iter().filter(|(key, _)| !one.contains_key(*key)) {
            self.0.push(format!(
                "{field} of {key}: recorded nothing, decided {decided}"
            ));
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn told(&self) -> String {
        let mut words = self.0[..self.0.len().min(TOLD)].join("; ");
        if self.0.len() > TOLD {
            words = format!("{words}; and {} more", self.0.len() - TOLD);
        }
        words
    }
}

/// Equality in which the order of a map's keys has no meaning.
fn is_same(one: &Value, other: &Value) -> bool {
    one == other
}
