//! Making the runs of a suite.

use std::ops::Range;

use serde_json::Value as Json;

use super::verify::over;
use super::{Baseline, CheckSettings, EntryReport, ErrorKind, short, system_of};
use crate::compare::{Inputs, is_same_for_any_seed, seeds_from};
use crate::experiment::ExperimentError;
use crate::hashes::{input_hashes, nameless_hashes};
use crate::objects::{ManifestObjects, Object, ScenarioText};
use crate::releases::ClusterReleases;
use crate::replicate::{Work, Workers, replicate};
use crate::run::RunError;
use crate::shell::{quoted, set_flags};
use crate::summary::{InputSummary, VariantSummary};
use scenario::schema::Objective;
use scenario::{Experiment, Files, Scenario, files_of};
use units::{SortedMap, SortedSet};
use world::inputs;

/// Configurations of schedulers up to this size are kept in baselines.
const CONFIG_BYTES_MAX: u64 = 256 << 10;

/// A scenario of the suite, read.
#[derive(Clone, Debug)]
pub struct SuiteScenario {
    /// The experiment.
    pub experiment: Experiment,
    /// The scenario's file, as the user wrote it.
    pub file: String,
    /// The scenario's text.
    pub text: String,
    /// The lines of its objectives, from 1.
    pub lines: Vec<usize>,
    /// The scenario's seeds, where the suite says.
    pub seeds: Option<usize>,
    /// Seeds of the base and of the suite, where the suite has fewer.
    pub fewer_seeds: Option<[usize; 2]>,
    /// `true` if the scenario's digests must equal the baseline's.
    pub exact: bool,
    /// Hashes of its files, where they are known before it runs.
    pub inputs: Option<Vec<InputSummary>>,
}

/// A scenario or one of its variants, run.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Report on the entry.
    pub report: EntryReport,
    /// The scenario that was run.
    pub scenario: Scenario,
    /// The variant's name, where it is one of several.
    pub variant: Option<String>,
    /// The entry's gates.
    pub objectives: Vec<Objective>,
    /// The lines of its gates.
    pub lines: Vec<usize>,
    /// `true` if the entry's digest must equal the baseline's.
    pub exact: bool,
    /// Seeds of the base and of the suite, where the suite states fewer: those of the base run.
    pub fewer_seeds: Option<[usize; 2]>,
    /// The entry's runs, in the order of its seeds.
    pub runs: Vec<VariantSummary>,
    /// Digests of the placements of the runs, in the order of its seeds.
    pub placements: Vec<String>,
    /// The system, as it goes into a baseline.
    pub system: Json,
    /// The text of the scheduler's configuration file, by the path as written.
    pub configs: SortedMap<String, String>,
    /// The objects it reads.
    pub objects: Vec<Object>,
    /// The locations of the files it reads.
    pub locations: Files,
    /// The experiment it belongs to, by its place in the suite.
    pub place: usize,
}

/// All that was run.
#[derive(Clone, Debug)]
pub struct SuiteResults {
    /// The entries, in the order of the suite.
    pub entries: Vec<Entry>,
}

/// Runs every scenario of a suite with the seeds of its baseline, or as many as are asked for. A
/// variant whose first two seeds give the same run without a draw is deterministic, and is not run
/// again: copies are no samples, whichever variants are beside it.
///
/// A scenario that can't be run to its end is an entry with its error; the others are run.
///
/// # Errors
/// If the suite was interrupted.
pub fn run(
    suite: &[SuiteScenario],
    baseline: Option<&Baseline>,
    settings: &CheckSettings,
    workers: Workers<'_>,
) -> Result<SuiteResults, ExperimentError> {
    check_runs(suite, baseline, settings, workers)?;
    let mut entries = Vec::new();
    for (place, scenario) in suite.iter().enumerate() {
        let mut begun = begin(scenario, place);
        for entry in &mut begun {
            entry.report.seeds = seeds(scenario, entry, baseline, settings);
            let stored = stored_seeds(entry, baseline).len();
            let fewer = scenario.seeds.filter(|own| *own < stored && stored > 1);
            let fewer = entry.fewer_seeds.or(fewer.map(|own| [stored, own]));
            entry.fewer_seeds = fewer.filter(|_| !settings.is_accepted && !settings.is_seeds_given);
        }
        let all: Vec<usize> = (0..begun.len())
            .filter(|&at| settings.runs(&begun[at].report.name))
            .collect();
        if all.is_empty() {
            continue;
        }
        match fill_watched(scenario, &mut begun, &all, workers) {
            Err(ExperimentError::Interrupted) => return Err(ExperimentError::Interrupted),
            Err(error @ ExperimentError::Limit(_)) => {
                for &at in &all {
                    broken(&mut begun[at], &error);
                }
            }
            Err(error) if begun.len() == 1 => broken(&mut begun[0], &error),
            Err(_) => fill_one_by_one(scenario, &mut begun, &all, workers)?,
            Ok(()) => {}
        }
        for entry in &mut begun {
            let seed = entry.report.seeds.first().copied();
            entry.report.rerun = rerun(entry, seed, &settings.sets);
        }
        let own = begun.into_iter().enumerate();
        entries.extend(
            own.filter(|(at, _)| all.contains(at))
                .map(|(_, entry)| entry),
        );
    }
    Ok(SuiteResults { entries })
}

