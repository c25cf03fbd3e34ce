//! `tune`: the judge in an optimiser's loop. Candidates come in, and each is answered by its score, paired
//! verdicts against the best so far and the base, and the first decision in which it differs from the best.
//!
//! The n-th run of every candidate has the n-th seed. Where no seed changes the base, the first run is of the
//! input as it is, and the n-th of the n-th perturbation of it.
//!
//! Racing: a candidate gets a few runs first, then twice as many, and so on. It is dropped, before it gets more,
//! if the 95 % interval of its mean paired difference from the best so far lies on the worse side of zero. The
//! best so far is that before the candidate's batch, so that answers don't depend on threads.
//!
//! A candidate is the best if it has all of its runs and a better mean difference from the base than all
//! before it. At the end, runs that none has seen decide between the best few and the base: paired tests,
//! corrected by Holm for their number.

mod answer;
mod divergence;
mod error;
mod ground;
mod held_out;
mod log;
mod request;
mod run;
#[cfg(test)]
mod tests;
mod trial;

use serde_json::Value as Json;

use crate::compare::{CompareError, Question, question_of};
use crate::folder::KeptFolder;
use crate::program;
use crate::replicate::{Work, Workers, replicate};
use crate::summary::MetricSummary;
use metrics::Direction;
use units::SortedSet;

pub use answer::{Answer, Final, Reference, Status, Versus};
pub use error::TuneError;
pub use ground::Ground;
pub use log::LOG_FILE;
pub use request::{LINE_MAX, Request, Submission};

use answer::{ends, settings};
use divergence::divergence;
use log::{Divergence, Head, Line, Log};
use request::Candidate;
use trial::{Bench, Trial, judged};

/// Fewest runs from which a spread can be estimated.
pub const SEEDS_MIN: usize = 2;

/// Settings of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Id of the metric.
    pub metric: String,
    /// Better direction; that of the metric by default.
    pub goal: Option<Direction>,
    /// Most runs of a candidate.
    pub seeds: usize,
    /// Runs before a candidate may be dropped.
    pub first_seeds: usize,
    /// Held-out runs of each workload.
    pub held_out: usize,
    /// Most candidates that the held-out runs decide between.
    pub finalists: usize,
    /// Seconds of CPU that the search may take.
    pub budget_seconds: Option<f64>,
}

/// Surroundings of a search.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Threads, signals and shared manifests.
    pub workers: Workers<'a>,
    /// Seconds of CPU that the program and those that it ran have used.
    pub clock: &'a (dyn Fn() -> f64 + Sync),
}

/// A candidate among the best.
struct Ranked {
    id: Json,
    settings: Json,
    trial: Trial,
    /// Mean difference from the base, positive where it is better.
    gain: f64,
}

/// A search under way.
pub struct Tuner<'a> {
    ground: Ground,
    held_out: Vec<Ground>,
    settings: Settings,
    question: Question,
    bench: Bench<'a>,
    log: Log,
    base: Trial,
    /// The best candidates, best first.
    ranked: Vec<Ranked>,
    ids: SortedSet<String>,
    /// Candidates that were answered, those that were dropped, and those without a result.
    counts: [usize; 3],
    /// Hashes of candidates whose runs are part of what is spent, and with those of best ones of divergences.
    counted: SortedSet<[String; 2]>,
    spent_seconds: f64,
    is_spent: bool,
}

impl<'a> Tuner<'a> {
    /// Measures the base, or takes it from the log of the folder.
    ///
    /// # Errors
    /// If the base has no result, the metric is unknown, or the folder holds another search.
    pub fn open(
        ground: Ground,
        held_out: Vec<Ground>,
        mut settings: Settings,
        folder: KeptFolder,
        around: Surroundings<'a>,
    ) -> Result<Self, TuneError> {
        settings.first_seeds = settings.first_seeds.min(settings.seeds);
        let mut log = Log::open(folder)?;
        let head = if let Some(head) = log.head() {
            head.clone()
        } else {
            let head = probe(&ground, &settings.metric, around.workers)?;
            log.begin(head)?
        };
        let checks = [
            (head.program == program::identity(), "another program"),
            (
                head.experiment == ground.hash,
                "another experiment or other files",
            ),
            (head.metric == settings.metric, "another metric"),
        ];
        if let Some((_, what)) = checks.into_iter().find(|(is_same, _)| !is_same) {
            return Err(log.other(what));
        }
        let question = question(&head, settings.goal)?;
        let bench = Bench {
            workers: around.workers,
            clock: around.clock,
            metric: settings.metric.clone(),
            is_shaken: head.perturbed,
        };
        let mut base = Trial {
            key: ground.key(&ground.base),
            experiment: Some(ground.base.clone()),
            ..Trial::default()
        };
        base.recall(&log);
        bench.fill(&mut [&mut base], settings.seeds)?;
        if let Some(why) = &base.failure {
            return Err(TuneError::Base(why.clone()));
        }
        log.keep(base.line())?;
        Ok(Self {
            ground,
            held_out,
            settings,
            question,
            bench,
            log,
            counted: [[base.key.clone(), String::new()]].into_iter().collect(),
            spent_seconds: base.cpu_seconds,
            base,
            ranked: Vec::new(),
            ids: SortedSet::new(),
            counts: [0; 3],
            is_spent: false,
        })
    }

