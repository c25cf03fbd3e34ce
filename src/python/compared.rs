//! `compare`: variants over paired seeds, into a result folder.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;

use lab::compare::{self as comparing, Finished, Settings, objectives};
use lab::folder::{Existing, ResultFolder, default_folder};
use lab::limits::Limits;
use lab::replicate::Workers;
use report::result_files::{read, write_comparison, write_summary};
use report::runs::{Gathered, ReportRun};
use scenario::Experiment;
use world::ManifestCache;

use super::asked::Asked;
use super::fault::Fault;
use super::work::{Host, Watch};

/// Settings of a comparison.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct CompareOptions {
    out: Option<PathBuf>,
    force: bool,
    seeds: usize,
    baseline: Option<String>,
    metrics: Vec<String>,
    pareto: Option<(String, String)>,
    precision: Option<f64>,
    max_seeds: Option<usize>,
    /// Call that repeats it, for the report.
    rerun: String,
    /// Result folders of finished runs, which are compared in place of an experiment.
    finished: Vec<PathBuf>,
}

impl CompareOptions {
    fn settings(&self) -> Result<Settings, Fault> {
        if self.seeds == 0 || self.seeds > 100_000 {
            return Err(Fault::Input(format!(
                "seeds: expected 1 to 100000, found {}",
                self.seeds
            )));
        }
        if let Some(share) = self.precision.filter(|own| !(*own > 0.0 && *own < 1.0)) {
            return Err(Fault::Input(format!(
                "precision: expected a share above 0 and below 1, such as 0.01, found {share}"
            )));
        }
        let most = self.max_seeds.unwrap_or(self.seeds * 10);
        Ok(Settings {
            seeds: self.seeds,
            precision: self.precision,
            seeds_max: most.max(self.seeds),
            baseline: self.baseline.clone(),
            gated: self.metrics.clone(),
            pareto: self.pareto.clone(),
            ..Settings::default()
        })
    }
}

/// Compares the variants of an experiment, or finished runs; the path of the result folder.
#[pyfunction]
pub(crate) fn compare(
    py: Python<'_>,
    asked: Asked,
    options: CompareOptions,
    progress: Option<Py<PyAny>>,
) -> PyResult<PathBuf> {
    let mut host = Host::new(asked.policies(py), progress);
    let sender = host.sender.clone();
    let done = host.carry_out(py, |watch| {
        if options.finished.is_empty() {
            made(&asked.experiment(&sender)?, &asked, &options, watch)
        } else {
            of_finished(&options)
        }
    })?;
    match host.raised() {
        Some(raised) => Err(raised),
        None => Ok(done?),
    }
}

fn folder_of(options: &CompareOptions, name: &str) -> Result<ResultFolder, Fault> {
    let is_default = options.out.is_none();
    let default = || default_folder(&format!("{name}-compare")).map_err(Fault::Input);
    let out = options.out.clone().map_or_else(default, Ok)?;
    let existing = Existing::forced(options.force || is_default);
    Ok(ResultFolder::create(&out, existing)?)
}

fn made(
    experiment: &Experiment,
    asked: &Asked,
    options: &CompareOptions,
    watch: &Watch,
) -> Result<PathBuf, Fault> {
    let mut settings = options.settings()?;
    if settings.gated.is_empty() {
        settings.gated = objectives(experiment);
    }
    let folder = folder_of(options, &experiment.name)?;
    let made = comparing::run(
        experiment,
        &settings,
        Workers {
            threads: asked.threads(),
            interrupted: &watch.interrupted,
            progress: &|done, all| watch.runs(done, all),
            limits: Limits::default(),
            manifests: &ManifestCache::new(),
        },
    );
    let made = match made {
        Ok(made) => made,
        Err(error) => {
            folder.withdraw();
            return Err(error.into());
        }
    };
    comparing::write_values(&folder, &made.candidates)?;
    let (summary, data, scenario) = made.result(experiment, &folder)?;
    let gathered = Gathered::new(vec![ReportRun {
        name: experiment.name.clone(),
        summary,
        data,
        scenario,
        fork: None,
    }]);
    write_summary(&gathered, &folder)?;
    let gathered = gathered.compared(made.study.clone());
    write_comparison(&gathered, &made.study, &options.rerun, &folder)?;
    Ok(folder.finish()?)
}

fn of_finished(options: &CompareOptions) -> Result<PathBuf, Fault> {
    let settings = options.settings()?;
    let read = |path: &PathBuf| read(path);
    let runs: Vec<ReportRun> = options
        .finished
        .iter()
        .map(read)
        .collect::<Result<_, _>>()?;
    let finished = runs.iter().map(|run| Finished {
        name: run.name.clone(),
        summary: run.summary.clone(),
        scenario: run.scenario.clone(),
    });
    let finished: Vec<Finished> = finished.collect();
    let (study, candidates) = comparing::of_runs(&finished, &settings)?;
    let names = options.finished.iter().filter_map(|path| path.file_name());
    let names: Vec<String> = names
        .map(|own| own.to_string_lossy().into_owned())
        .collect();
    let folder = folder_of(options, &names.join("-"))?;
    let gathered = Gathered::new(runs).compared(study.clone());
    write_summary(&gathered, &folder)?;
    comparing::write_values(&folder, &candidates)?;
    write_comparison(&gathered, &study, &options.rerun, &folder)?;
    Ok(folder.finish()?)
}

/// Study of a folder that holds a comparison.
pub(crate) fn study_of(folder: &Path) -> Result<comparing::Study, Fault> {
    report::result_files::compared(folder)?.ok_or_else(|| {
        Fault::Input(format!(
            "{}: holds no comparison; make one with `windtunnel.compare`",
            folder.display()
        ))
    })
}
