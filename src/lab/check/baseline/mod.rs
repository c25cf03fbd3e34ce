//! The baseline of a suite: what every gated metric was when it was accepted, as a text that is
//! reviewed and merged well: sorted keys, one metric a line (ci.md 6.7).

mod error;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use error::BaselineError;

use super::verify::{fault, objectives};
use crate::objects::{Object, bounded};
use scenario::schema::Objective;
use units::line::brief_quotes;
use units::{Date, SortedMap, UniqueKeys};

/// The version of this form.
pub const BASELINE_VERSION: u32 = 4;
/// The version of the metrics' definitions; baselines of another are not compared with.
pub const RULES_VERSION: u32 = 1;

/// Accepted results of a suite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Baseline {
    /// Regressions that are put up with for a while.
    #[serde(default)]
    pub acknowledgements: Vec<Acknowledgement>,
    /// One per scenario, or `SCENARIO/VARIANT` where it has several.
    pub entries: SortedMap<String, BaselineEntry>,
    /// Version of the metrics' definitions.
    pub rules: u32,
    /// Version of this form.
    pub schema_version: u32,
    /// The suite it belongs to.
    pub suite: String,
    /// The version of the program that wrote it.
    pub windtunnel: String,
}

/// Accepted results of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaselineEntry {
    /// Digits of a hash over all other fields; empty once it was held against them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub checksum: String,
    /// The text of the scheduler's configuration file by its path, to decide as it did.
    #[serde(default)]
    pub configs: SortedMap<String, String>,
    /// `true` if no seed changes anything: the one run stands for all of them.
    #[serde(default)]
    pub deterministic: bool,
    /// Hash over the digests of all runs.
    pub digest: String,
    /// Digest of each run, in the order of seeds.
    #[serde(default)]
    pub digests: Vec<String>,
    /// First digits of the hash of each file that was read, by its path; of a manifest, of what is read of
    /// it.
    #[serde(default)]
    pub files: SortedMap<String, String>,
    /// Hash over what the system was given: every field of the scenario but the system, its name and
    /// its objectives, and the content of every file.
    pub inputs: String,
    /// The gated metrics by id.
    pub metrics: SortedMap<String, BaselineMetric>,
    /// Hash over the inputs with names, labels and annotations left out.
    #[serde(default)]
    pub nameless: String,
    /// The objects that are read, with their fields as far as there is room, to tell which ones differ.
    #[serde(default)]
    pub objects: Vec<Object>,
    /// The objectives, so that looser ones are told.
    #[serde(default, deserialize_with = "objectives")]
    pub objectives: Vec<Objective>,
    /// Hashes over the parts of the inputs, to tell which one differs.
    #[serde(default)]
    pub parts: SortedMap<String, String>,
    /// Hash over the placements of all runs, without names and labels.
    #[serde(default)]
    pub placements: String,
    /// Version, commit and build of the program that measured it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub program: String,
    /// The seeds, in the order of values.
    pub seeds: Vec<u64>,
    /// The system as it was, to find the first decision that differs.
    #[serde(default)]
    pub system: serde_json::Value,
}

impl BaselineEntry {
    /// Digits of a hash over all fields but the checksum.
    pub(super) fn sum(&self) -> String {
        let own = Self {
            checksum: String::new(),
            ..self.clone()
        };
        blake3::hash(json(&own).as_bytes()).to_hex()[..16].to_owned()
    }
}

/// Accepted values of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaselineMetric {
    /// The metric's mean over the seeds; none where it has no value in some.
    pub mean: Option<f64>,
    /// The metric's unit.
    pub unit: String,
    /// Most objects of one run whose pods are refused when it ends, and which the metric would count; none if there
    /// are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<usize>,
    /// The metric's values, seed by seed.
    pub values: Vec<Option<f64>>,
}

/// A regression that is put up with, why, and until when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Acknowledgement {
    /// The entry.
    pub entry: String,
    /// The metric; `digest` for the exact mode.
    pub metric: String,
    /// Permitted worsening, as a share: of the baseline's value, or of a bound; none of what is no
    /// number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<f64>,
    /// Reason for the acknowledgement.
    pub reason: String,
    /// The last day.
    pub expires: String,
}

impl Baseline {
    /// Reads the text of a baseline of this suite.
    ///
    /// # Errors
    /// If it is damaged, of another suite or version, or an acknowledgement is incomplete.
    pub fn parse(text: &str, path: PathBuf, suite: &str) -> Result<Self, BaselineError> {
        let baseline = Self::parse_any(text, path.clone())?;
        if baseline.suite != suite {
            return Err(BaselineError::OtherSuite {
                path,
                found: baseline.suite,
                expected: suite.to_owned(),
            });
        }
        Ok(baseline)
    }

