//! Which change it is: of a gate that fails, the changes that bring it back within its limit when they
//! are taken back to the base, each alone, or else the fewest together.

use std::path::Path;

use scenario::schema::Objective;
use scenario::{Experiment, Files, Scenario, VariantPlan};
use units::{SortedMap, SortedSet, plural};

use super::limit::within;
use super::run::{Entry, SuiteResults};
use super::unit::{Unit, put};
use super::{CheckReport, Gate, Outcome};
use crate::objects::{Documents, FieldChange};
use crate::replicate::{Work, Workers, replicate};
use crate::summary::VariantSummary;

/// Scenarios that are run with some of the changes taken back, for all gates of a check.
const TRIALS_MAX: usize = 24;
/// Seeds of each, those that got worst.
const SEEDS_MAX: usize = 6;

/// Runs of both sides of a check, and where trials may write.
#[derive(Clone, Copy)]
pub struct Bisection<'a> {
    /// The suite's experiments, in the order of their places.
    pub experiments: &'a [Experiment],
    /// The suite's runs.
    pub head: &'a SuiteResults,
    /// The base's runs.
    pub base: &'a SuiteResults,
    /// A folder for temporary files.
    pub folder: &'a Path,
    /// The workers.
    pub workers: Workers<'a>,
}

impl Bisection<'_> {
    /// Names the changes that bring each failed gate back: in the gate those that do alone, in a note the
    /// fewest that do together.
    pub fn explain(&self, report: &mut CheckReport) {
        let mut left = TRIALS_MAX;
        let names: Vec<String> = report.entries.iter().map(|own| own.name.clone()).collect();
        let mut notes = Vec::new();
        for name in names {
            let find = |of: &SuiteResults| {
                let mut entries = of.entries.iter();
                entries.position(|entry| entry.report.name == name)
            };
            let (Some(head), Some(base)) = (find(self.head), find(self.base)) else {
                continue;
            };
            let CheckReport { changes, gates, .. } = &mut *report;
            let own = gates.iter_mut().filter(|gate| gate.entry == name);
            let mut failed: Vec<&mut Gate> = own.filter(|gate| is_tried(gate)).collect();
            let Some(worst) = failed.first() else {
                continue;
            };
            let (head, base) = (&self.head.entries[head], &self.base.entries[base]);
            let mut trials = Trials {
                of: *self,
                head,
                base,
                units: units(changes, &name),
                seeds: worst_seeds(head, base, worst),
                known: SortedMap::new(),
                left: &mut left,
            };
            for gate in &mut failed {
                notes.extend(trials.find(gate, changes));
            }
        }
        if left == 0 {
            notes.push(format!(
                "the changes behind failed gates were looked for with {} and no more",
                plural::count(TRIALS_MAX, "trial")
            ));
        }
        report.notes.extend(notes);
    }
}

/// Whether the cause of a gate can be looked for.
fn is_tried(gate: &Gate) -> bool {
    matches!(gate.outcome, Outcome::Regressed | Outcome::Vanished) && gate.metric != "digest"
}

/// The changes of an entry that can be taken back, each once.
fn units(changes: &[FieldChange], entry: &str) -> Vec<Unit> {
    let own = changes
        .iter()
        .filter(|change| change.entries.iter().any(|own| own == entry));
    let units: SortedSet<Unit> = own.filter_map(Unit::of).collect();
    units.into_iter().collect()
}

fn value(runs: &[VariantSummary], seed: u64, metric: &str) -> Option<f64> {
    let run = runs.iter().find(|run| run.seed == seed).or(match runs {
        // The one run of a deterministic side stands for every seed.
        [only] => Some(only),
        _ => None,
    });
    run?.metrics.get(metric)?.value
}

