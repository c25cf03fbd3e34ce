//! Shapes of pods, and the GPU models that they name.

use std::sync::Arc;

use cluster::Interner;
use cluster::fragmentation::Shape;
use model::resource_list::CPU;
use model::{Node, PodSpec};

/// Shape of the pods of a class.
pub(super) fn shape_of(spec: &PodSpec) -> Shape {
    let cpu = spec
        .requests()
        .ok()
        .and_then(|requests| requests.get(CPU).milli_ceil().ok());
    Shape {
        cpu_milli: cpu.unwrap_or(i64::MAX),
        gpu_milli: i64::from(spec.gpu.milli_per_device),
        devices: i64::from(spec.gpu.devices),
        models: spec.gpu.models.join("|"),
    }
}

/// GPU models numbered as the store numbers them: by order of first appearance among the nodes.
pub(super) fn models_of(nodes: &[Arc<Node>]) -> Interner {
    let mut models = Interner::default();
    for gpu in nodes.iter().filter_map(|node| node.gpu.as_ref()) {
        models.intern(&gpu.model);
    }
    models
}
