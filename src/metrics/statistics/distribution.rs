//! Durations of jobs, some of which are known only to exceed what was seen (right-censored).
//!
//! The unfinished are never dropped and the horizon is never taken for their value (metrics.md 5.2):
//! percentiles are type 7 while nothing is censored and Kaplan–Meier quantiles otherwise, where one
//! beyond the last event is null with its bound; a mean with more than 1 % censored is null with its
//! bound.

use units::{Duration, plural, time::NANOS_PER_SECOND};

use crate::record::collector::MetricValue;
use crate::statistics::samples::{EXACT_DISTINCT, Percentile, Samples, Sorted};

/// Durations in nanoseconds, seen to their end or not.
#[derive(Clone, Debug)]
pub struct Distribution {
    known: Samples,
    censored: Samples,
    /// Noun in the singular for what they are durations of: `job` or `pod`.
    of: &'static str,
}

impl Default for Distribution {
    fn default() -> Self {
        Self::of("job")
    }
}

/// Statistics that [`Distribution::values`] can give.
pub const STATISTICS: [(&str, Asked); 5] = [
    ("mean", Asked::Mean),
    ("p50", Asked::Percentile(Percentile::P50)),
    ("p90", Asked::Percentile(Percentile::P90)),
    ("p99", Asked::Percentile(Percentile::P99)),
    ("max", Asked::Max),
];

/// A statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The mean.
    Mean,
    /// A percentile.
    Percentile(Percentile),
    /// The largest.
    Max,
}

impl Distribution {
    /// No durations yet; `of` is the noun, in the singular, for what they are durations of.
    pub const fn of(of: &'static str) -> Self {
        Self {
            known: Samples::with_limit(EXACT_DISTINCT),
            censored: Samples::with_limit(EXACT_DISTINCT),
            of,
        }
    }

    /// Adds a duration that was seen to its end.
    pub fn add(&mut self, duration: Duration) {
        self.known.add(duration.as_nanos());
    }

    /// Adds a duration of which only a lower bound is known.
    pub fn add_at_least(&mut self, duration: Duration) {
        self.censored.add(duration.as_nanos());
    }

    /// Adds all of another one.
    pub fn join(&mut self, other: &Self) {
        self.known.join(&other.known);
        self.censored.join(&other.censored);
    }

    /// The mean and the largest of those seen to their end, in seconds; `None` without any.
    pub fn known(&self) -> Option<(f64, f64)> {
        let count = self.known.count();
        let most = self.known.max()?;
        let mean = self.known.sum() as f64 / count as f64;
        Some((seconds(mean), seconds(most as f64)))
    }

    /// How many durations were added, censored ones included.
    pub const fn count(&self) -> u64 {
        self.known.count() + self.censored.count()
    }

    /// All of [`STATISTICS`] in seconds, as `SUBJECT.STATISTIC`.
    pub fn values(&self, subject: &str) -> Vec<MetricValue> {
        let (known, censored) = (self.known.sorted(), self.censored.sorted());
        STATISTICS
            .iter()
            .map(|&(name, asked)| {
                let id = format!("{subject}.{name}");
                let value = match asked {
                    _ if self.count() == 0 => self.nothing(id),
                    Asked::Mean => self.mean(id),
                    Asked::Max => self.max(id),
                    Asked::Percentile(percentile) => {
                        self.percentile(id, percentile, &known, &censored)
                    }
                };
                value.over(self.count())
            })
            .collect()
    }

    /// The mean restricted to the longest time that was seen, as `SUBJECT.rmst` in seconds: the
    /// area under the Kaplan–Meier curve up to there. Without censoring it is the mean.
    pub fn restricted_mean(&self, subject: &str) -> MetricValue {
        let id = format!("{subject}.rmst");
        let (known, censored) = (self.known.sorted(), self.censored.sorted());
        let Some(horizon) = self.known.max().max(self.censored.max()) else {
            return self.nothing(id);
        };
        let value = if self.censored.count() == 0 {
            self.known.sum() as f64 / self.count() as f64
        } else {
            restricted_mean(&known, &censored, self.count(), horizon)
        };
        let remark = format!("restricted to {} s", seconds(horizon as f64));
        MetricValue {
            approx: self.censored.count() > 0 && (known.approx || censored.approx),
            ..MetricValue::new(id, Ok(seconds(value)))
        }
        .remark(Some(remark))
        .over(self.count())
    }

    fn nothing(&self, id: String) -> MetricValue {
        MetricValue::new(id, Err(format!("no {} to take", self.of)))
    }

    /// Words about the open ones: `2 of 5 jobs are open`.
    fn open(&self) -> String {
        let open = self.censored.count();
        let all = plural::count(self.count(), self.of);
        let are = plural::either(open, "is", "are");
        format!("{open} of {all} {are} open")
    }

    fn mean(&self, id: String) -> MetricValue {
        let count = self.count();
        let sum = self.known.sum() + self.censored.sum();
        let mean = sum as f64 / count as f64 / NANOS_PER_SECOND as f64;
        let open = self.censored.count();
        if open * 100 > count {
            let reason = format!("{}; at least {mean} s", self.open());
            return MetricValue::new(id, Err(reason));
        }
        let remark = format!(
            "{} and counted at {} age: at least",
            self.open(),
            plural::either(open, "its", "their")
        );
        MetricValue::new(id, Ok(mean)).remark((open > 0).then_some(remark))
    }

    fn max(&self, id: String) -> MetricValue {
        let most = seconds(self.known.max().max(self.censored.max()).unwrap_or(0) as f64);
        if self.censored.count() > 0 {
            let reason = format!("{}; at least {most} s", self.open());
            return MetricValue::new(id, Err(reason));
        }
        MetricValue::new(id, Ok(most))
    }

