//! Which change it is: of a gate that fails, the changes that bring it back within its limit when they
//! are taken back to the base, each alone, or else the fewest together.
//!
//! A change is tried with the few seeds that are worst for the gate; what brings it back there is held to
//! the gate's whole judgement with all seeds.

use std::path::Path;

use scenario::schema::Objective;
use scenario::{Experiment, Files, Scenario, VariantPlan};
use units::{SortedMap, SortedSet, plural};

use super::gate::judge;
use super::limit::within;
use super::refused::refused;
use super::run::{Entry, SuiteResults, is_empty};
use super::unit::{Unit, put};
use super::{Baseline, CheckReport, CheckSettings, Gate, Outcome};
use crate::objects::{Documents, FieldChange, ObjectFields, alike, words_of_all};
use crate::replicate::{Work, Workers, replicate};
use crate::summary::VariantSummary;

/// Runs with some of the changes taken back, for all gates of a check.
const RUNS_MAX: usize = 200;
/// Runs up to which each change is tried on its own.
const RUNS_SINGLY_MAX: usize = 40;
/// Seeds of a trial, those that got worst.
const SEEDS_MAX: usize = 4;

/// Runs of both sides of a check, and where trials may write.
#[derive(Clone, Copy)]
pub struct Bisection<'a> {
    /// The suite's experiments, in the order of their places.
    pub experiments: &'a [Experiment],
    /// The suite's runs.
    pub head: &'a SuiteResults,
    /// The base's runs.
    pub base: &'a SuiteResults,
    /// The base's runs as the baseline.
    pub baseline: &'a Baseline,
    /// Settings of the check.
    pub settings: &'a CheckSettings,
    /// A folder for temporary files.
    pub folder: &'a Path,
    /// The workers.
    pub workers: Workers<'a>,
}

impl Bisection<'_> {
    /// Names the changes that bring each failed gate back: in the gate those that do alone, in a note the
    /// fewest that do together.
    pub fn explain(&self, report: &mut CheckReport) {
        let mut left = RUNS_MAX;
        let mut is_cut = false;
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
            if failed.is_empty() {
                continue;
            }
            let mut trials = Trials {
                of: *self,
                head: &self.head.entries[head],
                base: &self.base.entries[base],
                changes,
                candidates: candidates(changes, &name),
                known: SortedMap::new(),
                left: &mut left,
                is_cut: &mut is_cut,
            };
            for gate in &mut failed {
                notes.extend(trials.find(gate));
            }
        }
        if is_cut {
            notes.push(format!(
                "the changes behind failed gates were looked for with {} and no more",
                plural::count(RUNS_MAX, "run")
            ));
        }
        report.notes.extend(notes);
    }
}

/// Whether the cause of a gate can be looked for.
fn is_tried(gate: &Gate) -> bool {
    matches!(gate.outcome, Outcome::Regressed | Outcome::Vanished) && gate.metric != "digest"
}

/// Changes that are taken back together.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    /// Their places in the report.
    places: Vec<usize>,
    /// Whether objects are taken back whole.
    is_whole: bool,
}

/// The changes of an entry that can be taken back: of objects field by field, of a scenario by its parts.
fn candidates(changes: &[FieldChange], entry: &str) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    let mut parts: Vec<(Unit, usize)> = Vec::new();
    for mut places in alike(changes) {
        places.retain(|place| changes[*place].entries.iter().any(|own| own == entry));
        let Some(unit) = places.first().and_then(|place| Unit::of(&changes[*place])) else {
            continue;
        };
        if !matches!(unit, Unit::Object(_)) {
            if let Some((_, at)) = parts.iter().find(|(own, _)| *own == unit) {
                found[*at].places.extend(places);
                continue;
            }
            parts.push((unit, found.len()));
        }
        let is_whole = false;
        found.push(Candidate { places, is_whole });
    }
    found
}

/// Objects of which several fields changed, each with all of its changes.
fn objects(candidates: &[Candidate], changes: &[FieldChange]) -> Vec<Candidate> {
    let mut found: SortedMap<Unit, Vec<usize>> = SortedMap::new();
    for place in candidates.iter().flat_map(|own| &own.places) {
        if let Some(unit @ Unit::Object(_)) = Unit::of(&changes[*place]) {
            found.entry(unit).or_default().push(*place);
        }
    }
    let several = found.into_values().filter(|places| places.len() > 1);
    let whole = several.map(|mut places| {
        places.sort_unstable();
        let is_whole = true;
        Candidate { places, is_whole }
    });
    whole.collect()
}

