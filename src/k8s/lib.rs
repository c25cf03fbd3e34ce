//! Kubernetes manifests: Node and Pod objects in YAML (any number of documents) or JSON (one or
//! several objects, arrays), each by itself or in lists, nested or not, as `kubectl get -o yaml`
//! and `-o json` write them.
//!
//! Objects are read one at a time straight into the model (`object.rs`), so that a dump is never
//! held as a tree. Pods of equal content share one [`PodSpec`]. `PriorityClass` objects of the
//! same file give pods their priority; namespaces, budgets, services, owners and storage go to
//! [`Manifests::objects`] (`objects.rs`). Other kinds are counted in [`Manifests::ignored_kinds`];
//! fields that bear on placement and are not modelled become [`Manifests::findings`]; what the
//! Kubernetes API itself would refuse is an error with file, document, object and field.
//!
//! The annotation `windtunnel/at` (a duration such as `90s`) on a pod says when it is submitted.
//! GPU devices come in the notation of the openb traces' simulator: `alibabacloud.com/gpu-count`,
//! `gpu-milli` and `gpu-card-model`, as resources and label of nodes and as annotations (or requests
//! of one container) of pods (`gpu.rs`). `nvidia.com/gpu` and the like stay extended resources.

mod admission;
mod affinity;
mod api_error;
mod as_json;
pub mod autoscalers;
mod bound_template;
mod budgets;
mod cluster_scoped;
mod convert;
mod declared_workload;
pub mod dra;
mod dump;
mod fault;
mod field;
mod fields;
mod findings;
mod gpu;
mod group_part;
mod homeless;
mod ingress_settings;
mod job_sets;
mod json_copy;
mod json_field;
mod json_stream;
mod keys;
mod kinds;
pub mod kubectl_dump;
mod left_out;
mod life;
mod machine_sets;
mod needs;
mod node;
mod node_pools;
mod node_status;
mod normal_form;
mod object;
mod objects;
mod owners;
mod parts;
mod plain_objects;
mod pod;
mod pod_status;
mod programs;
pub mod queueing;
mod quotas;
mod raw;
mod reader;
mod recommendations;
mod record;
mod reported_status;
mod resize;
mod revisions;
mod role_jobs;
mod routes;
mod runtime_class;
mod scheduler_config;
mod server;
mod services;
mod similar_pod;
mod snapshot;
mod source;
mod template;
mod template_text;
#[cfg(test)]
mod tests;
mod unmodelled;
mod updates;
mod workload;
mod workload_jobs;
mod workloads;
mod yaml;
mod yaml_stream;

use std::cmp::Ordering;
use std::sync::Arc;

use serde::de::DeserializeSeed;
use serde_json::error::Category;

pub use admission::AdmissionClasses;
pub use declared_workload::DeclaredWorkload;
pub use dump::{ManifestReader, read_inputs};
pub use field::parse_unix_secs;
pub use findings::ManifestFinding;
pub use homeless::HomelessPods;
pub use json_copy::OmittedFields;
pub use kinds::kind_named;
pub use left_out::{effect_of_kind, is_of_runs};
pub use node_status::NodeReport;
pub use normal_form::{item_names, read_part, revision_form, settled, shared_names};
pub use plain_objects::{PlainObject, plain_objects};
pub use pod_status::{PodEnd, PodReport, ReportedContainer, ReportedRun, ReportedState};
pub use programs::Programs;
pub use recommendations::{StoredHistogram, VerticalCheckpoint};
pub use record::{BrokenField, PodRecord, read_pod, read_resize};
pub use reported_status::{ReportedCondition, ReportedCounts, ReportedJob, ReportedStatus};
pub use revisions::DeclaredRevision;
pub use scheduler_config::{
    ConfigDoubt, config_doubts, read_scheduler_config, read_scheduler_config_file,
};
pub use server::{ADMITTED, server_rules, server_rules_of_objects, takes_amount};
pub use snapshot::{Snapshot, SnapshotWriter};
pub use template_text::{FirstTemplates, written_template};
pub use updates::Updates;
pub use workload::count;
pub use yaml::read_values;

use fault::Fault;
use intake::TraceError;
use model::{ClusterObjects, IndexFailures, Node, Owner, PodPhase, PodSpec, Release, Text};
use object::ObjectSeed;
use reader::Reader;
use units::{Duration, SortedMap};