    fn percentile(
        &self,
        id: String,
        percentile: Percentile,
        known: &Sorted,
        censored: &Sorted,
    ) -> MetricValue {
        let count = self.count();
        let approx = known.approx || censored.approx;
        let value = if self.censored.count() == 0 {
            known
                .percentile(percentile)
                .map(seconds)
                .ok_or_else(String::new)
        } else {
            survival_quantile(known, censored, count, percentile)
                .map(|nanos| seconds(nanos as f64))
                .ok_or_else(|| {
                    let most = self.known.max().max(self.censored.max()).unwrap_or(0);
                    let most = seconds(most as f64);
                    format!("{}; more than {most} s", self.open())
                })
        };
        let few = percentile.leans_on_max(count) && count > 1;
        let remark = few.then(|| format!("extrapolated to the largest of {count}"));
        MetricValue {
            approx,
            ..MetricValue::new(id, value).remark(remark)
        }
    }
}

fn seconds(nanos: f64) -> f64 {
    nanos / NANOS_PER_SECOND as f64
}

/// The Kaplan–Meier quantile: the smallest duration at which at most `1 - p` survive. A duration
/// that is censored at an instant was still at risk there.
fn survival_quantile(
    known: &Sorted,
    censored: &Sorted,
    count: u64,
    percentile: Percentile,
) -> Option<i64> {
    let level = f64::from(1_000 - percentile.per_mille) / 1_000.0;
    // Between two censorings the product telescopes to a ratio of those at risk, so that without
    // any it is exact.
    let (mut surviving, mut at_risk, mut base) = (1.0, count, count);
    let mut open = censored.runs.iter().peekable();
    for &(duration, ends) in &known.runs {
        while let Some(&(_, lost)) = open.next_if(|&&(bound, _)| bound < duration) {
            surviving *= at_risk as f64 / base as f64;
            at_risk -= lost;
            base = at_risk;
        }
        at_risk -= ends;
        if surviving * (at_risk as f64 / base as f64) <= level {
            return Some(duration);
        }
    }
    None
}

/// The area under the Kaplan–Meier curve up to a horizon.
fn restricted_mean(known: &Sorted, censored: &Sorted, count: u64, horizon: i64) -> f64 {
    let (mut survival, mut at_risk) = (1.0, count);
    let (mut area, mut reached) = (0.0, 0);
    let mut open = censored.runs.iter().peekable();
    for &(duration, ends) in &known.runs {
        while let Some(&(_, lost)) = open.next_if(|&&(bound, _)| bound < duration) {
            at_risk -= lost;
        }
        area += survival * (duration - reached) as f64;
        reached = duration;
        survival *= (at_risk - ends) as f64 / at_risk as f64;
        at_risk -= ends;
    }
    area + survival * (horizon - reached) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(known: &[i64], censored: &[i64]) -> Distribution {
        let mut distribution = Distribution::default();
        for &secs in known {
            distribution.add(Duration::from_secs(secs));
        }
        for &secs in censored {
            distribution.add_at_least(Duration::from_secs(secs));
        }
        distribution
    }

    #[test]
    fn statistics_with_and_without_censoring() {
        // Kaplan–Meier of 1, 2, 3+, 4: S(1) = 3/4, S(2) = 1/2, S(4) = 0.
        for (known, censored, expected) in [
            (&[][..], &[][..], [None; 5]),
            (&[5], &[], [Some(5.0); 5]),
            (
                &[1, 2, 3, 4, 10],
                &[],
                [Some(4.0), Some(3.0), Some(7.6), Some(9.76), Some(10.0)],
            ),
            (
                &[1, 2, 4],
                &[3],
                [None, Some(2.0), Some(4.0), Some(4.0), None],
            ),
            (&[1], &[9, 9], [None; 5]),
            (&[], &[7], [None; 5]),
        ] {
            let values = distribution(known, censored).values("wait");
            for (value, expected) in values.iter().zip(expected) {
                assert_eq!(value.value, expected, "{known:?} {censored:?} {value:?}");
                assert_eq!(value.n, Some((known.len() + censored.len()) as u64));
                assert!(value.value.is_some() || value.reason.is_some());
            }
        }
    }

    #[test]
    fn the_restricted_mean_is_the_area_under_the_curve() {
        // Of 1, 2, 3+, 4: 1 + 3/4 + 2 x 1/2 = 2.75.
        for (known, censored, expected) in [
            (&[][..], &[][..], None),
            (&[2, 4], &[], Some(3.0)),
            (&[1, 2, 4], &[3], Some(2.75)),
            (&[], &[7, 9], Some(9.0)),
        ] {
            let value = distribution(known, censored).restricted_mean("wait");
            assert_eq!(value.value, expected, "{known:?} {censored:?}");
            assert!(value.reason.is_some());
        }
    }

    #[test]
    fn one_percent_censored_still_gives_a_mean_and_says_so() {
        let known: Vec<i64> = vec![2; 99];
        let value = &distribution(&known, &[2]).values("wait")[0];
        assert_eq!(value.value, Some(2.0));
        assert!(
            value
                .reason
                .as_deref()
                .is_some_and(|text| text.contains("1 of 100"))
        );
        let value = &distribution(&known[1..], &[2]).values("wait")[0];
        assert_eq!(value.value, None);
        assert_eq!(
            value.reason.as_deref(),
            Some("1 of 99 jobs is open; at least 2 s")
        );
    }
}
