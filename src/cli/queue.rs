//! `windtunnel queue`: the fate of a job under the queues of a cluster.

use std::path::PathBuf;

use clap::Args;

use lab::queue::{RunTimes, Verdict, answers, read};
use lab::snapshot::SnapshotOptions;
use report::queue::QueueReport;
use units::Duration;

use super::snapshot::{ignored, tell};
use super::table_format::{self, TableFormat};
use super::{Exit, Failure, Global};

const EXAMPLES: &str = "Examples:
  kubectl get clusterqueues,localqueues,resourceflavors,cohorts,workloads -A -o json > dump.json
  windtunnel queue dump.json train.yaml
  windtunnel queue dump.json priorities.json train.yaml --format json

Kueue's decisions are taken with the workloads of the dump as they are and the job as the newest of
them. Where the job is not admitted, changes of its pods, its priority, its flavors and the quota of
its queue are tried until it is. If it waits, the cluster is replayed forward to see when it starts.

Exits with 100 if the job is not admitted.";

/// Arguments of `queue`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = EXAMPLES,
    override_usage = "windtunnel queue [OPTIONS] <DUMP>... <JOB.yaml>"
)]
pub(super) struct QueueArguments {
    /// Cluster: files of `kubectl get -o json|yaml`, folders of them, a scenario, or `-`; last, a file
    /// with the job
    #[arg(required = true, num_args = 2.., value_name = "DUMP|JOB.yaml")]
    paths: Vec<PathBuf>,
    /// Run time of every workload from its admission on, such as `2h`, for the time at which the job
    /// starts; default the run times of the workloads that have ended
    #[arg(long, value_name = "DURATION")]
    run_time: Option<Duration>,
    /// Output format of the answer
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    format: TableFormat,
}

pub(super) fn run(global: &Global, arguments: &QueueArguments) -> Result<Exit, Failure> {
    let Some((job, cluster)) = arguments.paths.split_last() else {
        return Err(Failure::input(
            "give the files of the cluster and, last, the file of the job",
        ));
    };
    let (folders, ignored) = (global.traces_dirs(), ignored(global)?);
    let options = SnapshotOptions {
        traces_dirs: &folders,
        ignored: &ignored,
        ..SnapshotOptions::default()
    };
    let asked = read(cluster, job, &options)?;
    tell(global, &asked.warnings);
    let run_times = arguments.run_time.map_or(RunTimes::Ended, RunTimes::Given);
    let answers = answers(&asked, job, run_times)?;
    let report = QueueReport {
        answers: &answers,
        warnings: &asked.warnings,
    };
    table_format::print(&report, arguments.format)?;
    let are_admitted = answers
        .iter()
        .all(|answer| answer.verdict == Verdict::Admitted);
    Ok(if are_admitted {
        Exit::Done
    } else {
        Exit::GateFailed
    })
}
