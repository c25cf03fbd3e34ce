//! `sweep`: an experiment at many points, into one table.

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use lab::folder::default_folder;
use lab::sweep::axis::Axis;
use lab::sweep::design::{Design, Sampling};
use lab::sweep::record::RunRecord;
use lab::sweep::{
    Execution, Grounds, Plan, Shard, SweepError, SweepFolder, SweepTable, When, execute, keep,
    merge, plan, run_alone,
};
use report::sweep::write_drawings;

use super::fault::Fault;
use super::request::ExperimentRequest;
use super::work::{Host, Message, Watch};

/// Design of a sweep.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct SweepOptions {
    out: Option<PathBuf>,
    force: bool,
    grid: Vec<String>,
    list: Vec<String>,
    vary: Vec<String>,
    random: Option<u32>,
    latin: Option<u32>,
    sobol: Option<u32>,
    sampling_seed: u64,
    seeds: u64,
    metrics: Vec<String>,
}

impl SweepOptions {
    fn design(&self) -> Result<Design, Fault> {
        let grids = self.grid.iter().map(|text| Axis::grid(text));
        let lists = self.list.iter().map(|text| Axis::list(text));
        let ranges = self.vary.iter().map(|text| Axis::range(text));
        let sampling = [
            self.random.map(Sampling::Random),
            self.latin.map(Sampling::Latin),
            self.sobol.map(Sampling::Sobol),
        ];
        let mut sampling = sampling.into_iter().flatten();
        let (one, other) = (sampling.next(), sampling.next());
        if other.is_some() {
            return Err(Fault::Input(
                "random, latin, sobol: each samples the ranges in its own way; give one".to_owned(),
            ));
        }
        if self.seeds == 0 || self.seeds > 1_000_000 {
            return Err(Fault::Input(format!(
                "seeds: expected 1 to 1000000, found {}",
                self.seeds
            )));
        }
        let axes = grids.chain(lists).chain(ranges);
        Ok(Design {
            axes: axes.collect::<Result<_, SweepError>>()?,
            sampling: one,
            sampling_seed: self.sampling_seed,
        })
    }
}

/// Runs what is missing of a sweep; the path of its folder.
#[pyfunction]
pub(crate) fn sweep(
    py: Python<'_>,
    asked: ExperimentRequest,
    options: SweepOptions,
    progress: Option<Py<PyAny>>,
) -> PyResult<PathBuf> {
    let mut host = Host::new(asked.policies(py), progress);
    let sender = host.sender.clone();
    host.result(py, |watch| swept(&asked, &options, &sender, watch))
}

/// Every run of a sweep, in which policies are asked by `sender`.
fn planned(
    asked: &ExperimentRequest,
    options: &SweepOptions,
    sender: &Sender<Message>,
) -> Result<Plan, Fault> {
    let design = options.design()?;
    let source = asked.source()?;
    let program = lab::program::identity().to_owned();
    Ok(plan(&Grounds {
        source: &source,
        functions: &asked.functions(sender),
        sets: &asked.sets,
        design: &design,
        seeds: options.seeds,
        program: &program,
    })?)
}

impl SweepOptions {
    /// The folder, by default one of the experiment's name.
    fn out(&self, plan: &Plan) -> Result<PathBuf, Fault> {
        let default = || default_folder(&format!("{}-sweep", plan.file.name)).map_err(Fault::Input);
        self.out.clone().map_or_else(default, Ok)
    }

    const fn when(&self) -> When {
        if self.force {
            When::AnySweep
        } else {
            When::SameSweep
        }
    }
}

/// Work of a sweep that an engine deals out, run by run.
#[pyclass(module = "windtunnel")]
pub(crate) struct SweepWork {
    plan: Plan,
    options: SweepOptions,
    folder: Option<SweepFolder>,
}

#[pymethods]
impl SweepWork {
    /// The work of a sweep; nothing is written yet.
    #[new]
    fn new(asked: ExperimentRequest, options: SweepOptions) -> PyResult<Self> {
        // Policies are functions of this process, which can't be asked elsewhere.
        let (sender, _) = channel();
        Ok(Self {
            plan: planned(&asked, &options, &sender)?,
            options,
            folder: None,
        })
    }

    /// Opens the folder for this process alone; the keys of the runs that it lacks.
    fn missing(&mut self) -> PyResult<Vec<String>> {
        let Self { plan, options, .. } = &*self;
        let open = || -> Result<_, Fault> {
            let out = options.out(plan)?;
            let folder = SweepFolder::open(&out, &plan.file, Shard::WHOLE, options.when())?;
            let mut keys = Vec::new();
            for run in &plan.runs {
                if !matches!(folder.record(&run.key)?, Some(Ok(_))) {
                    keys.push(run.key.clone());
                }
            }
            Ok((folder, keys))
        };
        let (folder, keys) = open()?;
        self.folder = Some(folder);
        Ok(keys)
    }

    /// Makes a run, anywhere; its record.
    fn run<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Bound<'py, PyBytes>> {
        let run = self.plan.runs.iter().find(|run| run.key == key);
        let run = run.ok_or_else(|| {
            let words = format!("the sweep has no run {key}: its files differ on this machine");
            Fault::Incomparable(words)
        })?;
        let mut host = Host::new(Vec::new(), None);
        let record = host.result(py, |watch| {
            let record = run_alone(&self.plan, run, &watch.interrupted)?;
            record.ok_or(Fault::Interrupted)
        })?;
        Ok(PyBytes::new(py, &record.to_bytes()))
    }

    /// Keeps the record of a run that was made anywhere.
    fn keep(&self, key: &str, record: &[u8]) -> PyResult<()> {
        let kept = || -> Result<(), Fault> {
            let record = RunRecord::from_bytes(record, key)
                .map_err(|words| Fault::Incomplete(format!("the record of run {key}: {words}")))?;
            if record.program != self.plan.file.program {
                let words = format!(
                    "run {key} was made by another build, {}; install one on all machines",
                    record.program
                );
                return Err(Fault::Incomparable(words));
            }
            match &self.folder {
                Some(folder) => Ok(folder.keep(&record)?),
                None => Err(Fault::Incomplete("the folder isn't open".to_owned())),
            }
        };
        Ok(kept()?)
    }
}

fn swept(
    asked: &ExperimentRequest,
    options: &SweepOptions,
    sender: &Sender<Message>,
    watch: &Watch,
) -> Result<PathBuf, Fault> {
    let plan = planned(asked, options, sender)?;
    let (out, when) = (options.out(&plan)?, options.when());
    execute(&Execution {
        plan: &plan,
        shard: Shard::WHOLE,
        folder: &SweepFolder::open(&out, &plan.file, Shard::WHOLE, when)?,
        threads: asked.threads(),
        interrupted: &watch.interrupted,
        progress: &|done, all| watch.runs(done, all),
    })?;
    let table = SweepTable::new(merge(std::slice::from_ref(&out))?)?;
    for id in &options.metrics {
        table.has_metric(id)?;
    }
    let metrics = if options.metrics.is_empty() {
        table.leading()
    } else {
        options.metrics.clone()
    };
    let folder = keep(&table, &out, when)?;
    write_drawings(&table, &metrics, folder.folder())?;
    Ok(out)
}
