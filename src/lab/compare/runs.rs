//! Making the runs of a comparison: which seeds, when the input is shaken instead, how many more.

use super::study::{Candidate, Method, Study, judge_candidates};
use super::{CompareError, Inputs, Settings};
use crate::experiment::ExperimentError;
use crate::hashes::input_hashes;
use crate::replicate::{Replicate, SHAKE_OF_RUN_TIME, Work, Workers, replicate};
use crate::report_data::VariantData;
use crate::summary::VariantSummary;
use scenario::Experiment;
use scenario::schema::{Arrivals, Order, WorkloadSource};
use units::nearest;

/// A comparison and the runs behind it.
pub struct Made {
    /// The comparison.
    pub study: Study,
    /// The runs with the first seed, as a summary shows them, in the order of the candidates.
    pub first: Vec<VariantSummary>,
    /// Report data of those runs.
    pub drawn: Vec<VariantData>,
    /// Every run that was made.
    pub runs: usize,
}

/// The seeds of a comparison: so many in a row from the scenario's own.
pub fn seeds_from(first: u64, count: usize) -> Vec<u64> {
    (0..count as u64)
        .map(|step| first.wrapping_add(step))
        .collect()
}

/// Runs the variants of an experiment with paired seeds, and judges them.
///
/// Seeds are those from the first variant's on. Where no candidate's run depends on the seed, the
/// input is one deterministic case: it is run as it is, and shaken as often as there were to be
/// seeds.
///
/// # Errors
/// If the candidates can't be compared or a run fails.
pub fn run(
    experiment: &Experiment,
    settings: &Settings,
    workers: Workers<'_>,
) -> Result<Made, CompareError> {
    let experiment = baseline_first(experiment, settings)?;
    let notes = same_inputs(&experiment)?;
    let mut runs = Runs {
        experiment: &experiment,
        workers,
        seed: experiment.variants[0].scenario.seed,
        candidates: Vec::new(),
        drawn: Vec::new(),
        made: 0,
        is_shaken: false,
    };
    runs.begin(settings.seeds)?;
    let mut count = settings.seeds;
    runs.extend_to(count)?;
    let mut study = runs.judge(settings)?;
    while count < settings.seeds_max && study.precision.as_ref().is_some_and(|p| !p.wide.is_empty())
    {
        count = (count + (count / 2).max(5)).min(settings.seeds_max);
        runs.extend_to(count)?;
        study = runs.judge(settings)?;
    }
    study.notes = runs.notes(notes);
    let first = runs.candidates.iter().map(|candidate| {
        let run = candidate
            .exact
            .as_ref()
            .or_else(|| candidate.replicates.first());
        run.cloned().expect("invariant: every candidate has run")
    });
    Ok(Made {
        study,
        first: first.collect(),
        drawn: runs.drawn,
        runs: runs.made,
    })
}

/// The experiment with the baseline as its first variant.
fn baseline_first(
    experiment: &Experiment,
    settings: &Settings,
) -> Result<Experiment, CompareError> {
    let mut experiment = experiment.clone();
    if experiment.variants.len() < 2 {
        return Err(CompareError::OneCandidate {
            found: format!("`{}`", experiment.name),
        });
    }
    if let Some(name) = &settings.baseline {
        let names = experiment.variants.iter().map(|plan| plan.name.as_str());
        let place = names.clone().position(|known| known == name);
        let Some(place) = place else {
            return Err(CompareError::UnknownBaseline {
                name: name.clone(),
                hint: nearest::hint(name, names),
            });
        };
        let plan = experiment.variants.remove(place);
        experiment.variants.insert(0, plan);
    }
    Ok(experiment)
}

/// Whether all candidates are given the same; in words what differs that may.
fn same_inputs(experiment: &Experiment) -> Result<Vec<String>, CompareError> {
    let files = input_hashes(experiment).map_err(ExperimentError::from)?;
    let inputs: Vec<Inputs> = (experiment.variants.iter())
        .map(|plan| Inputs::of(&plan.scenario, &files))
        .collect();
    let name = |index: usize| experiment.variants[index].name.clone();
    let mut notes = Vec::new();
    for (index, other) in inputs.iter().enumerate().skip(1) {
        let conflicts = inputs[0].conflicts(other);
        if !conflicts.is_empty() {
            return Err(CompareError::DifferentInputs {
                name: name(index),
                baseline: name(0),
                fields: listed(&conflicts),
            });
        }
        let remarks = inputs[0].remarks(other);
        if !remarks.is_empty() {
            notes.push(format!(
                "`{}` differs from `{}` in more than the system: {}",
                name(index),
                name(0),
                listed(&remarks)
            ));
        }
    }
    Ok(notes)
}

/// Paths in words, not too many.
pub(super) fn listed(paths: &[String]) -> String {
    const SHOWN_MAX: usize = 5;
    let mut shown: Vec<String> = paths
        .iter()
        .take(SHOWN_MAX)
        .map(|p| format!("`{p}`"))
        .collect();
    if paths.len() > SHOWN_MAX {
        shown.push(format!("{} more", paths.len() - SHOWN_MAX));
    }
    shown.join(", ")
}

