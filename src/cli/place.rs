//! `windtunnel place`: the number of further copies of a pod that fit in a cluster.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use lab::place::lost::Ground;
use lab::place::mix::Shape;
use lab::place::selection::{Selected, Selector, select};
use lab::place::{MOST, Preemption, place_new};
use lab::snapshot::profile::profile_of;
use lab::snapshot::{NamespaceBounds, Snapshot};
use report::losses::LossesReport;
use report::lost::LossReport;
use report::mix::MixReport;
use report::place::PlaceReport;
use scheduler::kube::PodInfo;

use super::snapshot::{SchedulerArguments, described, doubt_allotment, read, tell, without};
use super::table_format::{self, TableFormat};
use super::{Exit, Failure, Global};

const EXAMPLES: &str = "Examples:
  kubectl get nodes,pods,pv,pvc,sc,pdb,priorityclass,quota,limits,deploy,rs,sts,svc -A -o json > dump.json
  windtunnel place dump.json web.yaml
  windtunnel place nodes.json pods.json web.yaml --replicas 50
  windtunnel place cluster-dump/ web.yaml --format json
  windtunnel place dump.json web.yaml --without-node worker-3
  windtunnel place dump.json --mix 3=web.yaml --mix 1=db.yaml
  windtunnel place dump.json --lose worker-3
  windtunnel place dump.json --lose each
  windtunnel place dump.json --lose zone=a --lose 'spot-*' --preemption
  windtunnel place dump.json --lose each=zone --format csv

The Kubernetes scheduler places the replicas one by one and scores every node; of equally good
nodes, it takes the first by name. The owner and the policies of the pod come from its file, as
does its priority, unless the file names one of the PriorityClass objects. Pending pods of the
dump are ignored.

`--mix` places rounds of several pods; a round counts if all its pods find a node.

`--lose` takes no pod: it places the pods of the lost nodes that a controller recreates, by
descending priority, then in the order of the dump. It takes a node, a pattern of names, a label
with a pattern of its value (`zone` is short for the label of zones), and `each` or `each=LABEL`,
which lose every node or every value of a label in turn. Others that are given beside these are
lost in every turn.";

/// Arguments of `place`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = EXAMPLES,
    override_usage = "windtunnel place [OPTIONS] <SNAPSHOT>... <POD.yaml>\n       \
                      windtunnel place [OPTIONS] --mix <N=POD.yaml>... <SNAPSHOT>...\n       \
                      windtunnel place [OPTIONS] --lose <NODES>... <SNAPSHOT>..."
)]
pub(super) struct PlaceArguments {
    /// Cluster: files of `kubectl get -o json|yaml`, folders of them (such as `kubectl cluster-info
    /// dump` writes), a snapshot scenario, or `-`; last, a file with the pod
    #[arg(required = true, value_name = "SNAPSHOT|POD.yaml")]
    paths: Vec<PathBuf>,
    /// Stop after this many replicas, or rounds of a mix [default: when no more fit, or at 1000000]
    #[arg(long, value_name = "N", conflicts_with = "lose")]
    replicas: Option<u64>,
    /// What if this node were gone with its pods; may be repeated
    #[arg(long, value_name = "NODE")]
    without_node: Vec<String>,
    /// Pod of a mix with its number in each round, such as `3=web.yaml`; may be repeated
    #[arg(long, value_name = "N=POD.yaml", conflicts_with = "lose")]
    mix: Vec<MixPart>,
    /// Find new nodes for the pods of these lost nodes: NODE, PATTERN, LABEL=PATTERN, zone=NAME, each
    /// or each=LABEL; several are lost at once
    #[arg(long, value_name = "NODES")]
    lose: Vec<Selector>,
    /// Let pods evict others of lower priority, which then look for new nodes
    #[arg(long)]
    preemption: bool,
    #[command(flatten)]
    scheduler: SchedulerArguments,
    /// Output format of the answer
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    format: TableFormat,
}

/// Pod of a mix, from a file.
#[derive(Clone, Debug)]
struct MixPart {
    each: u64,
    file: PathBuf,
}

impl FromStr for MixPart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no part of a mix; expected `N=POD.yaml`, such as `3=web.yaml`");
        let (number, file) = text.split_once('=').ok_or_else(wrong)?;
        let each: u64 = number.trim().parse().map_err(|_| wrong())?;
        if each == 0 || each > MOST || file.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            each,
            file: file.into(),
        })
    }
}

impl PlaceArguments {
    fn preemption(&self) -> Preemption {
        if self.preemption {
            Preemption::On
        } else {
            Preemption::Off
        }
    }
}