/// Declarations of a file of manifests.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    /// Nodes in the file's order; names are unique.
    pub nodes: Vec<Node>,
    /// Pods in the file's order; names are unique in each namespace.
    pub pods: Vec<ManifestPod>,
    /// Namespaces, budgets, services, owners, storage.
    pub objects: ClusterObjects,
    /// Workloads in the file's order, where they were asked for; those that a deployment or a cron
    /// job controls are among the dependents.
    pub workloads: Vec<DeclaredWorkload>,
    /// Replica sets of deployments and jobs of cron jobs, where workloads were asked for.
    pub dependents: Vec<DeclaredWorkload>,
    /// Templates that sets had and have, where workloads were asked for.
    pub revisions: Vec<DeclaredRevision>,
    /// Usage that the recommender of vertical autoscalers has stored, where workloads were asked for.
    pub checkpoints: Vec<VerticalCheckpoint>,
    /// Classes and claims by which objects of other files are admitted, classes that every cluster has
    /// included.
    pub admission: AdmissionClasses,
    /// Number of objects of each other kind; nothing of them was read ([`effect_of_kind`]).
    pub ignored_kinds: SortedMap<String, usize>,
    /// Workloads by kind, where they are not read.
    pub unread_workloads: SortedMap<String, UnreadWorkloads>,
    /// Fields that bear on placement and aren't modelled.
    pub findings: Vec<ManifestFinding>,
    /// Newest kubelet that a node reports.
    pub newest_kubelet: Option<Kubelet>,
    /// Programs beside Kubernetes that the file shows.
    pub programs: Programs,
    /// State of the nodes that report more than a node of which nothing is known, by name.
    pub node_reports: SortedMap<Text, NodeReport>,
    /// Newest time that an object states, in seconds since 1970-01-01T00:00:00Z: when a dump was taken, as
    /// far as it tells.
    pub taken_unix_secs: Option<i64>,
}

/// Kubelet of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubelet {
    /// Name of the node.
    pub node: Text,
    /// Version as the node reports it, such as `v1.34.1`.
    pub version: Text,
    /// Number of the release after `1.`.
    pub minor: u32,
}

impl Kubelet {
    /// The release that a cluster follows whose newest kubelet this is: its own, or the nearest one
    /// that is modelled.
    pub fn release(&self) -> Release {
        Release::nearest(self.minor)
    }

    /// Words about a kubelet of a release that is not modelled.
    pub fn doubt(&self) -> Option<String> {
        let release = self.release();
        let (relation, end) = match self.minor.cmp(&release.minor()) {
            Ordering::Equal => return None,
            Ordering::Greater => ("newer", "newest"),
            Ordering::Less => ("older", "oldest"),
        };
        let Self { node, version, .. } = self;
        Some(format!(
            "node `{node}` reports kubelet {version}, {relation} than {release}, the {end} release that \
             is modelled: the rules of {release} decide"
        ))
    }

    /// The newer of two kubelets, the first of two of one release.
    pub fn newer(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) if other.minor > one.minor => Some(other),
            (one, other) => one.or(other),
        }
    }
}

/// Workloads of a kind without a controller in the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnreadWorkloads {
    /// Number of objects.
    pub objects: u64,
    /// Number of pods that they want, as far as they say.
    pub pods: u64,
}