/// Refuses a suite of more runs than are allowed.
fn check_runs(
    suite: &[SuiteScenario],
    baseline: Option<&Baseline>,
    settings: &CheckSettings,
    workers: Workers<'_>,
) -> Result<(), ExperimentError> {
    let mut runs = 0;
    for (place, scenario) in suite.iter().enumerate() {
        for entry in begin(scenario, place) {
            if settings.runs(&entry.report.name) {
                runs += seeds(scenario, &entry, baseline, settings).len() as u64;
            }
        }
    }
    let refused = |source| ExperimentError::Variant {
        variant: None,
        seed: None,
        source: Box::new(source),
    };
    workers.limits.check_runs(runs).map_err(refused)
}

/// Makes the runs of some entries under the eye of who watches the time and memory of a scenario.
fn fill_watched(
    scenario: &SuiteScenario,
    entries: &mut [Entry],
    variants: &[usize],
    workers: Workers<'_>,
) -> Result<(), ExperimentError> {
    let Some(watch) = workers.limits.watch else {
        return fill(scenario, entries, variants, workers);
    };
    watch.begin(&scenario.file);
    let filled = fill(scenario, entries, variants, workers);
    match (watch.end(), filled) {
        (Some(why), Err(_)) => Err(ExperimentError::Limit(why)),
        (_, filled) => filled,
    }
}

/// An error on one line: several are told one after the other.
fn told(error: &ExperimentError) -> String {
    // Its entry says of which variant it is.
    let words = match error {
        ExperimentError::Variant {
            seed: Some(seed),
            source,
            ..
        } => format!("seed {seed}: {source}"),
        ExperimentError::Variant { source, .. } => source.to_string(),
        other => other.to_string(),
    };
    let words = words.replace("\n -->", " -->");
    let words = words.lines().collect::<Vec<_>>().join("; ");
    match error.advice() {
        Some(advice) => format!("{words}; {advice}"),
        None => words,
    }
}

fn kind(error: &ExperimentError) -> ErrorKind {
    match error {
        error if error.is_input() => ErrorKind::Input,
        ExperimentError::Broken { .. } => ErrorKind::Invariant,
        ExperimentError::Variant { source, .. } if matches!(**source, RunError::Sim(_)) => {
            ErrorKind::Invariant
        }
        _ => ErrorKind::CouldNotComplete,
    }
}

/// Name of an experiment's variant in a baseline: `SCENARIO`, or `SCENARIO/VARIANT` where it has
/// several.
pub fn entry_name(experiment: &Experiment, variant: &str) -> String {
    if experiment.variants.len() == 1 {
        experiment.name.clone()
    } else {
        format!("{}/{variant}", experiment.name)
    }
}

fn begin(scenario: &SuiteScenario, place: usize) -> Vec<Entry> {
    let experiment = &scenario.experiment;
    let is_single = experiment.variants.len() == 1;
    let mut followed = ClusterReleases::default();
    let entries = experiment.variants.iter().map(|plan| Entry {
        report: EntryReport {
            name: entry_name(experiment, &plan.name),
            file: scenario.file.clone(),
            releases: followed.releases(&plan.scenario, &experiment.files),
            seeds: Vec::new(),
            deterministic: false,
            digest: String::new(),
            digests: Vec::new(),
            placements: String::new(),
            inputs: String::new(),
            nameless: String::new(),
            parts: SortedMap::new(),
            files: SortedMap::new(),
            left_out: Vec::new(),
            empty: false,
            changed: None,
            changes: 0,
            error: None,
            error_kind: None,
            rerun: String::new(),
        },
        scenario: plan.scenario.clone(),
        variant: (!is_single).then(|| plan.name.clone()),
        objectives: plan.scenario.objectives.clone(),
        lines: scenario.lines.clone(),
        exact: scenario.exact,
        fewer_seeds: scenario.fewer_seeds,
        runs: Vec::new(),
        placements: Vec::new(),
        system: system_of(&plan.scenario),
        configs: SortedMap::new(),
        objects: Vec::new(),
        locations: experiment.files.clone(),
        place,
    });
    entries.collect()
}

