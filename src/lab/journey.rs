//! A journey: all variants of an experiment stop on their way, to be looked at or to go on otherwise.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::hashes::input_hashes;
use super::paths;
use super::run::Stopover;
use super::travel::{SCHEMA_VERSION, Snapshot, SnapshotVariant};
use intake::TraceError;
use scenario::{Experiment, Scenario, VariantPlan, as_run};
use sim::RunPosition;
use units::{Instant, SortedMap};
use world::inputs;

/// A stop on the way of all variants of an experiment.
pub struct Journey<'a> {
    /// Instant of the stop.
    pub at: Instant,
    /// Progress that the variants must have made there.
    pub snapshot: Option<&'a Snapshot>,
    /// The experiment up to there, where it goes on otherwise.
    pub before: Option<&'a Experiment>,
    reached: Mutex<SortedMap<usize, RunPosition>>,
    strayed: AtomicBool,
}

impl<'a> Journey<'a> {
    /// A stop, to look how far they are.
    pub fn to(at: Instant) -> Self {
        Self {
            at,
            snapshot: None,
            before: None,
            reached: Mutex::new(SortedMap::new()),
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

    /// Describes how far the variants of an experiment were at the stop, for a snapshot in `file`.
    ///
    /// # Errors
    /// If an input can't be read.
    pub fn take_snapshot(
        &self,
        experiment: &Experiment,
        file: &Path,
    ) -> Result<Snapshot, TraceError> {
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
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
        Ok(Snapshot {
            schema_version: SCHEMA_VERSION,
            windtunnel: env!("CARGO_PKG_VERSION").to_owned(),
            at_ns: self.at.as_nanos(),
            base: base.to_string_lossy().into_owned(),
            inputs: input_hashes(experiment)?,
            variants: variants.collect(),
            scenario: as_run::to_yaml(experiment),
        })
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
            expected: expected.map(|variant| RunPosition {
                at: Instant::from_nanos(variant.last_ns),
                changes: variant.changes,
                decisions: variant.decisions,
                digest: variant.digest.clone(),
            }),
            ..Stopover::between(self.at, before, &variant.scenario, &self.strayed)
        }
    }

    pub(super) fn arrived(&self, index: usize, stopover: Stopover<'_>) {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.extend(stopover.reached.map(|standing| (index, standing)));
    }
}
