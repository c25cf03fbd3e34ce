//! The same pods in other forms: another shape of the pod, another owner, another source. Each pod
//! requests 1 core and 1 GiB in all.

use serde_json::{Value, json};

/// Shape of a pod. All request, use and live alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Plain,
    Init,
    Sidecar,
    InitAndSidecar,
    TwoContainers,
    PodLevel,
    LimitsOnly,
    Guaranteed,
    ReadinessProbe,
    Overhead,
    EphemeralContainer,
    Ports,
    Volumes,
    Extended,
}

impl Shape {
    pub(super) const ALL: [Self; 14] = [
        Self::Plain,
        Self::Init,
        Self::Sidecar,
        Self::InitAndSidecar,
        Self::TwoContainers,
        Self::PodLevel,
        Self::LimitsOnly,
        Self::Guaranteed,
        Self::ReadinessProbe,
        Self::Overhead,
        Self::EphemeralContainer,
        Self::Ports,
        Self::Volumes,
        Self::Extended,
    ];

    /// The containers and pod-level settings of the shape.
    fn spec(self) -> Value {
        let mut spec = json!({"containers": [container("app", &self.main_amounts())]});
        let main = &mut spec["containers"][0];
        match self {
            Self::Plain => {}
            Self::LimitsOnly => main["resources"] = json!({"limits": amounts(1000, 1024)}),
            Self::Guaranteed => main["resources"]["limits"] = amounts(1000, 1024),
            Self::Extended => {
                main["resources"]["requests"]["example.com/fpga"] = json!(1);
                main["resources"]["limits"] = json!({"example.com/fpga": 1});
            }
            Self::Ports => main["ports"] = json!([{"name": "http", "containerPort": 8080}]),
            Self::ReadinessProbe => {
                let probe = json!({"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1});
                main["readinessProbe"] = probe;
            }
            Self::Volumes => {
                main["volumeMounts"] = json!([{"name": "scratch", "mountPath": "/scratch"}]);
                spec["volumes"] = json!([{"name": "scratch", "emptyDir": {}}]);
            }
            Self::PodLevel => {
                main["resources"] = json!({});
                spec["resources"] = json!({"requests": amounts(1000, 1024)});
            }
            Self::Overhead => spec["overhead"] = amounts(100, 64),
            Self::EphemeralContainer => {
                spec["ephemeralContainers"] = json!([{"name": "debug", "image": "debug:1"}]);
            }
            Self::Init => spec["initContainers"] = json!([initial()]),
            Self::Sidecar => spec["initContainers"] = json!([sidecar()]),
            Self::InitAndSidecar => spec["initContainers"] = json!([sidecar(), initial()]),
            Self::TwoContainers => {
                let second = container("proxy", &amounts(100, 64));
                spec["containers"]
                    .as_array_mut()
                    .expect("a list")
                    .push(second);
            }
        }
        spec
    }

    /// What the main container requests, beside the other parts of the pod.
    fn main_amounts(self) -> Value {
        match self {
            Self::Sidecar | Self::InitAndSidecar | Self::TwoContainers | Self::Overhead => {
                amounts(900, 960)
            }
            _ => amounts(1000, 1024),
        }
    }
}

fn amounts(cores_milli: u32, memory_mebi: u32) -> Value {
    json!({"cpu": format!("{cores_milli}m"), "memory": format!("{memory_mebi}Mi")})
}

fn container(name: &str, requests: &Value) -> Value {
    json!({"name": name, "image": format!("{name}:1"), "resources": {"requests": requests}})
}

fn initial() -> Value {
    container("migrate", &amounts(100, 64))
}

fn sidecar() -> Value {
    let mut sidecar = container("proxy", &amounts(100, 64));
    sidecar["restartPolicy"] = json!("Always");
    sidecar
}

/// Owner of the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Deployment,
    StatefulSet,
    ReplicaSet,
    Job,
    Nobody,
}

impl Owner {
    pub(super) const ALL: [Self; 5] = [
        Self::Deployment,
        Self::StatefulSet,
        Self::ReplicaSet,
        Self::Job,
        Self::Nobody,
    ];
    /// Those that keep a number of pods.
    pub(super) const SETS: [Self; 3] = [Self::Deployment, Self::StatefulSet, Self::ReplicaSet];
    /// Those whose pods come back.
    pub(super) const CONTROLLERS: [Self; 4] = [
        Self::Deployment,
        Self::StatefulSet,
        Self::ReplicaSet,
        Self::Job,
    ];

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::Job => "Job",
            Self::Nobody => "Pod",
        }
    }

    fn api(self) -> &'static str {
        match self {
            Self::Job => "batch/v1",
            Self::Nobody => "v1",
            _ => "apps/v1",
        }
    }
}

/// Source of the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Manifests at the start.
    Manifests,
    /// Manifests that an operation applies one second later.
    Applied,
    /// A dump of a cluster in which the pods run, or wait.
    Dump,
    /// Rows of a table, one a pod.
    Rows,
}

/// A workload to build: `count` pods of one shape.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) owner: Owner,
    pub(super) count: usize,
    /// Usage curve of each pod.
    pub(super) usage: Option<&'static str>,
    /// Fields of the pod's specification beside the shape's.
    pub(super) fields: Value,
    /// Nodes on which the pods of a dump run in turn; they wait where there are none.
    pub(super) nodes: Vec<String>,
}

