//! Availability of workloads: the share of time with enough ready pods, and of wanted pods that were
//! ready (metrics.md 5.4).

use rng::math;

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::workloads::Row;
use crate::statistics::integral::Integral;
use crate::values::{Direction, Reading, Statistic, Values};

const TIME: Statistic = exact("time");
const WORST: Statistic = exact("worst");
const NINES: Statistic = nines("nines");
const PLANNED_LOSS: Statistic = loss("planned_loss");
const UNPLANNED_LOSS: Statistic = loss("unplanned_loss");
const REPLICAS: Statistic = exact("replicas");
const REPLICAS_NINES: Statistic = nines("replicas_nines");

/// `availability.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "availability",
    title: Title::new("availability"),
    group: Group::Service.at(10),
    short_lists: &[
        ShortList::Headline.at(10, &["time"]),
        ShortList::GatedOfWorkloads.at(10, &["replicas"]),
    ],
    series: &[],
    summary: "Share of the time during which workloads had their required, and their desired, \
        number of ready pods.",
    statistics: &[
        TIME,
        WORST,
        NINES,
        PLANNED_LOSS,
        UNPLANNED_LOSS,
        REPLICAS,
        REPLICAS_NINES,
    ],
    formula: "time: sum over workloads of integral of 1[ready >= required] over sum of integral \
              of 1[desired > 0]; required: `metrics.minReadyPercent` of desired (all of them by \
              default), rounded up; worst: the lowest value of any workload; planned_loss, \
              unplanned_loss: the rest of the time, unplanned from the first involuntary loss \
              until full strength; replicas: integral of min(ready, desired) over integral of \
              desired; nines: -log10(1 - x)",
    denominators: "time in W in which pods were desired, and desired pods x time in W",
    census: "top-level objects that maintain a number of pods; ready: condition Ready, not \
             terminating, on a node that reports; the start-up of a workload counts as planned; \
             time scaled to zero does not count",
    censoring: "none: integrals over W",
    source: "metrics.md 5.4, availability",
    construct: |_| Box::new(Availability),
};

/// The smallest relevant difference of a share of time: about five minutes a year.
const FLOOR: f64 = 1e-5;

const fn exact(name: &'static str) -> Statistic {
    Statistic::ratio(name, Direction::Higher)
        .noise(0.0)
        .relevant_from(FLOOR)
}

const fn loss(name: &'static str) -> Statistic {
    Statistic::ratio(name, Direction::Lower)
        .noise(0.0)
        .relevant_from(FLOOR)
}

const fn nines(name: &'static str) -> Statistic {
    Statistic::amount(name, "nines", Direction::Higher).noise(0.01)
}

#[derive(Clone, Debug)]
struct Availability;

/// The denominator of shares of time.
pub(crate) const WANTED: &str = "time in which pods are desired";

/// The number of nines of a share.
///
/// # Errors
/// There is no share, or nothing is missing of it.
pub(crate) fn nines_of(share: &Result<f64, String>) -> Result<f64, String> {
    match share {
        // A sum of nothing would have the sign of a minus.
        Ok(0.0) => Ok(0.0),
        Ok(share) if *share < 1.0 => Ok(-math::log10(1.0 - share)),
        Ok(_) => Err("no replica was ever missing: more nines than can be measured".to_owned()),
        Err(why) => Err(why.clone()),
    }
}

/// The share of a workload's time in which it was available.
pub(crate) fn time_of(row: &Row) -> Result<f64, String> {
    row.sums.available.ratio(&row.sums.wanted, WANTED)
}

impl Collector for Availability {
    fn hears(&self) -> &'static [EventKind] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let workloads = end.workloads;
        let wanted = workloads.total(|sums| &sums.wanted);
        let share = |part: &Integral| {
            workloads
                .present()
                .and(Integral::ratio(part, &wanted, WANTED))
        };
        let available = workloads.total(|sums| &sums.available);
        let unplanned = workloads.total(|sums| &sums.unplanned);
        let mut planned = wanted;
        planned.take(&available);
        planned.take(&unplanned);
        let time = share(&available);
        let worst = workloads.rows().iter().filter_map(|row| time_of(row).ok());
        let worst = worst.reduce(f64::min).ok_or(time.clone());
        let desired = workloads.total(|sums| &sums.desired);
        let ready = workloads.total(|sums| &sums.ready);
        let replicas = workloads
            .present()
            .and_then(|()| ready.ratio(&desired, "desired pods x time"));
        let n = workloads.rows().len() as u64;
        let mut put = |statistic, value| values.put(statistic, Reading::new(value).over(n));
        put(TIME, time.clone());
        put(WORST, worst.or_else(|time| time));
        put(NINES, nines_of(&time));
        put(PLANNED_LOSS, share(&planned));
        put(UNPLANNED_LOSS, share(&unplanned));
        put(REPLICAS, replicas.clone());
        put(REPLICAS_NINES, nines_of(&replicas));
    }
}
