//! Environments of `windtunnel.gym`: a run whose scheduler asks an agent, one decision at a time.
//!
//! The run is that of any policy outside, with an exchange that pauses it ([`coroutine`]) until the agent has
//! chosen; so an episode has the digest of a run with the same decisions.

pub(crate) mod board;
mod coroutine;
mod reward;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use control::{Answer, Exchange, ExchangeError, Question};
use lab::experiment::ExperimentError;
use lab::run::{RunError, Tables, prepare, run, run_watched};
use scenario::Experiment;
use scenario::schema::{AnswerFunction, AnswerSource, Answers, MeasuredWindow};
use scheduler::pipeline::evaluate::Form;
use sim::RunControl;
use units::SortedMap;
use world::FileSource;

use self::board::{Board, Choice};
use self::coroutine::{Course, Pause};
pub(crate) use self::reward::Reward;
use self::reward::{Purse, Rewarder};
use super::fault::Fault;

/// Settings that all episodes of an environment share.
pub(crate) struct Setting {
    /// The experiment, with one variant that asks.
    pub(crate) experiment: Experiment,
    /// Kind of decision.
    pub(crate) choice: Choice,
    /// Rule for rewards.
    pub(crate) reward: Reward,
    /// Whether metrics are measured.
    pub(crate) is_measured: bool,
}

/// Result of a run.
pub(crate) struct EpisodeEnd {
    /// Digest over all that happened.
    pub(crate) digest: String,
    /// Simulated seconds.
    pub(crate) seconds: f64,
    /// Decisions of all kinds.
    pub(crate) decisions: u64,
    /// Metrics by id, where they are measured.
    pub(crate) metrics: SortedMap<String, f64>,
}

/// One run, from its first decision to its end.
pub(crate) struct Episode {
    course: Course<Result<EpisodeEnd, Fault>>,
    desk: Desk,
    purse: Purse,
    reward: Reward,
    /// The end, once the run has come to it.
    pub(crate) end: Option<EpisodeEnd>,
}

/// Where the run and the agent meet.
#[derive(Clone)]
pub(crate) struct Desk {
    board: Arc<Mutex<Board>>,
    pause: Arc<Mutex<Option<Pause>>>,
    is_closed: Arc<AtomicBool>,
    /// Reason why a question could not be taken, if one couldn't.
    refusal: Arc<Mutex<Option<String>>>,
}

/// Exchange of a run with its desk.
struct Visitor(Desk);

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk")
    }
}

impl Desk {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answers for Desk {
    fn start(&self) -> Box<dyn Exchange> {
        Box::new(Visitor(self.clone()))
    }
}

impl Exchange for Visitor {
    fn ask(&mut self, question: &Question) -> Result<Answer, ExchangeError> {
        let Desk {
            board,
            pause,
            is_closed,
            refusal,
        } = &self.0;
        match self.0.board().take(question) {
            Ok(None) => {}
            Ok(Some(answer)) => return Ok(answer),
            Err(error) => {
                let mut refusal = refusal.lock().unwrap_or_else(PoisonError::into_inner);
                *refusal = Some(error.to_string());
                return Err(error);
            }
        }
        let pause = pause.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = pause.as_ref().map(Pause::wait);
        if wait.is_none() || is_closed.load(Ordering::Relaxed) {
            return Err(ExchangeError("the environment was closed".to_owned()));
        }
        let board = board.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(board.answer())
    }

    fn name(&self) -> String {
        "the agent".to_owned()
    }

