//! `sweep`: an experiment at many points, into one table.

use std::path::PathBuf;

use pyo3::prelude::*;

use lab::folder::default_folder;
use lab::sweep::axis::Axis;
use lab::sweep::design::{Design, Sampling};
use lab::sweep::{
    Execution, Grounds, Shard, SweepError, SweepFolder, SweepTable, When, execute, keep, merge,
    plan,
};
use report::sweep::write_drawings;

use super::fault::Fault;
use super::request::ExperimentRequest;
use super::work::{Host, Watch};

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
    let mut host = Host::new(Vec::new(), progress);
    host.result(py, |watch| swept(&asked, &options, watch))
}

fn swept(
    asked: &ExperimentRequest,
    options: &SweepOptions,
    watch: &Watch,
) -> Result<PathBuf, Fault> {
    let design = options.design()?;
    let source = asked.source()?;
    let program = lab::program::identity().to_owned();
    let plan = plan(&Grounds {
        text: &source.text,
        name: &source.name,
        options: source.options(&asked.sets),
        design: &design,
        seeds: options.seeds,
        program: &program,
    })?;
    let default = || default_folder(&format!("{}-sweep", plan.file.name)).map_err(Fault::Input);
    let out = options.out.clone().map_or_else(default, Ok)?;
    let when = if options.force {
        When::AnySweep
    } else {
        When::SameSweep
    };
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
