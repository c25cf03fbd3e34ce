//! Effect of the later release on a measure, over seeds that both releases run.

use crate::statistics::{Interval, mean, student_interval};

/// Confidence of the intervals.
const CONFIDENCE: f64 = 0.95;

/// Measure in both releases.
#[derive(Clone, Debug)]
pub struct Effect {
    /// Name of the measure.
    pub name: String,
    /// Unit of the measure.
    pub unit: String,
    /// Mean over the seeds in the earlier release.
    pub from: f64,
    /// Mean over the seeds in the later release.
    pub to: f64,
    /// Interval of the mean difference over the seeds; `None` with a single seed.
    pub interval: Option<Interval>,
}

impl Effect {
    /// Effect on a measure with these values, seed by seed.
    pub(super) fn new(name: &str, unit: &str, before: &[f64], after: &[f64]) -> Self {
        let differences = before.iter().zip(after).map(|(one, other)| other - one);
        Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            from: mean(before).unwrap_or(0.0),
            to: mean(after).unwrap_or(0.0),
            interval: student_interval(&differences.collect::<Vec<f64>>(), CONFIDENCE),
        }
    }

    /// Mean difference.
    pub fn difference(&self) -> f64 {
        self.to - self.from
    }

    /// Mean difference in percent of the earlier value; `None` if that is zero.
    pub fn percent(&self) -> Option<f64> {
        let base = self.from.abs();
        (base > f64::EPSILON).then(|| 100.0 * self.difference() / base)
    }

    /// Returns whether every seed has the same difference, so that the interval has no width.
    pub fn is_constant(&self) -> bool {
        self.interval
            .is_some_and(|own| own.high - own.low <= f64::EPSILON * own.high.abs().max(1.0))
    }
}
