//! Making a snapshot scenario of dumps of a cluster: an experiment file beside the objects that it
//! names, ready for `run`. Bound pods stay where they are, pending ones are scheduled; with
//! `controllers`, the workloads of the dump take them over.

use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

use intake::{Input, TraceError};
use k8s::{HomelessPods, Kubelet, ManifestFinding, Manifests, SnapshotWriter, effect_of_kind};
use model::Release;

use super::folder::{Existing, FolderError, write_file};
use units::{SortedMap, plural};

/// Kinds of objects that a dump for a snapshot has, as `kubectl get` takes them.
pub const KINDS: &str = "nodes,pods,pv,pvc,sc,pdb,priorityclass,ns,svc,quota,limits,deploy,rs,sts,ds,\
                         job,cronjob,hpa,controllerrevisions";

/// Level 3 is zstd's own default: a tenth of the size of the text at disk speed.
const ZSTD_LEVEL: i32 = 3;

/// Inputs and destination of an import.
#[derive(Clone, Debug)]
pub struct ImportPlan<'a> {
    /// The dumps.
    pub inputs: &'a [Input],
    /// The experiment file to be written.
    pub scenario: PathBuf,
    /// Name of the experiment.
    pub name: String,
    /// Kinds that are left out on purpose.
    pub ignore: &'a [&'static str],
    /// Policy for existing files.
    pub existing: Existing,
}

/// Reason nothing was imported.
#[derive(Debug, Error)]
pub enum ImportError {
    /// A dump can't be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The dumps hold nothing to schedule on.
    #[error(
        "there is no node in the {} read; dump them with `kubectl get \
         {KINDS} -A -o json`",
        plural::count(*.0, "object")
    )]
    NoNodes(u64),
    /// The snapshot would take the place of a dump.
    #[error("{}: is an input file and is not overwritten; choose another name with `--name`",
        .0.display())]
    OverInput(PathBuf),
    /// The snapshot can't be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The snapshot can't be compressed.
    #[error("the snapshot can't be compressed: {0}")]
    Compress(#[from] std::io::Error),
}

/// Summary of an import.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportSummary {
    /// Release whose rules decide, with the kubelet that says so.
    pub release: String,
    /// Programs beside Kubernetes, with the release of each whose rules decide.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
    /// The experiment file.
    pub scenario: PathBuf,
    /// The objects beside it.
    pub objects: PathBuf,
    /// Number of files read.
    pub files: u64,
    /// Nodes.
    pub nodes: u64,
    /// Pods by what becomes of them.
    pub pods: PodCounts,
    /// Number of kept objects of each kind, nodes and pods included.
    pub kept: SortedMap<String, u64>,
    /// Number of objects of each kind that was left out on purpose.
    #[serde(skip_serializing_if = "SortedMap::is_empty")]
    pub left_out: SortedMap<String, u64>,
    /// Number of objects of each other kind: nothing of them is kept.
    pub ignored_kinds: SortedMap<String, u64>,
    /// Number of times that fields of kept objects were not copied, by kind and field.
    pub ignored_fields: SortedMap<String, SortedMap<String, u64>>,
    /// Objects that were met more than once.
    pub repeated: u64,
    /// Findings about the objects.
    pub findings: Vec<Finding>,
}

/// Pods by what becomes of them.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodCounts {
    /// Number of pods on a node, where they stay.
    pub bound: u64,
    /// Number of bound pods that were asked to end.
    pub terminating: u64,
    /// Number of bound pods whose node accounts for other requests than their spec has.
    pub resized: u64,
    /// Without a node: they are scheduled.
    pub pending: u64,
    /// Without a node and told to end: no scheduler looks at them.
    pub deleted: u64,
    /// Ended: they hold nothing and are left out.
    pub ended: u64,
    /// Number of pods on a node that is missing: they are left out.
    pub homeless: u64,
}