    /// The first line for a client.
    pub fn ready(&self) -> Reference {
        Reference {
            experiment: self.ground.base.name.clone(),
            metric: self.settings.metric.clone(),
            goal: match self.question.direction {
                Direction::Lower => "minimize",
                _ => "maximize",
            },
            seeds: self.settings.seeds,
            first_seeds: self.settings.first_seeds,
            perturbed: self.bench.is_shaken,
            score: self.base.score(),
            interval: self.base.interval().map(ends),
        }
    }

    /// Whether the budget is spent, so that nothing more is measured.
    pub const fn is_spent(&self) -> bool {
        self.is_spent
    }

    /// Measures candidates side by side; the answers are in their order.
    ///
    /// # Errors
    /// If it was interrupted, or the log can't be written; mistakes in candidates are answers.
    pub fn ask(&mut self, asked: Vec<Submission>) -> Result<Vec<Answer>, TuneError> {
        let budget = self.settings.budget_seconds.unwrap_or(f64::INFINITY);
        self.is_spent |= self.spent_seconds >= budget;
        let mut entrants: Vec<Entrant> = asked.into_iter().map(|own| self.entrant(own)).collect();
        if self.is_spent {
            let words = format!("the budget of {budget} s of CPU is spent");
            return Ok(entrants
                .into_iter()
                .map(|own| own.unmeasured(&words))
                .collect());
        }
        self.race(&mut entrants)?;
        entrants.into_iter().map(|own| self.settle(own)).collect()
    }

    /// A candidate with what is known of it.
    fn entrant(&mut self, asked: Submission) -> Entrant {
        let Submission { id, candidate } = asked;
        let mut entrant = Entrant {
            id,
            settings: Json::Null,
            is_dropped: false,
            trial: Trial::default(),
        };
        let loaded = candidate.and_then(|candidate| {
            entrant.settings = settings(&candidate);
            self.experiment(&entrant.id, &candidate)
        });
        match loaded {
            Ok(experiment) => {
                entrant.trial.key = self.ground.key(&experiment);
                entrant.trial.experiment = Some(experiment);
                entrant.trial.recall(&self.log);
            }
            Err(words) => entrant.trial.failure = Some(words),
        }
        entrant
    }

    fn experiment(
        &mut self,
        id: &Json,
        candidate: &Candidate,
    ) -> Result<scenario::Experiment, String> {
        if *id == "base" {
            return Err("`base` is the id of the base; give another one".to_owned());
        }
        if !self.ids.insert(id.to_string()) {
            return Err(format!(
                "id {id} was given before; give each candidate its own"
            ));
        }
        let experiment = self.ground.candidate(candidate, self.log.folder())?;
        match self.ground.beside_system(&experiment) {
            Some(path) if !self.held_out.is_empty() => Err(format!(
                "`{path}` is not part of `system`, which is all that a held-out workload takes of a candidate"
            )),
            _ => Ok(experiment),
        }
    }

    /// Runs candidates until they have all of their runs or can't win any more.
    fn race(&self, entrants: &mut [Entrant]) -> Result<(), TuneError> {
        let best = self.ranked.first().map_or(&self.base, |own| &own.trial);
        let mut count = self.settings.first_seeds;
        loop {
            let racing = entrants.iter_mut().filter(|own| own.is_racing());
            let mut trials: Vec<&mut Trial> = racing.map(|own| &mut own.trial).collect();
            if trials.is_empty() {
                return Ok(());
            }
            self.bench.fill(&mut trials, count)?;
            if count == self.settings.seeds {
                return Ok(());
            }
            for entrant in entrants.iter_mut().filter(|own| own.is_racing()) {
                let found = judged(&self.question, best, &entrant.trial);
                let worse = found.interval.map(|own| match self.question.direction {
                    Direction::Lower => own.low > 0.0,
                    _ => own.high < 0.0,
                });
                entrant.is_dropped = worse == Some(true);
            }
            count = (count * 2).min(self.settings.seeds);
        }
    }

