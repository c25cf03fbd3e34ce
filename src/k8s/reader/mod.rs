//! Gathers the objects of a file: counts where it stands, turns each object into one of the model
//! and remembers the first rule that was broken.

mod claims;
mod finish;
mod generic;
mod places;
mod pod_times;
mod pods;
mod queued_pods;
mod unread_parts;

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;
use serde_json::Value;

use super::admission::{AdmissionClasses, PriorityClass};
use super::declared_workload::DeclaredWorkload;
use super::field::{Path, Problem, parse_unix_secs};
use super::findings::ObjectName;
use super::owners::Owners;
use super::parts::{Body, Parts};
use super::programs::Programs;
use super::recommendations::VerticalCheckpoint;
use super::revisions::DeclaredRevision;
use super::runtime_class::RuntimeClass;
use super::scheduler_config::ConfigDoubt;
use super::similar_pod::HEADER_KIND;
use super::{
    ContainerNames, Ctx, Kubelet, ManifestPod, Manifests, NodeReport, Origin, UnreadWorkloads,
    Updates, cluster_scoped, convert, left_out, node, node_status, objects, server,
};
use intake::budget::OBJECTS;
use model::node_pools::NODE_POOL_LABEL;
use model::{ClusterObjects, Node, PodSpec, Text};
use units::{SortedMap, SortedSet};

/// Fate of the object read last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing of its kind is read.
    #[default]
    Ignored,
    /// It was read before.
    Repeated,
    /// A pod that has ended and has no effect any more.
    Ended,
    /// It counts.
    Taken,
}

/// Where pods may be like others.
#[derive(Clone, Copy, Default)]
struct SimilarPods {
    /// The file being read is a snapshot with such pods.
    is_in_file: bool,
    /// Every file may have some.
    is_everywhere: bool,
}

/// The objects of a file as far as it has been read.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says whether one part of a file is read"
)]
pub(super) struct Reader {
    ctx: Ctx,
    nodes: Vec<Node>,
    /// Place of each node of a name, in files and among the nodes.
    node_places: SortedMap<Text, (String, usize)>,
    /// Number of nodes of the files before.
    nodes_before: usize,
    newest_kubelet: Option<Kubelet>,
    programs: Programs,
    node_reports: SortedMap<Text, NodeReport>,
    /// Newest time that an object states.
    taken: Option<i64>,
    pods: Vec<ManifestPod>,
    /// Of every object that was read: its identity, where it states one.
    identities: IndexSet<Box<str>, FxBuildHasher>,
    owners: Owners,
    fate: Fate,
    /// The number of objects that were handed over.
    added: usize,
    ended: u64,
    repeated: u64,
    /// Place of each pod among the pods, by namespace and name.
    pod_places: IndexMap<(Text, Text), usize, FxBuildHasher>,
    likeness: SimilarPods,
    /// Number of pods of the files before.
    pods_before: usize,
    /// Pods of the file being read that stood in files before it.
    repeated_pods: SortedSet<(Text, Text)>,
    /// The findings of pods that others may be like, by the pods' places.
    findings_of_pods: SortedMap<usize, Vec<usize>>,
    classes: IndexSet<Arc<PodSpec>, FxBuildHasher>,
    objects: ClusterObjects,
    ignored_kinds: SortedMap<String, usize>,
    unread_workloads: SortedMap<String, UnreadWorkloads>,
    admission: AdmissionClasses,
    /// Pods that state no priority, with their class and whether they state a preemption policy.
    without_priority: Vec<(usize, Option<String>, bool)>,
    /// Places of the submitted pods among these, whose class a run looks up.
    admitted_by_run: SortedSet<usize>,
    /// Pods that a server has not admitted, with the runtime class that each names.
    with_runtime: Vec<(usize, String)>,
    /// Files before the one being read.
    files: usize,
    file: String,
    document: usize,
    /// The positions in the lists around the object being read.
    items: Vec<usize>,
    /// Place at which an object is reported that is settled after its list.
    moved_to: Option<String>,
    reads_workloads: bool,
    /// Whether limit ranges and quotas are read where workloads are not.
    reads_bounds: bool,
    /// Whether the selectors of workloads are kept for schedulers beside the workloads.
    keeps_objects: bool,
    /// Kinds whose objects are left out.
    unwanted: Vec<&'static str>,
    /// Whether workloads that break a rule are reported instead of refused.
    tolerates_workloads: bool,
    workloads: Vec<DeclaredWorkload>,
    dependents: Vec<DeclaredWorkload>,
    revisions: Vec<DeclaredRevision>,
    checkpoints: Vec<VerticalCheckpoint>,
    /// The keys of configs, by namespace and name.
    configs: SortedMap<(String, String), SortedSet<String>>,
    /// Pods that wait for the quota of a queue.
    queued: Vec<queued_pods::QueuedPod>,
    /// Kinds, namespaces and names of workloads that are several jobs.
    job_sets: SortedSet<(String, String, String)>,
    /// The field of a workload that broke a rule.
    broken_field: Option<String>,
    failed_at: Option<String>,
    problem: Option<String>,
}

