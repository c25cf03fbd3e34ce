//! A cluster as it was at one instant, out of a dump of its objects: what the Kubernetes
//! scheduler would know when it looks at the next pod.
//!
//! Files are read one by one and put together (`files.rs`). Pods whose phase is final hold
//! nothing; every other pod with a node holds its requests there, whatever its phase; pods without
//! a node are in [`Snapshot::pods`] alone and only count where they are nominated to one
//! (spec: kubernetes.md 1.13). A pod on a node that isn't there is left out and told in
//! [`Snapshot::warnings`].

mod bounds;
pub mod change;
mod files;
mod named_cluster;
pub mod profile;
mod shape;
#[cfg(test)]
mod tests;
mod wanted;

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

pub use bounds::{AdmittedPods, NamespaceBounds};
pub use files::{Sources, is_experiment};
pub use named_cluster::{CLUSTER_LABEL, NamedCluster};
pub use shape::read_pod;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::immediate_claims;
use crate::summarize::gap_notes;
use intake::{Input, TraceError};
use k8s::{AdmissionClasses, HomelessPods, Kubelet, ManifestPod, Programs};
use model::workload::{DaemonSet, LimitRange, PodDisruptionBudget, ResourceQuota};
use model::{
    Change, Changes, ClusterObjects, Labels, Node, Object, Owner, PodPhase, PodSpec, Release, Text,
};
use scheduler::kube::{Cache, CacheError, PodInfo};
use systems::mapping::{Item, Mapping};
use units::{QuantityError, SortedMap, SortedSet, nearest, plural};

/// Number of names that a warning gives.
const NAMED: usize = 3;

/// Reason a snapshot can't be made, or can't answer a question.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// A file can't be read.
    #[error(transparent)]
    File(#[from] TraceError),
    /// Objects that don't go together.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// An amount that can't be expressed.
    #[error(transparent)]
    Amount(#[from] QuantityError),
    /// Anything else, in words.
    #[error("{0}")]
    Input(String),
}

/// Objects of a cluster that bear on plans rather than on single placements.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// Daemon sets.
    pub daemon_sets: Vec<Arc<DaemonSet>>,
    /// Budgets of disruption with their limits.
    pub budgets: Vec<Arc<PodDisruptionBudget>>,
    /// Quotas of namespaces.
    pub quotas: Vec<Arc<ResourceQuota>>,
    /// Limit ranges of namespaces.
    pub limit_ranges: Vec<Arc<LimitRange>>,
    /// When the newest of the dumps was taken, as far as they tell, in seconds since 1970-01-01T00:00:00Z.
    pub taken_unix_secs: Option<i64>,
    /// Numbers of pods that workloads want, by namespace, kind and name.
    replicas: SortedMap<(Text, String, Text), i32>,
}

impl Declared {
    /// Adds an object, if plans look at it.
    pub fn add(&mut self, object: &Object) {
        match object {
            Object::DaemonSet(set) => self.daemon_sets.push(set.clone()),
            Object::PodDisruptionBudget(budget) => self.budgets.push(budget.clone()),
            Object::ResourceQuota(quota) => self.quotas.push(quota.clone()),
            Object::LimitRange(range) => self.limit_ranges.push(range.clone()),
            _ => {
                if let Some((replicas, _)) = object.replicas() {
                    let kind = object.kind().to_owned();
                    let key = (object.namespace().clone(), kind, object.name().clone());
                    self.replicas.insert(key, replicas);
                }
            }
        }
    }

    /// The workload that says how many pods a controller of pods has, by kind and name, and that number: a
    /// replica set of a Deployment has its name and a hash of the template. `None` if none is declared.
    pub fn wanted<'o>(&self, namespace: &Text, owner: &'o Owner) -> Option<(&'o str, i32)> {
        let of = |kind: &str, name: &'o str| {
            let key = (namespace.clone(), kind.to_owned(), name.into());
            self.replicas.get(&key).map(|&replicas| (name, replicas))
        };
        let deployment = || {
            let (stem, _) = owner.name.rsplit_once('-')?;
            of("Deployment", stem).filter(|_| &*owner.kind == "ReplicaSet")
        };
        of(&owner.kind, &owner.name).or_else(deployment)
    }
}

