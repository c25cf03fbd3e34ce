//! Nodes: the machines that pods are placed on.

use std::hash::{Hash, Hasher};

use super::{GpuInventory, Labels, ResourceList, Taint, TaintEffect, Text};
use serde::{Deserialize, Serialize};

/// The label that names a node's zone.
pub const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
/// The label that names a node's region.
pub const REGION_LABEL: &str = "topology.kubernetes.io/region";
/// The label that named a node's zone before Kubernetes 1.17.
pub const OLD_ZONE_LABEL: &str = "failure-domain.beta.kubernetes.io/zone";
/// The label that named a node's region before Kubernetes 1.17.
pub const OLD_REGION_LABEL: &str = "failure-domain.beta.kubernetes.io/region";
/// The label that named a node's instance type before Kubernetes 1.17.
const OLD_INSTANCE_TYPE_LABEL: &str = "beta.kubernetes.io/instance-type";
/// The label that names a node itself.
pub const HOSTNAME_LABEL: &str = "kubernetes.io/hostname";
/// The label of a node's processor architecture.
pub const ARCH_LABEL: &str = "kubernetes.io/arch";
/// The label of a node's operating system.
pub const OS_LABEL: &str = "kubernetes.io/os";
/// The operating system of a machine whose labels say none.
pub const USUAL_OS: &str = "linux";
/// The processor architecture of a machine whose labels say none.
pub const USUAL_ARCH: &str = "amd64";
/// Labels of a machine's platform, with the values of one whose own labels say nothing else.
pub const PLATFORM: [(&str, &str); 2] = [(OS_LABEL, USUAL_OS), (ARCH_LABEL, USUAL_ARCH)];

/// Adds the labels of a machine's platform, as every agent states them of its host (kubelet
/// `kubelet_node_status.go`); those that are there stay.
pub fn label_platform(labels: &mut Labels) {
    for (key, value) in PLATFORM {
        labels.insert_if_absent(key, || value.into());
    }
}

/// The taint that stands for a cordon: a pod that tolerates it may go to a cordoned node.
pub const CORDON_TAINT: &str = "node.kubernetes.io/unschedulable";

/// The taint of a node of which nothing is heard.
pub const UNREACHABLE_TAINT: &str = "node.kubernetes.io/unreachable";
/// The taint of a node that says it is not ready.
pub const NOT_READY_TAINT: &str = "node.kubernetes.io/not-ready";
/// The taint of a node that is short of memory.
pub const MEMORY_PRESSURE_TAINT: &str = "node.kubernetes.io/memory-pressure";
/// The taint of a node whose disk is full.
pub const DISK_PRESSURE_TAINT: &str = "node.kubernetes.io/disk-pressure";

/// Label of a node that is a machine on a host, with the host's name.
pub const HYPERVISOR_LABEL: &str = "windtunnel.dev/hypervisor";

/// The label of the group or pool that a node was ordered for.
pub const GROUP_LABEL: &str = "windtunnel.dev/node-group";
/// Label of the set of a node's machine, where annotations alone name it (OpenShift, Cluster API).
pub const MACHINE_SET_LABEL: &str = "windtunnel.dev/machine-set";
/// Labels by which providers name the pool of a node.
pub const POOL_LABELS: [&str; 9] = [
    "karpenter.sh/nodepool",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "kops.k8s.io/instancegroup",
    "hypershift.openshift.io/nodePool",
    MACHINE_SET_LABEL,
];
/// The label of a node's instance type.
pub const INSTANCE_TYPE_LABEL: &str = "node.kubernetes.io/instance-type";
/// The label that says how a node was bought.
pub const CAPACITY_LABEL: &str = "karpenter.sh/capacity-type";
/// Label value of spot capacity.
pub const SPOT: &str = "spot";
/// Label value of on-demand capacity.
pub const ON_DEMAND: &str = "on-demand";
/// Labels by which providers say that a node is spot or preemptible capacity, with their values.
const SPOT_LABELS: [(&str, &str); 5] = [
    (CAPACITY_LABEL, SPOT),
    ("eks.amazonaws.com/capacityType", "SPOT"),
    ("cloud.google.com/gke-spot", "true"),
    ("cloud.google.com/gke-preemptible", "true"),
    ("kubernetes.azure.com/scalesetpriority", SPOT),
];

/// Labels and taints of nodes that are no machines: each pod has one of its own, or a service behind it.
const VIRTUAL_LABELS: [(&str, &str); 2] = [
    ("type", "virtual-kubelet"),
    ("eks.amazonaws.com/compute-type", "fargate"),
];

/// The taint of nodes that stand for a service.
const VIRTUAL_TAINT: &str = "virtual-kubelet.io/provider";

fn has_any(labels: &Labels, of: &[(&str, &str)]) -> bool {
    let mut of = of.iter();
    of.any(|(key, value)| labels.get(key).is_some_and(|own| **own == **value))
}

/// Whether the labels of a node say that it is spot or preemptible capacity.
pub fn is_spot(labels: &Labels) -> bool {
    has_any(labels, &SPOT_LABELS)
}

/// The label that holds when a node was asked for, in nanoseconds of the run.
pub const ORDERED_LABEL: &str = "windtunnel.dev/ordered";