impl Workload {
    pub(super) fn new(name: &'static str, shape: Shape, owner: Owner, count: usize) -> Self {
        Self {
            name,
            shape,
            owner,
            count,
            usage: None,
            fields: json!({}),
            nodes: Vec::new(),
        }
    }

    fn annotations(&self) -> Value {
        let mut annotations = json!({});
        if let Some(curve) = self.usage {
            annotations["windtunnel.dev/cpu-usage"] = json!(curve);
        }
        if self.owner == Owner::Job {
            annotations["windtunnel.dev/run-time"] = json!("10h");
        }
        annotations
    }

    pub(super) fn spec(&self) -> Value {
        let mut spec = self.shape.spec();
        for (field, value) in self.fields.as_object().expect("fields") {
            spec[field] = value.clone();
        }
        if self.owner == Owner::Job {
            spec["restartPolicy"] = json!("Never");
        }
        spec
    }

    fn template(&self) -> Value {
        let metadata = json!({"labels": {"app": self.name}, "annotations": self.annotations()});
        json!({"metadata": metadata, "spec": self.spec()})
    }

    /// The object that owns the pods, as written in a manifest.
    fn controller(&self) -> Option<Value> {
        let (count, selector) = (self.count, json!({"matchLabels": {"app": self.name}}));
        let template = self.template();
        let spec = match self.owner {
            Owner::Deployment | Owner::ReplicaSet => {
                json!({"replicas": count, "selector": selector, "template": template})
            }
            Owner::StatefulSet => json!({
                "replicas": count, "selector": selector, "template": template,
                "serviceName": self.name, "podManagementPolicy": "Parallel",
            }),
            Owner::Job => json!({
                "completions": count, "parallelism": count, "template": template,
            }),
            Owner::Nobody => return None,
        };
        let metadata = json!({"name": self.name, "namespace": "d"});
        Some(json!({
            "apiVersion": self.owner.api(), "kind": self.owner.kind(),
            "metadata": metadata, "spec": spec,
        }))
    }

    /// The objects as a user writes them.
    pub(super) fn manifests(&self) -> Vec<Value> {
        match self.controller() {
            Some(controller) => vec![controller],
            None => (0..self.count).map(|own| self.pod(own)).collect(),
        }
    }

    pub(super) fn pod(&self, ordinal: usize) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("{}-{ordinal}", self.name), "namespace": "d",
                "labels": {"app": self.name}, "annotations": self.annotations(),
            },
            "spec": self.spec(),
        })
    }

    /// The objects as a dump of a cluster has them, all pods ready on their nodes or waiting.
    pub(super) fn dump(&self) -> Vec<Value> {
        let mut objects = Vec::new();
        let mut labels = json!({"app": self.name});
        let mut owner = None;
        if let Some(mut controller) = self.controller() {
            let uid = format!("uid-{}", self.name);
            controller["metadata"]["uid"] = json!(uid);
            owner = Some(reference(self.owner, self.name, &uid));
            objects.push(controller);
        }
        match self.owner {
            Owner::Deployment => {
                labels["pod-template-hash"] = json!("h");
                let mut template = self.template();
                template["metadata"]["labels"] = labels.clone();
                let (name, uid) = (format!("{}-h", self.name), format!("rs-{}", self.name));
                let metadata = json!({
                    "name": name, "namespace": "d", "uid": uid, "labels": labels,
                    "annotations": {"deployment.kubernetes.io/revision": "1"},
                    "ownerReferences": [owner.take()],
                });
                let selector = json!({"matchLabels": labels});
                objects.push(json!({
                    "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata,
                    "spec": {"replicas": self.count, "selector": selector, "template": template},
                }));
                owner = Some(reference(Owner::ReplicaSet, &name, &uid));
            }
            Owner::Job => {
                labels["batch.kubernetes.io/job-name"] = json!(self.name);
                labels["job-name"] = json!(self.name);
            }
            _ => {}
        }
        for ordinal in 0..self.count {
            let mut pod = self.pod(ordinal);
            pod["metadata"]["labels"] = labels.clone();
            pod["metadata"]["uid"] = json!(format!("pod-{}-{ordinal}", self.name));
            if let Some(owner) = &owner {
                pod["metadata"]["ownerReferences"] = json!([owner]);
            }
            match self.nodes.get(ordinal % self.nodes.len().max(1)) {
                Some(node) => {
                    pod["spec"]["nodeName"] = json!(node);
                    let ready = json!({"type": "Ready", "status": "True"});
                    let scheduled = json!({"type": "PodScheduled", "status": "True"});
                    pod["status"] = json!({
                        "phase": "Running", "startTime": "2026-01-01T00:00:00Z",
                        "conditions": [scheduled, ready],
                    });
                }
                None => pod["status"] = json!({"phase": "Pending"}),
            }
            objects.push(pod);
        }
        objects
    }
}

fn reference(owner: Owner, name: &str, uid: &str) -> Value {
    json!({
        "apiVersion": owner.api(), "kind": owner.kind(), "name": name, "uid": uid,
        "controller": true,
    })
}