/// Joint declarations of files.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// Nodes, in order of the files.
    pub nodes: Vec<Arc<Node>>,
    /// Names of nodes that report not to be ready, or of which the control plane hears nothing.
    pub unready: SortedSet<Text>,
    /// Pods, in order of the files.
    pub pods: Vec<ManifestPod>,
    /// Objects around them.
    pub objects: ClusterObjects,
    /// Classes and claims that objects of other files may name.
    pub admission: AdmissionClasses,
    /// Objects that plans look at, where workloads are read.
    pub declared: Declared,
    /// Workloads and autoscalers that nothing else controls, where workloads are read.
    pub workloads: Vec<Object>,
    /// Files of objects, in order of reading.
    pub inputs: Vec<Input>,
    /// Number of objects of kinds that placements don't read.
    pub ignored_kinds: SortedMap<String, usize>,
    /// Features of the files that the model ignores, in words.
    pub findings: Vec<String>,
    /// Features that the model ignores where no queue of Kueue is declared.
    pub without_queues: Vec<String>,
    /// Whether objects of an experiment come later than its start.
    pub has_later: bool,
    /// Switches of the release by which pods count.
    pub changes: Changes,
    /// Release whose rules decide.
    pub release: Release,
    /// Release that an experiment among the files states.
    pub stated_release: Option<Release>,
    /// Newest kubelet that a node reports.
    pub newest_kubelet: Option<Kubelet>,
    /// Programs beside Kubernetes that the files show.
    pub programs: Programs,
}

impl Gathered {
    /// Takes up what is found over all files.
    fn settle_findings(&mut self) {
        let lacking = std::mem::take(&mut self.without_queues);
        if self.objects.queueing.queues.is_empty() {
            self.findings.extend(lacking);
        }
        let doubts: Vec<String> = self.programs.doubts().collect();
        self.findings.splice(0..0, doubts);
    }

    /// Follows a release: the stated one, or that of an experiment, or else that of the newest kubelet.
    pub fn follow(&mut self, stated: Option<Release>) {
        let stated = stated.or(self.stated_release);
        let told = self.newest_kubelet.as_ref().filter(|_| stated.is_none());
        let told = told.map(Kubelet::release);
        self.release = stated.or(told).unwrap_or_default();
        self.changes = self.release.changes();
        if told.is_some() {
            let doubt = self.newest_kubelet.as_ref().and_then(Kubelet::doubt);
            self.findings.splice(0..0, doubt);
        }
    }
}

/// The way in which the files of a snapshot are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct SnapshotOptions<'a> {
    /// Folders in which files that a scenario names are looked for.
    pub traces_dirs: &'a [PathBuf],
    /// Release whose rules decide; `None` is that of an experiment or of the newest kubelet.
    pub release: Option<Release>,
    /// Kinds whose objects are left out.
    pub ignored: &'a [&'static str],
    /// Dumps that are read beside the files, each as a cluster of its own name.
    pub clusters: &'a [NamedCluster],
    /// Whether plans count pods that workloads want and that are not there.
    pub makes_pods: bool,
}

/// Numbers of a snapshot's pods, by sort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCounts {
    /// Number of pods on a node.
    pub bound: usize,
    /// Without a node.
    pub pending: usize,
    /// Ended; they hold nothing.
    pub finished: usize,
    /// Said to be on a node that is not there; they are left out.
    pub lost: usize,
}

/// A cluster at one instant.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The scheduler's cache.
    pub cache: Cache,
    /// All pods.
    pub pods: Vec<ManifestPod>,
    /// Classes and claims that objects of other files may name.
    pub admission: AdmissionClasses,
    /// Numbers of pods.
    pub counts: PodCounts,
    /// Warnings about ignored or suspicious parts, in words.
    pub warnings: Vec<String>,
    /// Objects that plans look at, where workloads are read.
    pub declared: Declared,
    /// Files of objects, in order of reading.
    pub inputs: Vec<Input>,
    /// Number of objects of kinds that placements don't read.
    pub ignored_kinds: SortedMap<String, usize>,
    /// Release whose rules decide.
    pub release: Release,
}

/// A pod of a manifest as a scheduler with this cache sees it.
///
/// # Errors
/// If an amount can't be expressed.
pub fn pod_info(cache: &mut Cache, pod: &ManifestPod) -> Result<PodInfo, QuantityError> {
    let accounted = pod.accounted.as_ref();
    let accounted = accounted.filter(|_| cache.changes().has(Change::InPlaceResize));
    let mut info = PodInfo {
        class: cache.class(&pod.spec)?,
        name: pod.name.clone().into(),
        is_terminating: pod.is_terminating,
        is_preempted: pod.is_preempted,
        ..PodInfo::default()
    };
    info.set_accounted(accounted.map(|spec| cache.class(spec)).transpose()?);
    info.set_node_name(pod.node_name.clone());
    info.set_started_secs(pod.started_unix_secs);
    info.set_nominated_node(pod.nominated_node.clone());
    Ok(info)
}