    /// Judges a candidate that has its runs, ranks it, and keeps what is known of it.
    fn settle(&mut self, entrant: Entrant) -> Result<Answer, TuneError> {
        self.counts[0] += 1;
        let (id, trial, is_dropped) = (entrant.id, entrant.trial, entrant.is_dropped);
        if let Some(error) = trial.failure {
            return Ok(self.fail(id, error, trial.cpu_seconds));
        }
        self.counts[1] += usize::from(is_dropped);
        let (best, best_id) = match self.ranked.first() {
            Some(own) => (&own.trial, own.id.clone()),
            None => (&self.base, "base".into()),
        };
        let of_best = judged(&self.question, best, &trial);
        let of_base = judged(&self.question, &self.base, &trial);
        let parted = match self.log.divergence(&trial.key, &best.key) {
            Some(known) => known.clone(),
            None => self.divergence(best, &trial)?,
        };
        let cpu_seconds = trial.cpu_seconds + parted.cpu_seconds;
        let parts = [
            ([trial.key.clone(), String::new()], trial.cpu_seconds),
            ([trial.key.clone(), best.key.clone()], parted.cpu_seconds),
        ];
        // The log answers what comes again, and it costs nothing.
        for (part, seconds) in parts {
            self.spent_seconds += if self.counted.insert(part) {
                seconds
            } else {
                0.0
            };
        }
        self.log.keep(Line {
            id: id.clone(),
            candidate: entrant.settings.clone(),
            best: best.key.clone(),
            divergence: parted.clone(),
            ..trial.line()
        })?;
        let gain = -self
            .question
            .direction
            .worsening(of_base.difference.unwrap_or(0.0));
        let is_best = !is_dropped && gain > self.ranked.first().map_or(0.0, |own| own.gain);
        let answer = Answer {
            id: id.clone(),
            status: if is_dropped {
                Status::Dropped
            } else {
                Status::Done
            },
            score: trial.score(),
            interval: trial.interval().map(ends),
            seeds: trial.used,
            against_best: Some(Versus::of(best_id, &of_best)),
            against_base: Some(Versus::of("base".into(), &of_base)),
            best: is_best,
            divergence: parted.found,
            cpu_seconds: hundredths(cpu_seconds),
            error: None,
        };
        if !is_dropped && gain > 0.0 {
            self.rank(Ranked {
                id,
                settings: entrant.settings,
                trial,
                gain,
            });
        }
        Ok(answer)
    }

    /// Answer to a candidate without a result.
    fn fail(&mut self, id: Json, error: String, cpu_seconds: f64) -> Answer {
        self.counts[2] += 1;
        self.spent_seconds += cpu_seconds;
        Answer {
            cpu_seconds: hundredths(cpu_seconds),
            ..Answer::mistake(id, error)
        }
    }

    /// First decision of a candidate that differs from the best one's.
    fn divergence(&self, best: &Trial, own: &Trial) -> Result<Divergence, TuneError> {
        if best.begins_as(own) {
            return Ok(Divergence::default());
        }
        let workers = self.bench.workers;
        let before = (self.bench.clock)();
        let find = || divergence(best, own, workers.interrupted);
        Ok(Divergence {
            found: workers.pool()?.install(find)?,
            cpu_seconds: ((self.bench.clock)() - before).max(0.0),
        })
    }

    /// Puts a candidate among the best, if it belongs there and decides unlike each of them.
    fn rank(&mut self, own: Ranked) {
        if self
            .ranked
            .iter()
            .any(|other| other.trial.is_same(&own.trial))
        {
            return;
        }
        let place = self.ranked.partition_point(|other| other.gain >= own.gain);
        self.ranked.insert(place, own);
        self.ranked.truncate(self.settings.finalists.max(1));
        // Only the best one's decisions are compared.
        for other in self.ranked.iter_mut().skip(1) {
            other.trial.course = None;
        }
    }
}

/// Seconds as they are shown.
fn hundredths(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

/// A candidate in a race.
struct Entrant {
    id: Json,
    settings: Json,
    is_dropped: bool,
    trial: Trial,
}

impl Entrant {
    fn is_racing(&self) -> bool {
        !self.is_dropped && self.trial.failure.is_none()
    }

    fn unmeasured(self, words: &str) -> Answer {
        Answer {
            status: Status::Unmeasured,
            ..Answer::mistake(self.id, words.to_owned())
        }
    }
}

/// Runs the base twice, to see whether the metric is there and whether seeds matter.
fn probe(ground: &Ground, metric: &str, workers: Workers<'_>) -> Result<Head, TuneError> {
    let work = [0, 1].map(|step| Work {
        variant: 0,
        seed: ground.seed().wrapping_add(step),
        shake: None,
        is_drawn: false,
    });
    let runs = replicate(&ground.base, &work, workers)?;
    let runs: Vec<_> = runs.into_iter().map(|own| own.summary).collect();
    let known = &runs[0].metrics;
    let found = known.get(metric).ok_or_else(|| {
        CompareError::unknown_metric("--metric", metric, known.keys().map(String::as_str))
    })?;
    Ok(Head {
        program: program::identity().to_owned(),
        experiment: ground.hash.clone(),
        metric: metric.to_owned(),
        unit: found.unit.clone(),
        better: found.better.clone(),
        perturbed: crate::compare::is_same_for_any_seed(&runs),
    })
}

/// The question about the metric, with the direction that is better.
fn question(head: &Head, goal: Option<Direction>) -> Result<Question, TuneError> {
    let metric = MetricSummary {
        unit: head.unit.clone(),
        better: head.better.clone(),
        ..MetricSummary::default()
    };
    let mut question = question_of(&head.metric, &metric, true);
    question.direction = goal.unwrap_or(question.direction);
    if question.direction == Direction::None {
        return Err(TuneError::Input(format!(
            "--metric: `{}` has no better direction; say `--goal maximize` or `--goal minimize`",
            head.metric
        )));
    }
    Ok(question)
}