    /// Reads the text of a baseline of any suite.
    ///
    /// # Errors
    /// If it is damaged, of another version, or an acknowledgement is incomplete.
    pub fn parse_any(text: &str, path: PathBuf) -> Result<Self, BaselineError> {
        // Another version has other fields, which are no fault of the file.
        if let Ok(stamp) = serde_json::from_str::<Stamp>(text) {
            stamp.check(&path)?;
        }
        let mut baseline: Self = read(text, &path)?;
        for (name, entry) in &mut baseline.entries {
            if let Some((field, reason)) = fault(entry) {
                return Err(BaselineError::Edited {
                    path,
                    entry: name.clone(),
                    field,
                    reason,
                });
            }
            entry.checksum.clear();
        }
        check_acknowledgements(&baseline.acknowledgements, &path)?;
        Ok(baseline)
    }

    /// The acknowledgements of the text of a baseline, whatever else it holds, and of both sides of a merge
    /// that left its marks.
    ///
    /// # Errors
    /// If it is no JSON, or one of them is incomplete.
    pub fn acknowledgements_of(
        text: &str,
        path: &Path,
    ) -> Result<Vec<Acknowledgement>, BaselineError> {
        #[derive(Deserialize)]
        struct Held {
            #[serde(default)]
            acknowledgements: Vec<Acknowledgement>,
        }
        let found = match conflict(text) {
            Some(_) => Self::acknowledged(text).acknowledgements,
            None => read::<Held>(text, path)?.acknowledgements,
        };
        check_acknowledgements(&found, path)?;
        Ok(found)
    }

    /// Rest of a text that can't be read as a baseline: the acknowledgements, whatever its version,
    /// and whatever is broken beside them, as each stands on a line, on either side of marks of a conflict; of a
    /// conflict, the rest as the first side has it.
    pub fn acknowledged(text: &str) -> Self {
        let mut acknowledgements: Vec<Acknowledgement> = Vec::new();
        for line in text.lines() {
            let line = line.trim().trim_end_matches(',');
            match serde_json::from_str(line) {
                Ok(found) if !acknowledgements.contains(&found) => acknowledgements.push(found),
                _ => {}
            }
        }
        let first =
            conflict(text).and_then(|_| Self::parse_any(&first_side(text), PathBuf::new()).ok());
        Self {
            acknowledgements,
            ..first.unwrap_or_default()
        }
    }

    /// The blake3 hash of its text as it would be written, whichever program measured it.
    pub fn hash(&self) -> String {
        let mut own = self.clone();
        for entry in own.entries.values_mut() {
            entry.program.clear();
        }
        blake3::hash(own.to_text().as_bytes()).to_hex().to_string()
    }

    /// The text: keys sorted, one metric a line.
    pub fn to_text(&self) -> String {
        let mut text = String::from("{\n");
        let list = |lines: Vec<String>, indent: &str, close: &str| {
            if lines.is_empty() {
                return close.to_owned();
            }
            format!(
                "\n{indent}{}\n{}{close}",
                lines.join(&format!(",\n{indent}")),
                &indent[2..]
            )
        };
        let lines: Vec<String> = self.acknowledgements.iter().map(json).collect();
        let _ = writeln!(
            text,
            "  \"acknowledgements\": [{},",
            list(lines, "    ", "]")
        );
        let entries = self.entries.iter().map(|(name, entry)| {
            let entry = &BaselineEntry {
                objects: bounded(&entry.objects),
                ..entry.clone()
            };
            let metrics = entry.metrics.iter();
            let metrics = metrics.map(|(id, metric)| format!("{}: {}", json(id), json(metric)));
            let objectives = entry.objectives.iter().map(json).collect();
            let files = entry.files.iter();
            let files = files.map(|(path, hash)| format!("{}: {}", json(path), json(hash)));
            let objects = entry.objects.iter().map(json).collect();
            let mut fields = vec![
                format!("\"checksum\": {}", json(&entry.sum())),
                format!("\"configs\": {}", json(&entry.configs)),
                format!("\"deterministic\": {}", entry.deterministic),
                format!("\"digest\": {}", json(&entry.digest)),
                format!("\"digests\": {}", json(&entry.digests)),
                format!("\"files\": {{{}", list(files.collect(), "        ", "}")),
                format!("\"inputs\": {}", json(&entry.inputs)),
                format!(
                    "\"metrics\": {{{}",
                    list(metrics.collect(), "        ", "}")
                ),
                format!("\"nameless\": {}", json(&entry.nameless)),
                format!("\"objectives\": [{}", list(objectives, "        ", "]")),
                format!("\"objects\": [{}", list(objects, "        ", "]")),
                format!("\"parts\": {}", json(&entry.parts)),
                format!("\"placements\": {}", json(&entry.placements)),
                format!("\"seeds\": {}", json(&entry.seeds)),
                format!("\"system\": {}", json(&entry.system)),
            ];
            if !entry.program.is_empty() {
                let program = format!("\"program\": {}", json(&entry.program));
                fields.insert(fields.len() - 2, program);
            }
            format!("{}: {{{}", json(name), list(fields, "      ", "}"))
        });
        let _ = writeln!(
            text,
            "  \"entries\": {{{},",
            list(entries.collect(), "    ", "}")
        );
        let _ = writeln!(text, "  \"rules\": {},", self.rules);
        let _ = writeln!(text, "  \"schemaVersion\": {},", self.schema_version);
        let _ = writeln!(text, "  \"suite\": {},", json(&self.suite));
        let _ = writeln!(text, "  \"windtunnel\": {}\n}}", json(&self.windtunnel));
        text
    }
}

