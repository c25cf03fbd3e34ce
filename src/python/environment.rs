//! Environments side by side, as `windtunnel.gym` steps them.

use std::sync::Arc;
use std::sync::mpsc::channel;

use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict};

use super::episode::board::{Board, Choice, JOB_COLUMNS, NODE_COLUMNS, POD_COLUMNS, QUEUE_COLUMNS};
use super::episode::{Episode, Reward, Setting};
use super::fault::Fault;
use super::request::ExperimentRequest;

/// Flag of an environment whose run has ended.
const ENDED: u8 = 1;
/// Flag of an environment whose action can't be chosen: nothing happened.
const REFUSED: u8 = 2;
/// Flag of an environment that began again, in place of a step.
const BEGAN: u8 = 4;

/// Form of environments.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct EnvironmentOptions {
    /// Whether jobs are chosen, not nodes.
    orders: bool,
    /// Rows; 0 for as many as there are nodes.
    rows: usize,
    reward: String,
    metrics: bool,
    count: usize,
    /// Reward of an action that can't be chosen.
    refusal: f64,
}

/// Environments over one experiment.
#[pyclass(unsendable, module = "windtunnel")]
pub(crate) struct Environments {
    setting: Arc<Setting>,
    episodes: Vec<Episode>,
    /// Seed of each episode that is next.
    seeds: Vec<u64>,
    /// Seed of each episode that goes on.
    current: Vec<u64>,
    is_fresh: Vec<bool>,
    refusal: f64,
}

#[pymethods]
impl Environments {
    /// Environments at their first decisions.
    #[new]
    fn new(asked: ExperimentRequest, options: EnvironmentOptions) -> PyResult<Self> {
        let (sender, _nobody) = channel();
        let mut experiment = asked.experiment(&sender)?;
        experiment.variants.truncate(1);
        let reward = options.reward.parse::<Reward>().map_err(Fault::Input)?;
        let choice = Choice::of(options.orders);
        let first = experiment.variants[0].scenario.seed;
        let mut setting = Setting {
            experiment,
            choice,
            rows: options.rows,
            is_measured: options.metrics || matches!(reward, Reward::Metric(_)),
            reward,
        };
        setting.check()?;
        let one = Arc::new(setting);
        let episode = one.begin(first)?;
        if episode.end.is_some() {
            return Err(Fault::Input(nothing_to_decide(choice).to_owned()).into());
        }
        // All have the rows of the first.
        let rows = episode.board().rows();
        drop(episode);
        setting = Arc::into_inner(one)
            .unwrap_or_else(|| unreachable!("invariant: the episode that shared it is gone"));
        setting.rows = rows;
        let setting = Arc::new(setting);
        let seeds: Vec<u64> = (0..options.count as u64)
            .map(|at| first.wrapping_add(at))
            .collect();
        let episodes = seeds.iter().map(|&seed| setting.begin(seed));
        let count = options.count as u64;
        Ok(Self {
            episodes: episodes.collect::<Result<_, Fault>>()?,
            current: seeds.clone(),
            is_fresh: vec![true; options.count],
            seeds: seeds
                .into_iter()
                .map(|seed| seed.wrapping_add(count))
                .collect(),
            setting,
            refusal: options.refusal,
        })
    }

    /// Number of rows to choose from.
    #[getter]
    fn rows(&self) -> usize {
        self.setting.rows
    }

    /// Begins an episode with a seed; without one it is the next of its environment. Its seed.
    fn reset(&mut self, place: usize, seed: Option<u64>) -> PyResult<u64> {
        Ok(self.begin(place, seed)?)
    }

