//! Durations of jobs, some of which are known only to exceed what was seen (right-censored).
//!
//! The unfinished are never dropped and the horizon is never taken for their value (metrics.md 5.2):
//! percentiles are type 7 while nothing is censored and Kaplan–Meier quantiles otherwise, where one
//! beyond the last event is null with its bound; a mean with more than 1 % censored is null with its
//! bound.

use units::{Duration, plural, time::NANOS_PER_SECOND};

use crate::statistics::samples::{EXACT_DISTINCT, Percentile, Samples, SortedSamples};
use crate::values::{Reading, Statistic, Values};

/// Durations in nanoseconds, seen to their end or not.
#[derive(Clone, Debug)]
pub struct Distribution {
    known: Samples,
    censored: Samples,
    /// Noun in the singular for the measured items: `job` or `pod`.
    of: &'static str,
}

impl Default for Distribution {
    fn default() -> Self {
        Self::of("job")
    }
}

/// The mean.
pub const MEAN: Statistic = Statistic::seconds("mean");
/// The median.
pub const P50: Statistic = Statistic::seconds("p50");
/// The 90th percentile.
pub const P90: Statistic = Statistic::seconds("p90");
/// The 99th percentile.
pub const P99: Statistic = Statistic::seconds("p99");
/// The largest.
pub const MAX: Statistic = Statistic::seconds("max");
/// The mean restricted to the longest time that was seen.
pub const RMST: Statistic = Statistic::seconds("rmst");

/// The statistics of durations and ratios, and how each is taken.
pub const SUMMARY: [(Statistic, StatisticKind); 5] = [
    (MEAN, StatisticKind::Mean),
    (P50, StatisticKind::Percentile(Percentile::P50)),
    (P90, StatisticKind::Percentile(Percentile::P90)),
    (P99, StatisticKind::Percentile(Percentile::P99)),
    (MAX, StatisticKind::Max),
];

/// The way in which a statistic is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatisticKind {
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

    /// Number of durations added, censored ones included.
    pub const fn count(&self) -> u64 {
        self.known.count() + self.censored.count()
    }

    /// Puts the readings of [`MEAN`] to [`MAX`].
    pub fn put(&self, values: &mut Values) {
        self.put_of("", values);
    }

    /// Puts the readings of [`MEAN`] to [`MAX`] of a part of the family.
    pub fn put_of(&self, part: &'static str, values: &mut Values) {
        let (known, censored) = (self.known.sorted(), self.censored.sorted());
        for (statistic, asked) in SUMMARY {
            let reading = match asked {
                _ if self.count() == 0 => self.nothing(),
                StatisticKind::Mean => self.mean(),
                StatisticKind::Max => self.max(),
                StatisticKind::Percentile(percentile) => {
                    self.percentile(percentile, &known, &censored)
                }
            };
            values.put(statistic.of(part), reading.over(self.count()));
        }
    }

    /// The mean restricted to the longest time that was seen ([`RMST`]), in seconds: the
    /// area under the Kaplan–Meier curve up to there. Without censoring it is the mean.
    pub fn restricted_mean(&self) -> Reading {
        let (known, censored) = (self.known.sorted(), self.censored.sorted());
        let Some(horizon) = self.known.max().max(self.censored.max()) else {
            return self.nothing();
        };
        let value = if self.censored.count() == 0 {
            self.known.sum() as f64 / self.count() as f64
        } else {
            restricted_mean(&known, &censored, self.count(), horizon)
        };
        let remark = format!("restricted to {} s", told(seconds(horizon as f64)));
        Reading::new(Ok(seconds(value)))
            .approximate(self.censored.count() > 0 && (known.approx || censored.approx))
            .remark(Some(remark))
            .over(self.count())
    }

    fn nothing(&self) -> Reading {
        Reading::new(Err(format!("no {} to measure", self.of)))
    }

    /// Words about the open ones: `2 of 5 jobs are open`.
    fn open(&self) -> String {
        let open = self.censored.count();
        let all = plural::count(self.count(), self.of);
        let are = plural::either(open, "is", "are");
        format!("{open} of {all} {are} open")
    }

    fn mean(&self) -> Reading {
        let count = self.count();
        let sum = self.known.sum() + self.censored.sum();
        let mean = sum as f64 / count as f64 / NANOS_PER_SECOND as f64;
        let open = self.censored.count();
        if open * 100 > count {
            let reason = format!("{}; at least {} s", self.open(), told(mean));
            return Reading::open(reason, Some(mean));
        }
        let remark = format!(
            "{} and counted at {} age: at least",
            self.open(),
            plural::either(open, "its", "their")
        );
        Reading::new(Ok(mean)).remark((open > 0).then_some(remark))
    }

    fn max(&self) -> Reading {
        let most = seconds(self.known.max().max(self.censored.max()).unwrap_or(0) as f64);
        if self.censored.count() > 0 {
            let reason = format!("{}; at least {} s", self.open(), told(most));
            return Reading::open(reason, Some(most));
        }
        Reading::new(Ok(most))
    }

    fn percentile(
        &self,
        percentile: Percentile,
        known: &SortedSamples,
        censored: &SortedSamples,
    ) -> Reading {
        let count = self.count();
        let approx = known.approx || censored.approx;
        let value = if self.censored.count() == 0 {
            known.percentile(percentile).map(seconds)
        } else {
            survival_quantile(known, censored, count, percentile).map(|nanos| seconds(nanos as f64))
        };
        let Some(value) = value else {
            let most = self.known.max().max(self.censored.max()).unwrap_or(0);
            let most = seconds(most as f64);
            let reason = format!("{}; more than {most} s", self.open());
            return Reading::open(reason, Some(most)).approximate(approx);
        };
        let few = percentile.leans_on_max(count) && count > 1;
        let remark = few.then(|| format!("extrapolated to the largest of {count}"));
        Reading::new(Ok(value)).remark(remark).approximate(approx)
    }
}

