//! The typical pods of a workload, for fragmentation (spec: published-results.md 1.7).

use std::sync::Arc;

use cluster::fragmentation::{Shape, TypicalPods};
use model::{Node, Text};

use super::shapes::models_of;

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
