//! `windtunnel explain`: the reasons for a pod's node, or for its waiting; in a snapshot, or at an
//! attempt of a run.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use lab::explain::run::{RunExplainError, Scene, Which, find};
use lab::explain::{Explanation, NodeView, look_at};
use lab::results;
use lab::snapshot::change::Changes;
use lab::snapshot::profile::{profile_of, profile_or_default};
use lab::snapshot::{NamespaceBounds, Snapshot, SnapshotError, is_experiment};
use report::explain::{ExplainReport, Place};
use scenario::Scenario;
use scenario::schema::{NodeSource, WorkloadSource};
use scheduler::kube::{Cache, KubeProfile, PodInfo};
use units::{Duration, Instant, SortedSet};

use super::named::{self, NamedRun};
use super::snapshot::{
    SchedulerArguments, deciding_defects, described, doubt_allotment, read, tell, without,
};
use super::{Exit, Failure, Global, interrupt, output};

const EXAMPLES: &str = "Examples:
  windtunnel explain dump.json shop/cart-0
  windtunnel explain dump.json new-pod.yaml --node worker-3
  windtunnel explain dump.json shop/cart-0 --what-if node.disktype=ssd --node worker-3
  windtunnel explain dump.json shop/cart-0 --without-taint dedicated --request cpu=500m
  windtunnel explain results/packing:spread job-17
  windtunnel explain packing.yaml job-17 --attempt 1 --format json

The pod is one of the snapshot, by NAMESPACE/NAME (or only NAME, if it is unique), or a file
with a pod. A pod that has a node is treated as if it were still unscheduled.

A run is a result folder or an experiment file, with `:VARIANT` if it has several. It is
simulated again, and the pod is explained at one of its scheduling attempts, by default the last.
An experiment file that only names a dump, as `import kubectl` writes it, counts as a snapshot,
unless `--attempt`, `--at` or `--set` is given.";

/// Arguments of `explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExplainArguments {
    /// Cluster: files of `kubectl get -o json|yaml`, folders of them (such as `kubectl cluster-info
    /// dump` writes), a snapshot scenario, or `-`; or a run
    #[arg(required = true, value_name = "SNAPSHOT|RUN")]
    snapshot: Vec<PathBuf>,
    /// Pod (NAMESPACE/NAME, or only NAME), or a file with a pod
    #[arg(required = true, value_name = "POD")]
    pod: String,
    /// Show details of this node; changes to nodes then apply to it alone
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// What if nodes or the pod had this label: `node.KEY=VALUE`, `pod.KEY=VALUE`, or lacked it:
    /// `node.KEY-`, `pod.KEY-`; may be repeated
    #[arg(long, value_name = "CHANGE")]
    what_if: Vec<String>,
    /// What if nodes had no taint of this key (`node.kubernetes.io/unschedulable`: no cordon); may
    /// be repeated
    #[arg(long, value_name = "KEY")]
    without_taint: Vec<String>,
    /// What if the pod requested this amount in total, such as `cpu=500m`; may be repeated
    #[arg(long, value_name = "RESOURCE=AMOUNT")]
    request: Vec<String>,
    /// Snapshots only: what if this node were gone and its pods pending; may be repeated
    #[arg(long, value_name = "NODE", conflicts_with_all = ["attempt", "at", "sets"])]
    without_node: Vec<String>,
    /// Runs only: attempt of the pod, counted from 1 [default: the last]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    attempt: Option<u64>,
    /// Runs only: the last attempt at or before this time, such as `90s`
    #[arg(long, value_name = "TIME", conflicts_with = "attempt")]
    at: Option<String>,
    /// Runs only: override a field of the experiment; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    scheduler: SchedulerArguments,
    /// Output format of the answer
    #[arg(long, value_enum, default_value_t = ExplainFormat::Text)]
    format: ExplainFormat,
}

/// Output format of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExplainFormat {
    /// Text for the terminal.
    Text,
    /// JSON, one object with every node.
    Json,
}

