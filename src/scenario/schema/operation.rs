//! `operations:` of the experiment file, and `controllers:` of its system.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{InstanceMigration, InstanceResize, Push, TaintEffect};
use rng::Distribution;
use units::{Duration, SortedMap};

/// Kubernetes controllers: reconcile the `Deployment`, `StatefulSet`, `DaemonSet`, `Job`, `CronJob`
/// and `PodDisruptionBudget` objects of manifests. `{}` uses the settings of a plain cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Controllers {
    /// Date and time of the run's start in UTC, such as `2025-03-03T00:00:00Z`, for schedules of
    /// `CronJob` objects; default `1970-01-01T00:00:00Z`, a Thursday.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub start_date: Option<String>,
    /// Number of ended pods that the pod garbage collector keeps (`--terminated-pod-gc-threshold`); 0 keeps
    /// all. Default 12500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminated_pod_threshold: Option<u32>,
    /// Jobs that arrivals of traces and generators are submitted as: each becomes a `Job` with one pod
    /// per member. Default none, and arrivals are pods, or gangs of pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<ArrivalJobs>,
}

/// Jobs that arrivals of traces and generators are submitted as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArrivalJobs {
    /// Name of the `LocalQueue` of Kueue that they wait in, in which `{tenant}` stands for the name of the
    /// tenant; needs manifests with queues. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub queue: Option<String>,
}

/// Operation that a user performs on the cluster at a given time; requires `system.controllers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    extend("oneOf" = [
        {"required": ["scale"]}, {"required": ["apply"]}, {"required": ["delete"]},
        {"required": ["pause"]}, {"required": ["resume"]}, {"required": ["rollBack"]},
        {"required": ["cordon"]}, {"required": ["uncordon"]}, {"required": ["drain"]},
        {"required": ["upgrade"]}, {"required": ["deletePods"]}, {"required": ["taint"]},
        {"required": ["untaint"]}, {"required": ["push"]}, {"required": ["machine"]},
        {"required": ["migrate"]}, {"required": ["resize"]},
    ]),
    extend("dependentRequired" = {
        "replicas": ["scale"], "scale": ["replicas"], "propagation": ["delete"],
    })
)]
pub struct Operation {
    /// Time of the operation after the start of the run.
    pub at: Duration,
    /// Object to scale to `replicas` pods, as `KIND/NAMESPACE/NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<String>,
    /// Number of replicas for `scale`, at least 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub replicas: Option<i32>,
    /// File of Kubernetes objects to create or update: workloads, pods without an owner, and nodes,
    /// which join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<String>,
    /// Object to delete together with its dependents, as `KIND/NAMESPACE/NAME`; a pod, which ends
    /// within its grace period, as `Pod/NAMESPACE/NAME`, and a node, whose pods are collected later,
    /// as `Node/NAME`; a pool of the provisioner, whose nodes go with it, as `NodePool/NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete: Option<String>,
    /// Fate of the dependents of `delete`; default `background`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagation: Option<PropagationPolicy>,
    /// Pods to delete by their labels; their controllers replace them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_pods: Option<PodDeletion>,
    /// Taint to put on a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taint: Option<NodeTaint>,
    /// Taints to take off a node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untaint: Option<NodeTaints>,
    /// Deployment whose rollouts are paused, as `KIND/NAMESPACE/NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<String>,
    /// Deployment whose rollouts are resumed, as `KIND/NAMESPACE/NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// Deployment, stateful set or daemon set to roll back to its previous template, as `KIND/NAMESPACE/NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roll_back: Option<String>,
    /// Node to cordon: it takes no new pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cordon: Option<String>,
    /// Node to uncordon: it takes new pods again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncordon: Option<String>,
    /// Node to drain: it takes no new pods, and its pods are evicted as disruption budgets allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<String>,
    /// Upgrade of nodes: they are drained, serviced and put back, some at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
    /// Push of an image, or of source code that it is built from, whose repository one of `delivery`
    /// watches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<Push>,
    /// Step of Docker Machine for the host of a node; needs `cluster.provider.dockerMachine`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineOperation>,
    /// Instances of Nova to migrate while they are shut down; with `name: nova` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrate: Option<InstanceMigration>,
    /// Instances of Nova to resize to another flavor; with `name: nova` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize: Option<InstanceResize>,
}

/// Step of Docker Machine for the host of a node. What runs on a host is lost while its engine is away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MachineOperation {
    /// Name of the node.
    pub node: String,
    /// Step of its host.
    pub step: MachineStep,
    /// Whether Docker Machine forgets a host that the driver could not remove, which then runs on; for the step
    /// `remove`. Default `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

