//! A base that is run beside the suite, with the same program and seeds, and stands for a stored
//! baseline.

use scenario::as_run::document;
use scenario::schema::Objective;
use scenario::{Experiment, Scenario};
use serde::Serialize;
use units::{SortedMap, SortedSet, plural};

use super::change::accepted;
use super::run::{SuiteResults, SuiteScenario, entry_name};
use super::{Acknowledgement, Baseline, CheckReport, EntryReport, Gate, Outcome, SEEDS_USUAL};
use crate::hashes::input_hashes;
use crate::objects::name_line;
use crate::shell::quoted;

/// The base of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct BaseSide {
    /// The commit or folder, as the user names it.
    pub name: String,
    /// Entries that the suite no longer has.
    pub removed: Vec<String>,
    /// Entries that the base can't read or run.
    pub broken: SortedMap<String, BrokenBase>,
    /// Regressions that its baseline puts up with.
    pub acknowledgements: Vec<Acknowledgement>,
}

/// Reason a base has no results of an entry that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenBase {
    /// Reason in words.
    pub why: String,
    /// `true` if its files are there, and what they say is wrong, for any machine: a change that mends it
    /// has nothing to be compared with.
    pub is_wrong: bool,
}

/// Objectives of each entry of a suite, by its name.
pub fn gated(suite: &[SuiteScenario]) -> SortedMap<String, Vec<Objective>> {
    let experiments = suite.iter().map(|scenario| &scenario.experiment);
    let entries = experiments.flat_map(|experiment| {
        let plans = experiment.variants.iter();
        plans.map(|plan| {
            let name = entry_name(experiment, &plan.name);
            (name, plan.scenario.objectives.clone())
        })
    });
    entries.collect()
}

/// Gives both sides of each entry the seeds of the base, as many as either asks for, and has both
/// measure what either gates. A scenario that the base holds to its digests stays so. Returns a line for
/// each thing that the suite has otherwise and the base's is held.
pub fn align(head: &mut [SuiteScenario], base: &mut [SuiteScenario], seeds: usize) -> Vec<String> {
    let mut held = Vec::new();
    for own in head {
        let name = own.experiment.name.clone();
        let mut others = base.iter_mut();
        let Some(other) = others.find(|other| other.experiment.name == name) else {
            continue;
        };
        let of = |side: &SuiteScenario| side.seeds.unwrap_or(seeds);
        let most = of(own).max(of(other));
        // What the command line says holds for this check alone.
        let stated = [&*other, &*own].map(|side| side.seeds.unwrap_or(SEEDS_USUAL));
        own.fewer_seeds = (stated[1] < stated[0]).then_some(stated);
        (own.seeds, other.seeds) = (Some(most), Some(most));
        if other.exact && !own.exact {
            own.exact = true;
            held.push(format!(
                "{name}: `exact` in the base, not here; the base's is held"
            ));
        }
        held.extend(pair(&mut own.experiment, &mut other.experiment));
    }
    held
}

/// Returns a line for each entry that starts from another seed.
fn pair(head: &mut Experiment, base: &mut Experiment) -> Vec<String> {
    let mut held = Vec::new();
    let names = |of: &Experiment| -> Vec<String> {
        let plans = of.variants.iter();
        plans.map(|plan| entry_name(of, &plan.name)).collect()
    };
    let (names, of_base) = (names(head), names(base));
    for (plan, name) in head.variants.iter_mut().zip(names) {
        let Some(place) = of_base.iter().position(|other| *other == name) else {
            continue;
        };
        let (own, other) = (&mut plan.scenario, &mut base.variants[place].scenario);
        if own.seed != other.seed {
            held.push(format!(
                "{name}: seed {} in the base, {} here; both sides run from the base's",
                other.seed, own.seed
            ));
            own.seed = other.seed;
        }
        held.extend(held_measures(&name, own, other));
        let both = [own.objectives.clone(), other.objectives.clone()];
        for (side, more) in [(own, &both[1]), (other, &both[0])] {
            let more: Vec<Objective> = { more.iter() }
                .filter(|objective| !side.objectives.contains(objective))
                .cloned()
                .collect();
            side.objectives.extend(more);
        }
    }
    held
}

/// Gives an entry the base's span of time and rules of counting: means over different spans, or by different rules, say
/// nothing about each other. Returns a line for each that it has otherwise.
fn held_measures(name: &str, own: &mut Scenario, base: &Scenario) -> Vec<String> {
    let (of_own, of_base) = (&mut own.metrics, &base.metrics);
    let held = [
        hold("stop", &mut own.stop, &base.stop),
        hold("metrics.warmup", &mut of_own.warmup, &of_base.warmup),
        hold("metrics.window", &mut of_own.window, &of_base.window),
        hold(
            "metrics.slowdownBound",
            &mut of_own.slowdown_bound,
            &of_base.slowdown_bound,
        ),
        hold(
            "metrics.minReadyPercent",
            &mut of_own.min_ready_percent,
            &of_base.min_ready_percent,
        ),
    ];
    let held = held.into_iter().flatten();
    held.map(|words| format!("{name}: {words}; both sides are measured by the base's"))
        .collect()
}