pub(super) fn run(global: &Global, arguments: &ExplainArguments) -> Result<Exit, Failure> {
    let changes = changes(arguments)?;
    if let Some(run) = run_of(global, arguments)? {
        return of_run(global, arguments, &run, &changes);
    }
    let mut snapshot = read(global, &arguments.snapshot, arguments.scheduler.release)?;
    let profiles = arguments.scheduler.profiles(global, snapshot.release)?;
    without(&mut snapshot, &arguments.without_node)?;
    let pod = find_pod(global, &mut snapshot, &arguments.pod)?;
    let profile = profile_or_default(&profiles, &pod);
    let foreign = foreign(&profiles, &pod);
    tell(global, &foreign);
    snapshot.warnings.extend(foreign);
    let node = arguments.node.as_deref();
    let node = node.map(|name| snapshot.node_name(name)).transpose()?;
    let asked = Asked {
        profile,
        node: node.as_deref(),
    };
    let (explanation, view) = asked.explain(&snapshot.cache, &pod);
    let defects = deciding_defects(&arguments.scheduler, profile, &snapshot.cache, &pod)?;
    tell(global, &defects);
    snapshot.warnings.extend(defects);
    let mut changed = None;
    if !changes.is_empty() {
        changed = Some(asked.with(&changes, &snapshot.cache, &pod)?);
    }
    let report = ExplainReport {
        place: Place::Snapshot(&described(&snapshot)),
        explanation: &explanation,
        node: view.as_ref(),
        changed: changed.as_ref().map(|(own, view)| (own, view.as_ref())),
        warnings: &snapshot.warnings,
    };
    print(arguments, &report)
}

/// Words about a pod that asks for a scheduler of which no profile is known: the answer is what this
/// scheduler would do with it.
fn foreign(profiles: &[KubeProfile], pod: &PodInfo) -> Vec<String> {
    let error = profile_of(profiles, pod).err();
    let words = error.map(|_| {
        format!(
            "pod `{}` is left to the scheduler `{}`, which is not known here: this is what \
             kube-scheduler would do with it; give that scheduler's profile with --config",
            pod.full_name(),
            pod.spec().scheduler_name
        )
    });
    words.into_iter().collect()
}

