//! A candidate with its runs, and how two of them are paired. The n-th run of every candidate has the same
//! seed and the same input, so the differences of n-th runs are the sample.

use std::mem;

use super::TuneError;
use super::log::{Line, Log};
use super::run::Run;
use crate::compare::{CONFIDENCE, Judgement, Pairs, Question, decide, measure};
use crate::diff::Course;
use crate::experiment::ExperimentError;
use crate::replicate::{Perturbation, WatchedReplicate, Work, Workers, replicate_watched};
use crate::statistics::{Interval, Resamples, mean, student_interval};
use cluster::{Observer, Store};
use model::{Event, Pod};
use scenario::Experiment;
use units::Instant;

/// A candidate with its runs.
#[derive(Default)]
pub(super) struct Trial {
    /// Hash over all that decides its result.
    pub(super) key: String,
    /// The experiment, of one variant.
    pub(super) experiment: Option<Experiment>,
    /// Number of the first run among all that there could be.
    pub(super) first: usize,
    /// Runs from the first on; those of an earlier session may be more than count.
    pub(super) runs: Vec<Run>,
    /// Number of runs that count.
    pub(super) used: usize,
    /// Reason why it has no result.
    pub(super) failure: Option<String>,
    /// Seconds of CPU that its runs took.
    pub(super) cpu_seconds: f64,
    /// Decisions of its first run.
    pub(super) course: Option<Course>,
}

impl Trial {
    /// Whether no seed and no perturbation changes anything, so that more runs tell nothing.
    pub(super) fn is_constant(&self) -> bool {
        let is_copy = |run: &Run| run.digest == self.runs[0].digest && !run.chance;
        self.runs.len() > 1 && self.runs[..2].iter().all(is_copy)
    }

    /// Values that count.
    fn values(&self) -> Vec<f64> {
        let runs = self.runs.iter().take(self.used);
        runs.map(|run| run.value).collect()
    }

    /// Mean of the metric; none without a run.
    pub(super) fn score(&self) -> Option<f64> {
        mean(&self.values())
    }

    /// Student's interval of the mean; none of one that nothing changes.
    pub(super) fn interval(&self) -> Option<Interval> {
        let values = self.values();
        student_interval(&values, CONFIDENCE).filter(|_| !self.is_constant())
    }

    /// Values of the first `pairs` runs; a trial that nothing changes has one value for all.
    fn paired(&self, pairs: usize) -> impl Iterator<Item = Option<f64>> {
        let last = self.runs.len().min(self.used).saturating_sub(1);
        (0..pairs).map(move |at| Some(self.runs.get(at.min(last))?.value))
    }

    /// Takes the runs that the log has of it.
    pub(super) fn recall(&mut self, log: &Log) {
        if let Some(line) = log.line(&self.key, self.first) {
            self.runs.clone_from(&line.runs);
            self.cpu_seconds = line.cpu_seconds;
        }
    }

    /// Line of the log.
    pub(super) fn line(&self) -> Line {
        Line {
            key: self.key.clone(),
            first: self.first,
            runs: self.runs.clone(),
            cpu_seconds: self.cpu_seconds,
            ..Line::default()
        }
    }

    /// Whether its first run is that of another.
    pub(super) fn begins_as(&self, other: &Self) -> bool {
        let [own, other] = [self, other].map(|own| own.runs.first().map(|run| &run.digest));
        own == other
    }

    /// Whether all runs that count are those of another.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let runs = self.runs.iter().zip(&other.runs);
        runs.take(self.used)
            .all(|(own, other)| own.digest == other.digest)
    }
}

/// Pairs of a base and another; several workloads stand one after the other.
pub(super) fn pairs(both: &[[&Trial; 2]]) -> Pairs {
    let mut all = Pairs {
        is_whole: true,
        ..Pairs::default()
    };
    for [base, head] in both {
        let count = match (base.is_constant(), head.is_constant()) {
            (true, true) => 1,
            (true, false) => head.used,
            (false, true) => base.used,
            (false, false) => base.used.min(head.used),
        };
        all.is_whole &= base.is_constant() && head.is_constant();
        all.base.extend(base.paired(count));
        all.head.extend(head.paired(count));
    }
    // Of several workloads, the workload varies.
    all.is_whole &= both.len() == 1;
    all
}

/// One metric of a candidate against another. No verdict is corrected for other candidates.
pub(super) fn judged(question: &Question, base: &Trial, head: &Trial) -> Judgement {
    let mut judgement = measured(question, &[[base, head]]);
    decide([&mut judgement].into_iter());
    judgement
}

