//! `place`, `plan` and `queue`: questions about a cluster at one instant.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;

use k8s::kind_named;
use lab::around::Around;
use lab::place::Preemption;
use lab::place::request::{self as placing, RequestError};
use lab::plan::request::{self as planning, HORIZON, STEPS, lists, refuse_none};
use lab::plan::watch::Work;
use lab::plan::{Minimize, Order};
use lab::queue::{RunTimes, answers, read};
use lab::snapshot::{SnapshotError, SnapshotOptions};
use model::Release;
use report::formats::Formats;
use report::place::with_answer;
use report::plan::PlanReport;
use report::queue::QueueReport;
use units::Duration;

use super::fault::Fault;
use super::work::{Host, Watch};

/// Answer in each form: table, Markdown, CSV, JSON; then the warnings.
type Forms = (String, String, String, String, Vec<String>);

/// Cluster that is asked about, with what the caller says beside it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct ClusterRequest {
    paths: Vec<PathBuf>,
    traces: Vec<PathBuf>,
    ignore: Vec<String>,
    config: Option<PathBuf>,
    release: Option<String>,
}

impl ClusterRequest {
    fn ignored(&self) -> Result<Vec<&'static str>, Fault> {
        let kinds = self.ignore.iter().map(|word| kind_named(word));
        let kinds: Result<_, String> = kinds.collect();
        kinds.map_err(|why| Fault::Input(format!("ignore: {why}")))
    }

    fn release(&self) -> Result<Option<Release>, Fault> {
        let found = self.release.as_deref().map(Release::find).transpose();
        found.map_err(|why| Fault::Input(format!("release: {why}")))
    }
}

/// Carries out a question on a thread of its own.
fn answered(
    py: Python<'_>,
    progress: Option<Py<PyAny>>,
    work: impl FnOnce(&Watch) -> Result<Forms, Fault> + Send,
) -> PyResult<Forms> {
    Host::new(Vec::new(), progress).result(py, work)
}

fn forms(report: &dyn Formats, warnings: &[String]) -> Forms {
    (
        report.table(),
        report.markdown(),
        report.csv(),
        report.json().to_string(),
        warnings.to_vec(),
    )
}

/// Question of `place`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct PlaceOptions {
    replicas: Option<u64>,
    without_nodes: Vec<String>,
    mix: Vec<(u64, PathBuf)>,
    lose: Vec<String>,
    preemption: bool,
}

/// Places further pods in a cluster.
#[pyfunction]
pub(crate) fn place(
    py: Python<'_>,
    asked: ClusterRequest,
    options: PlaceOptions,
    progress: Option<Py<PyAny>>,
) -> PyResult<Forms> {
    answered(py, progress, |_| {
        let lose = options.lose.iter().map(|word| word.parse());
        let lose: Result<_, _> = lose.collect();
        let request = placing::Request {
            paths: asked.paths.clone(),
            replicas: options.replicas,
            without_nodes: options.without_nodes.clone(),
            mix: options.mix.clone(),
            lose: lose.map_err(|why| Fault::Input(format!("lose: {why}")))?,
            preemption: if options.preemption {
                Preemption::On
            } else {
                Preemption::Off
            },
            config: asked.config.clone(),
            release: asked.release()?,
        };
        let mut around = Around {
            traces_dirs: &asked.traces,
            ignored: &asked.ignored()?,
            tell: &mut |_| {},
        };
        let answer = placing::answer(&request, &mut around)?;
        Ok(with_answer(&answer, |report| {
            forms(report, &answer.warnings)
        }))
    })
}

/// Question of `plan`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct PlanOptions {
    minimize: Option<String>,
    types: Option<PathBuf>,
    prices: Option<PathBuf>,
    only: Vec<String>,
    keep: bool,
    strict: bool,
    survive: Vec<String>,
    headroom: Vec<String>,
    overcommit: Vec<String>,
    requests: Vec<String>,
    reserved: Option<String>,
    preemption: bool,
    grow: Vec<String>,
    horizon: Option<String>,
    orders: u64,
    order: String,
    steps: Option<u64>,
}

