//! Slowdown: how many times longer jobs took than they ran (metrics.md 5.2). Plain, bounded
//! (Feitelson and Rudolph: runs below τ count as τ), and bounded per processor, each under its own
//! name: on one schedule they differ by an order of magnitude.

use units::Duration;

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::jobs::{JobOutcome, JobRecord};
use crate::record::presentation::{Group, ShortList, Title};
use crate::statistics::distribution::{MAX, MEAN, P50, P90, P99};
use crate::statistics::ratios::Ratios;
use crate::values::{Direction, Statistic, Values};

pub use crate::record::setup::USUAL_BOUND;

const FIVE: [Statistic; 5] = [
    times(MEAN).steady(),
    times(P50).steady(),
    times(P90).steady(),
    times(P99).steady(),
    times(MAX),
];

const CENSUS: &str = "failed, rejected, evicted and cancelled jobs are excluded; `jobs.*` counts \
                      them; a run time of zero counts as tau";

const CENSORING: &str = "open jobs have no value (their run time is unknown, 1 is its only bound): \
                         above 1 % open all statistics are null with the bound of the mean";

const fn times(statistic: Statistic) -> Statistic {
    statistic.measured_in("times")
}

/// `bounded_slowdown.*`.
pub const BOUNDED: MetricEntry = MetricEntry {
    subject: "bounded_slowdown",
    title: Title::new("bounded slowdown"),
    group: Group::Waiting.at(90),
    short_lists: &[
        ShortList::Headline.at(80, &["mean"]),
        ShortList::Gated.at(40, &["mean"]),
        ShortList::Sweep.at(40, &["mean"]),
    ],
    series: &[],
    summary: "Turnaround of jobs relative to their run time, with run times below tau counted as \
        tau.",
    statistics: &[FIVE[0], FIVE[1], FIVE[2], FIVE[3], FIVE[4], TAU],
    formula: "max(1, (f - a) / max(r, tau)); r: f - s without pauses; tau: the bound, 10 s unless set",
    denominators: "jobs submitted in the measured window that succeeded",
    census: CENSUS,
    censoring: CENSORING,
    source: "metrics.md 5.2, bounded slowdown; Feitelson and Rudolph",
    construct: |setup| Slowdown::boxed(Kind::Bounded(setup.slowdown_bound)),
};

/// `per_processor_slowdown.*`.
pub const PER_PROCESSOR: MetricEntry = MetricEntry {
    subject: "per_processor_slowdown",
    title: Title::new("per processor slowdown"),
    group: Group::Others.at(0),
    short_lists: &[],
    series: &[],
    summary: "Bounded slowdown divided by the size of the job, so that wide jobs may wait longer.",
    statistics: &[FIVE[0], FIVE[1], FIVE[2], FIVE[3], FIVE[4], TAU],
    formula: "max(1, (f - a) / (processors x max(r, tau))); r: f - s without pauses; processors: the cores that the \
              job requests, at least 1; tau: the bound, 10 s unless set",
    denominators: "jobs submitted in the measured window that succeeded",
    census: CENSUS,
    censoring: CENSORING,
    source: "metrics.md 5.2, per-processor variant of the bounded slowdown",
    construct: |setup| Slowdown::boxed(Kind::PerProcessor(setup.slowdown_bound)),
};

/// `slowdown.*`.
pub const PLAIN: MetricEntry = MetricEntry {
    subject: "slowdown",
    title: Title::new("slowdown"),
    group: Group::Waiting.at(100),
    short_lists: &[],
    series: &[],
    summary: "Turnaround of jobs relative to their run time; short jobs dominate without bound.",
    statistics: &[FIVE[0], FIVE[1], FIVE[2], FIVE[3], FIVE[4], DELAYED_MEAN],
    formula: "(f - a) / r, never trimmed; r: f - s without pauses; delayed.mean: the mean of the values above 1, as \
              printed by tools that drop values of 1.0",
    denominators: "jobs submitted in the measured window that succeeded with a run time above zero",
    census: "jobs without run time are excluded in addition to those that did not succeed; \
             `jobs.*` counts them",
    censoring: CENSORING,
    source: "metrics.md 5.2, slowdown (plain); 5.8, values of 1.0 dropped",
    construct: |_| Slowdown::boxed(Kind::Plain),
};

