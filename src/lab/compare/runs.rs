//! Making the runs of a comparison: which seeds, when the input is shaken instead, how many more.
//! Every pair of the baseline and a candidate gets the runs that it would get alone.

use super::all_pairs;
use super::blocks::{blocks_note, log_blocks};
use super::comparable::{CandidateRun, same_decisions, statements};
use super::pairing::{Candidate, Method, SHAKES_PER_SEED, is_deterministic, paired};
use super::same_inputs::same_inputs;
use super::study::{Pair, Study, judge_candidates};
use super::{CompareError, Settings};
use crate::own_program::{ProgramError, program_hashes};
use crate::replicate::{
    BlockCensus, Perturbation, Replicate, RunKeys, RunRecords, SHAKE_OF_GAP, SHAKE_OF_RUN_TIME,
    Work, Workers, replicate_paired,
};
use crate::summary::VariantSummary;
use history::VariantData;
use scenario::Experiment;
use scenario::schema::{Arrivals, MeasuredWindow, Order, WorkloadSource};
use units::{Duration, nearest};

/// A comparison and the runs behind it.
pub struct Made {
    /// The comparison.
    pub study: Study,
    /// The candidates with all of their runs, the baseline first.
    pub candidates: Vec<Candidate>,
    /// Report data of their first runs.
    pub drawn: Vec<VariantData>,
    /// Every run that was made.
    pub runs: usize,
}

impl Made {
    /// The runs with the first seed on the input as it is, as a summary shows them, in the order of
    /// the candidates.
    pub fn first(&self) -> Vec<VariantSummary> {
        let first = |candidate: &Candidate| candidate.by_seed.first().cloned();
        self.candidates.iter().filter_map(first).collect()
    }
}

/// The seeds of a comparison: so many in a row from the scenario's own.
pub fn seeds_from(first: u64, count: usize) -> Vec<u64> {
    (0..count as u64)
        .map(|step| first.wrapping_add(step))
        .collect()
}

/// Runs the variants of an experiment with paired seeds, and judges them. Runs that have records are taken from
/// there.
///
/// Seeds are those from the first variant's on. Where neither the baseline's nor a candidate's run
/// depends on the seed, these two meet one deterministic case: it is run as it is, and shaken
/// [`SHAKES_PER_SEED`] times for each seed.
///
/// # Errors
/// If the candidates can't be compared or a run fails.
pub fn run(
    experiment: &Experiment,
    settings: &Settings,
    workers: Workers<'_>,
    records: Option<&RunRecords>,
) -> Result<Made, CompareError> {
    let experiment = baseline_first(experiment, settings)?;
    let notes = same_inputs(&experiment, workers)?;
    let keys = records.map(|_| run_keys(&experiment)).transpose()?;
    let mut runs = Runs::new(&experiment, settings, workers, records.zip(keys.as_ref()))?;
    runs.begin(settings.seeds)?;
    runs.fill()?;
    let mut study = runs.judge(settings)?;
    while settings.precision.is_some() && runs.want_more(&study, settings) {
        runs.fill()?;
        study = runs.judge(settings)?;
    }
    study.notes = runs.notes(notes);
    Ok(Made {
        study,
        candidates: runs.candidates,
        drawn: runs.drawn,
        runs: runs.made,
    })
}

/// Makes the part of the runs of a comparison that falls to a process, for [`run`] to take from their records. The
/// first two runs of each candidate, which tell whether seeds matter, are made by every process.
///
/// # Errors
/// If the candidates can't be compared or a run fails.
pub fn run_part(
    experiment: &Experiment,
    settings: &Settings,
    workers: Workers<'_>,
    records: &RunRecords,
) -> Result<(), CompareError> {
    let experiment = baseline_first(experiment, settings)?;
    same_inputs(&experiment, workers)?;
    let keys = run_keys(&experiment)?;
    let mut runs = Runs::new(&experiment, settings, workers, Some((records, &keys)))?;
    runs.begin(settings.seeds)?;
    let mut work = runs.all_lacking();
    work.retain(|work| records.shard().has_key(&keys.key(*work)));
    runs.make(&work)
}

/// Keys of the runs of an experiment.
pub(super) fn run_keys(experiment: &Experiment) -> Result<RunKeys, CompareError> {
    let programs = experiment.variants.iter().map(|plan| {
        program_hashes(&plan.scenario).map_err(|error| match error {
            ProgramError::Trace(error) => CompareError::Experiment(error.into()),
            ProgramError::Unknown(_) => CompareError::OwnProgram {
                variant: plan.name.clone(),
                why: error.to_string(),
            },
        })
    });
    let programs: Vec<_> = programs.collect::<Result<_, CompareError>>()?;
    Ok(RunKeys::of(experiment, &programs)?)
}

