//! Throughput: how many jobs finish per hour (metrics.md 5.2).

use crate::units::Instant;

use super::collector::{Collector, MetricValue, RunEnd};
use super::jobs::{JobOutcome, JobRecord};
use super::recorder::Setup;
use super::registry::{Direction, MetricEntry, Statistic};

/// `throughput.jobs`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "throughput",
    summary: "How many jobs finished per hour.",
    statistics: &[Statistic {
        name: "jobs",
        unit: "1/h",
        direction: Direction::Higher,
        threshold: 0.02,
    }],
    formula: "jobs that succeeded in W, over W1 - W0 in hours",
    denominators: "length of the measured window W1 - W0",
    census: "jobs that succeeded within the measured window, whenever submitted",
    censoring: "none: open jobs have not finished",
    source: "metrics.md 5.2, throughput",
    construct: |setup| Box::new(Throughput::new(setup)),
};

#[derive(Clone, Debug)]
struct Throughput {
    measured_from: Instant,
    finished: u64,
}

impl Throughput {
    fn new(setup: &Setup) -> Self {
        Self {
            measured_from: setup.measured_from,
            finished: 0,
        }
    }
}

impl Collector for Throughput {
    fn job(&mut self, job: &JobRecord) {
        let counts = job.outcome == JobOutcome::Succeeded && job.end >= self.measured_from;
        self.finished += u64::from(counts);
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let hours = end.window_nanos() as f64 / 3.6e12;
        let value = if hours > 0.0 {
            Ok(self.finished as f64 / hours)
        } else {
            Err("the measured window has no length".to_owned())
        };
        vec![MetricValue::new("throughput.jobs", value).over(self.finished)]
    }
}
