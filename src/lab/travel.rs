//! Time travel: a snapshot of a run at an instant, and forks from it.
//!
//! A run is a function of its scenario, its seed and its inputs, so a snapshot keeps those (the
//! inputs as hashes) with the instant and the digest of everything up to it. Restoring replays to
//! the instant, refuses to go on if the digest there is another, and then continues: as it was, to
//! the same bytes as the run that was never interrupted, or otherwise from there on. A replay costs
//! the time that the run took to the instant; in return a snapshot is a page of text that any
//! machine can restore.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::experiment::{ExperimentError, input_hashes};
use super::paths;
use super::run::{Prepared, RunError, options, system};
use super::summary::InputSummary;
use scenario::{Experiment, Scenario, VariantPlan, as_run};
use scheduler::pipeline::evaluate::Form;
use sim::{End, EndCause, RunControl, SimError, Simulation, Standing, Turn};
use systems::SystemEntry;
use units::Instant;
use world::inputs;

/// The version of snapshots.
const SCHEMA_VERSION: u32 = 1;

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
    /// How far each variant was, in written order.
    pub variants: Vec<SnapshotVariant>,
    /// The scenario, every default filled in.
    pub scenario: String,
}

/// How far a variant was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotVariant {
    /// Its name.
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

/// What a fork is, as its result folder tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fork {
    /// The snapshot.
    pub snapshot: String,
    /// The instant, in nanoseconds.
    pub at_ns: i64,
    /// What is otherwise from there on.
    pub sets: Vec<String>,
    /// The scenario up to there; its paths start from the result folder.
    pub scenario: String,
}

impl Fork {
    /// When it parted.
    pub const fn at(&self) -> Instant {
        Instant::from_nanos(self.at_ns)
    }
}

impl Snapshot {
    /// The snapshot of an experiment that went on a journey, to be kept in `file`.
    ///
    /// # Errors
    /// If an input can't be read.
    pub fn of(
        experiment: &Experiment,
        journey: &Journey<'_>,
        file: &Path,
    ) -> Result<Self, ExperimentError> {
        let reached = journey
            .reached
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let variants = experiment.variants.iter().enumerate();
        let variants = variants.filter_map(|(index, variant)| {
            let standing = reached.get(&index)?;
            Some(SnapshotVariant {
                name: variant.name.clone(),
                last_ns: standing.at.as_nanos(),
                changes: standing.changes,
                decisions: standing.decisions,
                digest: standing.digest.clone(),
            })
        });
        let embedded = inputs::embedded_folder();
        let base = if experiment.base_dir == embedded {
            embedded
        } else {
            let from = file.parent().unwrap_or(Path::new(""));
            let seen = paths::folder_seen_from(&experiment.base_dir, from);
            seen.unwrap_or_else(|| experiment.base_dir.clone())
        };
        Ok(Self {
            schema_version: SCHEMA_VERSION,
            windtunnel: env!("CARGO_PKG_VERSION").to_owned(),
            at_ns: journey.at.as_nanos(),
            base: base.to_string_lossy().into_owned(),
            inputs: input_hashes(experiment)?,
            variants: variants.collect(),
            scenario: as_run::to_yaml(experiment),
        })
    }

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
            .map_err(|error| format!("it is no snapshot, or damaged: {error}"))?;
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
    pub fn same_inputs(
        &self,
        experiment: &Experiment,
    ) -> Result<Result<(), String>, ExperimentError> {
        let now = input_hashes(experiment)?;
        let changed = |input: &&InputSummary| !now.contains(input);
        Ok(match self.inputs.iter().find(changed) {
            None => Ok(()),
            Some(input) => Err(format!(
                "`{}` is not the file that the snapshot was taken with (blake3 {} then)",
                input.path,
                &input.blake3[..input.blake3.len().min(12)]
            )),
        })
    }
}

/// What may be otherwise after an instant, in words: a fork changes how the system goes on, not
/// what was there before.
///
/// # Errors
/// In words, what may not.
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
                    "`{field}` was at work before the snapshot and can't change after it; what \
                     can is system.scheduler, system.name between `kubernetes` and `pipeline`, \
                     models.startup, models.decisionTime, models.nodeLoss and stop"
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

/// A stop on the way of all variants of an experiment.
pub struct Journey<'a> {
    /// When.
    pub at: Instant,
    /// How far they have to be there.
    pub snapshot: Option<&'a Snapshot>,
    /// The experiment up to there, where it goes on otherwise.
    pub before: Option<&'a Experiment>,
    reached: Mutex<BTreeMap<usize, Standing>>,
    strayed: AtomicBool,
}