impl Reader {
    /// Begins with classes and claims that are known already.
    pub(super) fn with_classes(admission: AdmissionClasses) -> Self {
        Self {
            admission,
            ..Self::default()
        }
    }

    /// Leaves objects of kinds out.
    pub(super) fn without(self, unwanted: &[&'static str]) -> Self {
        Self {
            unwanted: unwanted.to_vec(),
            ..self
        }
    }

    /// Takes other names of containers.
    pub(super) fn with_names(mut self, names: ContainerNames) -> Self {
        self.ctx.names = names;
        self
    }

    /// Keeps the texts of templates.
    pub(super) fn with_templates(mut self) -> Self {
        self.ctx.keeps_templates = true;
        self
    }

    /// Takes updates for something else.
    pub(super) fn with_updates(mut self, updates: Updates) -> Self {
        self.ctx.updates = updates;
        self
    }

    fn is_unwanted(&self, parts: &Parts) -> bool {
        let kind = parts.kind.as_deref();
        self.unwanted.iter().any(|own| kind == Some(own))
    }

    /// Goes on with another file.
    pub(super) fn begin_file(&mut self, name: &str) {
        self.files += usize::from(!self.file.is_empty());
        name.clone_into(&mut self.file);
        self.ctx.findings.begin_file(name);
        self.document = 0;
        self.items.clear();
        self.moved_to = None;
        self.failed_at = None;
        self.likeness.is_in_file = false;
        self.pods_before = self.pods.len();
        self.nodes_before = self.nodes.len();
        self.repeated_pods.clear();
    }

    /// Takes an object; the error says where it stands.
    pub(super) fn add(&mut self, parts: &mut Parts) -> Result<(), String> {
        if parts.kind.as_deref() == Some(HEADER_KIND) && self.is_header(parts)? {
            return Ok(());
        }
        convert::to_present(parts);
        self.begin_object()?;
        let body = parts.body();
        if body.is_some() && self.is_unwanted(parts) {
            self.fate = Fate::Ignored;
            let kind = parts.kind.clone().unwrap_or_default();
            *self
                .ignored_kinds
                .entry(kind + left_out::UNWANTED)
                .or_default() += 1;
            return Ok(());
        }
        if let (Some(kind), Some(_)) = (&parts.kind, &body) {
            self.owners.add(kind, &parts.metadata, &mut self.ctx.texts);
        }
        self.fate = match body {
            None | Some(Body::Skipped | Body::Outdated(_)) => Fate::Ignored,
            Some(Body::Workload) if !self.is_read_workload(parts) || self.is_left_out(parts) => {
                Fate::Ignored
            }
            Some(_) if self.is_repeated(parts.metadata.uid.as_deref()) => {
                self.pass_over(parts);
                return Ok(());
            }
            Some(_) => Fate::Taken,
        };
        self.ctx.origin = parts.origin();
        self.programs.look_at(parts);
        self.note_strays(parts);
        let parts = &*parts;
        let outcome = match body {
            Some(body) if self.checks_name(body, parts) => Self::check_object_name(parts),
            _ => Ok(()),
        };
        let outcome = outcome.and_then(|()| self.take(body, parts));
        outcome.map_err(|Problem(problem)| {
            self.note_broken_field(&problem);
            let message = format!("{}: {problem}", self.name_of(parts));
            self.problem.get_or_insert(message).clone()
        })
    }

    /// Remembers the field of a problem, so that its line can be found.
    fn note_broken_field(&mut self, problem: &str) {
        let field = problem.split(':').next().unwrap_or_default();
        self.broken_field.get_or_insert_with(|| field.to_owned());
    }

    /// Takes an object by the part of it that is read.
    fn take(&mut self, body: Option<Body>, parts: &Parts) -> Result<(), Problem> {
        match body {
            None => Err(Path::root("kind").missing("the object's kind, such as `Pod`")),
            Some(Body::Pod) => self.add_pod(parts),
            Some(Body::Node) => self.add_node(parts),
            Some(Body::PriorityClass) => self.add_priority_class(parts),
            Some(Body::RuntimeClass) => self.add_runtime_class(parts),
            Some(Body::Workload) if self.is_left_out(parts) => {
                self.count_ignored(parts);
                Ok(())
            }
            Some(Body::Object | Body::Workload) if self.is_read_workload(parts) => {
                Self::check_version(parts).and_then(|()| self.add_workload(parts))
            }
            Some(Body::Object) => {
                self.count_unread(parts);
                self.note_default_class(parts);
                Self::check_version(parts)
                    .and_then(|()| objects::add(parts, &mut self.objects, &mut self.ctx))
                    .and_then(|()| self.add_generic(parts))
            }
            Some(Body::Outdated(outdated))
                if self.reads_workloads || !outdated.is_workload_only =>
            {
                Err(Self::refuse_version(parts, outdated))
            }
            Some(Body::Workload) => {
                self.count_unread(parts);
                self.count_ignored(parts);
                Ok(())
            }
            Some(Body::Skipped | Body::Outdated(_)) => {
                self.count_ignored(parts);
                Ok(())
            }
        }
    }

    /// Whether an object is one of which the name has to be one that an API server takes.
    fn checks_name(&self, body: Body, parts: &Parts) -> bool {
        let is_read = match body {
            Body::Skipped | Body::Outdated(_) => false,
            Body::Workload => self.is_read_workload(parts) && !self.is_left_out(parts),
            Body::Pod | Body::Node | Body::PriorityClass | Body::RuntimeClass | Body::Object => {
                true
            }
        };
        is_read && self.ctx.origin == Origin::Submitted
    }

    fn check_object_name(parts: &Parts) -> Result<(), Problem> {
        let kind = parts.kind.as_deref().unwrap_or_default();
        match parts.metadata.name.as_deref() {
            None | Some("") => Ok(()),
            Some(name) => server::check_name(kind, name),
        }
    }

    /// Begins an object, of which only so many are read.
    fn begin_object(&mut self) -> Result<(), String> {
        self.added += 1;
        self.ctx.findings.begin_object();
        if self.added > OBJECTS {
            let message = format!(
                "{}: more than {OBJECTS} objects, the most that are read; name fewer files",
                self.place()
            );
            return Err(self.problem.get_or_insert(message).clone());
        }
        Ok(())
    }

    /// Passes over an object that was read before.
    fn pass_over(&mut self, parts: &Parts) {
        self.repeated += 1;
        self.note_repeated(parts);
        self.fate = Fate::Repeated;
    }

    /// Whether the very same object was read before, as when files overlap.
    fn is_repeated(&mut self, uid: Option<&str>) -> bool {
        match uid {
            None | Some("") => false,
            Some(uid) => !self.identities.insert(uid.into()),
        }
    }

    /// Notes what looks wrong in a scheduler's configuration.
    pub(super) fn note_config(&mut self, doubt: &ConfigDoubt) {
        let object = ObjectName {
            kind: "KubeSchedulerConfiguration",
            namespace: None,
            name: "",
        };
        let findings = &mut self.ctx.findings;
        findings.add(object, &doubt.field, doubt.what.as_str(), doubt.effect);
    }

    /// Fate of the object read last.
    pub(super) fn fate(&self) -> Fate {
        self.fate
    }

    /// Number of pods that have ended, and number of objects met more than once.
    pub(super) fn left_out(&self) -> (u64, u64) {
        (self.ended, self.repeated)
    }

    /// Whether an object is known by its name alone, and no object waits for that name.
    fn is_left_out(&self, parts: &Parts) -> bool {
        self.tolerates_workloads && matches!(parts.kind.as_deref(), Some("Secret" | "ConfigMap"))
    }

    fn count_ignored(&mut self, parts: &Parts) {
        let kind = parts.kind.as_deref().unwrap_or_default();
        let key = left_out::counted_as(kind, parts.api_version.as_deref());
        *self.ignored_kinds.entry(key).or_default() += 1;
    }

    fn add_node(&mut self, parts: &Parts) -> Result<(), Problem> {
        let (spec, status) = (&parts.node_spec, &parts.node_status);
        let node = node::node(&parts.metadata, spec, status, &mut self.ctx)?;
        if let Some((former, index)) = self.node_places.get(&node.name) {
            let is_in_file = *index >= self.nodes_before;
            if !is_in_file && self.nodes[*index] == node {
                self.pass_over(parts);
                return Ok(());
            }
            let expected = match former.strip_prefix(&format!("{}, ", self.file)) {
                Some(former) if is_in_file => format!("a unique name (also used in {former})"),
                _ => format!(
                    "a unique name (also used in {former}, of another state; read dumps of one time)"
                ),
            };
            let path = Path::root("metadata");
            return Err(path.field("name").problem(&expected, &node.name));
        }
        let place = format!("{}, {}", self.file, self.place());
        let known = (place, self.nodes.len());
        self.node_places.insert(node.name.clone(), known);
        let newest = self.newest_kubelet.take();
        self.newest_kubelet = Kubelet::newer(newest, node::kubelet(&node, status));
        self.taken = self.taken.max(node_status::newest_time(spec, status));
        if let Some(report) = node_status::report(spec, status, &node.taints) {
            self.node_reports.insert(node.name.clone(), report);
        }
        let created = parts.metadata.creation_timestamp.as_deref();
        if node.labels.contains_key(NODE_POOL_LABEL)
            && let Some(created) = created.and_then(parse_unix_secs)
        {
            let known = &mut self.objects.node_pools.created_unix_secs;
            known.insert(node.name.clone(), created);
        }
        self.nodes.push(node);
        Ok(())
    }

    fn add_priority_class(&mut self, parts: &Parts) -> Result<(), Problem> {
        let (value, preempts) = cluster_scoped::class(parts)?;
        let class = PriorityClass { value, preempts };
        if parts.global_default.as_ref().and_then(Value::as_bool) == Some(true) {
            self.admission.offer_default(class);
        }
        let name = parts.metadata.name.clone().unwrap_or_default();
        self.admission.insert(name, class);
        if self.reads_workloads {
            return self.add_workload(parts);
        }
        Ok(())
    }

    fn add_runtime_class(&mut self, parts: &Parts) -> Result<(), Problem> {
        let class = RuntimeClass::of(parts, &mut self.ctx)?;
        let name = parts.metadata.name.clone().unwrap_or_default();
        self.admission.runtimes.insert(name, class);
        Ok(())
    }

    /// Declarations of the file.
    pub(super) fn finish(mut self) -> Manifests {
        // What follows is found over all files.
        self.ctx.findings.begin_file("");
        for (index, class, states_policy) in std::mem::take(&mut self.without_priority) {
            let found = match &class {
                Some(class) => self.admission.get(class),
                None => self.admission.default_class(),
            };
            if self.admitted_by_run.contains(&index) {
                self.leave_priority(index, class.as_deref());
                continue;
            }
            match (found, class) {
                (Some(found), _) => self.give_priority(index, found, states_policy),
                (None, Some(class)) => self.note_unknown_class(index, &class, "the priority is 0"),
                (None, None) => {}
            }
        }
        self.settle_runtimes();
        self.settle_workloads();
        self.admission.take_storage(&self.objects);
        self.settle_claims();
        self.note_claims_without_scheduler();
        self.settle_queued();
        for cycle in self.owners.cycles() {
            let (kind, namespace, name) = cycle.object();
            let namespace = (!namespace.is_empty()).then_some(namespace);
            let object = ObjectName {
                kind,
                namespace,
                name,
            };
            let path = Path::root("metadata");
            self.ctx.findings.add(
                object,
                &path.field("ownerReferences"),
                format!("the owners lead back to the object: {cycle}"),
                "owners are matched by their selectors only",
            );
        }
        let has_queues = !self.objects.queueing.queues.is_empty();
        let findings = self.ctx.findings.into_list(has_queues);
        Manifests {
            nodes: self.nodes,
            pods: self.pods,
            objects: self.objects,
            workloads: self.workloads,
            dependents: self.dependents,
            revisions: self.revisions,
            checkpoints: self.checkpoints,
            admission: self.admission,
            node_reports: self.node_reports,
            taken_unix_secs: self.taken,
            ignored_kinds: self.ignored_kinds,
            unread_workloads: self.unread_workloads,
            findings,
            newest_kubelet: self.newest_kubelet,
            programs: self.programs,
        }
    }
}
