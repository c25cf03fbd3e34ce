//! Questions to a program outside and its answers, as JSON. Amounts are whole numbers in the units that
//! their names end with; instants are nanoseconds since the run began.

use std::sync::Arc;

use cluster::{Class, Store};
use model::gpu::DEVICE_MILLI;
use model::{Labels, Node, Pod, PodSpec, Taint, Text};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use units::{Duration, NodeId, Resources, SortedMap};

use crate::ClassContext;
use crate::batch::JobFacts;
use crate::kube::{Amounts as KubeAmounts, NodeInfo, PodClass};

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
    /// Keys that put waiting jobs in order.
    Order(OrderRequest),
    /// Commands of a whole scheduler.
    Step(StepRequest),
}

impl Question {
    /// The name of the question.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::Filter(_) => "filter",
            Self::Score(_) => "score",
            Self::Order(_) => "order",
            Self::Step(_) => "step",
        }
    }
}

/// Changes of nodes since the last question.
#[derive(Default)]
pub(super) struct NodeChanges {
    /// Nodes that are new or changed.
    pub(super) nodes: Vec<NodeState>,
    /// Numbers of nodes that went.
    pub(super) gone: Vec<u32>,
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
    #[serde(deserialize_with = "whole_numbers")]
    pub(super) points: Vec<i64>,
}

/// Whole numbers, of which a zero may have a sign: JSON reads `-0` as a fraction, and a program that
/// puts a minus before a number writes it.
fn whole_numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Whole {
        Number(i64),
        Fraction(f64),
    }
    let read = Vec::<Whole>::deserialize(deserializer)?;
    let numbers = read.into_iter().map(|own| match own {
        Whole::Number(number) => Ok(number),
        Whole::Fraction(0.0) => Ok(0),
        Whole::Fraction(fraction) => {
            let found = Unexpected::Float(fraction);
            Err(D::Error::invalid_value(found, &"a whole number"))
        }
    });
    numbers.collect()
}

/// Answer of an order.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ordered {
    pub(super) keys: Vec<i64>,
}

/// Jobs that wait.
#[derive(Serialize)]
pub(super) struct OrderRequest {
    /// Nanoseconds since the run began.
    pub(super) now: i64,
    pub(super) jobs: Vec<JobState>,
}

/// A job that waits; described where it is new.
#[derive(Serialize)]
pub(super) struct JobState {
    /// Number that stays the job's for the whole run.
    pub(super) id: u64,
    #[serde(flatten)]
    pub(super) described: Option<JobDescription>,
}

/// Columns of a job.
#[derive(Serialize)]
pub(super) struct JobDescription {
    /// Nanoseconds since the run began.
    pub(super) submitted: i64,
    /// Nanoseconds that the job asks for, if it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) requested: Option<i64>,
    pub(super) members: u32,
    pub(super) tenant: u32,
    pub(super) priority: i32,
    pub(super) cpu_milli: i64,
    pub(super) memory_bytes: i64,
    pub(super) gpu_milli: i64,
}

impl JobDescription {
    /// The columns of a job of the batch planner, which counts processors.
    pub(super) fn of(facts: &JobFacts) -> Self {
        Self {
            submitted: facts.submitted.as_nanos(),
            requested: (facts.requested < Duration::MAX).then(|| facts.requested.as_nanos()),
            members: facts.members,
            tenant: facts.tenant.0,
            priority: 0,
            cpu_milli: facts.processors.saturating_mul(1_000),
            memory_bytes: facts.memory,
            gpu_milli: facts.gpu_milli,
        }
    }

    /// The columns of a pod in a queue, which is a job of one member.
    pub(super) fn of_pod(pod: &Pod, class: &Class) -> Self {
        Self {
            submitted: pod.created.as_nanos(),
            requested: pod.time_limit().map(Duration::as_nanos),
            members: 1,
            tenant: pod.tenant.0,
            priority: class.spec.priority,
            cpu_milli: class.requests.cpu_milli,
            memory_bytes: class.requests.memory_bytes,
            gpu_milli: class.requests.gpu_milli,
        }
    }
}