struct Runs<'a> {
    experiment: &'a Experiment,
    workers: Workers<'a>,
    seed: u64,
    candidates: Vec<Candidate>,
    drawn: Vec<VariantData>,
    made: usize,
    is_shaken: bool,
}

impl Runs<'_> {
    /// Makes the first two runs of everybody, which tell whether seeds matter at all.
    fn begin(&mut self, seeds: usize) -> Result<(), CompareError> {
        let names = self
            .experiment
            .variants
            .iter()
            .map(|plan| plan.name.clone());
        self.candidates = names
            .map(|name| Candidate {
                name,
                replicates: Vec::new(),
                exact: None,
            })
            .collect();
        self.extend_to(seeds.min(2))?;
        let is_alike = |candidate: &Candidate| {
            let mut digests = candidate.replicates.iter().map(|run| &run.digest);
            let first = digests.next();
            digests.all(|digest| Some(digest) == first)
        };
        if seeds > 1 && self.candidates.iter().all(is_alike) {
            self.is_shaken = true;
            for candidate in &mut self.candidates {
                candidate.exact = Some(candidate.replicates.swap_remove(0));
                candidate.replicates.clear();
            }
        }
        Ok(())
    }

    /// Adds runs until every candidate has so many.
    fn extend_to(&mut self, count: usize) -> Result<(), CompareError> {
        let have = self
            .candidates
            .first()
            .map_or(0, |candidate| candidate.replicates.len());
        let variants = self.experiment.variants.len();
        // Seed by seed, so that an early end has compared something.
        let work: Vec<Work> = (have..count)
            .flat_map(|replicate| (0..variants).map(move |variant| (replicate as u64, variant)))
            .map(|(number, variant)| Work {
                variant,
                seed: if self.is_shaken {
                    self.seed
                } else {
                    self.seed.wrapping_add(number)
                },
                shake: self.is_shaken.then_some(number),
                is_drawn: self.made == 0 && number == 0,
            })
            .collect();
        let results = replicate(self.experiment, &work, self.workers)?;
        self.made += results.len();
        for (work, Replicate { summary, drawn, .. }) in work.iter().zip(results) {
            self.candidates[work.variant].replicates.push(summary);
            self.drawn.extend(drawn);
        }
        Ok(())
    }

    fn judge(&self, settings: &Settings) -> Result<Study, CompareError> {
        let count = self
            .candidates
            .first()
            .map_or(0, |candidate| candidate.replicates.len());
        let method = if self.is_shaken {
            Method::Shaking {
                seed: self.seed,
                shakes: count as u64,
            }
        } else {
            Method::Seeds {
                seeds: seeds_from(self.seed, count),
            }
        };
        judge_candidates(&self.experiment.name, &self.candidates, method, settings)
    }

    fn notes(&self, mut notes: Vec<String>) -> Vec<String> {
        if self.is_shaken {
            notes.push(format!(
                "one deterministic input, without sampling error: differences are exact; \
                 intervals and verdicts come from perturbing it (arrivals moved by up to their \
                 mean distance, run times by up to {} %)",
                SHAKE_OF_RUN_TIME * 100.0
            ));
        } else if is_one_trace(self.experiment) {
            notes.push(
                "every seed runs the same recorded workload: intervals cover draws of the system \
                 (ties, start-up, failures), not other workloads"
                    .to_owned(),
            );
        }
        for candidate in &self.candidates {
            let first = candidate
                .exact
                .as_ref()
                .or_else(|| candidate.replicates.first());
            let gaps = first.iter().flat_map(|run| &run.unexpressed);
            notes.extend(gaps.map(|gap| format!("`{}` {}", candidate.name, gap.words())));
        }
        let digests = |candidate: &Candidate| -> Vec<String> {
            candidate
                .replicates
                .iter()
                .map(|run| run.digest.clone())
                .collect()
        };
        if let Some((baseline, others)) = self.candidates.split_first() {
            for other in others
                .iter()
                .filter(|other| digests(other) == digests(baseline))
            {
                notes.push(format!(
                    "`{}` makes the same decisions as `{}` in every run: equal digests",
                    other.name, baseline.name
                ));
            }
        }
        notes
    }
}

/// Whether what arrives is the same whatever the seed.
fn is_one_trace(experiment: &Experiment) -> bool {
    let is_fixed = |source: &WorkloadSource| match source {
        WorkloadSource::Trace(trace) => match &trace.arrivals {
            Arrivals::Times { .. } => true,
            Arrivals::FillUp { order, until, .. } => *order == Order::Trace && until.is_none(),
        },
        WorkloadSource::Manifests { .. } | WorkloadSource::Units { .. } => true,
        WorkloadSource::Generate(_) => false,
    };
    let mut plans = experiment.variants.iter();
    plans.all(|plan| plan.scenario.workload.iter().all(is_fixed))
}
