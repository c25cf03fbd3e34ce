//! Time travel: a snapshot of a run at an instant, and forks from it.
//!
//! A run is a function of its scenario, its seed and its inputs, so a snapshot keeps those (the
//! inputs as hashes) with the instant and the digest of everything up to it. Restoring replays to
//! the instant, refuses to go on if the digest there is another, and then continues: as it was, to
//! the same bytes as the run that was never interrupted, or otherwise from there on. A replay costs
//! the time that the run took to the instant; in return a snapshot is a page of text that any
//! machine can restore.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::hashes::input_hashes;
use super::paths;
use super::summary::InputSummary;
use intake::TraceError;
use scenario::{Experiment, Scenario, as_run};
use systems::SystemEntry;
use units::Instant;
use world::inputs;

/// The version of snapshots.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// The file that a fork leaves in its result folder.
pub const FORK_FILE: &str = "fork.json";

/// A snapshot of every variant of an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    /// Version of this file.
    pub schema_version: u32,
    /// The program that took it.
    pub windtunnel: String,
    /// The instant, in nanoseconds.
    pub at_ns: i64,
    /// The folder that the scenario's paths start from, as seen from this file.
    pub base: String,
    /// The input files.
    pub inputs: Vec<InputSummary>,
    /// Progress of each variant, in written order.
    pub variants: Vec<SnapshotVariant>,
    /// The scenario, every default filled in.
    pub scenario: String,
}

/// Progress of a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotVariant {
    /// The variant's name.
    pub name: String,
    /// The last instant at which something happened, in nanoseconds.
    pub last_ns: i64,
    /// Changes so far.
    pub changes: u64,
    /// Decisions so far.
    pub decisions: u64,
    /// Digest over all changes so far.
    pub digest: String,
}

/// Description of a fork, as stored in its result folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fork {
    /// The snapshot.
    pub snapshot: String,
    /// The instant, in nanoseconds.
    pub at_ns: i64,
    /// Settings that change from there on.
    pub sets: Vec<String>,
    /// The scenario up to there; its paths start from the result folder.
    pub scenario: String,
}

impl Fork {
    /// Instant of the parting.
    pub const fn at(&self) -> Instant {
        Instant::from_nanos(self.at_ns)
    }
}

impl Snapshot {
    /// The text of its file.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("invariant: plain data");
        text.push('\n');
        text
    }

    /// Reads a snapshot.
    ///
    /// # Errors
    /// In words, what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let snapshot: Self = serde_json::from_str(text)
            .map_err(|error| format!("it is not a snapshot, or damaged: {error}"))?;
        if snapshot.schema_version != SCHEMA_VERSION {
            return Err(format!(
                "its `schemaVersion` is {}, this program knows {SCHEMA_VERSION}",
                snapshot.schema_version
            ));
        }
        Ok(snapshot)
    }

    /// The folder that the scenario's paths start from.
    pub fn base_dir(&self, file: &Path) -> PathBuf {
        let embedded = inputs::embedded_folder();
        if Path::new(&self.base) == embedded {
            return embedded;
        }
        paths::joined(
            file.parent().unwrap_or(Path::new("")),
            Path::new(&self.base),
        )
    }

    /// Whether the inputs are those it was taken with.
    ///
    /// # Errors
    /// In words, which are not; or an input can't be read.
    pub fn same_inputs(&self, experiment: &Experiment) -> Result<Result<(), String>, TraceError> {
        let now = input_hashes(experiment)?;
        let changed = |input: &&InputSummary| !now.contains(input);
        Ok(match self.inputs.iter().find(changed) {
            None => Ok(()),
            Some(input) => Err(format!(
                "`{}` differs from the file that the snapshot was taken with (its blake3 hash was \
                 {})",
                input.path,
                &input.blake3[..input.blake3.len().min(12)]
            )),
        })
    }
}

/// Checks the changes of a fork: it may change how the system continues, but not the state before.
///
/// # Errors
/// Names the field that may not change.
pub fn may_follow(before: &Experiment, after: &Experiment) -> Result<(), String> {
    let names = |experiment: &Experiment| -> Vec<String> {
        let variants = experiment.variants.iter();
        variants.map(|variant| variant.name.clone()).collect()
    };
    if names(before) != names(after) {
        return Err("the variants may not change".to_owned());
    }
    for (old, new) in before.variants.iter().zip(&after.variants) {
        let (old, new) = (without_free(&old.scenario), without_free(&new.scenario));
        let (Json::Object(old), Json::Object(new)) = (&old, &new) else {
            continue;
        };
        for (field, value) in new {
            if old.get(field) != Some(value) {
                return Err(format!(
                    "`{field}` took effect before the snapshot and can't change after it; what \
                     can change is system.scheduler, system.name between `kubernetes` and \
                     `pipeline`, models.startup, models.decisionTime, models.nodeLoss and stop"
                ));
            }
        }
    }
    Ok(())
}

/// A scenario without what a fork may change.
fn without_free(scenario: &Scenario) -> Json {
    let mut document = as_run::document(scenario);
    let mut remove = |parent: &str, field: &str| {
        if let Some(Json::Object(fields)) = document.get_mut(parent) {
            fields.remove(field);
        }
    };
    remove("system", "scheduler");
    // Kubelets and controllers go on under another scheduler as they were.
    let entry = systems::registry::find(&scenario.system.name);
    if entry.is_ok_and(SystemEntry::runs_kubelets) {
        remove("system", "name");
    }
    for field in ["startup", "decisionTime", "nodeLoss"] {
        remove("models", field);
    }
    if let Json::Object(fields) = &mut document {
        fields.remove("stop");
    }
    document
}