/// Whether a gate is on a number.
fn is_measured(metric: &str) -> bool {
    !["digest", "entry"].contains(&metric)
}

/// Lines with which a merge marks what it could not unite.
const MARKS: [&str; 3] = ["<<<<<<< ", "=======", ">>>>>>> "];

/// The first line, from 1, that a merge has marked.
fn conflict(text: &str) -> Option<usize> {
    let place = text.lines().position(|line| line.starts_with(MARKS[0]));
    place.map(|place| place + 1)
}

/// A text as the first side of a merge has it.
fn first_side(text: &str) -> String {
    let mut is_second = false;
    let own = text.lines().filter(|line| {
        let mark = MARKS.iter().position(|mark| line.starts_with(mark));
        is_second = mark.map_or(is_second, |mark| mark == 1);
        mark.is_none() && !is_second
    });
    own.fold(String::new(), |text, line| text + line + "\n")
}

/// Reads a text in which no key of a map stands twice: the last of them would hide the others.
fn read<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, BaselineError> {
    if let Some(line) = conflict(text) {
        return Err(BaselineError::Damaged {
            path: path.to_path_buf(),
            line,
            column: 1,
            reason: "a merge left its conflict marks here".to_owned(),
        });
    }
    let unique = serde_json::from_str::<UniqueKeys>(text);
    // What is no JSON is told by the reader of what was expected.
    let twice = unique.err().filter(serde_json::Error::is_data);
    let read = twice.map_or_else(|| serde_json::from_str(text), Err);
    read.map_err(|error| damaged(&error, path))
}

/// Error of a text that is no baseline.
fn damaged(error: &serde_json::Error, path: &Path) -> BaselineError {
    let whole = brief_quotes(&error.to_string());
    let reason = whole.rsplit_once(" at line ");
    BaselineError::Damaged {
        path: path.to_path_buf(),
        line: error.line(),
        column: error.column(),
        reason: reason.map_or(&*whole, |(reason, _)| reason).to_owned(),
    }
}

fn check_acknowledgements(all: &[Acknowledgement], path: &Path) -> Result<(), BaselineError> {
    for (number, acknowledged) in all.iter().enumerate() {
        let reason = match acknowledged.expires.parse::<Date>() {
            Err(error) => error,
            Ok(_) if acknowledged.reason.trim().is_empty() => "it has no reason".to_owned(),
            Ok(_) if acknowledged.allow.is_none() && is_measured(&acknowledged.metric) => {
                "it does not say by what share the metric may be worse".to_owned()
            }
            Ok(_) => continue,
        };
        return Err(BaselineError::Acknowledgement {
            path: path.to_path_buf(),
            number: number + 1,
            entry: acknowledged.entry.clone(),
            metric: acknowledged.metric.clone(),
            reason,
        });
    }
    Ok(())
}

/// The versions of a baseline, which are read before anything else.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stamp {
    rules: u32,
    schema_version: u32,
    windtunnel: String,
}

impl Stamp {
    fn check(&self, path: &Path) -> Result<(), BaselineError> {
        const OWN: &str = env!("CARGO_PKG_VERSION");
        let is_known = match (numbers(&self.windtunnel), numbers(OWN)) {
            (Some(found), Some(own)) => found <= own,
            _ => false,
        };
        if !is_known {
            return Err(BaselineError::Program {
                path: path.to_owned(),
                found: self.windtunnel.clone(),
                own: OWN,
            });
        }
        let versions = [
            ("schemaVersion is", self.schema_version, BASELINE_VERSION),
            (
                "the metrics' definitions are of version",
                self.rules,
                RULES_VERSION,
            ),
        ];
        match versions.iter().find(|(_, found, known)| found != known) {
            None => Ok(()),
            Some(&(what, found, known)) => Err(BaselineError::Version {
                path: path.to_owned(),
                what,
                found,
                known,
            }),
        }
    }
}

/// The numbers of a version such as `0.1.0`, without what follows `-` or `+`; `None` if it is none.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let plain = version.split(['-', '+']).next().unwrap_or(version);
    let mut numbers = [0; 3];
    let mut parts = plain.split('.');
    for number in &mut numbers {
        let Some(part) = parts.next() else { break };
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// A value on a line of JSON.
fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("invariant: plain data is JSON")
}