fn seconds(nanos: f64) -> f64 {
    nanos / NANOS_PER_SECOND as f64
}

/// Seconds in words, to the millisecond.
fn told(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

/// The Kaplan–Meier quantile: the smallest duration at which at most `1 - p` survive. A duration
/// that is censored at an instant was still at risk there.
fn survival_quantile(
    known: &SortedSamples,
    censored: &SortedSamples,
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
fn restricted_mean(
    known: &SortedSamples,
    censored: &SortedSamples,
    count: u64,
    horizon: i64,
) -> f64 {
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
    use crate::MetricValue;

    fn read(times: &Distribution) -> Vec<MetricValue> {
        let mut values = Values::of(&[MEAN, P50, P90, P99, MAX]);
        times.put(&mut values);
        values.named("wait").expect("each is read once")
    }

    #[test]
    fn remarks_have_seconds_to_the_millisecond() {
        let seconds = distribution(&[1, 1], &[2]);
        let mean = &read(&seconds)[0];
        let reason = mean.reason.as_deref().unwrap_or_default();
        assert!(reason.ends_with("open; at least 1.333 s"), "{reason}");
    }

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
            let values = read(&distribution(known, censored));
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
            let value = distribution(known, censored).restricted_mean();
            assert_eq!(value.value, expected, "{known:?} {censored:?}");
            assert!(value.reason.is_some());
        }
    }

    #[test]
    fn one_percent_censored_still_gives_a_mean_and_says_so() {
        let known: Vec<i64> = vec![2; 99];
        let value = &read(&distribution(&known, &[2]))[0];
        assert_eq!(value.value, Some(2.0));
        assert!(
            value
                .reason
                .as_deref()
                .is_some_and(|text| text.contains("1 of 100"))
        );
        let value = &read(&distribution(&known[1..], &[2]))[0];
        assert_eq!(value.value, None);
        assert_eq!(
            value.reason.as_deref(),
            Some("1 of 99 jobs is open; at least 2 s")
        );
    }
}
