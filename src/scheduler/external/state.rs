//! Nodes, classes, pods and jobs as questions have them.

use std::sync::Arc;

use cluster::{Class, Store};
use control::exchange::question::{
    Amounts, ClassDescription, JobDescription, NodeDeclaration, NodeState,
};
use model::gpu::DEVICE_MILLI;
use model::{Node, Pod, PodSpec};
use units::{Duration, NodeId, Resources};

use crate::ClassContext;
use crate::batch::JobFacts;
use crate::kube::{Amounts as KubeAmounts, NodeInfo, PodClass};

/// Columns of a job of the batch planner, which counts processors.
pub(super) fn job(facts: &JobFacts) -> JobDescription {
    JobDescription {
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

/// Columns of a pod in a queue, which is a job of one member.
pub(super) fn job_of_pod(pod: &Pod, class: &Class) -> JobDescription {
    JobDescription {
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

fn amounts(store: &Store, own: &Resources) -> Amounts {
    let name = |index| store.extended().text(index).to_owned();
    let extended = own.extended.iter();
    Amounts {
        cpu_milli: own.cpu_milli,
        memory_bytes: own.memory_bytes,
        storage_bytes: own.storage_bytes,
        gpu_milli: own.gpu_milli,
        pods: own.pods,
        extended: extended
            .map(|&(id, amount)| (name(id.index()), amount))
            .collect(),
    }
}

/// Amounts as kube-scheduler keeps them, which counts GPUs apart.
fn kube_amounts(own: &KubeAmounts, gpu_milli: i64) -> Amounts {
    let extended = own.scalars.iter();
    Amounts {
        cpu_milli: own.cpu_milli,
        memory_bytes: own.memory,
        storage_bytes: own.storage,
        gpu_milli,
        pods: own.pods,
        extended: extended
            .map(|(name, &amount)| (name.to_string(), amount))
            .collect(),
    }
}

fn declaration(object: &Node, allocatable: Amounts) -> NodeDeclaration {
    NodeDeclaration {
        name: object.name.clone(),
        labels: object.labels.clone(),
        taints: object.taints.clone(),
        allocatable,
        gpu_model: object.gpu.as_ref().map(|gpu| gpu.model.clone()),
    }
}

/// State of a node, with its declaration if that is new.
pub(super) fn node(store: &Store, node: NodeId, declared: Option<&Arc<Node>>) -> NodeState {
    let nodes = store.nodes();
    let row = node.index();
    NodeState {
        id: node.0,
        ready: nodes.is_ready(node),
        schedulable: nodes.schedulable().get(row).copied().unwrap_or_default(),
        free: amounts(store, &nodes.free().row(node)),
        gpu_free: nodes.gpu_room(node).to_vec(),
        declared: declared
            .map(|object| declaration(object, amounts(store, &nodes.allocatable().row(node)))),
    }
}

/// State of a node of kube-scheduler's cache, with its declaration if that is new.
pub(super) fn kube_node(id: u32, node: &NodeInfo, is_declared: bool) -> NodeState {
    let object = &node.object;
    let mut free = (*node.allocatable).clone();
    free.change(&node.requested, -1);
    free.pods -= node.pods.len() as i64;
    let gpu_free = node.gpu_room.iter().map(|&room| i64::from(room)).sum();
    let gpu_all = node.gpu_room.len() as i64 * i64::from(DEVICE_MILLI);
    NodeState {
        id,
        ready: !node.is_down,
        schedulable: !node.is_down && !object.unschedulable,
        free: kube_amounts(&free, gpu_free),
        gpu_free: node.gpu_room.to_vec(),
        declared: is_declared
            .then(|| declaration(object, kube_amounts(&node.allocatable, gpu_all))),
    }
}

/// Description of the class of a context.
pub(super) fn class(ctx: &ClassContext<'_>) -> ClassDescription {
    description(&ctx.class.spec, amounts(ctx.store, &ctx.class.requests))
}

/// Description of a class of kube-scheduler.
pub(super) fn kube_class(class: &PodClass) -> ClassDescription {
    let gpu = &class.spec.gpu;
    let gpu_milli = i64::from(gpu.devices) * i64::from(gpu.milli_per_device);
    let mut requests = kube_amounts(&class.requests, gpu_milli);
    requests.pods = 1;
    description(&class.spec, requests)
}

fn description(spec: &PodSpec, requests: Amounts) -> ClassDescription {
    ClassDescription {
        namespace: spec.namespace.clone(),
        labels: spec.labels.clone(),
        priority: spec.priority,
        requests,
        gpu_devices: spec.gpu.devices,
        gpu_models: spec.gpu.models.clone(),
        node_selector: spec.node_selector.clone(),
    }
}