/// A remark on objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The first object it was found in.
    pub object: String,
    /// The field.
    pub field: String,
    /// The finding.
    pub what: String,
    /// Effect of the finding.
    pub effect: String,
    /// Number of places of the finding.
    pub count: u64,
}

impl From<&ManifestFinding> for Finding {
    fn from(finding: &ManifestFinding) -> Self {
        Self {
            object: finding.object.clone(),
            field: finding.field.clone(),
            what: finding.what.clone(),
            effect: finding.effect.to_owned(),
            count: finding.count as u64,
        }
    }
}

/// Path of the objects of an experiment file.
pub fn objects_path(scenario: &Path) -> PathBuf {
    let stem = scenario.file_stem().unwrap_or_default().to_string_lossy();
    scenario.with_file_name(format!("{stem}.objects.json.zst"))
}

/// Reads dumps and writes their snapshot: all of it or nothing.
pub fn import(plan: &ImportPlan<'_>) -> Result<ImportSummary, ImportError> {
    let objects = objects_path(&plan.scenario);
    check_places(plan, &objects)?;
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    let mut writer = SnapshotWriter::new(encoder).short();
    for kind in plan.ignore {
        writer = writer.without(kind);
    }
    for input in plan.inputs {
        writer.read(input)?;
    }
    let snapshot = writer.finish()?;
    let manifests = &snapshot.manifests;
    let ignored_kinds: SortedMap<String, u64> = manifests
        .ignored_kinds
        .iter()
        .map(|(kind, &count)| (kind.clone(), count as u64))
        .collect();
    if manifests.nodes.is_empty() {
        let objects = snapshot.kept.values().sum::<u64>() + ignored_kinds.values().sum::<u64>();
        return Err(ImportError::NoNodes(objects));
    }
    let homeless = manifests.homeless();
    let pods = count(manifests, homeless.count() as u64, snapshot.ended);
    let bytes = snapshot.out.finish()?;
    write_file(&objects, &bytes, plan.existing)?;
    let text = scenario_text(plan, &objects, &pods, manifests);
    write_file(&plan.scenario, text.as_bytes(), plan.existing)?;
    let fields = snapshot.passed_over.sorted().into_iter();
    Ok(ImportSummary {
        release: release_told(manifests.newest_kubelet.as_ref()),
        programs: manifests.programs.told().collect(),
        scenario: plan.scenario.clone(),
        objects,
        files: plan.inputs.len() as u64,
        nodes: manifests.nodes.len() as u64,
        pods,
        kept: snapshot.kept,
        left_out: snapshot
            .unwanted
            .iter()
            .map(|(kind, &count)| ((*kind).to_owned(), count))
            .collect(),
        ignored_kinds,
        ignored_fields: fields
            .map(|(kind, fields)| {
                let fields = fields.into_iter();
                let fields = fields
                    .map(|(path, count)| (path.to_owned(), count))
                    .collect();
                (kind.to_owned(), fields)
            })
            .collect(),
        repeated: snapshot.repeated,
        findings: homeless_found(&homeless)
            .into_iter()
            .chain(manifests.programs.doubts().map(unknown_program))
            .chain(manifests.findings.iter().map(Finding::from))
            .chain(
                manifests
                    .ignored_kinds
                    .iter()
                    .map(|(kind, &count)| ignored(kind, count)),
            )
            .chain(manifests.newest_kubelet.as_ref().and_then(unknown_release))
            .collect(),
    })
}

/// Checks that the files of a snapshot take the place of nothing.
fn check_places(plan: &ImportPlan<'_>, objects: &Path) -> Result<(), ImportError> {
    // Refused before anything is read, so that a wrong place costs no time.
    for path in [plan.scenario.as_path(), objects] {
        let written = path.canonicalize().ok();
        let is_input = |input: &Input| Path::new(&*input.name).canonicalize().ok() == written;
        if written.is_some() && plan.inputs.iter().any(is_input) {
            return Err(ImportError::OverInput(path.to_owned()));
        }
        if plan.existing == Existing::Refuse && path.symlink_metadata().is_ok() {
            return Err(FolderError::FileExists(path.to_owned()).into());
        }
    }
    Ok(())
}