/// The experiment with the baseline as its first variant, where there is something to compare.
pub(super) fn baseline_first(
    experiment: &Experiment,
    settings: &Settings,
) -> Result<Experiment, CompareError> {
    let mut experiment = experiment.clone();
    if experiment.variants.len() < 2 {
        return Err(CompareError::OneCandidate(format!("`{}`", experiment.name)));
    }
    if settings.all_pairs {
        all_pairs::check(experiment.variants.len(), settings.seeds)?;
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

/// Input of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    AsItIs,
    Shaken,
}

/// Runs of the candidates of a comparison, as far as they are made.
pub(super) struct Runs<'a> {
    experiment: &'a Experiment,
    /// Records of runs, and their keys.
    records: Option<(&'a RunRecords, &'a RunKeys)>,
    /// Length of the blocks that logs are drawn from, instead of seeds.
    block: Option<Duration>,
    census: Option<BlockCensus>,
    workers: Workers<'a>,
    seed: u64,
    /// Number of seeds asked for.
    seeds: usize,
    /// Whether candidates are compared among each other, too.
    all_pairs: bool,
    candidates: Vec<Candidate>,
    /// Number of seeds that each candidate is to have, or to be perturbed for; the baseline's entry is
    /// not used.
    wanted: Vec<usize>,
    drawn: Vec<VariantData>,
    made: usize,
}

impl<'a> Runs<'a> {
    /// No run yet of the candidates, the first of which is the baseline.
    pub(super) fn new(
        experiment: &'a Experiment,
        settings: &Settings,
        workers: Workers<'a>,
        records: Option<(&'a RunRecords, &'a RunKeys)>,
    ) -> Result<Self, CompareError> {
        let block = settings.block.map(Duration::from_nanos);
        let census = block.map(|block| log_blocks(experiment, block, settings, workers));
        let census = census.transpose()?;
        Ok(Self {
            experiment,
            records,
            block,
            census,
            workers,
            seed: experiment.variants[0].scenario.seed,
            seeds: settings.seeds,
            all_pairs: settings.all_pairs,
            candidates: (experiment.variants.iter())
                .map(|plan| Candidate {
                    name: plan.name.clone(),
                    blocks: census.map_or(0, |census| census.blocks),
                    ..Candidate::default()
                })
                .collect(),
            wanted: vec![settings.seeds; experiment.variants.len()],
            drawn: Vec::new(),
            made: 0,
        })
    }

    /// Makes the first two runs of everybody, which tell whether seeds matter at all.
    pub(super) fn begin(&mut self, seeds: usize) -> Result<(), CompareError> {
        let work = self.beginning(seeds);
        self.make(&work)
    }

    pub(super) fn beginning(&self, seeds: usize) -> Vec<Work> {
        let as_it_is = if self.block.is_some() {
            1
        } else {
            seeds.min(2)
        };
        self.lacking(Form::AsItIs, &vec![as_it_is; self.candidates.len()])
    }

    /// Returns whether seeds change the runs of neither of two candidates, or are not to.
    fn is_shaken(&self, pair: [usize; 2]) -> bool {
        let mut both = pair.into_iter();
        self.block.is_some() || both.all(|at| is_deterministic(&self.candidates[at], self.seeds))
    }

    /// The pairs of candidates that are compared.
    fn pairs(&self) -> impl Iterator<Item = [usize; 2]> {
        let count = self.candidates.len();
        let bases = if self.all_pairs { count } else { 1 };
        (0..bases).flat_map(move |base| (base + 1..count).map(move |head| [base, head]))
    }

    /// Makes what the pairs lack. Runs by seed may show that only perturbations tell more.
    fn fill(&mut self) -> Result<(), CompareError> {
        self.fill_once()?;
        self.fill_once()
    }

    /// Makes what the pairs lack by what is known of them.
    fn fill_once(&mut self) -> Result<(), CompareError> {
        let work = self.all_lacking();
        self.make(&work)
    }

    /// The runs that the pairs lack by what is known of them.
    pub(super) fn all_lacking(&self) -> Vec<Work> {
        let count = self.candidates.len();
        let (mut by_seed, mut shaken) = (vec![0; count], vec![0; count]);
        for pair in self.pairs() {
            let seeds = self.wanted[pair[1]];
            let (wanted, count) = if self.is_shaken(pair) {
                (&mut shaken, SHAKES_PER_SEED * seeds)
            } else {
                (&mut by_seed, seeds)
            };
            for at in pair {
                wanted[at] = wanted[at].max(count);
            }
        }
        let mut work = self.lacking(Form::AsItIs, &by_seed);
        work.extend(self.lacking(Form::Shaken, &shaken));
        work
    }

    /// The runs of a form that candidates lack to have so many each.
    fn lacking(&self, form: Form, wanted: &[usize]) -> Vec<Work> {
        let most = wanted.iter().copied().max().unwrap_or(0);
        let have = |candidate: &Candidate| match form {
            Form::AsItIs => candidate.by_seed.len(),
            Form::Shaken => candidate.shaken.len(),
        };
        let is_lacking = |number: usize, variant: usize| {
            (have(&self.candidates[variant])..wanted[variant]).contains(&number)
        };
        // Seed by seed, so that an early end has compared something.
        let places = (0..most).flat_map(|number| (0..wanted.len()).map(move |at| (number, at)));
        let lacking = places.filter(|&(number, variant)| is_lacking(number, variant));
        let work = lacking.map(|(number, variant)| Work {
            variant,
            seed: match form {
                Form::AsItIs => self.seed.wrapping_add(number as u64),
                Form::Shaken => self.seed,
            },
            shake: (form == Form::Shaken).then_some(Perturbation {
                number: number as u64,
                block: self.block,
            }),
            is_drawn: form == Form::AsItIs && number == 0,
        });
        work.collect()
    }

