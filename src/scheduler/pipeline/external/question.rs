//! Questions to a program outside and its answers, as JSON. Amounts are whole numbers in the units that
//! their names end with; instants are nanoseconds since the run began.

use std::sync::Arc;

use cluster::Store;
use model::{Labels, Node, Taint, Text};
use serde::{Deserialize, Serialize};
use units::{NodeId, Resources, SortedMap};

use crate::ClassContext;

/// Question to the program.
#[derive(Serialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
pub(super) enum Question {
    /// The greeting, which comes first.
    Hello {
        protocol: u32,
        seed: u64,
        points: Vec<&'static str>,
    },
    /// Which candidates can take a pod of the class.
    Filter(Request),
    /// Points of the candidates for a pod of the class.
    Score(Request),
}

impl Question {
    /// The name of the question.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Filter(_) => "filter",
            Self::Score(_) => "score",
        }
    }
}

/// Class and candidates in question, with what changed since the last question.
#[derive(Serialize)]
pub(super) struct Request {
    /// Nanoseconds since the run began.
    pub(super) now: i64,
    pub(super) class: ClassState,
    /// Nodes that are new or changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) nodes: Vec<NodeState>,
    /// Numbers of nodes that went.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) gone: Vec<u32>,
    pub(super) candidates: Vec<u32>,
}

/// Answer to the greeting.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hello {
    pub(super) protocol: u32,
}

/// Answer of a filter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filtered {
    pub(super) accept: Vec<bool>,
}

/// Answer of a score.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scored {
    pub(super) points: Vec<i64>,
}

/// Amounts by resource.
#[derive(Serialize)]
struct Amounts {
    cpu_milli: i64,
    memory_bytes: i64,
    storage_bytes: i64,
    gpu_milli: i64,
    pods: i64,
    #[serde(skip_serializing_if = "SortedMap::is_empty")]
    extended: SortedMap<String, i64>,
}

impl Amounts {
    fn of(store: &Store, amounts: &Resources) -> Self {
        let name = |index| store.extended().text(index).to_owned();
        let extended = amounts.extended.iter();
        Self {
            cpu_milli: amounts.cpu_milli,
            memory_bytes: amounts.memory_bytes,
            storage_bytes: amounts.storage_bytes,
            gpu_milli: amounts.gpu_milli,
            pods: amounts.pods,
            extended: extended
                .map(|&(id, amount)| (name(id.index()), amount))
                .collect(),
        }
    }
}

/// State of a node.
#[derive(Serialize)]
pub(super) struct NodeState {
    /// Number that stays the node's for the whole run.
    id: u32,
    ready: bool,
    /// Whether it takes new pods: ready and not cordoned.
    schedulable: bool,
    free: Amounts,
    /// Milli-GPU left of each device.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gpu_free: Vec<u16>,
    /// What it was declared as, where that is new.
    #[serde(flatten)]
    declared: Option<NodeDeclaration>,
}

/// Declaration of a node.
#[derive(Serialize)]
struct NodeDeclaration {
    name: Text,
    labels: Labels,
    taints: Vec<Taint>,
    allocatable: Amounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    gpu_model: Option<Text>,
}

impl NodeState {
    /// The state of a node, with its declaration if that is new.
    pub(super) fn of(store: &Store, node: NodeId, declared: Option<&Arc<Node>>) -> Self {
        let nodes = store.nodes();
        let row = node.index();
        Self {
            id: node.0,
            ready: nodes.is_ready(node),
            schedulable: nodes.schedulable().get(row).copied().unwrap_or_default(),
            free: Amounts::of(store, &nodes.free().row(node)),
            gpu_free: nodes.gpu_room(node).to_vec(),
            declared: declared.map(|object| NodeDeclaration {
                name: object.name.clone(),
                labels: object.labels.clone(),
                taints: object.taints.clone(),
                allocatable: Amounts::of(store, &nodes.allocatable().row(node)),
                gpu_model: object.gpu.as_ref().map(|gpu| gpu.model.clone()),
            }),
        }
    }
}

/// Class of the pod in question.
#[derive(Serialize)]
pub(super) struct ClassState {
    /// Number that stays the class's for the whole run.
    pub(super) id: u32,
    #[serde(flatten)]
    pub(super) described: Option<ClassDescription>,
}

/// Description of a class, where it is new.
#[derive(Serialize)]
pub(super) struct ClassDescription {
    namespace: Text,
    labels: Labels,
    priority: i32,
    requests: Amounts,
    #[serde(skip_serializing_if = "is_zero")]
    gpu_devices: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gpu_models: Vec<Text>,
    node_selector: Labels,
}

impl ClassDescription {
    /// The description of the class of a context.
    pub(super) fn of(ctx: &ClassContext<'_>) -> Self {
        let spec = &ctx.class.spec;
        Self {
            namespace: spec.namespace.clone(),
            labels: spec.labels.clone(),
            priority: spec.priority,
            requests: Amounts::of(ctx.store, &ctx.class.requests),
            gpu_devices: spec.gpu.devices,
            gpu_models: spec.gpu.models.clone(),
            node_selector: spec.node_selector.clone(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(devices: &u8) -> bool {
    *devices == 0
}
