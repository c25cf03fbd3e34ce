//! Ratios of jobs, such as slowdowns: how many times longer something took than something else.
//!
//! Values enter means and percentiles rounded to 10^-9, as integers, so that sums are exact and
//! independent of the order in which jobs end.

use crate::statistics::distribution::{SUMMARY, StatisticKind};
use crate::statistics::samples::{Percentile, Samples, SortedSamples};
use crate::values::{Reading, Values};
use units::plural;

/// One in the integers that values are kept in.
pub const ONE: i128 = 1_000_000_000;

/// Ratios of jobs, some of which are still open.
#[derive(Clone, Debug, Default)]
pub struct Ratios {
    values: Samples,
    /// Sum and number of the values above 1.
    above_one: (i128, u64),
    open: u64,
}

impl Ratios {
    /// Adds `max(1, over ÷ under)`, rounded half up; a value too large for the integers counts as
    /// the largest.
    pub fn add_at_least_one(&mut self, over: i128, under: i128) {
        let parts = if 0 < under && over <= under {
            ONE
        } else {
            parts(over, under).max(ONE)
        };
        let parts = i64::try_from(parts).unwrap_or(i64::MAX);
        if i128::from(parts) > ONE {
            self.above_one.0 += i128::from(parts);
            self.above_one.1 += 1;
        }
        self.values.add(parts);
    }

    /// Counts a job that is open: its ratio is unknown, 1 is its only bound.
    pub fn add_open(&mut self) {
        self.open += 1;
    }

    /// Puts the readings of the mean, the percentiles and the maximum.
    pub fn put(&self, values: &mut Values) {
        let sorted = self.values.sorted();
        for (statistic, asked) in SUMMARY {
            values.put(statistic, self.reading(asked, &sorted));
        }
    }

    fn reading(&self, asked: StatisticKind, sorted: &SortedSamples) -> Reading {
        let count = self.values.count();
        let (value, percentile) = match asked {
            StatisticKind::Mean => (Some(self.values.sum() as f64 / count as f64), None),
            StatisticKind::Max => (self.values.max().map(|value| value as f64), None),
            StatisticKind::Percentile(percentile) => {
                (sorted.percentile(percentile), Some(percentile))
            }
        };
        let value = match (self.undefined(), value) {
            (None, Some(value)) => Ok(value / ONE as f64),
            (Some(reason), _) => {
                let max = self.values.max().map(|max| max as f64 / ONE as f64);
                let least = match asked {
                    StatisticKind::Mean => self.least(),
                    StatisticKind::Max => max,
                    StatisticKind::Percentile(_) => None,
                };
                return Reading::open(reason, least)
                    .approximate(sorted.approx && percentile.is_some())
                    .over(count);
            }
            (None, None) => Err(String::new()),
        };
        let open = (self.open > 0).then(|| format!("{} open jobs are left out", self.open));
        let few = percentile
            .filter(|percentile: &Percentile| percentile.leans_on_max(count) && count > 1)
            .map(|_| format!("extrapolated to the largest of {count}"));
        Reading::new(value)
            .approximate(sorted.approx && percentile.is_some())
            .remark(open.or(few))
            .over(count)
    }

    /// The mean of the values above 1: what is printed where the 1.0 are dropped.
    pub fn mean_above_one(&self) -> Reading {
        let (sum, count) = self.above_one;
        let value = match (self.undefined(), count) {
            (Some(why), _) => Err(why),
            (None, 0) => Err("no value is above 1".to_owned()),
            (None, count) => Ok(sum as f64 / count as f64 / ONE as f64),
        };
        Reading::new(value).over(count)
    }

    /// The least that the mean can be.
    fn least(&self) -> Option<f64> {
        let (known, open) = (self.values.count(), self.open);
        let all = known + open;
        let sum = (self.values.sum() + i128::from(open) * ONE) as f64;
        (all > 0).then(|| sum / all as f64 / 1e9)
    }

    fn undefined(&self) -> Option<String> {
        let (known, open) = (self.values.count(), self.open);
        let all = known + open;
        let Some(least) = self.least() else {
            return Some("no job to measure".to_owned());
        };
        (open * 100 > all).then(|| {
            format!(
                "{open} of {} {} open; the mean is at least {least}",
                plural::count(all, "job"),
                plural::either(open, "is", "are")
            )
        })
    }
}

/// `over ÷ under` in thousand-millionths, rounded half up; the largest integer where it does not
/// fit.
pub fn parts(over: i128, under: i128) -> i128 {
    let doubled = over.checked_mul(2 * ONE);
    let divisor = under.checked_mul(2);
    match (doubled, divisor) {
        (Some(doubled), Some(divisor)) if divisor != 0 => (doubled + under) / divisor,
        _ => i128::MAX,
    }
}