fn print(arguments: &ExplainArguments, report: &ExplainReport<'_>) -> Result<Exit, Failure> {
    let text = match arguments.format {
        ExplainFormat::Text => report.text(),
        ExplainFormat::Json => format!("{:#}\n", report.json()),
    };
    output::print(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Run that is meant; `None` for a snapshot.
fn run_of(global: &Global, arguments: &ExplainArguments) -> Result<Option<NamedRun>, Failure> {
    let asks_for_run =
        arguments.attempt.is_some() || arguments.at.is_some() || !arguments.sets.is_empty();
    let [path] = arguments.snapshot.as_slice() else {
        return if asks_for_run {
            Err(Failure::input(
                "--attempt, --at and --set apply to a run: give one result folder or experiment \
                 file",
            ))
        } else {
            Ok(None)
        };
    };
    let text = path.display().to_string();
    let is_variant = !path.exists() && text.contains(':');
    let is_file = path.is_file();
    let is_run = asks_for_run
        || is_variant
        || results::is_result_folder(path)
        || is_file && is_experiment(path)?;
    if !is_run {
        return Ok(None);
    }
    // What only snapshots are asked.
    let asks_for_snapshot = Path::new(&arguments.pod).is_file()
        || !arguments.without_node.is_empty()
        || arguments.scheduler.is_stated();
    let run = named::run(global, &text, &arguments.sets)?;
    let scenario = &run.experiment.variants[run.variant].scenario;
    let is_snapshot =
        !asks_for_run && is_file && (is_dump(scenario) || asks_for_snapshot && is_static(scenario));
    Ok((!is_snapshot).then_some(run))
}

/// Whether all of a scenario's pods come from manifests.
fn is_static(scenario: &Scenario) -> bool {
    let mut sources = scenario.workload.iter();
    sources.all(|source| matches!(source, WorkloadSource::Manifests { .. }))
}

/// Whether a scenario does no more than name a dump: the files of its nodes are those of its pods, and
/// nothing comes or happens later.
fn is_dump(scenario: &Scenario) -> bool {
    let nodes = scenario.cluster.nodes.iter().map(|source| match source {
        NodeSource::Manifests(file) => Some(file),
        _ => None,
    });
    let pods = scenario.workload.iter().map(|source| match source {
        WorkloadSource::Manifests { file, at } if *at == Duration::ZERO => Some(file),
        _ => None,
    });
    let nodes: Option<SortedSet<&String>> = nodes.collect();
    let pods: Option<SortedSet<&String>> = pods.collect();
    nodes.is_some()
        && nodes == pods
        && scenario.operations.is_empty()
        && scenario.failures.is_empty()
}

/// Attempt that is requested.
fn which(arguments: &ExplainArguments) -> Result<Which, Failure> {
    if let Some(number) = arguments.attempt {
        return Ok(Which::Number(number));
    }
    let Some(text) = &arguments.at else {
        return Ok(Which::Last);
    };
    let at: Duration = text.parse().map_err(|error| {
        Failure::input(format!(
            "--at `{text}`: {error}; write a time such as `90s`"
        ))
    })?;
    Ok(Which::Until(Instant::ZERO.saturating_add(at)))
}

fn of_run(
    global: &Global,
    arguments: &ExplainArguments,
    run: &NamedRun,
    changes: &Changes,
) -> Result<Exit, Failure> {
    if !arguments.without_node.is_empty() {
        return Err(Failure::input(
            "--without-node is for snapshots; a run has the nodes of its experiment",
        ));
    }
    if arguments.scheduler.is_stated() {
        return Err(Failure::input(
            "--config and --release are for snapshots; a run uses the scheduler of its \
             experiment; change it with `--set system.scheduler.config=FILE`",
        ));
    }
    let side = run.side();
    let found = find(&side, &arguments.pod, which(arguments)?, interrupt::flag());
    let mut attempted = match found {
        Err(RunExplainError::NeverTried(words)) => return said(arguments, "neverTried", &words),
        Err(RunExplainError::Waits(words)) => return said(arguments, "unschedulable", &words),
        Err(RunExplainError::Bound(words)) => return said(arguments, "bound", &words),
        found => found?,
    };
    run.note_other_digest(&attempted.facts.digest, &arguments.sets);
    tell(global, &attempted.notes);
    let explanation = attempted.explain();
    let node = arguments.node.as_deref();
    let view = node.map(|name| attempted.look_at(name)).transpose()?;
    let changed = match &attempted.scene {
        _ if changes.is_empty() => None,
        Scene::Exact(known) => {
            let (cache, profile, pod) = &**known;
            Some(Asked { profile, node }.with(changes, cache, pod)?)
        }
        Scene::Pipeline(_) => {
            return Err(Failure::input(
                "--what-if, --without-taint and --request need kube-scheduler itself: a run with \
                 the system `kubernetes`, or a snapshot",
            ));
        }
    };
    let report = ExplainReport {
        place: Place::Run(&attempted.facts),
        explanation: &explanation,
        node: view.as_ref(),
        changed: changed.as_ref().map(|(own, view)| (own, view.as_ref())),
        warnings: &attempted.notes,
    };
    print(arguments, &report)
}

impl From<RunExplainError> for Failure {
    fn from(error: RunExplainError) -> Self {
        match error {
            RunExplainError::Run(error) => error.into(),
            error => Self::input(error),
        }
    }
}

/// Answers in words, where there are no filters and scores to show.
fn said(arguments: &ExplainArguments, outcome: &str, words: &str) -> Result<Exit, Failure> {
    let text = match arguments.format {
        ExplainFormat::Text => format!("{words}\n"),
        ExplainFormat::Json => {
            let answer = json!({"pod": arguments.pod, "outcome": outcome, "message": words});
            format!("{answer:#}\n")
        }
    };
    output::print(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Questions to the scheduler, optionally about one node.
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

    /// Answers with changes applied.
    fn with(
        &self,
        changes: &Changes,
        cache: &Cache,
        pod: &PodInfo,
    ) -> Result<(Explanation, Option<NodeView>), SnapshotError> {
        let mut cache = changes.of_nodes(cache, self.node)?;
        let pod = changes.of_pod(&mut cache, pod)?;
        Ok(self.explain(&cache, &pod))
    }
}

fn changes(arguments: &ExplainArguments) -> Result<Changes, Failure> {
    let mut changes = Changes::default();
    for text in &arguments.what_if {
        changes.add_label(text)?;
    }
    for text in &arguments.request {
        changes.add_request(text)?;
    }
    let taints = arguments.without_taint.iter();
    changes.taints.extend(taints.map(|key| key.as_str().into()));
    Ok(changes)
}

/// Pod to explain: from a file of that name if there is one, otherwise from the snapshot.
fn find_pod(global: &Global, snapshot: &mut Snapshot, wanted: &str) -> Result<PodInfo, Failure> {
    let path = Path::new(wanted);
    let pod = if path.is_file() || wanted == "-" {
        let (pod, findings) = snapshot.read_pod(path)?;
        tell(global, &findings);
        doubt_allotment(global, snapshot);
        snapshot.name_namespace(pod.namespace());
        let info = snapshot.new_pod_info(&pod);
        if let Ok(info) = &info {
            let admitted = NamespaceBounds::of(snapshot).admit(info.spec());
            admitted.map_err(|words| {
                Failure::input(format!(
                    "{wanted}: the API server of this cluster refuses the pod, and no scheduler sees it: {words}"
                ))
            })?;
        }
        info
    } else {
        let pod = snapshot.pod(wanted)?.clone();
        snapshot.pod_info(&pod)
    };
    pod.map_err(|error| Failure::input(format!("pod `{wanted}`: {error}")))
}
