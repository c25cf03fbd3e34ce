//! `windtunnel place`: the number of further copies of a pod that fit in a cluster.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use lab::place::lost::lose;
use lab::place::{MOST, place};
use lab::snapshot::profile::profile_of;
use lab::snapshot::read_pod;
use report::lost::LossReport;
use report::place::PlaceReport;
use scheduler::kube::KubeProfile;

use super::snapshot::{SchedulerArguments, failed, read, tell, without};
use super::{Exit, Failure, Global, output};

const EXAMPLES: &str = "Examples:
  kubectl get nodes,pods,pv,pvc,sc,pdb,priorityclass,deploy,rs,sts,svc -A -o json > dump.json
  windtunnel place dump.json web.yaml
  windtunnel place nodes.json pods.json web.yaml --replicas 50
  windtunnel place cluster-dump/ web.yaml --format json
  windtunnel place dump.json web.yaml --without-node worker-3
  windtunnel place dump.json --lose worker-3

The Kubernetes scheduler places the replicas one by one and scores every node; of equally good
nodes, it takes the first by name. The owner and the policies of the pod come from its file, as
does its priority, unless the file names one of the PriorityClass objects. Pending pods of the
dump are ignored.

`--lose` takes no pod: it places the pods of the lost nodes that a controller recreates, by
descending priority, then in the order of the dump.";

/// Arguments of `place`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = EXAMPLES,
    override_usage = "windtunnel place [OPTIONS] <SNAPSHOT>... <POD.yaml>\n       \
                      windtunnel place [OPTIONS] --lose <NODE> <SNAPSHOT>..."
)]
pub(super) struct PlaceArguments {
    /// Cluster: files of `kubectl get -o json|yaml`, folders of them (such as `kubectl cluster-info
    /// dump` writes), a snapshot scenario, or `-`; last, a file with the pod
    #[arg(required = true, value_name = "SNAPSHOT|POD.yaml")]
    paths: Vec<PathBuf>,
    /// Stop after this many replicas [default: when no more fit, or at 1000000]
    #[arg(long, value_name = "N", conflicts_with = "lose")]
    replicas: Option<u64>,
    /// What if this node were gone with its pods; may be repeated
    #[arg(long, value_name = "NODE")]
    without_node: Vec<String>,
    /// Find new nodes for the pods of this lost node; may be repeated
    #[arg(long, value_name = "NODE")]
    lose: Vec<String>,
    #[command(flatten)]
    scheduler: SchedulerArguments,
    /// Output format of the answer
    #[arg(long, value_enum, default_value_t = PlaceFormat::Table)]
    format: PlaceFormat,
}

/// Output format of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PlaceFormat {
    /// Table for the terminal.
    Table,
    /// JSON, one object.
    Json,
    /// CSV, one line per node.
    Csv,
    /// Markdown tables, for pull requests.
    Markdown,
}

pub(super) fn run(global: &Global, arguments: &PlaceArguments) -> Result<Exit, Failure> {
    let profiles = arguments.scheduler.profiles(global)?;
    if !arguments.lose.is_empty() {
        return lost(global, arguments, &profiles);
    }
    let Some((path, paths)) = arguments
        .paths
        .split_last()
        .filter(|(_, own)| !own.is_empty())
    else {
        return Err(Failure::input(
            "give the files of the cluster and, last, the file of the pod: `windtunnel place \
             dump.json web.yaml`; or a node with `--lose`, to find new nodes for its pods",
        ));
    };
    let mut snapshot = read(global, paths, arguments.scheduler.changes())?;
    without(&mut snapshot, &arguments.without_node)?;
    let read = read_pod(path, &snapshot.priorities);
    let (pod, findings) = read.map_err(|error| failed(&error))?;
    let file = path.display();
    let findings: Vec<String> = findings
        .iter()
        .map(|finding| format!("{file}: {finding}"))
        .collect();
    tell(global, &findings);
    snapshot.name_namespace(pod.namespace());
    let info = snapshot.pod_info(&pod);
    let info = info.map_err(|error| Failure::input(format!("{file}: {error}")))?;
    let profile = profile_of(&profiles, &info).map_err(|error| failed(&error))?;
    let most = arguments.replicas.unwrap_or(MOST);
    let placement = place(&snapshot.cache, profile, &info, most).map_err(Failure::incomplete)?;
    let mut warnings = snapshot.warnings.clone();
    warnings.extend(findings);
    let report = PlaceReport {
        snapshot: &arguments.scheduler.described(&snapshot),
        pod: &info.full_name(),
        wanted: arguments.replicas,
        placement: &placement,
        warnings: &warnings,
    };
    let text = match arguments.format {
        PlaceFormat::Table => report.table(),
        PlaceFormat::Json => format!("{:#}\n", report.json()),
        PlaceFormat::Csv => report.csv(),
        PlaceFormat::Markdown => report.markdown(),
    };
    output::print(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Finds new nodes for the pods of lost nodes.
fn lost(
    global: &Global,
    arguments: &PlaceArguments,
    profiles: &[KubeProfile],
) -> Result<Exit, Failure> {
    let mut snapshot = read(global, &arguments.paths, arguments.scheduler.changes())?;
    without(&mut snapshot, &arguments.without_node)?;
    let summary = arguments.scheduler.described(&snapshot);
    let loss = lose(&mut snapshot, profiles, &arguments.lose).map_err(|error| failed(&error))?;
    let report = LossReport {
        snapshot: &summary,
        nodes: &arguments.lose,
        loss: &loss,
        warnings: &snapshot.warnings,
    };
    let text = match arguments.format {
        PlaceFormat::Table => report.table(),
        PlaceFormat::Json => format!("{:#}\n", report.json()),
        PlaceFormat::Csv => report.csv(),
        PlaceFormat::Markdown => report.markdown(),
    };
    output::print(text.as_bytes())?;
    Ok(Exit::Done)
}