/// A pod as a manifest declares it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestPod {
    /// The pod's name; of a pod with only a `generateName`, that and a number.
    pub name: Text,
    /// The pod's class, its namespace included; pods of equal content share it.
    pub spec: Arc<PodSpec>,
    /// The pod's class with the requests its node accounts for, where a resize in place makes them
    /// differ.
    pub accounted: Option<Arc<PodSpec>>,
    /// The node it is bound to.
    pub node_name: Option<Text>,
    /// Phase of the pod's life; a pod with a node is at least bound.
    pub phase: PodPhase,
    /// The unique identifier of a pod that has a node: controllers choose by it between pods that are alike.
    pub uid: Option<Text>,
    /// Marks a pod of which its node could not tell the state.
    pub is_unknown: bool,
    /// Marks a pod whose status says that its containers have yet to start, where others say nothing.
    pub is_pending: bool,
    /// Marks a pod that was asked to end and still holds its node.
    pub is_terminating: bool,
    /// Time of that order, if it is known, and the latest time of the end, in seconds since
    /// 1970-01-01T00:00:00Z.
    pub deleted_unix_secs: Option<(Option<i64>, i64)>,
    /// Time of the pod's creation, in seconds since 1970-01-01T00:00:00Z.
    pub created_unix_secs: Option<i64>,
    /// Time at which the pod's node took it up, in seconds since 1970-01-01T00:00:00Z.
    pub started_unix_secs: Option<i64>,
    /// Time of the last change of its readiness, in seconds since 1970-01-01T00:00:00Z.
    pub ready_unix_secs: Option<i64>,
    /// State of its containers, where its status tells more than the phase.
    pub report: Option<Arc<PodReport>>,
    /// End of the pod, if it has ended.
    pub end: Option<PodEnd>,
    /// Earlier failures of its index, of a job's pod.
    pub failures: IndexFailures,
    /// Marks a job's pod that the job has yet to count.
    pub is_tracked: bool,
    /// The node it awaits a place on after a preemption.
    pub nominated_node: Option<Text>,
    /// Marks a pod that ends because a scheduler preempted it.
    pub is_preempted: bool,
    /// Time of submission, since the run's zero: the annotation `windtunnel/at`.
    pub at: Option<Duration>,
    /// Longest run time of the pod: `activeDeadlineSeconds`.
    pub time_limit: Option<Duration>,
    /// Controller that recreates the pod if it is lost.
    pub maker: Maker,
    /// The object that controls the pod.
    pub controller: Option<Owner>,
}

/// Controller that recreates a pod lost with its node, by its controlling owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Maker {
    /// Nobody.
    #[default]
    Nobody,
    /// A controller that makes another one, for any node.
    Controller,
    /// It belongs to its node: a static pod, or one of a `DaemonSet`.
    Node,
}

impl Manifests {
    /// Pods that name a node which the files lack: they hold nothing.
    pub fn homeless(&self) -> HomelessPods {
        let nodes: units::SortedSet<&str> = self.nodes.iter().map(|node| &*node.name).collect();
        HomelessPods::of(&self.pods, |node| nodes.contains(&**node))
    }
}

impl ManifestPod {
    /// The pod's namespace.
    pub fn namespace(&self) -> &Text {
        &self.spec.namespace
    }

    /// Whether the pod is healthy as disruption budgets count: it is ready, and was not asked to terminate.
    pub fn is_healthy(&self) -> bool {
        let is_ready = self
            .report
            .as_ref()
            .is_none_or(|report| report.is_ready != Some(false));
        self.is_up() && is_ready && !self.is_terminating
    }

    /// Whether the pod's containers have started, which a pod with a node has unless its status says else.
    pub fn is_up(&self) -> bool {
        self.phase == PodPhase::Running || (self.phase == PodPhase::Bound && !self.is_pending)
    }

    /// Times that the pod states, none of them after the dump was taken.
    pub fn times(&self) -> impl Iterator<Item = i64> {
        let told_to_end = self.deleted_unix_secs.and_then(|(told, _)| told);
        let own = [
            self.created_unix_secs,
            self.started_unix_secs,
            self.ready_unix_secs,
            told_to_end,
        ];
        let reported = self.report.iter().flat_map(|own| own.times());
        let end = self.end.as_ref().filter(|_| self.is_tracked);
        let end = end.and_then(|end| end.unix_secs);
        own.into_iter().flatten().chain(reported).chain(end)
    }

    /// Whether the pod ended and no controller looks at it any more: its job has counted it, or it has no
    /// place that is to be taken again.
    pub fn is_settled(&self) -> bool {
        let controller = self.controller.as_ref().map(|own| &*own.kind);
        self.phase.is_final()
            && match controller {
                Some("Job") => !self.is_tracked,
                Some("StatefulSet" | "DaemonSet") => false,
                _ => true,
            }
    }

    /// Whether a scheduler is to find a node for it: it has none, and has neither ended nor been
    /// asked to terminate (spec: kubernetes.md 1.2).
    pub fn waits_for_node(&self) -> bool {
        self.node_name.is_none() && !self.phase.is_final() && !self.is_terminating
    }
}