    fn make(&mut self, work: &[Work]) -> Result<(), CompareError> {
        let results = replicate_paired(self.experiment, work, self.workers, self.records)?;
        self.made += results.len();
        for (work, Replicate { summary, drawn, .. }) in work.iter().zip(results) {
            let candidate = &mut self.candidates[work.variant];
            let runs = match work.shake {
                None => &mut candidate.by_seed,
                Some(_) => &mut candidate.shaken,
            };
            runs.push(summary);
            self.drawn.extend(drawn);
        }
        Ok(())
    }

    fn judge(&self, settings: &Settings) -> Result<Study, CompareError> {
        judge_candidates(&self.experiment.name, &self.candidates, settings)
    }

    /// Asks for more runs of the pairs whose intervals are too wide; whether there are any. Candidates that are
    /// ranked have the same seeds.
    fn want_more(&mut self, study: &Study, settings: &Settings) -> bool {
        let target = settings.precision.unwrap_or(f64::INFINITY);
        let is_wide = |pair: &Pair| pair.wide(target).next().is_some();
        let is_any_wide = self.all_pairs && study.every_pair().any(is_wide);
        let mut is_any = false;
        for (pair, wanted) in study.pairs.iter().zip(&mut self.wanted[1..]) {
            if *wanted < settings.seeds_max && (is_any_wide || is_wide(pair)) {
                *wanted = (*wanted + (*wanted / 2).max(5)).min(settings.seeds_max);
                is_any = true;
            }
        }
        is_any
    }

    fn notes(&self, mut notes: Vec<String>) -> Vec<String> {
        let Some((baseline, others)) = self.candidates.split_first() else {
            return notes;
        };
        let pairs: Vec<_> = others
            .iter()
            .map(|own| (own, paired(baseline, own)))
            .collect();
        let by = |is: fn(&Method) -> bool| -> Vec<&str> {
            let of = pairs.iter().filter(|(_, pair)| is(&pair.method));
            of.map(|(own, _)| own.name.as_str()).collect()
        };
        let whom = |names: &[&str]| match names.len() {
            all if all == pairs.len() => String::new(),
            _ => format!("{} against `{}`: ", quoted(names), baseline.name),
        };
        let shaken = by(|method| matches!(method, Method::Shaking { .. }));
        if !shaken.is_empty() {
            notes.push(format!(
                "{}one deterministic input, on which no seed changes what is measured: points, \
                 intervals and verdicts are over perturbations of it, {SHAKES_PER_SEED} for each seed asked for \
                 (arrivals moved by up to {} % of the gap to the nearer neighbour, run times by up to {} %)",
                whom(&shaken),
                SHAKE_OF_GAP * 100.0,
                SHAKE_OF_RUN_TIME * 100.0
            ));
        }
        notes.extend(
            self.block
                .zip(self.census)
                .map(|(block, census)| blocks_note(block, census)),
        );
        let whole = by(|method| matches!(method, Method::Whole { .. }));
        if !whole.is_empty() {
            notes.push(format!(
                "{}one deterministic input that no perturbation changes: the difference is exact",
                whom(&whole)
            ));
        }
        let by_seed = by(|method| matches!(method, Method::Seeds { .. }));
        if !by_seed.is_empty() && is_one_trace(self.experiment) {
            notes.push(format!(
                "{}every seed runs the same recorded workload: intervals cover draws of the \
                 system (ties, start-up, failures), not other workloads",
                whom(&by_seed)
            ));
        }
        let mut plans = self.experiment.variants.iter();
        if plans.any(|plan| plan.scenario.metrics.window == MeasuredWindow::Auto) {
            notes.push(
                "with each seed all candidates are measured from the latest end of their warm-ups \
                 on (`window.from`)"
                    .to_owned(),
            );
        }
        let runs = self.candidates.iter().filter_map(|own| {
            let (name, run) = (own.name.as_str(), own.by_seed.first()?);
            Some(CandidateRun { name, run })
        });
        notes.extend(statements(&runs.collect::<Vec<_>>()));
        for candidate in &self.candidates {
            let gaps = candidate.by_seed.first().into_iter();
            let gaps = gaps.flat_map(|run| &run.unexpressed);
            notes.extend(gaps.map(|gap| format!("`{}` {}", candidate.name, gap.words())));
        }
        let all = &self.candidates;
        let names: Vec<&str> = all.iter().map(|own| own.name.as_str()).collect();
        notes.extend(same_decisions(&names, |one, other| {
            paired(&all[one], &all[other]).is_same()
        }));
        notes
    }
}

/// Names in words.
fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
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
