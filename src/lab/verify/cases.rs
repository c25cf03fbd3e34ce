//! Files of recorded cases: one JSON object a line, with `id` and `family`; and where what was
//! decided differs from what a case records.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{FamilyReport, VerifyOptions, file_name};
use crate::trace::Input;

/// Whether a file's name says that it holds JSON lines.
pub(super) fn has_lines(path: &Path) -> bool {
    let name = file_name(path);
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    let ending = Path::new(plain).extension();
    ending.is_some_and(|ending| ending == "jsonl")
}

/// The first case of a file of JSON lines.
pub(super) fn first(path: &Path) -> Option<Value> {
    if !has_lines(path) {
        return None;
    }
    let mut lines = Input::path(path).lines().ok()?;
    let (_, line) = lines.next_line().ok()??;
    serde_json::from_slice(line).ok()
}

/// A part of a case, typed. An error names the part and what was wrong with it.
pub(super) fn typed<T: DeserializeOwned>(case: &Value, part: &str) -> Result<T, String> {
    let value = case.get(part).cloned().unwrap_or(Value::Null);
    serde_json::from_value(value).map_err(|error| format!("`{part}`: {error}"))
}

/// Judges every case of files, in parallel; `name` makes a report's name of a case's family.
pub(super) fn judge(
    files: &[PathBuf],
    options: &VerifyOptions,
    name: fn(&str) -> String,
    compare: impl Fn(&str, &Value) -> Result<(), String> + Sync,
) -> Result<Vec<FamilyReport>, String> {
    let mut lines = Vec::new();
    for file in files {
        let text = Input::path(file).read_to_string();
        let text = text.map_err(|error| error.to_string())?;
        let path = file.display().to_string();
        let numbered = text.lines().enumerate();
        let filled = numbered.filter(|(_, line)| !line.trim().is_empty());
        lines.extend(filled.map(|(number, line)| {
            let place = format!("{path}:{}", number + 1);
            (place, line.to_owned())
        }));
    }
    let step = options
        .sample
        .map_or(1, |sample| lines.len().div_ceil(sample.max(1)).max(1));
    let judged: Vec<Option<(String, Result<(), String>)>> = lines
        .par_iter()
        .step_by(step)
        .map(|(place, line)| judge_line(place, line, options, &compare))
        .collect::<Result<_, String>>()?;
    let mut reports: IndexMap<String, FamilyReport> = IndexMap::new();
    for (family, outcome) in judged.into_iter().flatten() {
        let report = reports
            .entry(name(&family))
            .or_insert_with_key(|name| FamilyReport::new(name));
        report.case(outcome);
    }
    Ok(reports.into_values().collect())
}

/// The family of a line's case and whether it agrees; `None` if the case is not wanted.
fn judge_line(
    place: &str,
    line: &str,
    options: &VerifyOptions,
    compare: impl Fn(&str, &Value) -> Result<(), String>,
) -> Result<Option<(String, Result<(), String>)>, String> {
    let case: Value = serde_json::from_str(line).map_err(|error| format!("{place}: {error}"))?;
    let text = |key: &str| case.get(key).and_then(Value::as_str);
    let (Some(id), Some(family)) = (text("id"), text("family")) else {
        return Err(format!("{place}: expected a case with `id` and `family`"));
    };
    if !options.wants(id) {
        return Ok(None);
    }
    let outcome = compare(id, &case).map_err(|words| format!("{id}: {words}"));
    Ok(Some((family.to_owned(), outcome)))
}

/// Where what was decided differs from what was recorded.
#[derive(Default)]
pub(super) struct Differences(Vec<String>);

/// How many differences of a case are told in words.
const TOLD: usize = 3;

impl Differences {
    /// Holds a field against the recording.
    pub(super) fn field(&mut self, field: &str, recorded: Option<&Value>, decided: &Value) {
        let nothing = Value::Null;
        let recorded = recorded.unwrap_or(&nothing);
        if !is_same(recorded, decided) {
            self.0
                .push(format!("{field}: recorded {recorded}, decided {decided}"));
        }
    }

    /// Holds the entries of a map against the recording, each by itself.
    pub(super) fn entries(
        &mut self,
        field: &str,
        recorded: Option<&Value>,
        decided: Option<&Value>,
    ) {
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

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Agreement, or the differences in words.
    pub(super) fn verdict(&self) -> Result<(), String> {
        if self.is_empty() {
            return Ok(());
        }
        let mut words = self.0[..self.0.len().min(TOLD)].join("; ");
        if self.0.len() > TOLD {
            words = format!("{words}; and {} more", self.0.len() - TOLD);
        }
        Err(words)
    }
}

/// Equality in which the order of a map's keys has no meaning.
fn is_same(one: &Value, other: &Value) -> bool {
    one == other
}
