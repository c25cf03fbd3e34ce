//! The typical pods of a workload, for fragmentation (spec: published-results.md 1.7).

use std::sync::Arc;

use cluster::fragmentation::{Shape, TypicalPods};
use model::resource_list::CPU;
use model::{Node, PodSpec, Text};

use super::mix::models_of;

/// The share of pods that typical pods stand for.
const TYPICAL_SHARE: f64 = 0.95;

/// The typical pods among these shapes on these nodes.
pub fn typical_pods(shapes: &[Shape], nodes: &[Arc<Node>]) -> TypicalPods {
    let models = models_of(nodes);
    TypicalPods::of_workload(shapes.iter().cloned(), TYPICAL_SHARE, |shape| {
        shape.columns(&models)
    })
}

/// The GPU models of these nodes by the index that typical pods know them by.
pub fn gpu_models(nodes: &[Arc<Node>]) -> Arc<[Text]> {
    models_of(nodes).iter().map(Text::from).collect()
}

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
