//! Accepting: what was run as the new baseline, and what that changes.

use std::collections::{BTreeMap, BTreeSet};

use super::baseline::{BASELINE_VERSION, Baseline, BaselineEntry, BaselineMetric, RULES_VERSION};
use super::run::{Entry, Measured};
use crate::lab::statistics::mean;

/// A line of what accepting changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A metric that the baseline does not have.
    Added {
        /// The entry.
        entry: String,
        /// The metric.
        metric: String,
        /// What it is.
        new: BaselineMetric,
    },
    /// A metric that has another value.
    Changed {
        /// The entry.
        entry: String,
        /// The metric.
        metric: String,
        /// What it was.
        old: BaselineMetric,
        /// What it is.
        new: BaselineMetric,
    },
    /// A metric that is no longer gated.
    Removed {
        /// The entry.
        entry: String,
        /// The metric.
        metric: String,
    },
    /// Other inputs, seeds, decisions or system.
    Entry {
        /// The entry.
        entry: String,
        /// What differs, in words.
        what: String,
    },
}

/// What was run as a baseline. Acknowledgements are kept; entries that could not be run stay as
/// they were.
pub fn accepted(measured: &Measured, old: Option<&Baseline>, suite: &str) -> Baseline {
    let mut entries = BTreeMap::new();
    for entry in &measured.entries {
        let name = entry.report.name.clone();
        if entry.report.error.is_none() {
            entries.insert(name, stored(entry));
        } else if let Some(kept) = old.and_then(|old| old.entries.get(&name)) {
            entries.insert(name, kept.clone());
        }
    }
    Baseline {
        acknowledgements: old
            .map(|old| old.acknowledgements.clone())
            .unwrap_or_default(),
        entries,
        rules: RULES_VERSION,
        schema_version: BASELINE_VERSION,
        suite: suite.to_owned(),
        windtunnel: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn stored(entry: &Entry) -> BaselineEntry {
    let ids: BTreeSet<&str> = entry.objectives.iter().map(|o| o.metric.as_str()).collect();
    let metrics = ids.into_iter().filter_map(|id| {
        let unit = entry
            .runs
            .iter()
            .find_map(|run| run.metrics.get(id))?
            .unit
            .clone();
        let values: Vec<Option<f64>> = entry
            .runs
            .iter()
            .map(|run| run.metrics.get(id)?.value)
            .collect();
        let known: Option<Vec<f64>> = values.iter().copied().collect();
        let metric = BaselineMetric {
            mean: known.as_deref().and_then(mean),
            unit,
            values,
        };
        Some((id.to_owned(), metric))
    });
    BaselineEntry {
        digest: entry.report.digest.clone(),
        inputs: entry.report.inputs.clone(),
        metrics: metrics.collect(),
        seeds: entry.report.seeds.clone(),
        system: entry.system.clone(),
    }
}

/// What differs between two baselines, entry by entry.
pub fn changes(old: &Baseline, new: &Baseline) -> Vec<Change> {
    let names: BTreeSet<&String> = old.entries.keys().chain(new.entries.keys()).collect();
    let mut found = Vec::new();
    let nothing = BaselineEntry::default();
    for name in names {
        let (before, after) = (old.entries.get(name), new.entries.get(name));
        if let (Some(before), Some(after)) = (before, after) {
            let parts = [
                ("inputs", before.inputs != after.inputs),
                ("seeds", before.seeds != after.seeds),
                ("system", before.system != after.system),
                ("decisions", before.digest != after.digest),
            ];
            let parts: Vec<&str> = parts
                .iter()
                .filter(|(_, differs)| *differs)
                .map(|(part, _)| *part)
                .collect();
            if !parts.is_empty() {
                found.push(Change::Entry {
                    entry: name.clone(),
                    what: parts.join(", "),
                });
            }
        }
        let (before, after) = (before.unwrap_or(&nothing), after.unwrap_or(&nothing));
        let ids: BTreeSet<&String> = before.metrics.keys().chain(after.metrics.keys()).collect();
        for id in ids {
            let (entry, metric) = (name.clone(), id.clone());
            match (before.metrics.get(id), after.metrics.get(id)) {
                (None, Some(new)) => found.push(Change::Added {
                    entry,
                    metric,
                    new: new.clone(),
                }),
                (Some(_), None) => found.push(Change::Removed { entry, metric }),
                (Some(old), Some(new)) if old != new => found.push(Change::Changed {
                    entry,
                    metric,
                    old: old.clone(),
                    new: new.clone(),
                }),
                _ => {}
            }
        }
    }
    found
}