fn value(runs: &[&VariantSummary], seed: u64, metric: &str) -> Option<f64> {
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
        let of = |side: &Entry| value(&side.runs.iter().collect::<Vec<_>>(), seed, &gate.metric);
        let difference = of(head)? - of(base)?;
        Some(gate.better.worsening(difference))
    };
    let mut seeds: Vec<(u64, f64)> = { head.report.seeds.iter() }
        // What has no value any more is worst.
        .map(|seed| (*seed, worse(*seed).unwrap_or(f64::INFINITY)))
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
    changes: &'b [FieldChange],
    candidates: Vec<Candidate>,
    /// Runs by seed with some of the candidates taken back; none where they can't be made.
    known: SortedMap<Vec<usize>, Option<SortedMap<u64, VariantSummary>>>,
    left: &'b mut usize,
    is_cut: &'b mut bool,
}

impl Trials<'_, '_> {
    /// Fills in the changes that alone bring a gate back; a note on the fewest where none does.
    fn find(&mut self, gate: &mut Gate) -> Option<String> {
        let seeds = worst_seeds(self.head, self.base, gate);
        let all: Vec<usize> = (0..self.candidates.len())
            .filter(|at| !self.candidates[*at].is_whole)
            .collect();
        let is_label = |own: &usize| {
            let places = &self.candidates[*own].places;
            places
                .iter()
                .all(|place| self.changes[*place].is_of_label())
        };
        let labels: Vec<usize> = all.iter().copied().filter(is_label).collect();
        // Many labels that nothing refers to cost one trial.
        let has_labels = labels.len() < 2 || self.holds(&labels, gate, &seeds) != Some(false);
        let singly = all.iter().copied();
        let singly = singly.filter(|own| has_labels || !labels.contains(own));
        let mut alone = self.alone(singly.collect(), gate, &seeds);
        if alone.is_empty() {
            let whole = self.whole_objects(&all);
            alone = self.alone(whole, gate, &seeds);
        }
        let causes = alone.iter().map(|own| self.candidates[*own].places.clone());
        gate.cause = causes.collect();
        let is_open = gate.cause.is_empty() && all.len() > 1;
        if !is_open || self.holds(&all, gate, &seeds) != Some(true) {
            return None;
        }
        let fewest = smallest(all, &mut |set| self.holds(set, gate, &seeds));
        if self.is_back(&fewest, gate) != Some(true) {
            return None;
        }
        let words = fewest.iter().map(|own| {
            let places = self.candidates[*own].places.iter();
            words_of_all(
                &places
                    .map(|place| &self.changes[*place])
                    .collect::<Vec<_>>(),
            )
        });
        let words: Vec<String> = words.collect();
        Some(format!(
            "{} {}: no change alone brings it back within its limit; together do: {}",
            gate.entry,
            gate.metric,
            words.join("; ")
        ))
    }

    /// Those of some candidates each of which brings a gate back, with the worst seeds and with all. Many are
    /// tried by halves: what brings it back does so with others, too.
    fn alone(&mut self, some: Vec<usize>, gate: &Gate, seeds: &[u64]) -> Vec<usize> {
        let mut open = vec![some];
        let mut found = Vec::new();
        while let Some(set) = open.pop() {
            let is_many = set.len() * seeds.len() > RUNS_SINGLY_MAX;
            if is_many && self.holds(&set, gate, seeds) != Some(true) {
                continue;
            }
            if is_many && set.len() > 1 {
                let (first, second) = set.split_at(set.len() / 2);
                open.extend([second.to_vec(), first.to_vec()]);
                continue;
            }
            found.extend(set.into_iter().filter(|own| {
                self.holds(&[*own], gate, seeds) == Some(true)
                    && self.is_back(&[*own], gate) == Some(true)
            }));
        }
        found
    }

    /// Whole objects as candidates, made once.
    fn whole_objects(&mut self, all: &[usize]) -> Vec<usize> {
        if self.candidates.len() == all.len() {
            let whole = objects(&self.candidates, self.changes);
            self.candidates.extend(whole);
        }
        (all.len()..self.candidates.len()).collect()
    }