impl<'a> Journey<'a> {
    /// A stop, to look how far they are.
    pub fn to(at: Instant) -> Self {
        Self {
            at,
            snapshot: None,
            before: None,
            reached: Mutex::new(BTreeMap::new()),
            strayed: AtomicBool::new(false),
        }
    }

    /// A fork from a snapshot; `before` is the experiment up to there.
    pub fn from(snapshot: &'a Snapshot, before: &'a Experiment) -> Self {
        Self {
            snapshot: Some(snapshot),
            before: Some(before),
            ..Self::to(Instant::from_nanos(snapshot.at_ns))
        }
    }

    /// A fork that is made again, without its snapshot.
    pub fn again(at: Instant, before: &'a Experiment) -> Self {
        Self {
            before: Some(before),
            ..Self::to(at)
        }
    }

    /// Whether a variant was not where the snapshot has it.
    pub fn has_strayed(&self) -> bool {
        self.strayed.load(Ordering::Relaxed)
    }

    pub(super) fn before(&self, index: usize) -> Option<&'a Scenario> {
        let variant = self.before?.variants.get(index)?;
        Some(&variant.scenario)
    }

    pub(super) fn stopover<'s>(&'s self, index: usize, variant: &'s VariantPlan) -> Stopover<'s> {
        let expected = self
            .snapshot
            .and_then(|snapshot| snapshot.variants.get(index));
        let before = self.before(index);
        Stopover {
            at: self.at,
            expected: expected.map(|variant| Standing {
                at: Instant::from_nanos(variant.last_ns),
                changes: variant.changes,
                decisions: variant.decisions,
                digest: variant.digest.clone(),
            }),
            is_replaced: before
                .is_some_and(|before| before.system.scheduler != variant.scenario.system.scheduler),
            changed: before
                .filter(|before| **before != variant.scenario)
                .map(|_| &variant.scenario),
            reached: None,
            strayed: &self.strayed,
        }
    }

    pub(super) fn arrived(&self, index: usize, stopover: Stopover<'_>) {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.extend(stopover.reached.map(|standing| (index, standing)));
    }
}

/// A stop on the way of a run.
pub struct Stopover<'s> {
    at: Instant,
    expected: Option<Standing>,
    changed: Option<&'s Scenario>,
    /// Whether the scheduler is another one from there on.
    is_replaced: bool,
    reached: Option<Standing>,
    strayed: &'s AtomicBool,
}

/// What is otherwise from the stop on, if anything is.
pub(super) fn turn(
    stopover: &Stopover<'_>,
    prepared: &Prepared,
    form: Form,
) -> Result<Option<Turn>, RunError> {
    let Some(changed) = stopover.changed else {
        return Ok(None);
    };
    let parts = system(changed, prepared, form)?;
    let options = options(changed, &prepared.start_up, parts.stepping)?;
    Ok(Some(Turn {
        components: stopover.is_replaced.then(|| vec![parts.components]),
        stop: options.stop,
        decision_time: options.decision_time,
        start_up: options.start_up,
        node_loss: options.node_loss,
    }))
}

/// Runs to the stop, looks whether it is where it should be, and goes on to the end.
pub(super) fn run(
    simulation: &mut Simulation<'_>,
    stopover: &mut Stopover<'_>,
    turn: Option<Turn>,
    control: &mut RunControl<'_>,
) -> Result<End, RunError> {
    if stopover.is_replaced {
        simulation.keep_log();
    }
    if let Some(end) = simulation.run_until(stopover.at, control)? {
        if end.cause == EndCause::Interrupted {
            return Ok(end);
        }
        return Err(RunError::Sim(SimError::Declaration {
            what: format!("a snapshot at {}", stopover.at),
            why: format!("the run is over at {}", end.at),
        }));
    }
    let standing = simulation.standing();
    if let Some(expected) = stopover
        .expected
        .as_ref()
        .filter(|&known| *known != standing)
    {
        stopover.strayed.store(true, Ordering::Relaxed);
        let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
        return Err(RunError::Sim(SimError::Declaration {
            what: format!("the snapshot at {}", stopover.at),
            why: format!(
                "replayed to there, the run has digest {} after {} changes, the snapshot {} after \
                 {}: it was taken by a program that decides otherwise, or was edited",
                short(&standing.digest),
                standing.changes,
                short(&expected.digest),
                expected.changes
            ),
        }));
    }
    stopover.reached = Some(standing);
    if let Some(turn) = turn {
        simulation.turn(stopover.at, turn)?;
    }
    Ok(simulation.run(control)?)
}
