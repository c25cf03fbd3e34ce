//! Comparing finished runs out of their result folders.

use std::path::Path;

use super::all_pairs;
use super::pairing::Candidate;
use super::same_inputs::listed;
use super::study::{Study, judge_candidates};
use super::{CompareError, Inputs, Settings};
use crate::summary::{Summary, VariantSummary};
use scenario::{
    AnyName, Experiment, FileLookup, LoadOptions, NamedText, SearchPath, load_with_variants,
};
use units::{SortedMap, nearest};

/// A finished run.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Name that distinguishes the run: that of its folder.
    pub name: String,
    /// The run's summary.
    pub summary: Summary,
    /// The text of its `scenario.yaml`; empty where the folder has none.
    pub scenario: String,
}

/// A run of a candidate, with what it was given if that is known.
struct Given {
    candidate: String,
    run: VariantSummary,
    inputs: Option<Inputs>,
}

/// Judges finished runs.
///
/// Runs of the same variants with other seeds are replications: the candidates are the variants.
/// Where a variant is there twice with one seed, or there is but one variant, every folder is a
/// candidate (`FOLDER/VARIANT` if it has several).
///
/// # Errors
/// If they can't be compared.
pub fn of_runs(
    runs: &[Finished],
    settings: &Settings,
) -> Result<(Study, Vec<Candidate>), CompareError> {
    let by_variant = given(runs, &|_, variant| variant.to_owned());
    let mut names: Vec<&str> = by_variant
        .iter()
        .map(|given| given.candidate.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let given = if names.len() > 1 && twice(&by_variant).is_none() {
        by_variant
    } else {
        given(runs, &|run, variant| {
            if run.summary.variants.len() == 1 {
                run.name.clone()
            } else {
                format!("{}/{variant}", run.name)
            }
        })
    };
    if let Some((name, seed)) = twice(&given) {
        return Err(CompareError::Twice { name, seed });
    }
    let baseline = baseline(&given, settings)?;
    let mut notes = Vec::new();
    same_inputs(runs, &given, &baseline, &mut notes)?;
    same_windows(&given, &baseline)?;
    let candidates = candidates(given, &baseline)?;
    if settings.all_pairs {
        all_pairs::check_runs(&candidates)?;
    }
    let name = runs.first().map_or("", |run| run.summary.name.as_str());
    let settings = settings.clone().of_finished();
    let mut study = judge_candidates(name, &candidates, &settings)?;
    study.notes = notes;
    Ok((study, candidates))
}

fn given(runs: &[Finished], name: &dyn Fn(&Finished, &str) -> String) -> Vec<Given> {
    let mut all = Vec::new();
    for run in runs {
        let experiment = scenario_of(run);
        for variant in &run.summary.variants {
            let plan = experiment.as_ref().and_then(|experiment| {
                experiment
                    .variants
                    .iter()
                    .find(|plan| plan.name == variant.name)
            });
            all.push(Given {
                candidate: name(run, &variant.name),
                run: variant.clone(),
                inputs: plan.map(|plan| Inputs::of(&plan.scenario, &run.summary.inputs)),
            });
        }
    }
    all
}

/// Believes that every file is there: those of a finished run may be gone, and are known by hash.
struct Everything;

impl FileLookup for Everything {
    fn exists(&self, _path: &Path) -> bool {
        true
    }
}

fn scenario_of(run: &Finished) -> Option<Experiment> {
    load_finished(&run.scenario, None, &[])
}

/// Experiment of finished runs, whose files may be gone; `variants` stand in place of its own.
pub(super) fn load_finished(
    text: &str,
    variants: Option<&str>,
    sets: &[String],
) -> Option<Experiment> {
    let search = SearchPath::default();
    let options = LoadOptions {
        sets,
        search: &search,
        lookup: &Everything,
        names: &AnyName(systems::SECTIONS),
    };
    let named = |text| NamedText {
        name: "scenario.yaml",
        text,
    };
    load_with_variants(named(text), variants.map(named), options).ok()
}

fn twice(given: &[Given]) -> Option<(String, u64)> {
    let mut keys: Vec<(&str, u64)> = given
        .iter()
        .map(|given| (given.candidate.as_str(), given.run.seed))
        .collect();
    keys.sort_unstable();
    let pair = keys.windows(2).find(|pair| pair[0] == pair[1])?;
    Some((pair[0].0.to_owned(), pair[0].1))
}

fn baseline(given: &[Given], settings: &Settings) -> Result<String, CompareError> {
    let names = given.iter().map(|given| given.candidate.as_str());
    let first = names.clone().next().unwrap_or_default();
    if names.clone().all(|name| name == first) {
        return Err(CompareError::OneCandidate(format!("`{first}`")));
    }
    match &settings.baseline {
        None => Ok(first.to_owned()),
        Some(name) if names.clone().any(|known| known == name) => Ok(name.clone()),
        Some(name) => Err(CompareError::UnknownBaseline {
            name: name.clone(),
            hint: nearest::hint(name, names),
        }),
    }
}

fn same_inputs(
    runs: &[Finished],
    given: &[Given],
    baseline: &str,
    notes: &mut Vec<String>,
) -> Result<(), CompareError> {
    let refuse = |name: &str, fields: String| CompareError::DifferentInputs {
        name: name.to_owned(),
        baseline: baseline.to_owned(),
        fields,
    };
    let own = given.iter().find(|given| given.candidate == baseline);
    let Some(own) = own else {
        return Ok(());
    };
    for other in given {
        let Some((base, head)) = own.inputs.as_ref().zip(other.inputs.as_ref()) else {
            // An old folder without a scenario that can be read: the files must do.
            continue;
        };
        let conflicts = base.conflicts(head);
        if !conflicts.is_empty() {
            return Err(refuse(&other.candidate, listed(&conflicts)));
        }
        let remarks = base.remarks(head);
        if !remarks.is_empty() {
            notes.push(format!(
                "`{}` differs from `{baseline}` in more than the system: {}",
                other.candidate,
                listed(&remarks)
            ));
        }
    }
    let hashes = |run: &Finished| {
        let mut all: Vec<String> = run
            .summary
            .inputs
            .iter()
            .map(|i| i.blake3.clone())
            .collect();
        all.sort();
        all
    };
    if let Some((first, others)) = runs.split_first() {
        for other in others {
            if other.summary.name != first.summary.name {
                let (a, b) = (&first.summary.name, &other.summary.name);
                return Err(refuse(
                    &other.name,
                    format!("the experiments are `{a}` and `{b}`"),
                ));
            }
            if hashes(other) != hashes(first) {
                return Err(refuse(&other.name, "the files they read".to_owned()));
            }
            let programs = [first, other].map(|run| run.summary.program());
            if programs[0] != programs[1] {
                notes.push(format!(
                    "`{}` was run by windtunnel {}, `{}` by {}",
                    first.name, programs[0], other.name, programs[1]
                ));
            }
        }
    }
    Ok(())
}

/// Refuses runs that are measured from other instants than the baseline's: each that ended its warm-up by itself
/// has its own cut, and a pair needs one (`window: auto`).
fn same_windows(given: &[Given], baseline: &str) -> Result<(), CompareError> {
    let from = |own: &Given| own.run.metrics.get("window.from")?.value;
    let of_baseline = given.iter().filter(|own| own.candidate == baseline);
    for base in of_baseline {
        let mut heads = given.iter().filter(|own| own.run.seed == base.run.seed);
        let other = heads.find_map(|head| {
            let (one, other) = from(base).zip(from(head))?;
            (one.total_cmp(&other).is_ne()).then_some((head, one, other))
        });
        if let Some((head, one, other)) = other {
            return Err(CompareError::DifferentInputs {
                name: head.candidate.clone(),
                baseline: baseline.to_owned(),
                fields: format!(
                    "with seed {} the measured window begins at {other} s against {one} s, as `metrics.window` \
                     is `auto` (compare the experiment itself, which cuts both alike, or state the window)",
                    head.run.seed
                ),
            });
        }
    }
    Ok(())
}

/// The candidates with their runs by seed, the baseline first. Each shares a seed with the baseline;
/// which seeds others have changes nothing.
fn candidates(given: Vec<Given>, baseline: &str) -> Result<Vec<Candidate>, CompareError> {
    let mut order: Vec<String> = vec![baseline.to_owned()];
    let mut runs: SortedMap<String, SortedMap<u64, VariantSummary>> = SortedMap::new();
    for given in given {
        if !order.contains(&given.candidate) {
            order.push(given.candidate.clone());
        }
        runs.entry(given.candidate)
            .or_default()
            .insert(given.run.seed, given.run);
    }
    let seeds_of = |name: &str| -> Vec<u64> {
        runs.get(name)
            .map(|of| of.keys().copied().collect())
            .unwrap_or_default()
    };
    let seeds = seeds_of(baseline);
    for name in &order {
        let own = seeds_of(name);
        if !seeds.iter().any(|seed| own.contains(seed)) {
            let words = |seeds: &[u64]| {
                let words: Vec<String> = seeds.iter().map(ToString::to_string).collect();
                words.join(", ")
            };
            return Err(CompareError::NoSharedSeed {
                name: name.clone(),
                baseline: baseline.to_owned(),
                head: words(&own),
                base: words(&seeds),
            });
        }
    }
    let candidates = order.into_iter().map(|name| {
        let own = runs.remove(&name).unwrap_or_default();
        Candidate {
            name,
            by_seed: own.into_values().collect(),
            ..Candidate::default()
        }
    });
    Ok(candidates.collect())
}