impl PlanOptions {
    fn request(&self, asked: &ClusterRequest) -> Result<planning::Request, Fault> {
        let minimize = match self.minimize.as_deref() {
            None => None,
            Some("nodes") => Some(Minimize::Nodes),
            Some("cost") => Some(Minimize::Cost),
            Some(other) => {
                return Err(Fault::Input(format!(
                    "minimize: expected `nodes` or `cost`, found `{other}`"
                )));
            }
        };
        let order = match &*self.order {
            "dump" => Order::Dump,
            "large" => Order::Large,
            other => {
                return Err(Fault::Input(format!(
                    "order: expected `dump` or `large`, found `{other}`"
                )));
            }
        };
        Ok(planning::Request {
            paths: asked.paths.clone(),
            clusters: Vec::new(),
            minimize,
            types: self.types.clone(),
            prices: self.prices.clone(),
            only: self.only.clone(),
            keep: self.keep,
            strict: self.strict,
            survive: self.survive.clone(),
            headroom: self.headroom.clone(),
            overcommit: self.overcommit.clone(),
            requests: self.requests.clone(),
            reserved: self.reserved.clone(),
            preemption: self.preemption,
            grow: self.grow.clone(),
            horizon: self.horizon.clone().unwrap_or_else(|| HORIZON.to_owned()),
            team_label: None,
            orders: self.orders,
            order,
            steps: self.steps.unwrap_or(STEPS),
            config: asked.config.clone(),
            release: asked.release()?,
        })
    }
}

/// Plans a cluster.
#[pyfunction]
pub(crate) fn plan(
    py: Python<'_>,
    asked: ClusterRequest,
    options: PlanOptions,
    progress: Option<Py<PyAny>>,
) -> PyResult<Forms> {
    answered(py, progress, |watch| {
        let request = options.request(&asked)?;
        let work = Arc::new(Work::until(Arc::clone(&watch.interrupted)));
        let mut around = Around {
            traces_dirs: &asked.traces,
            ignored: &asked.ignored()?,
            tell: &mut |_| {},
        };
        let mut planned = planning::Inquiry::read(&request, &work, &mut around)?;
        let summary = placing::described(&planned.snapshot);
        let answers = planned.plan()?;
        refuse_none(&request, &answers, &summary)?;
        let report = PlanReport {
            snapshot: &summary,
            command: "windtunnel.plan(…)",
            currency: &planned.currency,
            inputs: &planned.snapshot.inputs,
            lists: lists(&request),
            taken_unix_secs: planned.snapshot.declared.taken_unix_secs,
            questions: &planned.questions,
            plan: &answers,
            assumptions: planned.assumptions.clone(),
            warnings: &planned.snapshot.warnings,
        };
        Ok((
            report.table(),
            report.markdown(),
            report.losses_csv(),
            report.json().to_string(),
            planned.snapshot.warnings.clone(),
        ))
    })
}

/// Asks about a job under the queues of a cluster.
#[pyfunction]
pub(crate) fn queue(
    py: Python<'_>,
    asked: ClusterRequest,
    job: PathBuf,
    run_time: Option<String>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Forms> {
    answered(py, progress, |_| {
        let run_time = run_time.as_deref().map(str::parse::<Duration>).transpose();
        let run_time = run_time.map_err(|error| Fault::Input(format!("run_time: {error}")))?;
        let ignored = asked.ignored()?;
        let options = SnapshotOptions {
            traces_dirs: &asked.traces,
            ignored: &ignored,
            ..SnapshotOptions::default()
        };
        let read = read(&asked.paths, &job, &options)?;
        let run_times = run_time.map_or(RunTimes::Ended, RunTimes::Given);
        let answers = answers(&read, &job, run_times)?;
        let report = QueueReport {
            answers: &answers,
            warnings: &read.warnings,
        };
        Ok(forms(&report, &read.warnings))
    })
}

impl From<SnapshotError> for Fault {
    fn from(error: SnapshotError) -> Self {
        Self::Input(error.to_string())
    }
}

impl From<RequestError> for Fault {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Snapshot(error) => error.into(),
            error @ RequestError::Place(_) => Self::Incomplete(error.to_string()),
        }
    }
}