/// One metric of a candidate against another, before its verdict.
pub(super) fn measured(question: &Question, both: &[[&Trial; 2]]) -> Judgement {
    let pairs = pairs(both);
    // The bootstrap's second opinion is not asked for.
    measure(question, &pairs, &Resamples::draw(0, pairs.base.len(), 0))
}

/// Observer that keeps the decisions of a run, if they are wanted.
struct Watch(Option<Course>);

impl Observer for Watch {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        if let Some(course) = &mut self.0 {
            course.observe(at, event, ended, store);
        }
    }
}

/// Bench on which trials run.
pub(super) struct Bench<'a> {
    /// Threads, signals and shared manifests.
    pub(super) workers: Workers<'a>,
    /// Seconds of CPU that the program and those that it ran have used.
    pub(super) clock: &'a (dyn Fn() -> f64 + Sync),
    /// Id of the metric.
    pub(super) metric: String,
    /// Whether inputs are perturbed, as no seed changes the base.
    pub(super) is_shaken: bool,
}

impl Bench<'_> {
    /// Fills trials up to `count` runs each; failures stay with their trials.
    pub(super) fn fill(&self, trials: &mut [&mut Trial], count: usize) -> Result<(), TuneError> {
        let mut all: Option<Experiment> = None;
        let (mut work, mut owners) = (Vec::new(), Vec::new());
        for (place, trial) in trials.iter_mut().enumerate() {
            let lacking = if trial.is_constant() {
                0..0
            } else {
                trial.runs.len()..count
            };
            let Some(own) = trial
                .experiment
                .as_ref()
                .filter(|_| trial.failure.is_none())
            else {
                continue;
            };
            if !lacking.is_empty() {
                let all = all.get_or_insert_with(|| Experiment {
                    variants: Vec::new(),
                    ..own.clone()
                });
                let variant = all.variants.len();
                all.variants.extend_from_slice(&own.variants);
                all.files.extend(own.files.clone());
                let seed = own.variants[0].scenario.seed;
                work.extend(lacking.map(|run| self.work(variant, seed, trial.first + run)));
                owners.resize(work.len(), place);
            }
            trial.used = count;
        }
        if let Some(all) = all {
            let before = (self.clock)();
            // The first run of a search shows how it decides.
            let watch = |work: Work| {
                Watch((work.seed == all.variants[work.variant].scenario.seed).then(Course::default))
            };
            let results = replicate_watched(&all, &work, self.workers, watch)?;
            let each = ((self.clock)() - before).max(0.0) / work.len() as f64;
            for (place, result) in owners.into_iter().zip(results) {
                trials[place].cpu_seconds += each;
                self.take(trials[place], result);
            }
        }
        for trial in trials {
            // One that nothing changes has as many runs as show it.
            trial.used = trial.used.min(trial.runs.len());
        }
        Ok(())
    }

    fn work(&self, variant: usize, seed: u64, number: usize) -> Work {
        Work {
            variant,
            seed: seed.wrapping_add(number as u64),
            // The first run is of the input as it is.
            shake: (self.is_shaken && number > 0).then_some(Perturbation {
                number: number as u64,
                block: None,
            }),
            is_drawn: false,
        }
    }

    fn take(&self, trial: &mut Trial, result: Result<WatchedReplicate<Watch>, ExperimentError>) {
        if trial.failure.is_some() {
            return;
        }
        let found = result.map_err(|error| match error {
            ExperimentError::Variant { source, .. } => source.to_string(),
            other => other.to_string(),
        });
        let found = found.and_then(|mut run| {
            let metric = run.summary.metrics.remove(&self.metric);
            let note = metric.as_ref().and_then(|metric| metric.note.clone());
            let value = metric
                .and_then(|metric| metric.value)
                .filter(|own| own.is_finite());
            let value = value.ok_or_else(|| {
                let note = note.map_or_else(String::new, |note| format!(": {note}"));
                format!("`{}` has no value{note}", self.metric)
            })?;
            Ok((run, value))
        });
        match found {
            Ok((run, value)) => {
                trial.runs.push(Run {
                    value,
                    digest: run.summary.digest,
                    chance: run.summary.has_chance,
                });
                trial.course = mem::take(&mut trial.course).or(run.watch.0);
            }
            Err(words) => trial.failure = Some(words),
        }
    }
}
