//! `compare`: variants over paired seeds, into a result folder.

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use lab::compare::{self as comparing, Finished, RunTasks, Settings, objectives};
use lab::experiment::ExperimentError;
use lab::folder::ResultFolder;
use lab::limits::Limits;
use lab::replicate::{Perturbation, RunRecords, Work, Workers};
use lab::sweep::Shard;
use report::result_files::{compared, read_runs, write_compared};
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
    /// Values of fields, at which points of a sweep are compared.
    at: Vec<String>,
    /// Folders of the runs' records.
    records: Vec<PathBuf>,
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

    /// Settings with the objectives of the experiment as gates, if nothing else is gated.
    fn gated_settings(&self, experiment: &Experiment) -> Result<Settings, Fault> {
        let mut settings = self.settings()?;
        if settings.gated.is_empty() {
            settings.gated = objectives(experiment);
        }
        Ok(settings)
    }

    fn open_records(&self) -> Result<Option<RunRecords>, Fault> {
        let records = RunRecords::open(&self.records, Shard::WHOLE);
        Ok(records.map_err(ExperimentError::from)?)
    }
}

/// Run of a comparison on its way to a worker: variant, seed, number of the perturbation, whether it is drawn.
type DealtRun = (usize, u64, Option<u64>, bool);

/// Work of a comparison that an engine deals out, run by run.
#[pyclass(module = "windtunnel")]
pub(crate) struct CompareWork {
    tasks: RunTasks,
    options: CompareOptions,
    threads: usize,
    records: Option<RunRecords>,
}

#[pymethods]
impl CompareWork {
    /// The work of a comparison; nothing is written yet.
    #[new]
    fn new(asked: ExperimentRequest, options: CompareOptions) -> PyResult<Self> {
        // Policies are functions of this process, which can't be asked elsewhere.
        let (sender, _) = channel();
        let experiment = asked.experiment(&sender)?;
        let settings = options.gated_settings(&experiment)?;
        Ok(Self {
            tasks: RunTasks::new(&experiment, settings).map_err(Fault::from)?,
            threads: asked.threads(),
            options,
            records: None,
        })
    }

    /// The runs that have no record yet, as far as it is known which it takes, with their keys.
    fn missing(&mut self, py: Python<'_>) -> PyResult<Vec<(String, DealtRun)>> {
        if self.records.is_none() {
            self.records = self.options.open_records()?;
        }
        let mut host = Host::new(Vec::new(), None);
        let missing = host.result(py, |watch| {
            let manifests = ManifestCache::new();
            let workers = workers(self.threads, watch, &manifests);
            let missing = { self.records.as_ref() }.map(|own| self.tasks.missing(workers, own));
            Ok(missing.transpose()?.unwrap_or_default())
        })?;
        let dealt = |(key, work): (String, Work)| {
            let shake = work.shake.map(|own| own.number);
            (key, (work.variant, work.seed, shake, work.is_drawn))
        };
        Ok(missing.into_iter().map(dealt).collect())
    }

    /// Makes a run, anywhere; its record.
    fn run<'py>(&self, py: Python<'py>, dealt: DealtRun) -> PyResult<Bound<'py, PyBytes>> {
        let (variant, seed, shake, is_drawn) = dealt;
        let work = Work {
            variant,
            seed,
            shake: shake.map(|number| Perturbation {
                number,
                block: None,
            }),
            is_drawn,
        };
        let mut host = Host::new(Vec::new(), None);
        let record = host.result(py, |watch| {
            let manifests = ManifestCache::new();
            Ok(self.tasks.make(workers(1, watch, &manifests), work)?)
        })?;
        Ok(PyBytes::new(py, &record))
    }

    /// Keeps the record of a run that was made anywhere, by the same build and on the same files.
    fn keep(&self, key: &str, record: &[u8]) -> PyResult<()> {
        let kept = || -> Result<(), Fault> {
            let records = self.records.as_ref();
            let records =
                records.ok_or_else(|| Fault::Incomplete("the folder isn't open".to_owned()))?;
            if records
                .keep_made(key, record)
                .map_err(ExperimentError::from)?
            {
                return Ok(());
            }
            Err(Fault::Incomparable(format!(
                "run {key} isn't the same elsewhere: install one build on all machines, with the same files"
            )))
        };
        Ok(kept()?)
    }
}

fn workers<'a>(threads: usize, watch: &'a Watch, manifests: &'a ManifestCache) -> Workers<'a> {
    Workers {
        threads,
        interrupted: &watch.interrupted,
        progress: &|_, _| {},
        limits: Limits::default(),
        manifests,
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
    let settings = options.gated_settings(experiment)?;
    let folder = folder_of(options, &experiment.name)?;
    let records = options.open_records()?;
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
        records.as_ref(),
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
    let runs = read_runs(&options.finished, &options.at)?;
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