impl Snapshot {
    /// Reads files, folders and snapshot scenarios; `-` is standard input. The rules of the stated
    /// release decide, or else those of the newest kubelet.
    ///
    /// # Errors
    /// If a file can't be read or what the files say doesn't go together.
    pub fn read(paths: &[PathBuf], options: &SnapshotOptions<'_>) -> Result<Self, SnapshotError> {
        let mut sources = Sources::new(options.traces_dirs).without(options.ignored);
        for path in paths {
            sources.add(path)?;
        }
        let mut gathered = sources.finish()?;
        gathered.follow(options.release);
        Self::new(gathered)
    }

    /// Declarations of files as [`Self::read`] reads them, with the objects that plans look at.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn gather(
        paths: &[PathBuf],
        options: &SnapshotOptions<'_>,
    ) -> Result<Gathered, SnapshotError> {
        let sources = Sources::new(options.traces_dirs).without(options.ignored);
        let mut sources = sources.with_workloads();
        for path in paths {
            sources.add(path)?;
        }
        for cluster in options.clusters {
            sources.add_input(&cluster.input()?, &cluster.path)?;
        }
        let mut gathered = sources.finish()?;
        gathered.follow(options.release);
        wanted::take_lacking(&mut gathered, options.makes_pods);
        Ok(gathered)
    }

    /// The snapshot of objects.
    ///
    /// # Errors
    /// If two nodes have one name or an amount can't be expressed.
    pub fn new(gathered: Gathered) -> Result<Self, SnapshotError> {
        let mut snapshot = Self {
            cache: Cache::of_release(gathered.changes),
            warnings: gathered.findings,
            ignored_kinds: gathered.ignored_kinds,
            pods: gathered.pods,
            admission: gathered.admission,
            declared: gathered.declared,
            inputs: gathered.inputs,
            release: gathered.release,
            ..Self::default()
        };
        let unbound = immediate_claims::left(&gathered.objects);
        snapshot.warnings.extend(unbound);
        *snapshot.cache.objects = gathered.objects;
        snapshot.cache.add_nodes(gathered.nodes)?;
        let mut lost = HomelessPods::default();
        let pods = std::mem::take(&mut snapshot.pods);
        for pod in &pods {
            snapshot.name_namespace(pod.namespace());
            if pod.phase.is_final() {
                snapshot.counts.finished += 1;
                continue;
            }
            let info = Arc::new(snapshot.pod_info(pod)?);
            match &pod.node_name {
                None => {
                    snapshot.counts.pending += usize::from(!pod.is_terminating);
                    snapshot.cache.nominate(info);
                }
                Some(_) if lost.look_at(pod, |node| snapshot.cache.node(node).is_some()) => {
                    snapshot.counts.lost += 1;
                }
                Some(node) => {
                    snapshot.counts.bound += 1;
                    snapshot.cache.add_pod(info, node)?;
                }
            }
        }
        snapshot.pods = pods;
        snapshot.name_namespace("default");
        let unexpressed = unexpressed(&snapshot.pods);
        snapshot.warnings.extend(unexpressed);
        snapshot.warnings.splice(0..0, lost.told(None));
        Ok(snapshot)
    }

    /// Takes a node away with the pods on it, which then wait for a node unless they have been told
    /// to end. Gives their positions among the pods.
    ///
    /// # Errors
    /// If there is no such node, with the nearest names.
    pub fn lose_node(&mut self, name: &str) -> Result<Vec<usize>, SnapshotError> {
        let name = self.node_name(name)?;
        self.cache.remove_node(&name);
        let mut lost = Vec::new();
        for (index, pod) in self.pods.iter_mut().enumerate() {
            if pod.phase.is_final() || pod.node_name.as_ref() != Some(&name) {
                continue;
            }
            pod.node_name = None;
            pod.phase = PodPhase::Pending;
            pod.started_unix_secs = None;
            // Another pod in its place has the spec as it is declared.
            pod.accounted = None;
            self.counts.bound -= 1;
            if pod.waits_for_node() {
                self.counts.pending += 1;
                lost.push(index);
            }
        }
        Ok(lost)
    }

    /// A namespace that only objects name is known by its name: it has the label that the API
    /// server gives to all.
    pub fn name_namespace(&mut self, namespace: &str) {
        let namespaces = &mut self.cache.objects.namespaces;
        if !namespaces.contains_key(namespace) {
            let label = (model::NAMESPACE_NAME_LABEL.into(), namespace.into());
            namespaces.insert(namespace.into(), Labels::from([label]));
        }
    }

    /// A pod as the scheduler sees it.
    ///
    /// # Errors
    /// If an amount can't be expressed.
    pub fn pod_info(&mut self, pod: &ManifestPod) -> Result<PodInfo, QuantityError> {
        pod_info(&mut self.cache, pod)
    }

    /// The pod of a name, `NAMESPACE/NAME` or the name alone where only one pod has it.
    ///
    /// # Errors
    /// If there is none, with the nearest names, or several.
    pub fn pod(&self, wanted: &str) -> Result<&ManifestPod, SnapshotError> {
        let (namespace, name) = match wanted.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, wanted),
        };
        let found: Vec<&ManifestPod> = self
            .pods
            .iter()
            .filter(|pod| {
                *pod.name == *name && namespace.is_none_or(|own| **pod.namespace() == *own)
            })
            .collect();
        match found.as_slice() {
            [one] => Ok(one),
            [] => Err(SnapshotError::Input(self.unknown_pod(wanted, name))),
            several => {
                let names: Vec<String> = several
                    .iter()
                    .map(|pod| format!("`{}/{}`", pod.namespace(), pod.name))
                    .collect();
                Err(SnapshotError::Input(format!(
                    "several pods are called `{name}`; say which: {}",
                    names.join(", ")
                )))
            }
        }
    }

    fn unknown_pod(&self, wanted: &str, name: &str) -> String {
        let full = |pod: &ManifestPod| format!("{}/{}", pod.namespace(), pod.name);
        let mut near: Vec<String> = self
            .pods
            .iter()
            .filter(|pod| *pod.name == *name)
            .map(full)
            .collect();
        if near.is_empty() {
            let names = self.pods.iter().map(|pod| &*pod.name);
            let close = nearest::all_near(name, names);
            let is_close =
                |pod: &&ManifestPod| close.contains(&&*pod.name) || pod.name.starts_with(name);
            near = self.pods.iter().filter(is_close).map(full).collect();
        }
        near.truncate(NAMED);
        let told = match near.as_slice() {
            [] => format!(
                "it has {}, {} of them without a node; name one as NAMESPACE/NAME, or a file \
                 with a pod",
                plural::count(self.pods.len(), "pod"),
                self.counts.pending
            ),
            near => format!("did you mean `{}`?", near.join("`, `")),
        };
        format!("the snapshot has no pod `{wanted}`; {told}")
    }

    /// The name of a node.
    ///
    /// # Errors
    /// If there is none, with the nearest names.
    pub fn node_name(&self, wanted: &str) -> Result<Text, SnapshotError> {
        if let Some(node) = self.cache.node(wanted) {
            return Ok(node.name().clone());
        }
        let names: Vec<&str> = self.cache.nodes().map(|node| &**node.name()).collect();
        let mut near = nearest::all_near(wanted, names.iter().copied());
        if near.is_empty() {
            near = names;
        }
        near.truncate(NAMED);
        let near = near.join("`, `");
        Err(SnapshotError::Input(format!(
            "the snapshot has no node `{wanted}`; there is `{near}`"
        )))
    }

    /// A line of what the snapshot holds.
    pub fn summary(&self) -> String {
        let PodCounts {
            bound,
            pending,
            finished,
            ..
        } = self.counts;
        let nodes = self.cache.node_count();
        format!(
            "{}, {} on them, {pending} waiting, {finished} finished",
            plural::count(nodes, "node"),
            plural::count(bound, "pod")
        )
    }
}

/// Notes about features of pods that kube-scheduler's system can't express, as a run has them.
fn unexpressed(pods: &[ManifestPod]) -> Vec<String> {
    const SYSTEM: &str = "kubernetes";
    let mut counts: IndexMap<*const PodSpec, (&ManifestPod, u64), FxBuildHasher> =
        IndexMap::default();
    for pod in pods.iter().filter(|pod| !pod.phase.is_final()) {
        counts.entry(Arc::as_ptr(&pod.spec)).or_insert((pod, 0)).1 += 1;
    }
    let Ok(entry) = systems::registry::find(SYSTEM) else {
        return Vec::new();
    };
    let items = counts.values().map(|&(pod, count)| Item::Pods {
        name: Some(&*pod.name),
        spec: &pod.spec,
        count,
        in_gangs: false,
        with_others: false,
    });
    gap_notes(SYSTEM, &Mapping::of(entry.capabilities, items))
}
