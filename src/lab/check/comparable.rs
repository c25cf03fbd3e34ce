//! Whether the inputs of an entry are those of its baseline, and in which words they are not.

use super::run::Entry;
use super::{Baseline, BaselineEntry, CheckSettings};
use crate::objects::{FieldChange, SYSTEM_FILE, field_changes};
use scenario::schema::Objective;
use units::plural;

/// Standing of an entry's inputs to those of its baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// They are the same.
    Same,
    /// They differ in names and labels alone, and every placement is the same.
    Renamed(String),
    /// They differ, but every placement and every gated value is the same with every seed.
    Proven(String),
    /// They differ in the configuration of the scheduler alone, which is what is compared.
    Policy(String),
    /// They differ from those of a base that was run with the same program, and are what is compared.
    Compared,
    /// They differ, and are compared nevertheless.
    Despite(String),
    /// They differ.
    Other(String),
}

/// Compares the inputs of an entry with those of its baseline.
pub(super) fn standing(
    entry: &Entry,
    stored: &BaselineEntry,
    settings: &CheckSettings,
) -> Standing {
    let report = &entry.report;
    if stored.inputs == report.inputs {
        return Standing::Same;
    }
    let words = differing(entry, stored);
    let is_placed_alike = stored.placements == report.placements && stored.seeds == report.seeds;
    if stored.nameless == report.nameless && is_placed_alike && settings.base.is_none() {
        return Standing::Renamed(words);
    }
    if is_placed_alike && has_same_values(entry, stored) {
        return Standing::Proven(words);
    }
    if settings.base.is_some() {
        return Standing::Compared;
    }
    if is_system_file_alone(entry, stored) {
        return Standing::Policy(words);
    }
    if settings.despite_inputs {
        return Standing::Despite(words);
    }
    let alike = if stored.nameless == report.nameless {
        " in names or labels, and placements differ with them"
    } else {
        ""
    };
    let fields = fields(entry, stored);
    Standing::Other(format!(
        "{words}{fields}{alike}; if this is intended, review and accept it with `--accept`, or compare in \
         spite of it with `--despite-inputs`"
    ))
}

/// Whether every gated metric has the baseline's value with each seed: prices change no decision.
fn has_same_values(entry: &Entry, stored: &BaselineEntry) -> bool {
    entry.objectives.iter().all(|objective| {
        let id = objective.id();
        let values = entry.runs.iter().map(|run| run.metrics.get(&id)?.value);
        let base = stored.metrics.get(&id);
        base.is_some_and(|base| values.eq(base.values.iter().copied()))
    })
}

/// Whether the file of the scheduler's configuration is all that differs.
fn is_system_file_alone(entry: &Entry, stored: &BaselineEntry) -> bool {
    let mut parts = entry.report.parts.iter();
    parts.all(|(name, hash)| name == SYSTEM_FILE || stored.parts.get(name) == Some(hash))
}

/// Whether fields of the policy are known to differ.
fn has_policy(entry: &Entry, stored: &BaselineEntry) -> bool {
    let changes = field_changes(&stored.objects, &entry.objects);
    changes.iter().any(FieldChange::is_policy)
}

/// Changes of the inputs that are named.
const CHANGES_MAX: usize = 3;

/// The first fields of the inputs that differ, in parentheses.
fn fields(entry: &Entry, stored: &BaselineEntry) -> String {
    let changes = field_changes(&stored.objects, &entry.objects);
    let of_inputs = changes.iter().filter(|change| !change.is_policy());
    match &*plural::first_of(of_inputs.map(FieldChange::words), CHANGES_MAX) {
        "" => String::new(),
        words => format!(" ({words})"),
    }
}

/// Names the files and the parts of the inputs that are others.
fn differing(entry: &Entry, stored: &BaselineEntry) -> String {
    let (here, there) = (&entry.report.files, &stored.files);
    let files: Vec<String> = here
        .iter()
        .filter_map(|(path, hash)| {
            let base = there.get(path).filter(|base| *base != hash)?;
            Some(format!("`{path}` ({base} → {hash})"))
        })
        .collect();
    let (here, there) = (&entry.report.parts, &stored.parts);
    let parts: Vec<String> = here
        .iter()
        .filter(|(name, hash)| there.get(*name).is_some_and(|stored| stored != *hash))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    let parts = if parts.is_empty() {
        "the inputs".to_owned()
    } else {
        parts.join(", ")
    };
    let count = parts.matches("`, `").count() + 1;
    let differ = plural::either(count, "differs", "differ");
    if files.is_empty() {
        return format!("{parts} of the scenario {differ} from the baseline");
    }
    let noun = plural::noun(files.len(), "file");
    let have = plural::either(files.len(), "has", "have");
    format!(
        "the {noun} {} {have} changed since the baseline, and so {parts} of the scenario {differ}",
        files.join(", ")
    )
}

/// Notes on entries that are compared although their inputs are not those of the baseline.
pub(super) fn notes<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    baseline: &Baseline,
    settings: &CheckSettings,
) -> Vec<String> {
    let note = |entry: &Entry| {
        let stored = baseline.entries.get(&entry.report.name)?;
        match standing(entry, stored, settings) {
            Standing::Renamed(words) => Some(format!(
                "{words} in names or labels alone; every placement is the baseline's"
            )),
            Standing::Proven(words) => {
                // The changes of a base are named one by one.
                let is_named = settings.base.is_some();
                let words = if is_named {
                    "the inputs differ"
                } else {
                    &words
                };
                let seeds = plural::count(stored.seeds.len(), "seed");
                Some(format!(
                    "{words}; every placement and every gated value of {seeds} is the baseline's"
                ))
            }
            // The fields of a policy are named one by one.
            Standing::Policy(_) if has_policy(entry, stored) => None,
            Standing::Policy(words) => Some(format!("{words}, which is policy")),
            Standing::Despite(words) => Some(format!("compared although {words}")),
            Standing::Other(words) if !entry.objectives.iter().any(Objective::is_relative) => {
                Some(words)
            }
            Standing::Same | Standing::Compared | Standing::Other(_) => None,
        }
    };
    let seed = |entry: &Entry| {
        let (seed, seeds) = (entry.scenario.seed, &entry.report.seeds);
        let is_other = !seeds.is_empty() && !seeds.contains(&seed);
        is_other.then(|| {
            format!(
                "runs with the seeds of the baseline, not from its seed {seed} on until `--accept`"
            )
        })
    };
    let run = entries.filter(|entry| entry.report.error.is_none());
    let told = run.flat_map(|entry| {
        let words = note(entry).into_iter().chain(seed(entry));
        words.map(|words| (words, &*entry.report.name))
    });
    let told = plural::alike(told).into_iter();
    told.map(|(words, names)| format!("{}: {words}", plural::first_of(names, 1)))
        .collect()
}