/// The seeds of the command line; else those of the baseline of the entry, and more where the suite states
/// more; else as many as the suite states, or the usual.
fn seeds(
    scenario: &SuiteScenario,
    entry: &Entry,
    baseline: Option<&Baseline>,
    settings: &CheckSettings,
) -> Vec<u64> {
    let stated = scenario.seeds.filter(|_| !settings.is_seeds_given);
    let usual = seeds_from(entry.scenario.seed, stated.unwrap_or(settings.seeds));
    let mut held = stored_seeds(entry, baseline);
    // A baseline of one seed was deterministic when it was made; whether it still is, is found out.
    let is_new = stated.is_some() || !held.contains(&entry.scenario.seed);
    if settings.is_seeds_given || held.len() < 2 || is_new && settings.is_accepted {
        return usual;
    }
    let least = stated.unwrap_or(0);
    for seed in usual {
        if held.len() < least {
            held.insert(seed);
        }
    }
    held.into_iter().collect()
}

/// The seeds of an entry in the baseline.
fn stored_seeds(entry: &Entry, baseline: Option<&Baseline>) -> SortedSet<u64> {
    let stored = baseline.and_then(|held| held.entries.get(&entry.report.name));
    stored
        .into_iter()
        .flat_map(|own| own.seeds.clone())
        .collect()
}

/// Runs each entry of a scenario for itself, so that one that fails takes none beside it along.
fn fill_one_by_one(
    scenario: &SuiteScenario,
    entries: &mut [Entry],
    variants: &[usize],
    workers: Workers<'_>,
) -> Result<(), ExperimentError> {
    for &variant in variants {
        let result = fill_watched(scenario, entries, &[variant], workers);
        let Err(error) = result else { continue };
        if matches!(error, ExperimentError::Interrupted) {
            return Err(error);
        }
        broken(&mut entries[variant], &error);
    }
    Ok(())
}

/// Takes down that an entry could not be run to its end.
fn broken(entry: &mut Entry, error: &ExperimentError) {
    entry.runs.clear();
    entry.placements.clear();
    entry.report.seeds.clear();
    entry.report.error = Some(told(error));
    entry.report.error_kind = Some(kind(error));
}

/// Makes the runs of some entries of a scenario, with the seeds that their reports state.
fn fill(
    scenario: &SuiteScenario,
    entries: &mut [Entry],
    variants: &[usize],
    workers: Workers<'_>,
) -> Result<(), ExperimentError> {
    let experiment = &scenario.experiment;
    for &variant in variants {
        let entry = &mut entries[variant];
        entry.runs.clear();
        entry.placements.clear();
        entry.report.deterministic = false;
    }
    let refused = match add(experiment, entries, variants, 0..2, workers) {
        // A change of the inputs may be why a setting is wrong. What no run can read is not read here.
        Err(error) if matches!(&error, ExperimentError::Variant { source, .. } if source.is_of_a_setting()) => {
            Some(error)
        }
        added => {
            added?;
            None
        }
    };
    let inputs = EntryInputs {
        files: match &scenario.inputs {
            Some(known) => known.clone(),
            None => input_hashes(experiment)?,
        },
        manifests: ManifestObjects::of(experiment),
    };
    if let Some(error) = refused {
        for &variant in variants {
            set_objects(&mut entries[variant], scenario, &inputs);
        }
        return Err(error);
    }
    for &variant in variants {
        let entry = &mut entries[variant];
        if is_same_for_any_seed(&entry.runs) {
            entry.report.deterministic = true;
            entry.runs.truncate(1);
            entry.placements.truncate(1);
        }
    }
    add(experiment, entries, variants, 2..usize::MAX, workers)?;
    for &variant in variants {
        report(&mut entries[variant], scenario, &inputs);
    }
    Ok(())
}

/// Files of an experiment.
struct EntryInputs {
    files: Vec<InputSummary>,
    manifests: ManifestObjects,
}

