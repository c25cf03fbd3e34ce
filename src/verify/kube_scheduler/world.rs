//! The cluster and the configuration of a case.

use std::sync::Arc;

use serde_json::Value;

use crate::cases::list;
use k8s::{ManifestPod, Manifests, read_manifests, read_scheduler_config};
use lab::snapshot::pod_info;
use model::{Changes, ClusterObjects, Node, SchedulerConfig};
use policy::kube_profiles::build_kube_profiles;
use scheduler::kube::{Cache, KubeProfile, PodInfo};

/// Fields of a case that hold objects around nodes and pods.
pub(crate) const AROUND: &[&str] = &[
    "namespaces",
    "services",
    "replicationControllers",
    "replicaSets",
    "statefulSets",
    "podDisruptionBudgets",
    "persistentVolumes",
    "persistentVolumeClaims",
    "storageClasses",
    "csiNodes",
    "csiDrivers",
    "csiStorageCapacities",
];

/// The objects of a case, read once for the worlds of every release.
pub(crate) struct CaseObjects {
    config: SchedulerConfig,
    /// Objects around nodes and pods.
    around: ClusterObjects,
    nodes: Vec<Arc<Node>>,
    pods: Vec<ManifestPod>,
    nominated: Vec<ManifestPod>,
}

impl CaseObjects {
    /// The objects of a case.
    pub(crate) fn read(id: &str, case: &Value) -> Result<Self, String> {
        let mut config = match case.get("config") {
            None => SchedulerConfig::default(),
            Some(config) => {
                read_scheduler_config(id, &config.to_string()).map_err(|error| error.to_string())?
            }
        };
        config.percentage_of_nodes_to_score = case
            .get("percentageOfNodesToScore")
            .and_then(Value::as_i64)
            .unwrap_or(100);
        let mut others = Vec::new();
        for field in AROUND {
            others.extend(list(case, field));
        }
        let mut around = manifests(id, &others)?.objects;
        if around.namespaces.is_empty() {
            let labels = [(model::NAMESPACE_NAME_LABEL.into(), "default".into())];
            around.namespaces.insert("default".into(), labels.into());
        }
        let nodes = manifests(id, &list(case, "nodes"))?.nodes;
        Ok(Self {
            config,
            around,
            nodes: nodes.into_iter().map(Arc::new).collect(),
            pods: manifests(id, &list(case, "pods"))?.pods,
            nominated: manifests(id, &list(case, "nominatedPods"))?.pods,
        })
    }
}

/// A cluster and the profiles that place pods in it.
pub(crate) struct World {
    pub(crate) cache: Cache,
    profiles: Vec<KubeProfile>,
}

impl World {
    /// The world of a case, as a release with these switches sees it.
    pub(crate) fn read(id: &str, case: &Value, changes: Changes) -> Result<Self, String> {
        Self::of(&CaseObjects::read(id, case)?, changes)
    }

    /// The world of the objects of a case, as a release with these switches sees it.
    pub(crate) fn of(objects: &CaseObjects, changes: Changes) -> Result<Self, String> {
        let profiles = build_kube_profiles(&objects.config, changes);
        let profiles = profiles.map_err(|error| error.to_string())?;
        let mut cache = Cache::of_release(changes);
        *cache.objects = objects.around.clone();
        let mut world = Self { cache, profiles };
        for node in &objects.nodes {
            let added = world.cache.add_node(Arc::clone(node));
            added.map_err(|error| error.to_string())?;
        }
        for pod in &objects.pods {
            let Some(node) = pod.node_name.clone().filter(|_| !pod.phase.is_final()) else {
                continue;
            };
            let info = Arc::new(world.pod_info(pod)?);
            let added = world.cache.add_pod(info, &node);
            added.map_err(|error| error.to_string())?;
        }
        for pod in &objects.nominated {
            let info = Arc::new(world.pod_info(pod)?);
            world.cache.nominate(info);
        }
        Ok(world)
    }

    /// A pod that is to be placed.
    pub(crate) fn pod(&mut self, id: &str, object: &Value) -> Result<PodInfo, String> {
        let read = manifests(id, &[object])?;
        let pod = read.pods.first().ok_or("the case has no pod to place")?;
        self.pod_info(pod)
    }

    /// A pod is deleted, if it is still there; its name is that with the namespace.
    pub(crate) fn delete_pod(&mut self, name: &str) {
        let found = self.cache.nodes().find_map(|node| {
            let pod = node.pods.iter().find(|pod| pod.full_name() == name)?;
            Some((pod.clone(), node.name().clone()))
        });
        if let Some((pod, node)) = found {
            self.cache.remove_pod(&pod, &node);
        }
    }

    fn pod_info(&mut self, pod: &ManifestPod) -> Result<PodInfo, String> {
        pod_info(&mut self.cache, pod).map_err(|error| error.to_string())
    }

    /// The profile of a pod.
    pub(crate) fn profile(&self, pod: &PodInfo) -> Result<&KubeProfile, String> {
        let wanted = pod.spec().scheduler();
        let mut profiles = self.profiles.iter();
        profiles
            .find(|profile| profile.scheduler_name == wanted)
            .ok_or_else(|| format!("no profile is called `{wanted}`"))
    }
}

pub(crate) fn manifests(id: &str, objects: &[&Value]) -> Result<Manifests, String> {
    if objects.is_empty() {
        return Ok(Manifests::default());
    }
    let text = serde_json::to_string(objects).map_err(|error| error.to_string())?;
    read_manifests(id, &text).map_err(|error| error.to_string())
}
