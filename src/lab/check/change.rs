//! Accepting: what was run as the new baseline, and what that changes.

use scenario::schema::Objective;
use thiserror::Error;

use super::baseline::{BASELINE_VERSION, Baseline, BaselineEntry, BaselineMetric, RULES_VERSION};
use super::refused::refused;
use super::run::{Entry, SuiteResults};
use crate::program;
use crate::statistics::mean;
use units::{SortedMap, SortedSet};

/// A line of what accepting changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A metric that the baseline does not have.
    Added {
        /// The entry.
        entry: String,
        /// The metric.
        metric: String,
        /// New value.
        new: BaselineMetric,
    },
    /// A metric that has another value.
    Changed {
        /// The entry.
        entry: String,
        /// The metric.
        metric: String,
        /// Old value.
        old: BaselineMetric,
        /// New value.
        new: BaselineMetric,
    },
    /// A metric that is no longer gated.
    Removed {
        /// The entry.
        entry: String,
        /// The metric.
        metric: String,
    },
    /// An entry that the baseline does not have, held by its digest alone.
    AddedEntry {
        /// The entry.
        entry: String,
        /// Hash over the digests of all runs.
        digest: String,
    },
    /// Other inputs, seeds, decisions or system.
    Entry {
        /// The entry.
        entry: String,
        /// Difference, in words.
        what: String,
    },
}

/// Turns the results into a baseline. Acknowledgements are kept; entries that could not be run stay
/// unchanged.
pub fn accepted(results: &SuiteResults, old: Option<&Baseline>, suite: &str) -> Baseline {
    let mut entries = SortedMap::new();
    for entry in &results.entries {
        let name = entry.report.name.clone();
        if entry.report.error.is_none() {
            let known = old.and_then(|old| old.entries.get(&name));
            entries.insert(name, renewed(known, stored(entry)));
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

/// A part of what was run that is to be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The entry.
    pub entry: String,
    /// The metric, `digest` for its decisions and system; all of the entry without it.
    pub metric: Option<String>,
}

/// Reason a part can't be accepted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectionError {
    /// There is no such entry.
    #[error("`{entry}` was not run; entries are {known}")]
    NoEntry {
        /// Entry asked for.
        entry: String,
        /// Known entries.
        known: String,
    },
    /// The entry has no such metric.
    #[error("`{entry}` has no objective on `{metric}`; it has {known}")]
    NoMetric {
        /// The entry.
        entry: String,
        /// Metric asked for.
        metric: String,
        /// Known metrics.
        known: String,
    },
    /// The entry could not be run.
    #[error("`{entry}` could not be run: {error}")]
    Broken {
        /// The entry.
        entry: String,
        /// Reason the entry could not be run.
        error: String,
    },
    /// A metric alone would stand beside values of other runs.
    #[error(
        "`{metric}` of `{entry}` can't be accepted alone: the baseline has different {what} for \
         this entry; accept all of it with `--only {entry}`"
    )]
    OtherRuns {
        /// The entry.
        entry: String,
        /// The metric.
        metric: String,
        /// Part that differs.
        what: &'static str,
    },
}

impl Selection {
    /// `ENTRY` or `ENTRY:METRIC`.
    pub fn parse(text: &str, results: &SuiteResults) -> Self {
        let is_entry = results.entries.iter().any(|e| e.report.name == text);
        match text.rsplit_once(':').filter(|_| !is_entry) {
            Some((entry, metric)) => Self {
                entry: entry.to_owned(),
                metric: Some(metric.to_owned()),
            },
            None => Self {
                entry: text.to_owned(),
                metric: None,
            },
        }
    }
}

/// The baseline with these parts of what was run; everything else stays as it was.
///
/// # Errors
/// If there is no such part, or it would not fit to what stays.
pub fn accepted_only(
    results: &SuiteResults,
    old: Option<&Baseline>,
    suite: &str,
    only: &[Selection],
) -> Result<Baseline, SelectionError> {
    let whole = accepted(results, old, suite);
    let mut entries = old.map(|old| old.entries.clone()).unwrap_or_default();
    for part in only {
        let mut all = results.entries.iter();
        let entry = all.find(|entry| entry.report.name == part.entry);
        let (Some(entry), Some(new)) = (entry, whole.entries.get(&part.entry)) else {
            let known: Vec<&String> = whole.entries.keys().collect();
            return Err(SelectionError::NoEntry {
                entry: part.entry.clone(),
                known: listed(known),
            });
        };
        if let Some(error) = &entry.report.error {
            return Err(SelectionError::Broken {
                entry: part.entry.clone(),
                error: error.clone(),
            });
        }
        match &part.metric {
            None => {
                entries.insert(part.entry.clone(), new.clone());
            }
            Some(metric) => {
                let kept = entries.entry(part.entry.clone());
                let kept = kept.or_insert_with(|| BaselineEntry {
                    metrics: SortedMap::new(),
                    objectives: Vec::new(),
                    ..new.clone()
                });
                accept_metric(kept, new, &part.entry, metric)?;
            }
        }
    }
    Ok(Baseline { entries, ..whole })
}