/// A remark on objects of a kind that a snapshot leaves out.
fn ignored(kind: &str, count: usize) -> Finding {
    Finding {
        object: kind.to_owned(),
        field: "kind".to_owned(),
        what: "objects of this kind are left out".to_owned(),
        effect: effect_of_kind(kind).to_owned(),
        count: count as u64,
    }
}

/// A remark on pods that name a node which the files lack.
fn homeless_found(homeless: &HomelessPods) -> Option<Finding> {
    (homeless.count() > 0).then(|| Finding {
        object: "Pod".to_owned(),
        field: "spec.nodeName".to_owned(),
        what: homeless.to_string(),
        effect: HomelessPods::effect(None),
        count: 1,
    })
}

/// A remark on a program of which another release is modelled.
fn unknown_program(doubt: String) -> Finding {
    Finding {
        object: "Deployment".to_owned(),
        field: "spec.template.spec.containers[].image".to_owned(),
        what: doubt,
        effect: "decisions that differ between the two are those of the modelled one".to_owned(),
        count: 1,
    }
}

/// Words about a kubelet of a release that is not modelled.
fn unknown_release(kubelet: &Kubelet) -> Option<Finding> {
    Some(Finding {
        object: format!("Node `{}`", kubelet.node),
        field: "status.nodeInfo.kubeletVersion".to_owned(),
        what: kubelet.doubt()?,
        effect: format!("the experiment follows {}", kubelet.release()),
        count: 1,
    })
}

/// The release that an experiment follows, and why.
fn release_told(kubelet: Option<&Kubelet>) -> String {
    match kubelet {
        Some(own) => format!("{}  (the newest kubelet is {})", own.release(), own.version),
        None => format!("{}  (no node reports a kubelet)", Release::default()),
    }
}

fn count(manifests: &Manifests, homeless: u64, ended: u64) -> PodCounts {
    let mut counts = PodCounts {
        ended,
        homeless,
        ..PodCounts::default()
    };
    for pod in manifests.pods.iter().filter(|pod| !pod.phase.is_final()) {
        if pod.node_name.is_none() {
            counts.pending += u64::from(pod.waits_for_node());
            counts.deleted += u64::from(pod.is_terminating);
            continue;
        }
        counts.bound += 1;
        counts.terminating += u64::from(pod.is_terminating);
        counts.resized += u64::from(pod.accounted.is_some());
    }
    counts.bound = counts.bound.saturating_sub(homeless);
    counts
}

fn scenario_text(
    plan: &ImportPlan<'_>,
    objects: &Path,
    pods: &PodCounts,
    manifests: &Manifests,
) -> String {
    let file = objects.file_name().unwrap_or_default().to_string_lossy();
    // JSON's texts are YAML's too.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let (name, file) = (quoted(&plan.name), quoted(&file));
    let pending = pods.pending;
    let kubelet = manifests.newest_kubelet.as_ref();
    let release = kubelet.map(|own| {
        let (release, version) = (own.release(), &own.version);
        format!("  release: \"{release}\"  # that of the newest kubelet, {version}\n")
    });
    let release = release.unwrap_or_default();
    let (nodes, bound) = (
        plural::count(manifests.nodes.len(), "node"),
        plural::count(pods.bound, "pod"),
    );
    format!(
        "windtunnel: v1\n\
         name: {name}\n\
         description: \"Dump of a cluster: {nodes}, {bound} bound, {pending} \
         pending.\"\n\
         cluster:\n\
         \x20 nodes:\n\
         \x20   - manifests: {file}\n\
         workload:\n\
         \x20 - manifests: {file}\n\
         system:\n\
         \x20 name: kubernetes\n\
         {release}\
         stop: {{when: idle}}\n"
    )
}
