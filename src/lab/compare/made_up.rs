//! Runs made up for tests.

use crate::summary::{MetricSummary, VariantSummary};

/// A metric of which less is better.
pub(super) fn metric(value: Option<f64>) -> MetricSummary {
    MetricSummary {
        value,
        unit: "s".to_owned(),
        better: "lower".to_owned(),
        ..MetricSummary::default()
    }
}

/// A run of a hundred pods with a seed, without metrics.
pub(super) fn run(seed: u64) -> VariantSummary {
    VariantSummary {
        name: "made-up".to_owned(),
        seed,
        system: "kubernetes".to_owned(),
        scheduler: "default".to_owned(),
        nodes: 1,
        pods: 100,
        ended: "drained".to_owned(),
        ..VariantSummary::default()
    }
}