/// Changes in the view of a whole scheduler.
#[derive(Serialize)]
pub(super) struct StepRequest {
    /// Nanoseconds since the run began.
    pub(super) now: i64,
    /// Nodes that are new or changed.
    pub(super) nodes: Vec<NodeState>,
    /// Numbers of nodes that went.
    pub(super) gone: Vec<u32>,
    /// New pods.
    pub(super) pods: Vec<PodState>,
    /// Pods that were bound, by whomever.
    pub(super) bound: Vec<PodPlace>,
    /// Pods that ended.
    pub(super) ended: Vec<u32>,
    /// Refused parts of earlier answers.
    pub(super) refused: Vec<RefusedWrite>,
}

/// A new pod.
#[derive(Serialize)]
pub(super) struct PodState {
    /// Number that stays the pod's for the whole run.
    id: u32,
    name: String,
    class: ClassState,
    tenant: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    gang: Option<u32>,
    /// Nanoseconds that the pod may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_limit: Option<i64>,
    /// Its node, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<u32>,
}

impl PodState {
    /// The state of a pod of a class.
    pub(super) fn of(pod: &Pod, class: ClassState) -> Self {
        Self {
            id: pod.pod.id.0,
            name: pod.name.to_string(),
            class,
            tenant: pod.tenant.0,
            gang: pod.gang().map(|gang| gang.0),
            time_limit: pod.time_limit().map(Duration::as_nanos),
            node: pod.node().map(|node| node.0),
        }
    }
}

/// A pod and a node.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PodPlace {
    pub(super) pod: u32,
    pub(super) node: u32,
}

/// A write that was refused, with the reason.
#[derive(Clone, Serialize)]
pub(super) struct RefusedWrite {
    pub(super) pod: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<u32>,
    pub(super) why: String,
}

/// Answer of a whole scheduler. It is carried out in the order of the fields.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Step {
    /// Pods whose holds are given up.
    pub(super) releases: Vec<u32>,
    /// Pods that are to end.
    pub(super) evicts: Vec<u32>,
    /// Pods for which room is held.
    pub(super) holds: Vec<PodPlace>,
    /// Pods that are bound.
    pub(super) binds: Vec<PodPlace>,
    /// Nanoseconds since the run began at which it is asked again, whatever happens.
    pub(super) wake: Option<i64>,
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

impl Amounts {
    /// Amounts as kube-scheduler keeps them, which counts GPUs apart.
    fn of_kube(amounts: &KubeAmounts, gpu_milli: i64) -> Self {
        let extended = amounts.scalars.iter();
        Self {
            cpu_milli: amounts.cpu_milli,
            memory_bytes: amounts.memory,
            storage_bytes: amounts.storage,
            gpu_milli,
            pods: amounts.pods,
            extended: extended
                .map(|(name, &amount)| (name.to_string(), amount))
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
    /// Its declaration, where that is new.
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

impl NodeState {
    /// The state of a node of kube-scheduler's cache, with its declaration if that is new.
    pub(super) fn of_kube(id: u32, node: &NodeInfo, is_declared: bool) -> Self {
        let object = &node.object;
        let mut free = (*node.allocatable).clone();
        free.change(&node.requested, -1);
        free.pods -= node.pods.len() as i64;
        let gpu_free = node.gpu_room.iter().map(|&room| i64::from(room)).sum();
        let gpu_all = node.gpu_room.len() as i64 * i64::from(DEVICE_MILLI);
        Self {
            id,
            ready: !node.is_down,
            schedulable: !node.is_down && !object.unschedulable,
            free: Amounts::of_kube(&free, gpu_free),
            gpu_free: node.gpu_room.to_vec(),
            declared: is_declared.then(|| NodeDeclaration {
                name: object.name.clone(),
                labels: object.labels.clone(),
                taints: object.taints.clone(),
                allocatable: Amounts::of_kube(&node.allocatable, gpu_all),
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
        let requests = Amounts::of(ctx.store, &ctx.class.requests);
        Self::new(&ctx.class.spec, requests)
    }

    /// The description of a class of kube-scheduler.
    pub(super) fn of_kube(class: &PodClass) -> Self {
        let gpu = &class.spec.gpu;
        let gpu_milli = i64::from(gpu.devices) * i64::from(gpu.milli_per_device);
        let mut requests = Amounts::of_kube(&class.requests, gpu_milli);
        requests.pods = 1;
        Self::new(&class.spec, requests)
    }

    fn new(spec: &PodSpec, requests: Amounts) -> Self {
        Self {
            namespace: spec.namespace.clone(),
            labels: spec.labels.clone(),
            priority: spec.priority,
            requests,
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