/// Step of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MachineStep {
    /// Creation, phase by phase, of a host that was removed; as the first step of a node, of one that is not there
    /// before. Its node joins once it is ready.
    Create,
    /// Start of a stopped host: the driver's boot time, then that of the engine.
    Start,
    /// Stop in order.
    Stop,
    /// Power-off.
    Kill,
    /// Stop and start.
    Restart,
    /// Detection of the system and installation of packages and settings, after which the engine starts again.
    Provision,
    /// New packages of the engine, which starts again once they are installed.
    Upgrade,
    /// Removal: the driver destroys the host, whose node leaves the cluster.
    Remove,
}

impl MachineStep {
    /// The name of the step.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Provision => "provision",
            Self::Upgrade => "upgrade",
            Self::Remove => "remove",
        }
    }
}

/// Fate of the dependents of a deleted object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PropagationPolicy {
    /// Dependents are deleted after the object.
    #[default]
    Background,
    /// Dependents are deleted first; the object stays until they are gone.
    Foreground,
    /// Dependents stay and have no owner.
    Orphan,
}

/// Deletion of pods by their labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodDeletion {
    /// Labels that the pods have.
    #[schemars(extend("minProperties" = 1))]
    pub labels: SortedMap<String, String>,
    /// Namespace of the pods; default `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub namespace: Option<String>,
    /// Number of pods, oldest first; default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub count: Option<u32>,
}

/// Taint to put on a node, in place of one of the same key and effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeTaint {
    /// Name of the node.
    pub node: String,
    /// Key of the taint.
    #[schemars(length(min = 1))]
    pub key: String,
    /// Value of the taint; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Effect of the taint on pods that do not tolerate it.
    pub effect: TaintEffect,
}

/// Taints to take off a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeTaints {
    /// Name of the node.
    pub node: String,
    /// Key of the taints.
    #[schemars(length(min = 1))]
    pub key: String,
    /// Effect of the taint; default every effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
}

/// Node upgrade: each node is cordoned, drained as budgets allow, away for its service, and back.
/// Give `batch` or `maxUnavailable`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["batch"]}, {"required": ["maxUnavailable"]}]))]
pub struct Upgrade {
    /// Domain of `cluster.domains` by its label and name, or the nodes with a label; default all
    /// nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
    pub domain: Option<SortedMap<String, String>>,
    /// Label whose values order the nodes, such as `rack`; default the order of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub by: Option<String>,
    /// Number of nodes per batch, at least 1: the next batch begins once all of them are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub batch: Option<u32>,
    /// Maximum number of nodes away at a time, at least 1: the next begins as soon as one is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_unavailable: Option<u32>,
    /// Service time of a drained node: a distribution, such as `lognormal(10m, 0.4)`.
    pub service: Distribution,
    /// Timeout of a drain, after which the node goes even if pods remain; default never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub drain_timeout: Option<Duration>,
    /// Pause before the next batch or node; default `0s`.
    #[serde(default)]
    pub gap: Duration,
    /// Replacement of nodes: `true` makes nodes leave and new ones join in their place; default
    /// `false`.
    #[serde(default)]
    pub replace: bool,
}

impl Operation {
    /// Object that the operation names, with the field that names it.
    pub fn object(&self) -> Option<(&'static str, &str)> {
        let named = [
            ("scale", &self.scale),
            ("delete", &self.delete),
            ("pause", &self.pause),
            ("resume", &self.resume),
            ("rollBack", &self.roll_back),
        ];
        let mut named = named.into_iter();
        named.find_map(|(field, object)| Some((field, object.as_deref()?)))
    }

    /// Node that the operation names, with the field that names it.
    pub fn node(&self) -> Option<(&'static str, &str)> {
        let named = [
            ("cordon", &self.cordon),
            ("uncordon", &self.uncordon),
            ("drain", &self.drain),
        ];
        let taint = self.taint.as_ref().map(|own| ("taint.node", &*own.node));
        let untaint = (self.untaint.as_ref()).map(|own| ("untaint.node", &*own.node));
        let machine = (self.machine.as_ref()).map(|own| ("machine.node", &*own.node));
        let migrated = self.migrate.as_ref().and_then(|own| own.node.as_deref());
        let migrated = migrated.map(|node| ("migrate.node", node));
        let mut named = named.into_iter();
        let named = named.find_map(|(field, node)| Some((field, node.as_deref()?)));
        named.or(taint).or(untaint).or(machine).or(migrated)
    }
}
