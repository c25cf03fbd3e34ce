//! `run`: an experiment into a result folder.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;

use lab::experiment::{Plan, Progress, run_journey, scenario_text, steps};
use lab::folder::EXTERNAL;
use lab::outputs::Outputs;
use lab::tables::TableFormats;
use report::result_files::write_report;
use report::run::ReportRun;
use report::runs::Gathered;
use scenario::Experiment;
use scheduler::pipeline::evaluate::Form;
use sim::RunProgress;
use units::{Instant, plural};

use super::fault::Fault;
use super::request::ExperimentRequest;
use super::work::{Host, WHOLE, Watch, result_folder};

/// Outputs of a run beside its summary.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an argument of the package, and none excludes another"
)]
pub(crate) struct RunOptions {
    out: Option<PathBuf>,
    force: bool,
    tables: bool,
    decisions: bool,
    events: bool,
}

impl RunOptions {
    fn outputs(&self) -> Outputs {
        let (series, pods) = if self.tables {
            (TableFormats::BOTH, TableFormats::PARQUET)
        } else {
            (TableFormats::NONE, TableFormats::NONE)
        };
        Outputs {
            series,
            pods,
            decisions: self.decisions,
            events: self.events,
        }
    }
}

/// Progress of the variants of an experiment.
struct Variants<'a> {
    watch: &'a Watch,
    /// Events and parts of [`WHOLE`] of each.
    reached: Vec<(AtomicU64, AtomicU64)>,
    /// End of the variants, if known.
    horizon: Option<Instant>,
}

impl<'a> Variants<'a> {
    fn new(experiment: &Experiment, watch: &'a Watch) -> Self {
        let of_one = |_| (AtomicU64::new(0), AtomicU64::new(0));
        let first = experiment.variants.first();
        Self {
            watch,
            reached: experiment.variants.iter().map(of_one).collect(),
            horizon: first
                .and_then(|plan| plan.scenario.stop.at)
                .map(|at| Instant::ZERO + at),
        }
    }

    fn tell(&self, now: Option<Instant>) {
        let sum = |of: fn(&(AtomicU64, AtomicU64)) -> &AtomicU64| {
            let all = self.reached.iter();
            all.map(|own| of(own).load(Ordering::Relaxed)).sum::<u64>()
        };
        let (events, parts) = (sum(|own| &own.0), sum(|own| &own.1));
        let now = now.map_or(String::new(), |now| format!("simulated {now}, "));
        let words = format!("{now}{}", plural::count(events, "event"));
        self.watch
            .at(parts / (self.reached.len() as u64).max(1), words);
    }
}

impl Progress for Variants<'_> {
    fn at(&self, variant: usize, reached: RunProgress) {
        let (events, parts) = &self.reached[variant];
        events.store(reached.events, Ordering::Relaxed);
        if let Some(own) = steps(reached, self.horizon, WHOLE) {
            parts.store(own, Ordering::Relaxed);
        }
        self.tell(Some(reached.now));
    }

    fn finished(&self, variant: usize) {
        self.reached[variant].1.store(WHOLE, Ordering::Relaxed);
        self.tell(None);
    }
}

/// Runs an experiment; the path of its result folder.
#[pyfunction]
pub(crate) fn run(
    py: Python<'_>,
    asked: ExperimentRequest,
    options: RunOptions,
    progress: Option<Py<PyAny>>,
) -> PyResult<PathBuf> {
    let mut host = Host::new(asked.policies(py), progress);
    let sender = host.sender.clone();
    let done = host.carry_out(py, |watch| {
        let experiment = asked.experiment(&sender)?;
        into_folder(experiment, &asked, &options, watch)
    })?;
    match (host.raised(), done) {
        (None, done) => Ok(done?),
        (Some(raised), done) => {
            if let Err(Fault::Incomplete(words)) = done {
                note(py, &raised, &words);
            }
            Err(raised)
        }
    }
}

/// Adds to an exception where the run was that it ended; older interpreters have no such notes.
fn note(py: Python<'_>, raised: &PyErr, words: &str) {
    let _ = raised.value(py).call_method1("add_note", (words,));
}

fn into_folder(
    mut experiment: Experiment,
    asked: &ExperimentRequest,
    options: &RunOptions,
    watch: &Watch,
) -> Result<PathBuf, Fault> {
    let folder = result_folder(options.out.as_deref(), options.force, &experiment.name)?;
    experiment.record_external(&folder.partial().join(EXTERNAL));
    let progress = Variants::new(&experiment, watch);
    let plan = Plan {
        experiment: &experiment,
        form: Form::Incremental,
        threads: asked.threads(),
        interrupted: &watch.interrupted,
        progress: &progress,
        outputs: options.outputs(),
        probes: &[],
    };
    let (summary, data) = match run_journey(&plan, &folder, None) {
        Ok(made) => made,
        Err(error) => {
            // A refused run leaves no folder behind.
            if error.is_input() {
                folder.withdraw();
            }
            return Err(error.into());
        }
    };
    let gathered = Gathered::new(vec![ReportRun {
        name: experiment.name.clone(),
        summary,
        data,
        scenario: scenario_text(&experiment, &folder),
        fork: None,
    }]);
    write_report(&gathered, &folder)?;
    if watch.interrupted.load(Ordering::Relaxed) {
        return Err(Fault::Interrupted);
    }
    if let Some(words) = gathered.summary.stopped(folder.partial()) {
        return Err(Fault::Incomplete(words));
    }
    Ok(folder.finish()?)
}