/// The label of a node that costs from its joining on ([`FROM_JOINING`]), rather than from its order.
pub const BILLED_LABEL: &str = "windtunnel.dev/billed";

/// A node costs nothing before it joins.
pub const FROM_JOINING: &str = "from-joining";

/// Value of a node's label. Zones, regions and instance types of nodes that have only the labels of
/// releases before Kubernetes 1.17 are those of the older labels.
pub fn label_of<'a>(labels: &'a Labels, key: &str) -> Option<&'a Text> {
    labels.get(key).or_else(|| match key {
        ZONE_LABEL => labels.get(OLD_ZONE_LABEL),
        REGION_LABEL => labels.get(OLD_REGION_LABEL),
        INSTANCE_TYPE_LABEL => labels.get(OLD_INSTANCE_TYPE_LABEL),
        _ => None,
    })
}

/// A machine that pods are placed on, as it is declared.
///
/// ```
/// use model::{Node, ResourceList, Taint, TaintEffect};
/// use units::Quantity;
///
/// let node = Node {
///     name: "n1".into(),
///     labels: [("zone".into(), "a".into())].into_iter().collect(),
///     taints: vec![Taint {
///         key: "dedicated".into(),
///         value: "gpu".into(),
///         effect: TaintEffect::NoSchedule,
///     }],
///     allocatable: ResourceList::from_pairs([("cpu", Quantity::from_units(32))]),
///     ..Node::default()
/// };
/// assert_eq!(node.allocatable.get("cpu"), "32".parse()?);
/// # Ok::<(), units::QuantityError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Node {
    /// The node's name, unique in its cell.
    pub name: Text,
    /// The node's labels.
    pub labels: Labels,
    /// The node's taints.
    pub taints: Vec<Taint>,
    /// Cordoned: nothing new is placed on it.
    pub unschedulable: bool,
    /// Resources that pods may use.
    pub allocatable: ResourceList,
    /// Resources of the machine, reserved parts included; empty means equal to `allocatable`.
    pub capacity: ResourceList,
    /// The node's GPU devices.
    pub gpu: Option<GpuInventory>,
    /// Container images present at start, with their sizes in bytes.
    pub images: Vec<(Text, i64)>,
    /// Controllers whose pods the node asks schedulers to place elsewhere.
    #[serde(default, skip_serializing_if = "AvoidedControllers::is_empty")]
    pub avoids: AvoidedControllers,
    /// Autoscalers that leave the node alone.
    #[serde(default, skip_serializing_if = "RemovalGuard::is_empty")]
    pub guard: RemovalGuard,
    /// Marks a node whose deletion was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_leaving: bool,
}

/// Annotation by which the cluster autoscaler keeps a node.
pub const SCALE_DOWN_DISABLED: &str = "cluster-autoscaler.kubernetes.io/scale-down-disabled";
/// Annotation by which a provisioner leaves a node alone.
pub const DO_NOT_DISRUPT: &str = "karpenter.sh/do-not-disrupt";

/// Annotations of a node about its removal. In canonical bytes it is nothing where they say
/// nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalGuard {
    /// Whether the cluster autoscaler keeps it ([`SCALE_DOWN_DISABLED`]).
    pub scale_down_disabled: bool,
    /// Whether a provisioner leaves it alone ([`DO_NOT_DISRUPT`]).
    pub do_not_disrupt: bool,
}

impl RemovalGuard {
    /// Annotations, as Kubernetes writes them; both hold if they are `true`.
    pub fn of<'a>(annotation: impl Fn(&str) -> Option<&'a str>) -> Self {
        let is_true = |key: &str| annotation(key) == Some("true");
        Self {
            scale_down_disabled: is_true(SCALE_DOWN_DISABLED),
            do_not_disrupt: is_true(DO_NOT_DISRUPT),
        }
    }

    /// `true` if nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Hash for RemovalGuard {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if !self.is_empty() {
            self.scale_down_disabled.hash(state);
            self.do_not_disrupt.hash(state);
        }
    }
}

/// Controllers by kind and name whose pods a node would not have
/// (`scheduler.alpha.kubernetes.io/preferAvoidPods`). In canonical bytes they are nothing where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AvoidedControllers(pub Vec<(Text, Text)>);

impl AvoidedControllers {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Hash for AvoidedControllers {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if !self.0.is_empty() {
            self.0.hash(state);
        }
    }
}

impl Node {
    /// Whether the node is no machine, but a service that runs pods, such as Fargate or container
    /// instances.
    pub fn is_virtual(&self) -> bool {
        has_any(&self.labels, &VIRTUAL_LABELS)
            || self.taints.iter().any(|taint| {
                let own = (&*taint.key, &*taint.value);
                own.0 == VIRTUAL_TAINT || VIRTUAL_LABELS.contains(&own)
            })
    }

    /// `true` if a taint marks the node as out of order, so that pods that tolerate it may go there
    /// all the same (spec: kubernetes.md 2.7).
    pub fn is_marked_away(&self) -> bool {
        self.taints.iter().any(|taint| {
            taint.effect == TaintEffect::NoSchedule
                && matches!(&*taint.key, UNREACHABLE_TAINT | NOT_READY_TAINT)
        })
    }
}