/// Adds the runs of some entries with a range of their seeds, but for deterministic ones.
fn add(
    experiment: &Experiment,
    entries: &mut [Entry],
    variants: &[usize],
    places: Range<usize>,
    workers: Workers<'_>,
) -> Result<(), ExperimentError> {
    let mut work = Vec::new();
    for &variant in variants {
        let report = &entries[variant].report;
        let count = report.seeds.len();
        let range = places.start.min(count)..places.end.min(count);
        let seeds = report.seeds[range].iter();
        let seeds = seeds.filter(|_| !report.deterministic);
        work.extend(seeds.map(|&seed| Work {
            variant,
            seed,
            shake: None,
            is_drawn: false,
        }));
    }
    let results = replicate(experiment, &work, workers)?;
    for (work, result) in work.iter().zip(results) {
        entries[work.variant].runs.push(result.summary);
        entries[work.variant].placements.push(result.placements);
    }
    Ok(())
}

/// Tells what the runs of an entry were given, and what they came to.
fn report(entry: &mut Entry, suite: &SuiteScenario, inputs: &EntryInputs) {
    let experiment = &suite.experiment;
    given(entry, suite, inputs);
    let (report, runs, scenario) = (&mut entry.report, &entry.runs, &entry.scenario);
    report.digest = over(runs.iter().map(|run| &run.digest));
    report.digests = runs.iter().map(|run| run.digest.clone()).collect();
    report.placements = over(entry.placements.iter());
    report.left_out = left_out(runs);
    report.left_out.extend(inputs.manifests.notes(scenario));
    report.seeds = runs.iter().map(|run| run.seed).collect();
    report.changes = runs.iter().map(|run| run.changes).sum();
    report.empty = is_empty(scenario, runs.iter());
    entry.configs = config_of(scenario, experiment);
}

/// Whether no pod arrived in any run.
pub(super) fn is_empty<'a>(
    scenario: &Scenario,
    mut runs: impl Iterator<Item = &'a VariantSummary>,
) -> bool {
    // Functions and services make what they serve with, and may need nothing else.
    let serves = !scenario.traffic.is_empty() || !scenario.functions.is_empty();
    !serves && runs.all(|run| run.pods == 0)
}

/// Tells what the runs of an entry were given: of manifests, what is read of them.
fn given(entry: &mut Entry, suite: &SuiteScenario, inputs: &EntryInputs) {
    let EntryInputs { files, manifests } = inputs;
    let (report, scenario, experiment) = (&mut entry.report, &entry.scenario, &suite.experiment);
    let read = manifests.hashes(scenario, files, false);
    let own = Inputs::of(scenario, &read);
    report.inputs = own.hash();
    report.parts = own.parts();
    let nameless = nameless_hashes(experiment, scenario, manifests, files);
    report.nameless = Inputs::of(scenario, &nameless).nameless().hash();
    let named = files_of(scenario, &experiment.files);
    let own = read.iter().filter(|file| named.contains_key(&file.path));
    report.files = own
        .map(|file| (file.path.clone(), short(&file.blake3)))
        .collect();
    set_objects(entry, suite, inputs);
}

/// Tells which objects an entry reads.
fn set_objects(entry: &mut Entry, suite: &SuiteScenario, inputs: &EntryInputs) {
    let EntryInputs { files, manifests } = inputs;
    let place = ScenarioText {
        file: &suite.file,
        text: &suite.text,
        variant: entry.variant.as_deref(),
    };
    entry.objects = manifests.objects(&suite.experiment, &entry.scenario, files, place);
}

/// Demands of the input that the runs leave out, each once, as `run` lists them without `-v`.
fn left_out(runs: &[VariantSummary]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    if let Some(run) = runs.first() {
        let gaps = run.unexpressed.iter();
        let gaps = gaps.map(|gap| format!("the system `{}` {}", run.system, gap.words()));
        let remarks = run
            .ledger
            .iter()
            .filter(|remark| !remark.starts_with("keep "));
        for line in gaps.chain(remarks.cloned()) {
            if !found.contains(&line) {
                found.push(line);
            }
        }
    }
    found
}

/// The text of the scheduler's configuration, so that a later check can decide as this one did.
fn config_of(scenario: &Scenario, experiment: &Experiment) -> SortedMap<String, String> {
    let read = || {
        let written = scenario.system.scheduler.config.as_ref()?;
        let input = inputs::open(experiment.files.get(written)?);
        let is_small = input
            .stored_bytes()
            .is_ok_and(|bytes| bytes <= CONFIG_BYTES_MAX);
        let text = is_small.then(|| input.read_to_string().ok())??;
        Some((written.clone(), text))
    };
    read().into_iter().collect()
}

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