pub(super) fn run(global: &Global, arguments: &PlaceArguments) -> Result<Exit, Failure> {
    if !arguments.lose.is_empty() {
        return lost(global, arguments);
    }
    if !arguments.mix.is_empty() {
        let parts: Vec<MixPart> = arguments.mix.clone();
        return mixed(global, arguments, &arguments.paths, &parts);
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
    if arguments.preemption {
        let part = MixPart {
            each: 1,
            file: path.clone(),
        };
        return mixed(global, arguments, paths, &[part]);
    }
    let mut snapshot = read(global, paths, arguments.scheduler.release)?;
    let profiles = arguments.scheduler.profiles(global, snapshot.release)?;
    without(&mut snapshot, &arguments.without_node)?;
    let asked = ask(global, &mut snapshot, path)?;
    let profile = profile_of(&profiles, &asked.pod)?;
    let most = arguments.replicas.unwrap_or(MOST);
    let placement = place_new(&snapshot, profile, &asked.pod, most);
    let placement = placement.map_err(Failure::incomplete)?;
    let mut warnings = snapshot.warnings.clone();
    warnings.extend(asked.findings);
    let report = PlaceReport {
        snapshot: &described(&snapshot),
        pod: &asked.pod.full_name(),
        wanted: arguments.replicas,
        placement: &placement,
        warnings: &warnings,
    };
    table_format::print(&report, arguments.format)?;
    Ok(Exit::Done)
}

/// Pod of a file, with what was ignored of it.
struct Asked {
    pod: PodInfo,
    findings: Vec<String>,
}

fn ask(global: &Global, snapshot: &mut Snapshot, path: &Path) -> Result<Asked, Failure> {
    let (pod, findings) = snapshot.read_pod(path)?;
    let file = path.display();
    let findings: Vec<String> = findings
        .iter()
        .map(|finding| format!("{file}: {finding}"))
        .collect();
    tell(global, &findings);
    doubt_allotment(global, snapshot);
    snapshot.name_namespace(pod.namespace());
    let pod = snapshot.new_pod_info(&pod);
    let pod = pod.map_err(|error| Failure::input(format!("{file}: {error}")))?;
    Ok(Asked { pod, findings })
}

/// Places rounds of several pods.
fn mixed(
    global: &Global,
    arguments: &PlaceArguments,
    paths: &[PathBuf],
    parts: &[MixPart],
) -> Result<Exit, Failure> {
    let mut snapshot = read(global, paths, arguments.scheduler.release)?;
    let profiles = arguments.scheduler.profiles(global, snapshot.release)?;
    without(&mut snapshot, &arguments.without_node)?;
    let mut warnings = Vec::new();
    let mut shapes = Vec::new();
    for part in parts {
        let Asked { pod, findings } = ask(global, &mut snapshot, &part.file)?;
        profile_of(&profiles, &pod)?;
        warnings.extend(findings);
        shapes.push(Shape {
            pod,
            each: part.each,
        });
    }
    warnings.splice(0..0, snapshot.warnings.iter().cloned());
    let bounds = NamespaceBounds::of(&snapshot);
    let mut ground = Ground::new(&mut snapshot, &profiles, arguments.preemption())?;
    let mixed = ground.fill(&shapes, arguments.replicas.unwrap_or(MOST), bounds);
    let report = MixReport {
        snapshot: &described(&snapshot),
        wanted: arguments.replicas,
        mixed: &mixed,
        warnings: &warnings,
    };
    table_format::print(&report, arguments.format)?;
    Ok(Exit::Done)
}

/// Finds new nodes for the pods of lost nodes, together or each in turn.
fn lost(global: &Global, arguments: &PlaceArguments) -> Result<Exit, Failure> {
    let mut snapshot = read(global, &arguments.paths, arguments.scheduler.release)?;
    let profiles = arguments.scheduler.profiles(global, snapshot.release)?;
    without(&mut snapshot, &arguments.without_node)?;
    let told = described(&snapshot);
    let selected = select(&snapshot, &arguments.lose)?;
    let Selected { always, turns } = selected;
    let mut ground = Ground::new(&mut snapshot, &profiles, arguments.preemption())?;
    if let Some(turns) = turns {
        let losses = ground.lose_each(&always, &turns);
        let report = LossesReport {
            snapshot: &told,
            always: &always,
            losses: &losses,
            warnings: &snapshot.warnings,
        };
        table_format::print(&report, arguments.format)?;
    } else {
        let loss = ground.lose(&always);
        let report = LossReport {
            snapshot: &told,
            nodes: &always,
            loss: &loss,
            warnings: &snapshot.warnings,
        };
        table_format::print(&report, arguments.format)?;
    }
    Ok(Exit::Done)
}
