//! Bounded slowdown: how many times longer a job took than its run, short runs counted as τ
//! (metrics.md 5.2; Feitelson and Rudolph).
//!
//! Values enter the mean and the percentiles rounded to 10^-9, as integers, so that sums are exact
//! and independent of the order in which jobs end.

use crate::units::Duration;

use super::collector::{Collector, MetricValue, RunEnd};
use super::jobs::{JobOutcome, JobRecord};
use super::recorder::Setup;
use super::registry::{Direction, MetricEntry, Statistic};
use super::samples::{Percentile, Samples};

/// `bounded_slowdown.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "bounded_slowdown",
    summary: "How many times longer jobs took than they ran, runs below tau counted as tau.",
    statistics: &[
        slowdown("mean"),
        slowdown("p50"),
        slowdown("p90"),
        slowdown("p99"),
        slowdown("max"),
    ],
    formula: "max(1, (f - a) / max(f - s, tau)); tau = 10 s unless set",
    denominators: "jobs submitted in the measured window that succeeded",
    census: "failed, rejected, evicted and cancelled jobs are excluded; `jobs.*` counts them; a run \
             of no length counts as tau",
    censoring: "open jobs have no value (their run time is unknown, 1 is its only bound): above 1 % \
                open all statistics are null with the bound of the mean",
    source: "metrics.md 5.2, bounded slowdown",
    construct: |setup| Box::new(BoundedSlowdown::new(setup)),
};

const fn slowdown(name: &'static str) -> Statistic {
    Statistic {
        name,
        unit: "times",
        direction: Direction::Lower,
        threshold: 0.02,
    }
}

/// The usual bound τ: 10 s.
pub const USUAL_BOUND: Duration = Duration::from_secs(10);

/// One in the integers that values are kept in.
const ONE: i128 = 1_000_000_000;

/// `max(1, (wait + run) ÷ max(run, bound))` in floating point, with one division: what published
/// averages are made of. A bound of no length counts as a nanosecond.
pub fn bounded_slowdown(wait: Duration, run: Duration, bound: Duration) -> f64 {
    let (over, under) = fraction(wait, run, bound);
    (over as f64 / under as f64).max(1.0)
}

/// The same in thousand-millionths, rounded half up.
fn bounded_slowdown_parts(wait: Duration, run: Duration, bound: Duration) -> i64 {
    let (over, under) = fraction(wait, run, bound);
    let parts = (2 * ONE * over + under) / (2 * under);
    i64::try_from(parts.max(ONE)).unwrap_or(i64::MAX)
}

fn fraction(wait: Duration, run: Duration, bound: Duration) -> (i128, i128) {
    let (wait, run) = (i128::from(wait.as_nanos()), i128::from(run.as_nanos()));
    (wait + run, run.max(i128::from(bound.as_nanos())).max(1))
}

#[derive(Clone, Debug)]
struct BoundedSlowdown {
    bound: Duration,
    values: Samples,
    open: u64,
}

impl BoundedSlowdown {
    fn new(setup: &Setup) -> Self {
        Self {
            bound: setup.slowdown_bound,
            values: Samples::default(),
            open: 0,
        }
    }

    fn undefined(&self) -> Option<String> {
        let (known, open) = (self.values.count(), self.open);
        let all = known + open;
        if all == 0 {
            return Some("no job to take".to_owned());
        }
        let least = (self.values.sum() + i128::from(open) * ONE) as f64 / all as f64 / 1e9;
        (open * 100 > all)
            .then(|| format!("{open} of {all} jobs are open; the mean is at least {least}"))
    }
}

impl Collector for BoundedSlowdown {
    fn job(&mut self, job: &JobRecord) {
        if !job.measured {
            return;
        }
        if job.outcome.is_open() {
            self.open += 1;
        } else if let (JobOutcome::Succeeded, Some(wait), Some(run)) =
            (job.outcome, job.first_wait(), job.run_time())
        {
            self.values
                .add(bounded_slowdown_parts(wait, run, self.bound));
        }
    }

    fn finish(&self, _end: &RunEnd<'_>) -> Vec<MetricValue> {
        let sorted = self.values.sorted();
        let count = self.values.count();
        let mean = self.values.sum() as f64 / count as f64;
        let max = self.values.max().map(|value| value as f64);
        let found = [
            (Some(mean), None),
            (sorted.percentile(Percentile::P50), Some(Percentile::P50)),
            (sorted.percentile(Percentile::P90), Some(Percentile::P90)),
            (sorted.percentile(Percentile::P99), Some(Percentile::P99)),
            (max, None),
        ];
        let open = (self.open > 0).then(|| format!("{} open jobs are left out", self.open));
        let undefined = self.undefined();
        ENTRY
            .ids()
            .zip(found)
            .map(|((id, _), (value, percentile))| {
                let value = match (&undefined, value) {
                    (None, Some(value)) => Ok(value / ONE as f64),
                    (reason, _) => Err(reason.clone().unwrap_or_default()),
                };
                let few = percentile
                    .filter(|percentile| percentile.leans_on_max(count) && count > 1)
                    .map(|_| format!("extrapolated to the largest of {count}"));
                MetricValue {
                    approx: sorted.approx && percentile.is_some(),
                    ..MetricValue::new(id, value)
                }
                .remark(open.clone().or(few))
                .over(count)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_runs_count_as_the_bound_and_nothing_is_below_one() {
        for (wait, run, expected) in [
            (0, 0, 1.0),
            (0, 5, 1.0),
            (5, 5, 1.0),
            (5, 6, 1.1),
            (10, 10, 2.0),
            (100, 0, 10.0),
            (100, 50, 3.0),
        ] {
            let (wait, run) = (Duration::from_secs(wait), Duration::from_secs(run));
            let found = bounded_slowdown(wait, run, USUAL_BOUND);
            assert!((found - expected).abs() < 1e-15, "{wait} {run}");
            let parts = bounded_slowdown_parts(wait, run, USUAL_BOUND);
            assert!((parts as f64 / 1e9 - expected).abs() < 1e-9, "{wait} {run}");
        }
        // Nothing overflows, not even the longest times with the smallest bound.
        let longest = Duration::from_nanos(i64::MAX / 2);
        assert_eq!(
            bounded_slowdown_parts(longest, Duration::ZERO, Duration::ZERO),
            i64::MAX
        );
    }
}
