//! The typical pods of a workload, for fragmentation (spec: published-results.md 1.7).

use std::sync::Arc;

use crate::cluster::Interner;
use crate::cluster::fragmentation::{Shape, TypicalPods};
use crate::model::resource_list::CPU;
use crate::model::{Node, PodSpec};
use crate::trace::{ArrivalSource, TraceError};

/// The share of pods that typical pods stand for.
const TYPICAL_SHARE: f64 = 0.95;

/// The typical pods among these shapes on these nodes.
pub fn typical_pods(shapes: &[Shape], nodes: &[Arc<Node>]) -> TypicalPods {
    // Models are numbered as the store numbers them: by order of first appearance among the nodes.
    let mut models = Interner::default();
    for gpu in nodes.iter().filter_map(|node| node.gpu.as_ref()) {
        models.intern(&gpu.model);
    }
    TypicalPods::of_workload(shapes.iter().cloned(), TYPICAL_SHARE, |shape| {
        shape.columns(&models)
    })
}

/// The shapes of all arrivals of a source that can be read a second time.
pub(super) fn shapes(source: &dyn ArrivalSource) -> Result<Vec<Shape>, TraceError> {
    let mut source = source.fork()?;
    let mut shapes = Vec::new();
    while let Some(arrival) = source.next()? {
        shapes.push(shape_of(&source.classes()[arrival.class as usize]));
    }
    Ok(shapes)
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
