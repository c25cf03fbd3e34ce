//! Recorded cases, one JSON object a line: reading them, judging them side by side, and holding
//! what was decided against what was recorded.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{FamilyReport, VerifyOptions, file_name};
use intake::Input;
use model::Release;

/// Outcome of a case.
pub(super) enum Outcome {
    /// Everything that it records agrees.
    Agrees,
    /// Something doesn't, in words.
    Differs(String),
    /// This program can't judge it; why.
    Unsupported(String),
}

/// Whether a name is that of a file of JSON lines, compressed or not.
pub(super) fn has_json_lines(path: &Path) -> bool {
    let name = file_name(path);
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    Path::new(plain)
        .extension()
        .is_some_and(|ending| ending == "jsonl")
}

/// Name of the family of decisions of several releases.
pub(super) const RELEASES: &str = "kube-releases";

/// Release that the name of a file ends in.
pub(super) fn release_of(path: &Path) -> Result<Release, String> {
    let name = file_name(path);
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let name = name.strip_suffix(".jsonl").unwrap_or(name);
    let release = name.rsplit('-').next().unwrap_or_default();
    Release::find(release).map_err(|why| {
        format!(
            "{}: {why}; name the file `cases-RELEASE.jsonl.gz`",
            path.display()
        )
    })
}

/// Whether a file holds decisions of one release, by its name or its folder.
pub(super) fn is_of_release(path: &Path) -> bool {
    let folder = path.parent().and_then(Path::file_name);
    let is_named = file_name(path).starts_with("cases-");
    release_of(path).is_ok() && (is_named || folder.is_some_and(|folder| folder == RELEASES))
}

/// The first line of a file, if it is a JSON object.
pub(super) fn first_case(path: &Path) -> Option<Value> {
    let mut lines = Input::path(path).lines().ok()?;
    let (_, line) = lines.next_line().ok()??;
    serde_json::from_slice(line).ok()
}

/// The lines of a file that are not empty, each after its place.
///
/// # Errors
/// The file can't be read.
pub(super) fn lines_of(file: &Path) -> Result<Vec<(String, String)>, String> {
    let text = Input::path(file).read_to_string();
    let text = text.map_err(|error| error.to_string())?;
    let name = file.display();
    let numbered = (1..).zip(text.lines());
    let filled = numbered.filter(|(_, line)| !line.trim().is_empty());
    let lines = filled.map(|(number, line): (usize, &str)| {
        let place = format!("{name}:{number}");
        (place, line.to_owned())
    });
    Ok(lines.collect())
}

/// Judges every line of files by `judge`, which names the family of each; those that aren't wanted
/// are `None`.
pub(super) fn judge_lines(
    files: &[PathBuf],
    options: &VerifyOptions,
    judge: impl Fn(&str, &Value) -> Result<Option<(String, Outcome)>, String> + Sync,
) -> Result<Vec<FamilyReport>, String> {
    let mut lines = Vec::new();
    for file in files {
        lines.extend(lines_of(file)?);
    }
    let step = options
        .sample
        .map_or(1, |sample| lines.len().div_ceil(sample.max(1)).max(1));
    let judged: Vec<Option<(String, Outcome)>> = lines
        .par_iter()
        .step_by(step)
        .map(|(place, line)| {
            let case = serde_json::from_str(line).map_err(|error| format!("{place}: {error}"))?;
            judge(place, &case)
        })
        .collect::<Result<_, String>>()?;
    let mut reports: IndexMap<String, FamilyReport> = IndexMap::new();
    for (family, outcome) in judged.into_iter().flatten() {
        let report = reports
            .entry(family)
            .or_insert_with_key(|name| FamilyReport::new(name));
        match outcome {
            Outcome::Agrees => report.pass(),
            Outcome::Differs(words) => report.fail(|| words),
            Outcome::Unsupported(why) => report.leave_out(1, || why),
        }
    }
    Ok(reports.into_values().collect())
}

/// Judges every line of files by `compare`, which is given the case and its name. A case that names
/// no family is of `family`.
pub(super) fn judge_compared(
    files: &[PathBuf],
    options: &VerifyOptions,
    family: &str,
    compare: impl Fn(&str, &Value) -> Result<Differences, String> + Sync,
) -> Result<Vec<FamilyReport>, String> {
    judge_lines(files, options, |place, case| {
        let text = |key: &str| case.get(key).and_then(Value::as_str);
        let id = text("id").unwrap_or(place);
        if !options.wants(id) {
            return Ok(None);
        }
        let row = text("family").unwrap_or(family);
        if !options.wants_row(family, row) {
            return Ok(None);
        }
        let outcome = match compare(id, case) {
            Ok(differences) => differences.outcome(id),
            Err(why) => Outcome::Differs(format!("{id}: {why}")),
        };
        Ok(Some((row.to_owned(), outcome)))
    })
}

/// The elements of a field of a case that is a list; none if it is not.
pub(super) fn list<'v>(case: &'v Value, field: &str) -> Vec<&'v Value> {
    let list = case.get(field).and_then(Value::as_array);
    list.into_iter().flatten().collect()
}

/// Reads a part of a case into the type of its format.
pub(super) fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

/// Differences between decisions and the recording.
#[derive(Default)]
pub(super) struct Differences(Vec<String>);

/// Number of differences of a case that are described in words.
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

    /// Holds a field against the recording where nothing recorded may be an empty list, an empty
    /// text, 0 or false.
    pub(super) fn loosely(&mut self, field: &str, recorded: &Value, decided: &Value) {
        if !is_same_loosely(recorded, decided) {
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

    /// Whether all agrees so far.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first of them, in words.
    pub(super) fn told(&self) -> String {
        let mut words = self.0[..self.0.len().min(TOLD)].join("; ");
        if self.0.len() > TOLD {
            words = format!("{words}; and {} more", self.0.len() - TOLD);
        }
        words
    }

    /// Outcome of the case of this name.
    pub(super) fn outcome(&self, id: &str) -> Outcome {
        if self.is_empty() {
            Outcome::Agrees
        } else {
            Outcome::Differs(format!("{id}: {}", self.told()))
        }
    }
}

/// Equality in which the order of a map's keys has no meaning.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    one == other
}

fn is_same_loosely(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let covered = |one: &serde_json::Map<String, Value>,
                           other: &serde_json::Map<String, Value>| {
                one.iter().all(|(key, value)| {
                    is_same_loosely(value, other.get(key).unwrap_or(&Value::Null))
                })
            };
            covered(one, other) && covered(other, one)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .zip(other)
                    .all(|(one, other)| is_same_loosely(one, other))
        }
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        _ => one == other || (is_nothing(one) && is_nothing(other)),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(is_nothing),
    }
}