    /// What there is to see, of all environments.
    fn observation<'py>(&self, py: Python<'py>) -> Bound<'py, PyByteArray> {
        PyByteArray::new(py, &self.bytes())
    }

    /// Steps the only environment.
    fn step_one<'py>(
        &mut self,
        py: Python<'py>,
        action: i64,
    ) -> PyResult<(Bound<'py, PyByteArray>, f64, u8)> {
        if self.episodes[0].end.is_some() {
            return Err(Fault::Input("step: the episode is over; call `reset`".to_owned()).into());
        }
        let (reward, flags) = self.act(0, action)?;
        let bytes = self.episodes[0].board().bytes();
        Ok((PyByteArray::new(py, &bytes), reward, flags))
    }

    /// Steps all environments by actions of eight bytes each; those that had ended begin again. What there is to see,
    /// the rewards of eight bytes each, and flags.
    fn step<'py>(
        &mut self,
        py: Python<'py>,
        actions: &[u8],
    ) -> PyResult<(
        Bound<'py, PyByteArray>,
        Bound<'py, PyByteArray>,
        Bound<'py, PyBytes>,
    )> {
        let (actions, rest) = actions.as_chunks();
        if actions.len() != self.episodes.len() || !rest.is_empty() {
            let (wanted, found) = (self.episodes.len(), actions.len());
            let words =
                format!("step: expected {wanted} actions, one for each environment, found {found}");
            return Err(Fault::Input(words).into());
        }
        let (mut rewards, mut flags) = (Vec::with_capacity(8 * actions.len()), Vec::new());
        for (place, &action) in actions.iter().enumerate() {
            let (reward, flag) = if self.episodes[place].end.is_some() {
                self.begin(place, None)?;
                (0.0, BEGAN)
            } else {
                self.act(place, i64::from_ne_bytes(action))?
            };
            rewards.extend_from_slice(&reward.to_ne_bytes());
            flags.push(flag);
        }
        let seen = PyByteArray::new(py, &self.bytes());
        Ok((
            seen,
            PyByteArray::new(py, &rewards),
            PyBytes::new(py, &flags),
        ))
    }

    /// What is known of an episode that has ended.
    fn end<'py>(&self, py: Python<'py>, place: usize) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(end) = &self.episodes[place].end else {
            return Ok(None);
        };
        let known = PyDict::new(py);
        known.set_item("seed", self.current[place])?;
        known.set_item("digest", &end.digest)?;
        known.set_item("seconds", end.seconds)?;
        known.set_item("decisions", end.decisions)?;
        if self.setting.is_measured {
            let metrics = PyDict::new(py);
            for (id, value) in &end.metrics {
                metrics.set_item(id, value)?;
            }
            known.set_item("metrics", metrics)?;
        }
        Ok(Some(known))
    }
}

impl Environments {
    fn begin(&mut self, place: usize, seed: Option<u64>) -> Result<u64, Fault> {
        let seed = seed.unwrap_or(self.seeds[place]);
        let is_there = self.is_fresh[place] && self.current[place] == seed;
        if !is_there {
            self.episodes[place] = self.setting.begin(seed)?;
        }
        self.is_fresh[place] = true;
        self.current[place] = seed;
        self.seeds[place] = seed.wrapping_add(self.episodes.len() as u64);
        Ok(seed)
    }

    fn act(&mut self, place: usize, action: i64) -> Result<(f64, u8), Fault> {
        let episode = &mut self.episodes[place];
        if !episode.board().has(action) {
            return Ok((self.refusal, REFUSED));
        }
        self.is_fresh[place] = false;
        let reward = episode.choose(usize::try_from(action).unwrap_or_default())?;
        let flags = if episode.end.is_some() { ENDED } else { 0 };
        Ok((reward, flags))
    }

    /// Numbers of all environments: the tables, the pods, the queues, then the masks.
    fn bytes(&self) -> Vec<u8> {
        let all = self.episodes.len() * (self.setting.rows * 33 + 64);
        let mut bytes = Vec::with_capacity(all);
        let parts: [fn(&Board) -> &[f32]; 3] =
            [|board| &board.table, Board::pod, |board| &board.queue];
        for part in parts {
            for episode in &self.episodes {
                episode.board().copy_to(&mut bytes, part);
            }
        }
        for episode in &self.episodes {
            bytes.extend_from_slice(&episode.board().mask);
        }
        bytes
    }
}

/// Names of the columns of rows, of the pod in question and of the queue, for an agent that chooses nodes or jobs.
#[pyfunction]
pub(crate) fn columns(orders: bool) -> [Vec<&'static str>; 3] {
    match Choice::of(orders) {
        Choice::Node => [
            NODE_COLUMNS.into(),
            POD_COLUMNS.into(),
            QUEUE_COLUMNS.into(),
        ],
        Choice::Job => [JOB_COLUMNS.into(), Vec::new(), QUEUE_COLUMNS.into()],
    }
}

const fn nothing_to_decide(choice: Choice) -> &'static str {
    match choice {
        Choice::Node => {
            "the experiment has nothing to decide: no pod ever has two nodes or more to go to; give it more pods or \
             nodes"
        }
        Choice::Job => {
            "the experiment has nothing to decide: there are never two jobs or more that wait; give it more jobs or \
             fewer nodes"
        }
    }
}