/// The mean of the slowdowns above 1.
const DELAYED_MEAN: Statistic = Statistic::times("delayed.mean", Direction::Lower).steady();

const TAU: Statistic = Statistic::amount("tau", "s", Direction::None);

/// `max(1, (wait + run) ÷ max(run, bound))` in floating point, with one division: what published
/// averages are made of. A bound of no length counts as a nanosecond.
pub fn bounded_slowdown(wait: Duration, run: Duration, bound: Duration) -> f64 {
    let (over, under) = fraction(wait, run, bound);
    (over as f64 / under as f64).max(1.0)
}

fn fraction(wait: Duration, run: Duration, bound: Duration) -> (i128, i128) {
    let (wait, run) = (i128::from(wait.as_nanos()), i128::from(run.as_nanos()));
    (wait + run, run.max(i128::from(bound.as_nanos())).max(1))
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Bounded(Duration),
    PerProcessor(Duration),
    Plain,
}

#[derive(Clone, Debug)]
struct Slowdown {
    kind: Kind,
    ratios: Ratios,
}

impl Slowdown {
    fn boxed(kind: Kind) -> Box<dyn Collector> {
        Box::new(Self {
            kind,
            ratios: Ratios::default(),
        })
    }

    fn add(&mut self, job: &JobRecord, wait: Duration, run: Duration) {
        match self.kind {
            Kind::Bounded(bound) => {
                let (over, under) = fraction(wait, run, bound);
                self.ratios.add_at_least_one(over, under);
            }
            Kind::PerProcessor(bound) => {
                let (over, under) = fraction(wait, run, bound);
                // Cores come in thousandths.
                let processors = i128::from(job.cpu_milli.max(1_000));
                self.ratios
                    .add_at_least_one(over.saturating_mul(1_000), under.saturating_mul(processors));
            }
            Kind::Plain if run > Duration::ZERO => {
                let (over, under) = fraction(wait, run, Duration::ZERO);
                self.ratios.add_at_least_one(over, under);
            }
            Kind::Plain => {}
        }
    }
}

impl Collector for Slowdown {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Jobs]
    }

    fn job(&mut self, job: &JobRecord) {
        if !job.measured {
            return;
        }
        if job.outcome.is_open() {
            self.ratios.add_open();
        } else if let (JobOutcome::Succeeded, Some(run)) = (job.outcome, job.worked()) {
            let wait = Duration::from_nanos(job.age().as_nanos() - run.as_nanos());
            self.add(job, wait, run);
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        self.ratios.put(values);
        match self.kind {
            Kind::Bounded(bound) | Kind::PerProcessor(bound) => {
                values.put(TAU, Ok(bound.as_secs_f64()));
            }
            Kind::Plain => values.put(DELAYED_MEAN, self.ratios.mean_above_one()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::ratios::{ONE, parts};

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
            let (over, under) = fraction(wait, run, USUAL_BOUND);
            let parts = parts(over, under).max(ONE);
            assert!((parts as f64 / 1e9 - expected).abs() < 1e-9, "{wait} {run}");
        }
    }

    #[test]
    fn the_longest_times_with_the_smallest_bound_do_not_overflow() {
        let longest = Duration::from_nanos(i64::MAX / 2);
        let mut ratios = Ratios::default();
        let (over, under) = fraction(longest, Duration::ZERO, Duration::ZERO);
        ratios.add_at_least_one(over, under);
        let mut values = Values::of(&FIVE);
        ratios.put(&mut values);
        let most = values.reading(4).and_then(|reading| reading.value);
        assert_eq!(most, Some(i64::MAX as f64 / 1e9));
        assert_eq!(parts(i128::MAX, 1), i128::MAX);
        assert_eq!(parts(1, 0), i128::MAX);
    }
}
