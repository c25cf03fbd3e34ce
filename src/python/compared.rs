//! `compare`: variants over paired seeds, into a result folder.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;

use lab::compare::{self as comparing, Finished, Settings, objectives};
use lab::folder::ResultFolder;
use lab::limits::Limits;
use lab::replicate::Workers;
use report::result_files::{compared, read, write_compared};
use report::run::ReportRun;
use scenario::Experiment;
use world::ManifestCache;

use super::fault::Fault;
use super::request::ExperimentRequest;
use super::work::{Host, Watch, result_folder};

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
    all_pairs: bool,
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
            all_pairs: self.all_pairs,
            ..Settings::default()
        })
    }
}

/// Compares the variants of an experiment, or finished runs; the path of the result folder.
#[pyfunction]
pub(crate) fn compare(
    py: Python<'_>,
    asked: ExperimentRequest,
    options: CompareOptions,
    progress: Option<Py<PyAny>>,
) -> PyResult<PathBuf> {
    let mut host = Host::new(asked.policies(py), progress);
    let sender = host.sender.clone();
    host.result(py, |watch| {
        if options.finished.is_empty() {
            made(&asked.experiment(&sender)?, &asked, &options, watch)
        } else {
            of_finished(&options)
        }
    })
}

fn folder_of(options: &CompareOptions, name: &str) -> Result<ResultFolder, Fault> {
    result_folder(
        options.out.as_deref(),
        options.force,
        &format!("{name}-compare"),
    )
}

fn made(
    experiment: &Experiment,
    asked: &ExperimentRequest,
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
    let first = made.result(experiment, &folder)?.into();
    write_compared(
        vec![first],
        &made.study,
        &made.candidates,
        &options.rerun,
        &folder,
    )?;
    Ok(folder.finish()?)
}

fn of_finished(options: &CompareOptions) -> Result<PathBuf, Fault> {
    let settings = options.settings()?;
    let runs = options.finished.iter().map(|path| read(path));
    let runs: Vec<ReportRun> = runs.collect::<Result<_, _>>()?;
    let finished: Vec<Finished> = runs.iter().map(ReportRun::finished).collect();
    let (study, candidates) = comparing::of_runs(&finished, &settings)?;
    let names = options.finished.iter().filter_map(|path| path.file_name());
    let names: Vec<String> = names
        .map(|own| own.to_string_lossy().into_owned())
        .collect();
    let folder = folder_of(options, &names.join("-"))?;
    write_compared(runs, &study, &candidates, &options.rerun, &folder)?;
    Ok(folder.finish()?)
}

/// Study of a folder that holds a comparison.
pub(crate) fn study_of(folder: &Path) -> Result<comparing::Study, Fault> {
    compared(folder)?.ok_or_else(|| {
        Fault::Input(format!(
            "{}: holds no comparison; make one with `windtunnel.compare`",
            folder.display()
        ))
    })
}