/// The seeds with which a gate got worst.
fn worst_seeds(head: &Entry, base: &Entry, gate: &Gate) -> Vec<u64> {
    let worse = |seed: u64| {
        let of = |runs: &[VariantSummary]| value(runs, seed, &gate.metric);
        let difference = of(&head.runs)? - of(&base.runs)?;
        Some(gate.better.worsening(difference))
    };
    let mut seeds: Vec<(u64, f64)> = { head.report.seeds.iter() }
        .map(|seed| (*seed, worse(*seed).unwrap_or(0.0)))
        .collect();
    seeds.sort_by(|a, b| b.1.total_cmp(&a.1));
    seeds
        .into_iter()
        .map(|(seed, _)| seed)
        .take(SEEDS_MAX)
        .collect()
}

/// Trials of one entry.
struct Trials<'a, 'b> {
    of: Bisection<'a>,
    head: &'a Entry,
    base: &'a Entry,
    units: Vec<Unit>,
    seeds: Vec<u64>,
    /// Runs with some of the units taken back; none where they can't be made.
    known: SortedMap<Vec<usize>, Option<Vec<VariantSummary>>>,
    left: &'b mut usize,
}

impl Trials<'_, '_> {
    /// Fills in the changes that alone bring a gate back; a note on the fewest where none does.
    fn find(&mut self, gate: &mut Gate, changes: &[FieldChange]) -> Option<String> {
        let alone =
            (0..self.units.len()).filter(|unit| self.brings_back(&[*unit], gate) == Some(true));
        let alone: Vec<usize> = alone.collect();
        let is_own = |change: &FieldChange, unit: &Unit| {
            change.entries.contains(&gate.entry) && Unit::of(change).as_ref() == Some(unit)
        };
        gate.cause = (0..changes.len())
            .filter(|at| {
                alone
                    .iter()
                    .any(|unit| is_own(&changes[*at], &self.units[*unit]))
            })
            .collect();
        let all: Vec<usize> = (0..self.units.len()).collect();
        if !alone.is_empty() || all.len() < 2 || self.brings_back(&all, gate) != Some(true) {
            return None;
        }
        let fewest = smallest(all, &mut |set| self.brings_back(set, gate));
        let words = fewest.iter().filter_map(|unit| {
            let mut own = changes
                .iter()
                .filter(|change| is_own(change, &self.units[*unit]));
            own.next().map(FieldChange::words)
        });
        let words: Vec<String> = words.collect();
        Some(format!(
            "{} {}: no change alone brings it back within its limit; together do: {}",
            gate.entry,
            gate.metric,
            words.join("; ")
        ))
    }