/// Reads a text of manifests; `name` is the file as the user named it.
///
/// A text that begins with `{` or `[` is read as JSON, and as YAML if it is none.
///
/// # Errors
/// [`TraceError::Format`] naming the document, the object, the field's path, what was expected and
/// what was found; for broken syntax the line and column.
/// # Examples
///
/// ```
/// let text = "\
/// apiVersion: v1
/// kind: Pod
/// metadata: {name: web}
/// spec:
///   containers: [{name: web, resources: {requests: {cpu: 500m}}}]
/// ";
/// let read = k8s::read_manifests("web.yaml", text)?;
/// assert_eq!(&*read.pods[0].name, "web");
/// assert!(read.pods[0].waits_for_node());
/// # Ok::<(), intake::TraceError>(())
/// ```
pub fn read_manifests(name: &str, text: &str) -> Result<Manifests, TraceError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let outcome = if text.trim_start().starts_with(['{', '[']) {
        match read_json(text) {
            Err(Failure::Syntax(of_json)) => read_yaml(text).map_err(|failure| match failure {
                Failure::Syntax(_) if !yaml::is_yaml_name(name) => Failure::Syntax(of_json),
                other => other,
            }),
            outcome => outcome,
        }
    } else {
        read_yaml(text)
    };
    outcome.map_err(|failure| TraceError::Format {
        file: name.to_owned(),
        reason: match failure {
            Failure::Syntax(reason) | Failure::Content(reason) => reason,
        },
    })
}

/// Reason a text can't be read.
enum Failure {
    /// It is not of the format at all.
    Syntax(String),
    /// It is, and what it says breaks a rule.
    Content(String),
}

fn read_json(text: &str) -> Result<Manifests, Failure> {
    let mut reader = Reader::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // Objects may follow each other, as `kubectl cluster-info dump` writes them.
    loop {
        reader.begin_document();
        let object = ObjectSeed::document(&mut reader).deserialize(&mut deserializer);
        object.map_err(|error| {
            let fault = Fault::from(&error).in_text(text, 0);
            match error.classify() {
                Category::Syntax => Failure::Syntax(reader.describe(&fault)),
                Category::Eof => Failure::Content(
                    reader.describe(&format!("the file is cut off ({fault}); write it again")),
                ),
                Category::Data | Category::Io => Failure::Content(reader.describe(&fault)),
            }
        })?;
        if deserializer.end().is_ok() {
            return Ok(reader.finish());
        }
    }
}

fn read_yaml(text: &str) -> Result<Manifests, Failure> {
    let mut reader = Reader::default();
    for document in yaml::documents(text) {
        reader.begin_document();
        let object = ObjectSeed::document(&mut reader);
        yaml::deserialize(document.text, object).map_err(|fault| {
            let fault = fault.in_text(document.text, document.lines_before);
            let reason = reader.describe(&fault);
            if reader.has_failed() {
                Failure::Content(reason)
            } else {
                Failure::Syntax(reason)
            }
        })?;
    }
    Ok(reader.finish())
}

/// Reads an object with the lives of its pods' containers.
fn read_with_lives(object: &serde_json::Value) -> Result<Manifests, String> {
    let mut reader = Reader::default().with_workloads();
    reader.begin_document();
    let read = ObjectSeed::document(&mut reader).deserialize(object);
    read.map_err(|error| error.to_string())?;
    Ok(reader.finish())
}

/// Context that the reading of any object shares.
#[derive(Default)]
struct Ctx {
    texts: field::Texts,
    findings: findings::Findings,
    origin: Origin,
    names: ContainerNames,
    updates: Updates,
    /// Whether the templates of workloads keep their text.
    keeps_templates: bool,
    /// Kind, namespace and name of workloads with variables that need a key of a config.
    key_uses: Vec<([String; 3], needs::KeyUse)>,
}

/// Names of containers that are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContainerNames {
    /// Labels of DNS.
    #[default]
    Kubernetes,
    /// Those that ECS takes, too, which may have underscores and capitals.
    Ecs,
}

/// Source of an object, by which the API server's rules hold for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Origin {
    /// A user would submit it: what the server would refuse is refused.
    #[default]
    Submitted,
    /// A server has admitted it: what breaks a rule of another release is a finding.
    Admitted,
}
