//! Cause to look for where a gate failed: the first decision that differs, and the command that
//! runs the worst seed again.

use super::changed::Changed;
use super::comparable::{Standing, standing};
use super::limit::excess;
use super::run::{Entry, SuiteResults, rerun};
use super::{Baseline, BaselineEntry, CheckSettings, EntryReport, FoundDivergence, Gate, Outcome};

/// A request to find the first decision that differs.
#[derive(Clone, Debug)]
pub struct Divergence<'a> {
    /// The entry whose decisions differ.
    pub entry: &'a Entry,
    /// The seeds, the worst first.
    pub seeds: Vec<u64>,
    /// The entry as the baseline has it.
    pub base: &'a BaselineEntry,
    /// The program that wrote the baseline.
    pub base_program: &'a str,
    /// Whether something else than the system differs, which can't be run again.
    pub has_other_inputs: bool,
}

/// Finds the first decision at which the baseline's system and the one now part; `None` if it can't
/// be found.
pub type FirstDivergence<'a> = &'a dyn Fn(Divergence<'_>) -> Option<FoundDivergence>;

/// Has the command of each failed gate run the seed that is furthest beyond its limit.
pub(super) fn point_to_seeds(gates: &mut [Gate], results: &SuiteResults, settings: &CheckSettings) {
    for gate in gates.iter_mut().filter(|gate| gate.judgement.is_none()) {
        let mut entries = results.entries.iter();
        let Some(entry) = entries.find(|entry| entry.report.name == gate.entry) else {
            continue;
        };
        let mut objectives = entry.objectives.iter();
        let objective = objectives.find(|own| own.id() == gate.metric);
        let Some(objective) = objective.filter(|_| gate.outcome == Outcome::Regressed) else {
            continue;
        };
        let beyond = |seed: u64| {
            let run = entry.runs.iter().find(|run| run.seed == seed)?;
            Some(excess(objective, run.metrics.get(&gate.metric)?.value?))
        };
        let worst = by_size(&entry.report.seeds, beyond);
        gate.rerun = rerun(entry, worst.first().copied(), &settings.sets);
    }
}

/// The comparison whose differences are explained.
pub(super) struct Cause<'a> {
    /// Results of the runs.
    pub(super) results: &'a SuiteResults,
    /// Baseline that the results are held against.
    pub(super) baseline: &'a Baseline,
    /// Settings of the check.
    pub(super) settings: &'a CheckSettings,
    /// Finds the first decision that differs.
    pub(super) first_divergence: FirstDivergence<'a>,
}

impl Cause<'_> {
    /// Tells each entry whose decisions differ from those of its baseline, and its failed gates, at
    /// which decision they part.
    pub(super) fn explain(&self, gates: &mut [Gate], reports: &mut [EntryReport]) {
        for report in reports.iter_mut().filter(|report| report.error.is_none()) {
            let mut entries = self.results.entries.iter();
            let entry = entries.find(|entry| entry.report.name == report.name);
            let stored = self.baseline.entries.get(&report.name);
            let Some((entry, stored)) = entry.zip(stored) else {
                continue;
            };
            let standing = standing(entry, stored, self.settings);
            // Labels are part of the digest, and placements were compared already.
            let is_renamed = matches!(standing, Standing::Renamed(_) | Standing::Proven(_));
            let changed = Changed::of(entry, stored).filter(|_| !is_renamed);
            let own = gates.iter_mut().filter(|gate| gate.entry == report.name);
            let mut told: Vec<&mut Gate> = own.filter(|gate| is_told(gate)).collect();
            for gate in &mut told {
                let seeds = worst_first(entry, stored, changed.as_ref(), gate);
                if gate.judgement.is_some() || gate.metric == "digest" {
                    gate.rerun = rerun(entry, seeds.first().copied(), &self.settings.sets);
                }
            }
            let Some(mut changed) = changed else { continue };
            let has_other_inputs = matches!(standing, Standing::Other(_) | Standing::Despite(_));
            let seeds = told.first().map_or_else(
                || changed.seeds.clone(),
                |gate| worst_first(entry, stored, Some(&changed), gate),
            );
            changed.first = (self.first_divergence)(Divergence {
                entry,
                seeds,
                base: stored,
                base_program: match stored.program.as_str() {
                    "" => &self.baseline.windtunnel,
                    program => program,
                },
                has_other_inputs,
            });
            for gate in told {
                gate.divergence.clone_from(&changed.first);
            }
            report.changed = Some(changed);
        }
    }
}

/// Whether a gate tells at which decision the runs part.
fn is_told(gate: &Gate) -> bool {
    gate.outcome <= Outcome::DifferentInputs
}

/// The seeds of an entry; those first that are furthest on the bad side of the baseline, and of equal
/// ones those whose decisions differ.
fn worst_first(
    entry: &Entry,
    stored: &BaselineEntry,
    changed: Option<&Changed>,
    gate: &Gate,
) -> Vec<u64> {
    let change = |seed: u64| -> Option<f64> {
        let metric = stored.metrics.get(&gate.metric)?;
        let place = stored.seeds.iter().position(|known| *known == seed)?;
        let base = (*metric.values.get(place)?)?;
        let run = entry.runs.iter().find(|run| run.seed == seed)?;
        let difference = run.metrics.get(&gate.metric)?.value? - base;
        Some(gate.better.worsening(difference))
    };
    let mut seeds = by_size(&entry.report.seeds, change);
    if let Some(changed) = changed.filter(|_| !stored.metrics.contains_key(&gate.metric)) {
        seeds.sort_by_key(|seed| !changed.seeds.contains(seed));
    }
    seeds
}

/// Seeds by a size, the largest first.
fn by_size(seeds: &[u64], size: impl Fn(u64) -> Option<f64>) -> Vec<u64> {
    let mut sized: Vec<(u64, f64)> = (seeds.iter())
        .map(|&seed| (seed, size(seed).unwrap_or(0.0)))
        .collect();
    sized.sort_by(|a, b| b.1.total_cmp(&a.1));
    sized.into_iter().map(|(seed, _)| seed).collect()
}
