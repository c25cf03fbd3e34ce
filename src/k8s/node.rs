//! A Node manifest as a node of the model.

use super::field::{Path, Problem};
use super::findings::ObjectName;
use super::{Ctx, Kubelet, affinity, gpu, keys, machine_sets, raw, server};
use model::node::{NOT_READY_TAINT, UNREACHABLE_TAINT};
use model::resource_list::{CPU, PODS};
use model::{AvoidedControllers, Node, Release, RemovalGuard, Taint, TaintEffect, Text};
use serde::Deserialize;

/// The node that a manifest declares. What it lists in `allocatable` counts; a node without it
/// takes its `capacity`, as the API defaults it.
pub(super) fn node(
    metadata: &raw::Metadata,
    spec: &raw::NodeSpec,
    status: &raw::NodeStatus,
    ctx: &mut Ctx,
) -> Result<Node, Problem> {
    let metadata_path = Path::root("metadata");
    let name = metadata.name.as_deref().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| metadata_path.field("name").missing("the node's name"))?;
    let mut labels = ctx
        .texts
        .labels(&metadata.labels, &metadata_path.field("labels"))?;
    machine_sets::label_pool(&mut labels, &metadata.annotations);
    let spec_path = Path::root("spec");
    let taints_path = spec_path.field("taints");
    let mut taints = Vec::with_capacity(spec.taints.len());
    for (index, raw) in spec.taints.iter().enumerate() {
        let path = taints_path.index(index);
        taints.push(affinity::taint(raw, &path, &mut ctx.texts)?);
    }
    let status_path = Path::root("status");
    let capacity = ctx
        .texts
        .amounts(&status.capacity, &status_path.field("capacity"))?;
    let allocatable_path = status_path.field("allocatable");
    let mut allocatable = ctx.texts.amounts(&status.allocatable, &allocatable_path)?;
    if allocatable.is_empty() {
        allocatable.clone_from(&capacity);
    }
    if !allocatable.contains(CPU) {
        let expected = "the node's resources, such as `cpu: 4`, `memory: 16Gi`, `pods: 110`";
        return Err(allocatable_path.field(CPU).missing(expected));
    }
    server::check_whole(&status.allocatable, &allocatable_path)?;
    let mut node = Node {
        name: name.into(),
        labels,
        taints,
        unschedulable: spec.unschedulable,
        allocatable,
        capacity,
        gpu: None,
        images: images(&status.images, ctx),
        avoids: avoided(metadata)?,
        guard: RemovalGuard::of(|key| metadata.annotations.get(key)),
        is_leaving: metadata.deletion_timestamp.is_some(),
    };
    node.gpu = gpu::take_inventory(&mut node, &allocatable_path)?;
    mark_down(&mut node, status);
    note_left_out(&node, ctx);
    Ok(node)
}

/// The controllers whose pods a node asks schedulers to place elsewhere.
fn avoided(metadata: &raw::Metadata) -> Result<AvoidedControllers, Problem> {
    let key = keys::PREFER_AVOID_PODS;
    let Some(text) = metadata.annotations.get(key) else {
        return Ok(AvoidedControllers::default());
    };
    let path = Path::root("metadata");
    let path = path.field("annotations");
    let path = path.key(key);
    let stated: AvoidAnnotation = serde_json::from_str(text).map_err(|why| path.broken(why))?;
    let signatures = stated.prefer_avoid_pods.into_iter();
    let controllers = signatures.filter_map(|signature| signature.pod_signature.pod_controller);
    Ok(AvoidedControllers(
        controllers.map(|own| (own.kind, own.name)).collect(),
    ))
}

/// The annotation by which a node asks for that, as Kubernetes writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AvoidAnnotation {
    #[serde(default)]
    prefer_avoid_pods: Vec<AvoidedPods>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AvoidedPods {
    pod_signature: PodSignature,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodSignature {
    pod_controller: Option<PodController>,
}

#[derive(Deserialize)]
struct PodController {
    kind: Text,
    name: Text,
}

/// The kubelet that a node reports.
pub(super) fn kubelet(node: &Node, status: &raw::NodeStatus) -> Option<Kubelet> {
    let version = status.info.kubelet_version.as_deref()?;
    Some(Kubelet {
        node: node.name.clone(),
        version: version.into(),
        minor: Release::minor_of(version)?,
    })
}

fn images(raw: &[raw::Image], ctx: &mut Ctx) -> Vec<(model::Text, i64)> {
    raw.iter()
        .flat_map(|image| image.names.iter().map(|name| (name, image.size_bytes)))
        .map(|(name, bytes)| (ctx.texts.share(name), bytes))
        .collect()
}

/// Extended resources of which an extender of the scheduler gives each pod a part of one device: those of
/// gpushare, `HAMi` and Volcano.
const DEVICE_MEMORY: [&str; 3] = [
    "aliyun.com/gpu-mem",
    "nvidia.com/gpumem",
    "volcano.sh/gpu-memory",
];

fn note_left_out(node: &Node, ctx: &mut Ctx) {
    let object = ObjectName {
        kind: "Node",
        namespace: None,
        name: &node.name,
    };
    let path = Path::root("status");
    if !node.allocatable.contains(PODS) {
        ctx.findings.add(
            object,
            &path.field("allocatable").field(PODS),
            "missing",
            "Kubernetes then allows 0 pods on the node; write `pods: 110` for kubelet's default",
        );
    }
    for name in DEVICE_MEMORY
        .into_iter()
        .filter(|name| node.allocatable.contains(name))
    {
        ctx.findings.add(
            object,
            &path.field("allocatable").key(name),
            "memory of all GPUs of the node as one amount",
            "pods fill that amount, as kube-scheduler alone counts; a scheduler that gives each pod memory of one \
             device fits fewer",
        );
    }
}

/// Gives a node that is not ready the taint that its condition leads to, as the node controller does
/// (`doNoScheduleTaintingPass`), where the file lacks it.
fn mark_down(node: &mut Node, status: &raw::NodeStatus) {
    let ready = status
        .conditions
        .iter()
        .find(|condition| condition.kind == "Ready");
    let key = match ready.map(|own| own.status.as_str()) {
        Some("False") => NOT_READY_TAINT,
        Some("Unknown") => UNREACHABLE_TAINT,
        _ => return,
    };
    let mut taints = node.taints.iter();
    if taints.any(|taint| [NOT_READY_TAINT, UNREACHABLE_TAINT].contains(&&*taint.key)) {
        return;
    }
    node.taints.push(Taint {
        key: key.into(),
        value: Text::default(),
        effect: TaintEffect::NoSchedule,
    });
}