    /// Whether a gate is back within its limit over a few seeds where some candidates are taken back; none if
    /// that can't be told.
    fn holds(&mut self, some: &[usize], gate: &Gate, seeds: &[u64]) -> Option<bool> {
        let scenario = &self.head.scenario;
        let most = refused(&self.base.runs, &gate.metric);
        let runs = self.runs(some, seeds)?;
        let runs: Vec<&VariantSummary> = runs.values().collect();
        let values: Option<Vec<f64>> = { seeds.iter() }
            .map(|seed| value(&runs, *seed, &gate.metric))
            .collect();
        let are_refused = refused(runs.iter().copied(), &gate.metric) > most;
        let Some(values) = values.filter(|_| !are_refused) else {
            return Some(false);
        };
        if gate.outcome == Outcome::Vanished {
            return Some(!is_empty(scenario, runs.iter().copied()));
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let Some(judgement) = &gate.judgement else {
            let bounds = |own: &&Objective| own.id() == gate.metric && !own.is_relative();
            let both = self.base.objectives.iter().chain(&self.head.objectives);
            let mut both = both.filter(bounds);
            return Some(within(both.next()?, mean(&values)) == Outcome::Within);
        };
        let of_base: Vec<&VariantSummary> = self.base.runs.iter().collect();
        let base: Option<Vec<f64>> = { seeds.iter() }
            .map(|seed| value(&of_base, *seed, &gate.metric))
            .collect();
        let (base, head) = (mean(&base?), mean(&values));
        let slack = 1e-12 * base.abs();
        Some(judgement.better.worsening(head - base) <= judgement.threshold + slack)
    }

    /// Whether a gate's own judgement with all seeds holds where some candidates are taken back.
    fn is_back(&mut self, some: &[usize], gate: &Gate) -> Option<bool> {
        let seeds = self.head.report.seeds.clone();
        let runs = self.runs(some, &seeds)?;
        let runs: Option<Vec<VariantSummary>> =
            seeds.iter().map(|seed| runs.get(seed).cloned()).collect();
        let mut entry = Entry {
            runs: runs?,
            ..self.head.clone()
        };
        entry.report.empty = is_empty(&entry.scenario, entry.runs.iter());
        let results = SuiteResults {
            entries: vec![entry],
        };
        let Bisection {
            baseline, settings, ..
        } = self.of;
        let report = judge(&results, Some((baseline, "")), "", settings, &|_| None);
        let mut gates = report.gates.iter();
        let own = gates.find(|own| {
            (&own.entry, &own.metric, &own.limit) == (&gate.entry, &gate.metric, &gate.limit)
        });
        let outcome = own?.outcome;
        Some(!outcome.is_failure() && outcome != Outcome::NotMeasurable)
    }

    /// Runs of some seeds with some candidates taken back.
    fn runs(&mut self, some: &[usize], seeds: &[u64]) -> Option<&SortedMap<u64, VariantSummary>> {
        let known = self.known.get(some).map(Option::as_ref);
        let known = known.unwrap_or(Some(const { &SortedMap::new() }))?;
        let missing = seeds
            .iter()
            .copied()
            .filter(|seed| !known.contains_key(seed));
        let missing: Vec<u64> = missing.collect();
        if missing.len() > *self.left {
            *self.is_cut = true;
            return None;
        }
        if !missing.is_empty() {
            *self.left -= missing.len();
            let new = self.run(some, &missing);
            let own = self.known.entry(some.to_vec());
            let own = own.or_insert_with(|| Some(SortedMap::new()));
            match (own.as_mut(), new) {
                (Some(own), Some(new)) => own.extend(new.into_iter().map(|run| (run.seed, run))),
                _ => *own = None,
            }
        }
        self.known.get(some)?.as_ref()
    }

    fn run(&self, some: &[usize], seeds: &[u64]) -> Option<Vec<VariantSummary>> {
        let folder = self.of.folder.join(format!("trial-{}", *self.left));
        let (scenario, files) = self.mixed(some, &folder)?;
        let whole = &self.of.experiments[self.head.place];
        let experiment = Experiment {
            variants: vec![VariantPlan {
                name: whole.name.clone(),
                scenario,
            }],
            files,
            ..whole.clone()
        };
        let work = seeds.iter().map(|&seed| Work {
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

    /// Fields of objects that some candidates take back, and the other units.
    fn taken(&self, some: &[usize]) -> (ObjectFields, SortedSet<Unit>) {
        let (mut objects, mut others) = (ObjectFields::new(), SortedSet::new());
        for own in some.iter().map(|own| &self.candidates[*own]) {
            for change in own.places.iter().map(|place| &self.changes[*place]) {
                match Unit::of(change) {
                    Some(Unit::Object(key)) if own.is_whole || change.field.is_empty() => {
                        objects.insert(key, None);
                    }
                    Some(Unit::Object(key)) => {
                        let fields = objects.entry(key).or_insert_with(|| Some(SortedSet::new()));
                        if let Some(fields) = fields {
                            fields.insert(change.field.clone());
                        }
                    }
                    Some(other) => {
                        others.insert(other);
                    }
                    None => {}
                }
            }
        }
        (objects, others)
    }

    /// The head's scenario and files with some candidates as the base has them.
    fn mixed(&self, some: &[usize], folder: &Path) -> Option<(Scenario, Files)> {
        let (head, base) = (self.head, self.base);
        let (mut scenario, mut files) = (head.scenario.clone(), head.locations.clone());
        let (objects, units) = self.taken(some);
        put(&mut scenario, &base.scenario, units.iter());
        for unit in &units {
            match unit {
                Unit::Object(_) => {}
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
        if !objects.is_empty() {
            let own = Documents::of(&scenario, &files).ok()?;
            let theirs = Documents::of(&base.scenario, &base.locations).ok()?;
            std::fs::create_dir_all(folder).ok()?;
            files.extend(own.with(&theirs, &objects, folder).ok()?);
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
