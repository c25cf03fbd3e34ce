//! Environments side by side, as `windtunnel.gym` steps them.

use std::sync::Arc;
use std::sync::mpsc::channel;

use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict};

use super::episode::board::{self, Choice, JOB_COLUMNS, NODE_COLUMNS, POD_COLUMNS, QUEUE_COLUMNS};
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
    rows: usize,
    episodes: Vec<Episode>,
    /// Seed of each episode; the next one of its environment has that which follows those of all others.
    seeds: Vec<u64>,
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
        let setting = Setting {
            experiment,
            choice,
            is_measured: options.metrics || matches!(reward, Reward::Metric(_)),
            reward,
        };
        setting.check()?;
        let setting = Arc::new(setting);
        let episode = setting.begin(first, options.rows)?;
        if episode.end.is_some() {
            return Err(Fault::Input(nothing_to_decide(choice).to_owned()).into());
        }
        // All have the rows of the first.
        let rows = episode.board().rows();
        let mut all = Self {
            setting,
            rows,
            episodes: vec![episode],
            seeds: vec![first],
            is_fresh: vec![true; options.count],
            refusal: options.refusal,
        };
        for place in 1..options.count as u64 {
            let seed = first.wrapping_add(place);
            all.episodes.push(all.setting.begin(seed, rows)?);
            all.seeds.push(seed);
        }
        Ok(all)
    }

    /// Number of rows to choose from.
    #[getter]
    fn rows(&self) -> usize {
        self.rows
    }

    /// Begins an episode with a seed; without one it is the next of its environment. Its seed.
    fn reset(&mut self, place: usize, seed: Option<u64>) -> PyResult<u64> {
        Ok(self.begin(place, seed)?)
    }

    /// Observation of all environments.
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
        let bytes = self.bytes();
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

    /// Facts about an episode that has ended.
    fn end<'py>(&self, py: Python<'py>, place: usize) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(end) = &self.episodes[place].end else {
            return Ok(None);
        };
        let known = PyDict::new(py);
        known.set_item("seed", self.seeds[place])?;
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
        let next = self.seeds[place].wrapping_add(self.episodes.len() as u64);
        let seed = seed.unwrap_or(next);
        if !self.is_fresh[place] || self.seeds[place] != seed {
            self.episodes[place] = self.setting.begin(seed, self.rows)?;
        }
        self.is_fresh[place] = true;
        self.seeds[place] = seed;
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

    /// Numbers of all environments, as [`board::bytes`] has them.
    fn bytes(&self) -> Vec<u8> {
        let boards: Vec<_> = self.episodes.iter().map(Episode::board).collect();
        board::bytes(&boards)
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
