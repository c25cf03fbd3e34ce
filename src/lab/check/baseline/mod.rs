//! The baseline of a suite: what every gated metric was when it was accepted, as a text that is
//! reviewed and merged well: sorted keys, one metric a line (ci.md 6.7).

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::verify::{fault, objectives, unique};
use crate::objects::{Object, bounded};
use scenario::schema::Objective;
use units::{Date, SortedMap};

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
    #[serde(deserialize_with = "unique")]
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
    #[serde(deserialize_with = "unique")]
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

/// Reason a baseline can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BaselineError {
    /// It is no baseline.
    #[error(
        "{}:{line}:{column}: {reason}; correct it, or write it again with `--accept`",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
        /// The problem.
        reason: String,
    },
    /// An entry is not what was accepted.
    #[error(
        "{}: `{entry}`: `{field}`: {reason}; restore the file from its history, or write the baseline \
         again with `--accept`", path.display()
    )]
    Edited {
        /// The file.
        path: PathBuf,
        /// The entry.
        entry: String,
        /// Field that does not fit.
        field: String,
        /// The problem.
        reason: String,
    },
    /// It was written by a newer program, or for other definitions.
    #[error(
        "{}: {what} {found}, but this program supports {known}; use the program that wrote it, or \
         accept a new baseline with `--accept`", path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Part that differs.
        what: &'static str,
        /// Version found.
        found: u32,
        /// Version known.
        known: u32,
    },
    /// A newer program wrote it, or its version can't be read.
    #[error(
        "{}: windtunnel {found} wrote the baseline, but this program is windtunnel {own}; use that \
         program, or accept a new baseline with `--accept`", path.display()
    )]
    Program {
        /// The file.
        path: PathBuf,
        /// The version that stands there.
        found: String,
        /// The version of this program.
        own: &'static str,
    },
    /// It is of another suite.
    #[error(
        "{}: the baseline of the suite `{found}`, not of `{expected}`; give the right one with \
         `--baseline FILE`, or accept a new one with `--accept`", path.display()
    )]
    OtherSuite {
        /// The file.
        path: PathBuf,
        /// Suite that the baseline belongs to.
        found: String,
        /// Suite that it should belong to.
        expected: String,
    },
    /// An acknowledgement lacks what makes it one.
    #[error(
        "{}: acknowledgement {number} (`{entry}` `{metric}`): {reason}; expected a reason, a \
         share and an expiry, such as \"allow\": 0.1, \"expires\": \"2026-12-31\"", path.display()
    )]
    Acknowledgement {
        /// The file.
        path: PathBuf,
        /// Number of the acknowledgement, from 1.
        number: usize,
        /// Entry of the acknowledgement.
        entry: String,
        /// Metric of the acknowledgement.
        metric: String,
        /// The problem.
        reason: String,
    },
}

impl BaselineError {
    /// The exit code: 3 where it is sound but of something else.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Version { .. } | Self::Program { .. } | Self::OtherSuite { .. } => 3,
            Self::Damaged { .. } | Self::Edited { .. } | Self::Acknowledgement { .. } => 2,
        }
    }
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
        let mut baseline: Self =
            serde_json::from_str(text).map_err(|error| damaged(&error, &path))?;
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

    /// The acknowledgements of the text of a baseline, whatever else it holds.
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
        let held: Held = serde_json::from_str(text).map_err(|error| damaged(&error, path))?;
        check_acknowledgements(&held.acknowledgements, path)?;
        Ok(held.acknowledgements)
    }

    /// A baseline with nothing but the acknowledgements of the text of one, whatever its version, and
    /// whatever is broken beside them: each stands on a line, on either side of marks of a conflict.
    pub fn acknowledged(text: &str) -> Self {
        let mut acknowledgements: Vec<Acknowledgement> = Vec::new();
        for line in text.lines() {
            let line = line.trim().trim_end_matches(',');
            match serde_json::from_str(line) {
                Ok(found) if !acknowledgements.contains(&found) => acknowledgements.push(found),
                _ => {}
            }
        }
        Self {
            acknowledgements,
            ..Self::default()
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

/// Error of a text that is no baseline.
fn damaged(error: &serde_json::Error, path: &Path) -> BaselineError {
    let reason = error.to_string();
    let reason = reason.rsplit_once(" at line ");
    BaselineError::Damaged {
        path: path.to_path_buf(),
        line: error.line(),
        column: error.column(),
        reason: reason.map_or_else(|| error.to_string(), |(reason, _)| reason.to_owned()),
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