fn accept_metric(
    kept: &mut BaselineEntry,
    new: &BaselineEntry,
    entry: &str,
    metric: &str,
) -> Result<(), SelectionError> {
    let differing = [
        ("inputs", kept.inputs != new.inputs),
        ("seeds", kept.seeds != new.seeds),
    ];
    if let Some((what, _)) = differing.into_iter().find(|(_, differs)| *differs) {
        return Err(SelectionError::OtherRuns {
            entry: entry.to_owned(),
            metric: metric.to_owned(),
            what,
        });
    }
    if metric == "digest" {
        kept.digest.clone_from(&new.digest);
        kept.digests.clone_from(&new.digests);
        kept.placements.clone_from(&new.placements);
        kept.system.clone_from(&new.system);
        return Ok(());
    }
    let Some(value) = new.metrics.get(metric) else {
        return Err(SelectionError::NoMetric {
            entry: entry.to_owned(),
            metric: metric.to_owned(),
            known: listed(new.metrics.keys().collect()),
        });
    };
    kept.metrics.insert(metric.to_owned(), value.clone());
    let of_metric = |objective: &&Objective| objective.id() == metric;
    kept.objectives.retain(|objective| !of_metric(&objective));
    let new = new.objectives.iter().filter(of_metric);
    kept.objectives.extend(new.cloned());
    Ok(())
}

fn listed(names: Vec<&String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// A new entry; that of another program that measured the same stays as it was.
fn renewed(known: Option<&BaselineEntry>, new: BaselineEntry) -> BaselineEntry {
    let Some(known) = known else { return new };
    let alike = BaselineEntry {
        program: known.program.clone(),
        checksum: known.checksum.clone(),
        ..new.clone()
    };
    if alike == *known { alike } else { new }
}

fn stored(entry: &Entry) -> BaselineEntry {
    let ids: SortedSet<String> = entry.objectives.iter().map(Objective::id).collect();
    let metrics = ids.into_iter().filter_map(|id| {
        let unit = entry
            .runs
            .iter()
            .find_map(|run| run.metrics.get(&id))?
            .unit
            .clone();
        let values: Vec<Option<f64>> = entry
            .runs
            .iter()
            .map(|run| run.metrics.get(&id)?.value)
            .collect();
        let known: Option<Vec<f64>> = values.iter().copied().collect();
        let metric = BaselineMetric {
            refused: Some(refused(&entry.runs, &id)).filter(|count| *count > 0),
            mean: known.as_deref().and_then(mean),
            unit,
            values,
        };
        Some((id, metric))
    });
    let report = &entry.report;
    BaselineEntry {
        checksum: String::new(),
        configs: entry.configs.clone(),
        deterministic: report.deterministic,
        digest: report.digest.clone(),
        digests: report.digests.clone(),
        files: report.files.clone(),
        inputs: report.inputs.clone(),
        metrics: metrics.collect(),
        nameless: report.nameless.clone(),
        objects: entry.objects.clone(),
        objectives: entry.objectives.clone(),
        parts: report.parts.clone(),
        placements: report.placements.clone(),
        program: program::identity().to_owned(),
        seeds: report.seeds.clone(),
        system: entry.system.clone(),
    }
}

/// Differences between two baselines, entry by entry.
pub fn changes(old: &Baseline, new: &Baseline) -> Vec<Change> {
    let names: SortedSet<&String> = old.entries.keys().chain(new.entries.keys()).collect();
    let mut found = Vec::new();
    let nothing = BaselineEntry::default();
    for name in names {
        let (before, after) = (old.entries.get(name), new.entries.get(name));
        if let (Some(before), Some(after)) = (before, after) {
            let parts = [
                ("inputs", before.inputs != after.inputs),
                ("seeds", before.seeds != after.seeds),
                ("limits", before.objectives != after.objectives),
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
        let alone = after.filter(|after| before.is_none() && after.metrics.is_empty());
        found.extend(alone.map(|after| Change::AddedEntry {
            entry: name.clone(),
            digest: after.digest.clone(),
        }));
        let (before, after) = (before.unwrap_or(&nothing), after.unwrap_or(&nothing));
        let ids: SortedSet<&String> = before.metrics.keys().chain(after.metrics.keys()).collect();
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
