//! Cause to look for where a gate failed: the first decision that differs, and the command that
//! runs the worst seed again.

use std::collections::BTreeMap;

use super::run::{Entry, SuiteResults};
use super::{Baseline, BaselineEntry, FoundDivergence, Gate, Outcome};
use crate::shell::{quoted, set_flags};

/// A request to find the first decision that differs.
#[derive(Clone, Debug)]
pub struct Divergence<'a> {
    /// The entry whose gate failed.
    pub entry: &'a Entry,
    /// The seeds, the worst first.
    pub seeds: Vec<u64>,
    /// The system of the baseline, as its file has it.
    pub base_system: &'a serde_json::Value,
    /// The program that wrote the baseline.
    pub base_program: &'a str,
}

/// Finds the first decision at which the baseline's system and the one now part; `None` if it can't
/// be found.
pub type FirstDivergence<'a> = &'a dyn Fn(Divergence<'_>) -> Option<FoundDivergence>;

/// The command that runs an entry again under a seed, with the overrides of the check.
pub(super) fn rerun(entry: &Entry, seed: Option<u64>, sets: &[String]) -> String {
    let file = quoted(&entry.report.file);
    let seed = seed.unwrap_or(entry.scenario.seed);
    let of_others = sets.iter().filter(|set| !set.starts_with("seed="));
    let flags = set_flags(of_others.map(String::as_str));
    match entry.variant.as_deref() {
        Some(variant) => {
            let variant = quoted(variant);
            format!("windtunnel compare {file} --baseline {variant}{flags} --seed {seed}")
        }
        None => format!("windtunnel run {file}{flags} --seed {seed}"),
    }
}

/// Has the first decision that differs looked for where a gate failed, once an entry.
pub(super) fn explain(
    gates: &mut [Gate],
    results: &SuiteResults,
    baseline: Option<&Baseline>,
    sets: &[String],
    first_divergence: FirstDivergence<'_>,
) {
    let Some(baseline) = baseline else { return };
    let mut known: BTreeMap<String, Option<FoundDivergence>> = BTreeMap::new();
    let failed = |gate: &&mut Gate| gate.outcome == Outcome::Regressed;
    for gate in gates.iter_mut().filter(failed) {
        let mut entries = results.entries.iter();
        let entry = entries.find(|entry| entry.report.name == gate.entry);
        let stored = baseline.entries.get(&gate.entry);
        let Some((entry, stored)) = entry.zip(stored) else {
            continue;
        };
        let seeds = worst_first(entry, stored, gate);
        gate.rerun = rerun(entry, seeds.first().copied(), sets);
        let is_same = stored.digest == entry.report.digest && stored.seeds == entry.report.seeds;
        if is_same || stored.inputs != entry.report.inputs {
            continue;
        }
        let find = || {
            first_divergence(Divergence {
                entry,
                seeds,
                base_system: &stored.system,
                base_program: &baseline.windtunnel,
            })
        };
        gate.divergence = known.entry(gate.entry.clone()).or_insert_with(find).clone();
    }
}

/// The seeds of an entry; those first that are furthest on the bad side of the baseline.
fn worst_first(entry: &Entry, stored: &BaselineEntry, gate: &Gate) -> Vec<u64> {
    let change = |seed: u64| -> Option<f64> {
        let metric = stored.metrics.get(&gate.metric)?;
        let place = stored.seeds.iter().position(|known| *known == seed)?;
        let base = (*metric.values.get(place)?)?;
        let run = entry.runs.iter().find(|run| run.seed == seed)?;
        let difference = run.metrics.get(&gate.metric)?.value? - base;
        Some(gate.better.worsening(difference))
    };
    let mut seeds: Vec<(u64, f64)> = (entry.report.seeds.iter())
        .map(|&seed| (seed, change(seed).unwrap_or(0.0)))
        .collect();
    seeds.sort_by(|a, b| b.1.total_cmp(&a.1));
    seeds.into_iter().map(|(seed, _)| seed).collect()
}