    /// Whether a gate is back within its limit where some units are taken back; none if that can't be told.
    fn brings_back(&mut self, units: &[usize], gate: &Gate) -> Option<bool> {
        if !self.known.contains_key(units) {
            if *self.left == 0 {
                return None;
            }
            *self.left -= 1;
            let runs = self.run(units);
            self.known.insert(units.to_vec(), runs);
        }
        let runs = self.known.get(units)?.as_ref()?;
        let values: Option<Vec<f64>> = { self.seeds.iter() }
            .map(|seed| value(runs, *seed, &gate.metric))
            .collect();
        let Some(values) = values else {
            return Some(false);
        };
        if gate.outcome == Outcome::Vanished {
            return Some(true);
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let Some(judgement) = &gate.judgement else {
            let bounds = |own: &&Objective| own.id() == gate.metric && !own.is_relative();
            let both = self.base.objectives.iter().chain(&self.head.objectives);
            let mut both = both.filter(bounds);
            return Some(within(both.next()?, mean(&values)) == Outcome::Within);
        };
        let base: Option<Vec<f64>> = { self.seeds.iter() }
            .map(|seed| value(&self.base.runs, *seed, &gate.metric))
            .collect();
        let (base, head) = (mean(&base?), mean(&values));
        let slack = 1e-12 * base.abs();
        Some(judgement.better.worsening(head - base) <= judgement.threshold + slack)
    }

    fn run(&self, units: &[usize]) -> Option<Vec<VariantSummary>> {
        let folder = self.of.folder.join(format!("trial-{}", *self.left));
        let (scenario, files) = self.mixed(units, &folder)?;
        let whole = &self.of.experiments[self.head.place];
        let experiment = Experiment {
            variants: vec![VariantPlan {
                name: whole.name.clone(),
                scenario,
            }],
            files,
            ..whole.clone()
        };
        let work = self.seeds.iter().map(|&seed| Work {
            variant: 0,
            seed,
            shake: None,
            is_drawn: false,
        });
        let work: Vec<Work> = work.collect();
        // What can't be run in between, such as an object without the one it names, brings nothing back.
        let runs = replicate(&experiment, &work, self.of.workers).ok()?;
        Some(runs.into_iter().map(|run| run.summary).collect())
    }

    /// The head's scenario and files with some units as the base has them.
    fn mixed(&self, units: &[usize], folder: &Path) -> Option<(Scenario, Files)> {
        let (head, base) = (self.head, self.base);
        let (mut scenario, mut files) = (head.scenario.clone(), head.locations.clone());
        let mut keys = SortedSet::new();
        let units = units.iter().map(|unit| &self.units[*unit]);
        put(&mut scenario, &base.scenario, units.clone());
        for unit in units {
            match unit {
                Unit::Object(key) => {
                    keys.insert(key.clone());
                }
                Unit::File(written) => match base.locations.get(written) {
                    Some(place) => {
                        files.insert(written.clone(), place.clone());
                    }
                    None => {
                        files.remove(written);
                    }
                },
                Unit::Item(..) | Unit::Part(..) => {
                    let config = base.scenario.system.scheduler.config.as_ref();
                    let config = config.filter(|_| unit.has_scheduler());
                    for (written, place) in &base.locations {
                        if config == Some(written) || !files.contains_key(written) {
                            files.insert(written.clone(), place.clone());
                        }
                    }
                }
            }
        }
        if !keys.is_empty() {
            let own = Documents::of(&scenario, &files).ok()?;
            let theirs = Documents::of(&base.scenario, &base.locations).ok()?;
            std::fs::create_dir_all(folder).ok()?;
            files.extend(own.with(&theirs, &keys, folder).ok()?);
        }
        Some((scenario, files))
    }
}

/// The fewest of some items that hold together, by delta debugging; they hold together as a whole. What
/// can't be told holds nothing.
fn smallest(all: Vec<usize>, holds: &mut dyn FnMut(&[usize]) -> Option<bool>) -> Vec<usize> {
    let (mut set, mut parts) = (all, 2);
    while set.len() > 1 {
        let size = set.len().div_ceil(parts);
        let chunks: Vec<Vec<usize>> = set.chunks(size).map(<[usize]>::to_vec).collect();
        let rest = chunks.iter().map(|chunk| {
            let rest = set.iter().filter(|item| !chunk.contains(item));
            rest.copied().collect::<Vec<usize>>()
        });
        let rest: Vec<Vec<usize>> = rest.collect();
        if let Some(chunk) = chunks.into_iter().find(|chunk| holds(chunk) == Some(true)) {
            (set, parts) = (chunk, 2);
        } else if let Some(rest) = rest.into_iter().find(|rest| holds(rest) == Some(true)) {
            (set, parts) = (rest, (parts - 1).max(2));
        } else if size == 1 {
            break;
        } else {
            parts = (parts * 2).min(set.len());
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_changes_that_hold_together_are_found() {
        let check = |wanted: &[usize]| {
            let mut holds = |set: &[usize]| Some(wanted.iter().all(|item| set.contains(item)));
            assert_eq!(smallest((0..9).collect(), &mut holds), wanted);
        };
        check(&[4]);
        check(&[1, 7]);
        check(&[0, 4, 8]);
        let mut spent = |_: &[usize]| None;
        assert_eq!(smallest(vec![1, 2], &mut spent), [1, 2]);
    }
}