/// Gives a field the base's value, if it has another.
fn hold<T: Clone + PartialEq + Serialize>(field: &str, own: &mut T, base: &T) -> Option<String> {
    if own == base {
        return None;
    }
    let words = |value: &T| {
        serde_json::to_string(value)
            .unwrap_or_default()
            .replace('"', "")
    };
    let told = format!("{field} {} in the base, {} here", words(base), words(own));
    own.clone_from(base);
    Some(told)
}

/// Names of the entries that are the same on both sides, system, files and all: one run stands for
/// both. Both sides keep the hashes of their files.
pub fn unchanged(head: &mut [SuiteScenario], base: &mut [SuiteScenario]) -> SortedSet<String> {
    let mut same = SortedSet::new();
    for side in head.iter_mut() {
        let mut others = base.iter_mut();
        let name = &side.experiment.name;
        let Some(other) = others.find(|other| other.experiment.name == *name) else {
            continue;
        };
        // Files that can't be read are told by the runs.
        side.inputs = input_hashes(&side.experiment).ok();
        other.inputs = input_hashes(&other.experiment).ok();
        if side.inputs.is_none() || side.inputs != other.inputs {
            continue;
        }
        let (own, other) = (&side.experiment, &other.experiment);
        for plan in &own.variants {
            let name = entry_name(own, &plan.name);
            let mut plans = other.variants.iter();
            let is_alike = plans.any(|other_plan| {
                entry_name(other, &other_plan.name) == name
                    && is_same(&plan.scenario, &other_plan.scenario)
            });
            if is_alike {
                same.insert(name);
            }
        }
    }
    same
}

/// Whether two scenarios are the same in all but what they gate.
fn is_same(head: &Scenario, base: &Scenario) -> bool {
    let all = |scenario: &Scenario| {
        let mut document = document(scenario);
        if let Some(fields) = document.as_object_mut() {
            fields.remove("objectives");
        }
        document
    };
    // A program outside may be another one under the same name.
    !head.system.scheduler.asks_outside() && all(head) == all(base)
}

/// Runs of the base as a baseline with the objectives that it gates itself. Entries that are the same on
/// both sides are those of the head.
pub fn baseline_of(
    base: &SuiteResults,
    head: &SuiteResults,
    same: &SortedSet<String>,
    gated: &SortedMap<String, Vec<Objective>>,
    suite: &str,
) -> Baseline {
    let both = head.entries.iter();
    let both = both.filter(|entry| same.contains(&entry.report.name));
    let all = SuiteResults {
        entries: base.entries.iter().chain(both).cloned().collect(),
    };
    let mut baseline = accepted(&all, None, suite);
    for (name, entry) in &mut baseline.entries {
        if let Some(own) = gated.get(name) {
            entry.objectives.clone_from(own);
        }
    }
    baseline
}

/// Names the first line that differs of each table of text, where the files of the base are at hand.
pub fn name_lines(report: &mut CheckReport, baseline: &Baseline) {
    for change in &mut report.changes {
        let entry = change.entries.first();
        if let Some(base) = entry.and_then(|name| baseline.entries.get(name)) {
            name_line(change, &base.objects);
        }
    }
}

/// Failed gates, and reports, of entries that the suite no longer has: those of the base, or of the baseline
/// where there is none.
pub(super) fn removed(
    names: &[String],
    results: &SuiteResults,
    side: Option<&BaseSide>,
    file: &str,
) -> (Vec<Gate>, Vec<EntryReport>) {
    let check = format!("windtunnel check {}", quoted(file));
    let (rerun, note) = match side {
        Some(side) => (
            format!("{check} --base {}", quoted(&side.name)),
            format!("`{}` has it", side.name),
        ),
        None => (
            check,
            "the baseline has it; `--accept` takes it out".to_owned(),
        ),
    };
    let gate = |name: &String| Gate {
        rerun: rerun.clone(),
        outcome: Outcome::Removed,
        limit: "in the suite".to_owned(),
        note: Some(format!("{note}{}", renamed(name, results))),
        file: file.to_owned(),
        line: 1,
        ..Gate::of(name, "entry")
    };
    let report = |name: &String| EntryReport {
        name: name.clone(),
        file: file.to_owned(),
        rerun: rerun.clone(),
        ..EntryReport::default()
    };
    (
        names.iter().map(gate).collect(),
        names.iter().map(report).collect(),
    )
}

/// Words about entries of the same scenario: how they are named depends on whether it has several variants.
fn renamed(name: &str, results: &SuiteResults) -> String {
    let scenario = name.split('/').next().unwrap_or_default();
    let names = results
        .entries
        .iter()
        .map(|entry| entry.report.name.as_str());
    let is_single = name == scenario;
    let alike = names.filter(|own| match own.split_once('/') {
        Some((start, _)) => is_single && start == scenario,
        None => !is_single && *own == scenario,
    });
    let found: Vec<String> = alike.map(|own| format!("`{own}`")).collect();
    if found.is_empty() {
        return String::new();
    }
    format!(
        "; here it is {}: entries of several variants are named SCENARIO/VARIANT",
        plural::first_of(found, 3)
    )
}
