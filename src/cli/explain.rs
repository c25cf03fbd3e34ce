//! `windtunnel explain`: why a pod goes where it goes, or why it waits.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::control::scheduler::kube::{Cache, KubeProfile, PodInfo};
use crate::lab::explain::{Explanation, NodeView, look_at};
use crate::lab::snapshot::change::Changes;
use crate::lab::snapshot::profile::profile_of;
use crate::lab::snapshot::{Snapshot, read_pod};
use crate::report::explain::ExplainReport;

use super::snapshot::{SchedulerArguments, failed, read, tell};
use super::{Exit, Failure, Global, output};

const EXAMPLES: &str = "Examples:
  windtunnel explain dump.json shop/cart-0
  windtunnel explain dump.json new-pod.yaml --node worker-3
  windtunnel explain dump.json shop/cart-0 --what-if node.disktype=ssd --node worker-3
  windtunnel explain dump.json shop/cart-0 --without-taint dedicated --request cpu=500m

The pod is one of the snapshot, by NAMESPACE/NAME (the name alone where only one pod has it), or
a file with a pod. A pod that has a node is looked at as if it were not there yet.";

/// What `explain` is told.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExplainArguments {
    /// The cluster: files of `kubectl get -o json|yaml`, folders of them (such as `kubectl
    /// cluster-info dump` writes), a snapshot scenario, or `-`
    #[arg(required = true, value_name = "SNAPSHOT")]
    snapshot: Vec<PathBuf>,
    /// A pod of the snapshot (NAMESPACE/NAME), or a file with a pod
    #[arg(required = true, value_name = "POD")]
    pod: String,
    /// Look closely at this node; changes to nodes are then made to it alone
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// What would be if nodes or the pod had this label: `node.KEY=VALUE`, `pod.KEY=VALUE`, or
    /// `node.KEY-`, `pod.KEY-` without it; may be repeated
    #[arg(long, value_name = "CHANGE")]
    what_if: Vec<String>,
    /// What would be if nodes had no taint of this key (`node.kubernetes.io/unschedulable`: no
    /// cordon); may be repeated
    #[arg(long, value_name = "KEY")]
    without_taint: Vec<String>,
    /// What would be if the pod asked for this in all, such as `cpu=500m`; may be repeated
    #[arg(long, value_name = "RESOURCE=AMOUNT")]
    request: Vec<String>,
    #[command(flatten)]
    scheduler: SchedulerArguments,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = ExplainFormat::Text)]
    format: ExplainFormat,
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExplainFormat {
    /// For people.
    Text,
    /// One JSON object with every node.
    Json,
}

pub(super) fn run(global: &Global, arguments: &ExplainArguments) -> Result<Exit, Failure> {
    let changes = changes(arguments)?;
    let profiles = arguments.scheduler.profiles()?;
    let mut snapshot = read(global, &arguments.snapshot)?;
    let pod = find_pod(global, &mut snapshot, &arguments.pod)?;
    let profile = profile_of(&profiles, &pod).map_err(|error| failed(&error))?;
    let node = arguments.node.as_deref();
    let node = node.map(|name| snapshot.node_name(name)).transpose();
    let node = node.map_err(|error| failed(&error))?;
    let asked = Asked {
        profile,
        node: node.as_deref(),
    };
    let (explanation, view) = asked.explain(&snapshot.cache, &pod);
    let mut changed = None;
    if !changes.is_empty() {
        let cache = changes.of_nodes(&snapshot.cache, node.as_deref());
        let mut cache = cache.map_err(|error| failed(&error))?;
        let pod = changes.of_pod(&mut cache, &pod);
        let pod = pod.map_err(|error| failed(&error))?;
        changed = Some(asked.explain(&cache, &pod));
    }
    let report = ExplainReport {
        snapshot: &snapshot.summary(),
        explanation: &explanation,
        node: view.as_ref(),
        changed: changed.as_ref().map(|(own, view)| (own, view.as_ref())),
        warnings: &snapshot.warnings,
    };
    let text = match arguments.format {
        ExplainFormat::Text => report.text(),
        ExplainFormat::Json => format!("{:#}\n", report.json()),
    };
    output::print(text.as_bytes())?;
    Ok(Exit::Done)
}

/// What the scheduler and perhaps one node are asked.
struct Asked<'a> {
    profile: &'a KubeProfile,
    node: Option<&'a str>,
}

impl Asked<'_> {
    fn explain(&self, cache: &Cache, pod: &PodInfo) -> (Explanation, Option<NodeView>) {
        let view = self
            .node
            .map(|name| look_at(cache, self.profile, pod, name));
        (Explanation::of(cache, self.profile, pod), view)
    }
}

fn changes(arguments: &ExplainArguments) -> Result<Changes, Failure> {
    let mut changes = Changes::default();
    for text in &arguments.what_if {
        changes.add_label(text).map_err(|error| failed(&error))?;
    }
    for text in &arguments.request {
        changes.add_request(text).map_err(|error| failed(&error))?;
    }
    let taints = arguments.without_taint.iter();
    changes.taints.extend(taints.map(|key| key.as_str().into()));
    Ok(changes)
}

/// The pod: of a file if there is one of the name, else of the snapshot.
fn find_pod(global: &Global, snapshot: &mut Snapshot, wanted: &str) -> Result<PodInfo, Failure> {
    let path = Path::new(wanted);
    let pod = if path.is_file() || wanted == "-" {
        let (pod, findings) = read_pod(path).map_err(|error| failed(&error))?;
        tell(global, &findings);
        snapshot.name_namespace(pod.namespace());
        pod
    } else {
        snapshot
            .pod(wanted)
            .map_err(|error| failed(&error))?
            .clone()
    };
    snapshot
        .pod_info(&pod)
        .map_err(|error| Failure::input(format!("pod `{wanted}`: {error}")))
}