    fn again(&self) -> Box<dyn Exchange> {
        self.0.start()
    }
}

impl Setting {
    /// Refuses what an environment can't do.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let scenario = &self.experiment.variants[0].scenario;
        if scenario.metrics.window == MeasuredWindow::Auto {
            return Err(Fault::Input(
                "metrics.window: `auto` runs the experiment beforehand; state the window by `from`"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// An episode with a seed, at its first decision or at its end; `rows` are those of its board.
    pub(crate) fn begin(self: &Arc<Self>, seed: u64, rows: usize) -> Result<Episode, Fault> {
        let desk = Desk {
            board: Arc::new(Mutex::new(Board::new(self.choice, rows))),
            pause: Arc::default(),
            is_closed: Arc::default(),
            refusal: Arc::default(),
        };
        let (setting, purse) = (Arc::clone(self), Purse::default());
        let (own, reward) = (desk.clone(), purse.clone());
        let course = Course::new(move |pause| {
            *own.pause.lock().unwrap_or_else(PoisonError::into_inner) = Some(pause);
            let done = setting.run(seed, &own, reward);
            own.pause
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            done
        });
        let course = course
            .map_err(|error| Fault::Incomplete(format!("no memory for another run: {error}")))?;
        let mut episode = Episode {
            course,
            desk,
            purse,
            reward: self.reward.clone(),
            end: None,
        };
        episode.go_on()?;
        Ok(episode)
    }

    fn run(&self, seed: u64, desk: &Desk, purse: Purse) -> Result<EpisodeEnd, Fault> {
        let mut scenario = self.experiment.variants[0].scenario.clone();
        scenario.seed = seed;
        if let Some(own) = &mut scenario.system.scheduler.external {
            own.answers = AnswerSource::Function {
                function: AnswerFunction(Arc::new(desk.clone())),
                record: None,
            };
        }
        let failed = |source: RunError| ExperimentError::Variant {
            variant: None,
            seed: None,
            source: Box::new(source),
        };
        let files = FileSource::of(&self.experiment.files);
        let prepared = prepare(&scenario, &files).map_err(|error| failed(error.into()))?;
        let mut control = RunControl {
            interrupted: &desk.is_closed,
            progress: &mut |_| {},
        };
        let mut watch = Rewarder::new(self.reward.clone(), purse);
        let form = Form::Incremental;
        let (end, metrics) = if self.is_measured {
            let tables = Tables {
                watch: Some(&mut watch),
                ..Tables::default()
            };
            let outcome = run(&scenario, prepared, form, tables, &mut control).map_err(failed)?;
            let values = outcome.metrics.values.into_iter();
            let values = values.filter_map(|own| Some((own.id, own.value?)));
            (outcome.end, values.collect())
        } else {
            let end = run_watched(&scenario, prepared, form, &mut watch, &mut control);
            (end.map_err(failed)?, SortedMap::new())
        };
        watch.close(end.at);
        Ok(EpisodeEnd {
            digest: end.digest,
            seconds: end.at.as_nanos() as f64 / 1e9,
            decisions: end.decisions,
            metrics,
        })
    }
}

impl Episode {
    /// Looks at the decision in question.
    pub(crate) fn board(&self) -> MutexGuard<'_, Board> {
        self.desk.board()
    }

    /// Chooses a row that can be chosen, and goes on to the next decision or to the end; the reward meanwhile.
    pub(crate) fn choose(&mut self, row: usize) -> Result<f64, Fault> {
        self.board().choose(row);
        self.go_on()?;
        Ok(self.purse.take())
    }

    fn go_on(&mut self) -> Result<(), Fault> {
        let Some(end) = self.course.resume() else {
            return Ok(());
        };
        let refusal = self
            .desk
            .refusal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let end = end.map_err(|fault| refusal.map_or(fault, Fault::Input))?;
        self.board().end();
        self.purse
            .add(self.reward.at_end(|id| end.metrics.get(id).copied()));
        self.end = Some(end);
        Ok(())
    }
}

impl Drop for Episode {
    /// Ends a run that waits for a decision, so that its stack is left in order.
    fn drop(&mut self) {
        self.desk.is_closed.store(true, Ordering::Relaxed);
        if self.end.is_none() && !self.course.is_over() {
            // Without an answer the scheduler fails, and the run ends after the step.
            while self.course.resume().is_none() {}
        }
    }
}
