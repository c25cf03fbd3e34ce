//! Runs made up for tests.

use crate::summary::{MetricSummary, VariantSummary};
use units::SortedMap;

/// A metric of which less is better.
pub(super) fn metric(value: Option<f64>) -> MetricSummary {
    MetricSummary {
        value,
        unit: "s".to_owned(),
        better: "lower".to_owned(),
        note: None,
        approximate: false,
        observations: None,
    }
}

/// A run of a hundred pods with a seed, without metrics.
pub(super) fn run(seed: u64) -> VariantSummary {
    VariantSummary {
        name: "made-up".to_owned(),
        seed,
        system: "kubernetes".to_owned(),
        scheduler: "default".to_owned(),
        releases: Vec::new(),
        limits: None,
        nodes: 1,
        pods: 100,
        ended: "drained".to_owned(),
        stopped: None,
        end_ns: 0,
        changes: 0,
        decisions: 0,
        digest: String::new(),
        metrics: SortedMap::new(),
        arrived: None,
        ledger: Vec::new(),
        unexpressed: Vec::new(),
        workloads: Vec::new(),
        services: Vec::new(),
        costs: None,
        autoscalers: Vec::new(),
        fights: Vec::new(),
        queues: Vec::new(),
    }
}
