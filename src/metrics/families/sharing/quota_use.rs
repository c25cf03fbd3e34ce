//! Use of quotas: how much of what queues of Kueue own their workloads hold, and how much they borrow.

use std::sync::Arc;

use model::queueing::ClusterQueueStatus;
use model::{Event, Object, ObjectChange, Text};
use units::{Duration, Instant, Quantity, SortedMap};

use super::queues::{QueueRow, QueueTimeline, QueueTracker, QueueUse};
use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::tables::Tables;
use crate::record::window::MeasuredWindow;
use crate::statistics::bins::Bins;
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use crate::values::{Direction, Reading, Statistic, Values};

const MEAN: Statistic = Statistic::times("mean", Direction::Higher);
const PEAK: Statistic = Statistic::times("peak", Direction::None);
const BORROWED: Statistic = Statistic::ratio("borrowed", Direction::None);

/// `quota_use.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "quota_use",
    title: Title::new("quota use"),
    group: Group::Fairness.at(20),
    short_lists: &[],
    series: &[],
    summary: "Amounts that workloads hold of the quotas of Kueue's queues, and the part that is borrowed.",
    statistics: &[MEAN, PEAK, BORROWED],
    formula: "of the resource of a flavor that is in most use: mean: amounts held over nominal quotas of \
              all queues, both integrated over time; peak: the largest at an instant; borrowed: amounts \
              beyond the nominal quota of their queue over amounts held; the remark of mean has every queue, with \
              the amount that it held x time, such as GPU hours",
    denominators: "nominal quota x time (mean, peak); amounts held x time (borrowed)",
    census: "queues with quota",
    censoring: "none: integrals",
    source: "batch-on-kubernetes.md 1.2",
    construct: |setup| {
        Box::new(QuotaUse {
            totals: Arc::clone(&setup.quotas),
            ..QuotaUse::default()
        })
    },
};

/// Most steps of a queue's timeline.
const STEPS: usize = 96;

/// One unit of a resource, in thousandths.
const UNIT: f64 = 1e3;

/// One unit of a resource for an hour, in thousandths x nanoseconds.
const AMOUNT_HOUR: f64 = 3.6e15;

/// Areas of one resource of a flavor.
#[derive(Clone, Debug)]
struct Areas {
    nominal: Integral,
    used: Integral,
    borrowed: Integral,
    steps: Bins,
}

impl Default for Areas {
    fn default() -> Self {
        Self {
            nominal: Integral::default(),
            used: Integral::default(),
            borrowed: Integral::default(),
            steps: Bins::new(STEPS),
        }
    }
}

/// Areas of all queues.
#[derive(Clone, Debug, Default)]
struct QueueAreas {
    of_pairs: SortedMap<(Pair, Text), Areas>,
    /// Workloads that wait, by queue.
    waiting: SortedMap<Text, Bins>,
}

type Pair = (Text, Text);

#[derive(Clone, Debug, Default)]
struct QuotaUse {
    /// The status of each queue and the time since which it holds.
    queues: SortedMap<Text, (Instant, Arc<ClusterQueueStatus>)>,
    areas: QueueAreas,
    /// Quotas of all queues and cohorts, by resource.
    totals: Arc<[(Text, Quantity)]>,
    /// What all queues hold and own now, in billionths.
    sums: SortedMap<Pair, Sum>,
    peaks: SortedMap<Pair, f64>,
    workloads: QueueTracker,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    used: i128,
    nominal: i128,
    /// The instant since which they do.
    since: Instant,
}

impl Sum {
    /// The share that was used until an instant, if that was in the window for a time.
    fn held(&self, until: Instant, measured: &MeasuredWindow) -> Option<f64> {
        let span = Span {
            from: self.since,
            to: until,
        };
        measured.clip(span).filter(|_| self.nominal > 0)?;
        Some(self.used as f64 / self.nominal as f64)
    }
}

impl QueueAreas {
    /// Adds up what held for a span.
    fn settle(
        &mut self,
        held: &(Instant, Arc<ClusterQueueStatus>),
        until: Instant,
        measured: &MeasuredWindow,
    ) {
        let (since, status) = held;
        let span = Span {
            from: *since,
            to: until,
        };
        let Some(span) = measured.clip(span) else {
            return;
        };
        let waiting = self.waiting.entry(status.name.clone());
        let waiting = waiting.or_insert_with(|| Bins::new(STEPS));
        waiting.add(i128::from(status.pending), span);
        for own in &status.usage {
            let pair = (own.flavor.clone(), own.resource.clone());
            let areas = self
                .of_pairs
                .entry((pair, status.name.clone()))
                .or_default();
            let nanos = span.nanos();
            areas.nominal.add(milli(own.nominal), nanos);
            areas.used.add(milli(own.total), nanos);
            areas.borrowed.add(milli(own.borrowed), nanos);
            areas.steps.add(milli(own.total), span);
        }
    }
}

/// Thousandths: quotas are whole units, or thousandths of a core.
fn milli(amount: Quantity) -> i128 {
    i128::from(amount.milli_ceil().unwrap_or(i64::MAX))
}

impl QuotaUse {
    /// Counts a status in, or out again.
    fn count(&mut self, status: &ClusterQueueStatus, sign: i128, change: &Change<'_>) {
        for own in &status.usage {
            let pair = (own.flavor.clone(), own.resource.clone());
            let sum = self.sums.entry(pair.clone()).or_default();
            if let Some(share) = sum.held(change.at, change.measured) {
                let peak = self.peaks.entry(pair).or_default();
                *peak = peak.max(share);
            }
            sum.since = change.at;
            sum.used += sign * own.total.nanos();
            sum.nominal += sign * own.nominal.nanos();
        }
    }

    /// Areas up to the end.
    fn settled(&self, end: &RunEnd<'_>) -> QueueAreas {
        let mut areas = self.areas.clone();
        for own in self.queues.values() {
            areas.settle(own, end.at, end.measured);
        }
        areas
    }

    /// A queue over time, of which these are the uses.
    fn timeline(&self, waiting: Option<&Bins>, uses: &[QueueUse]) -> QueueTimeline {
        let Some(waiting) = waiting else {
            return QueueTimeline::default();
        };
        let counts = waiting.means();
        let share = (0..counts.len()).map(|step| {
            let shares = self.totals.iter().map(|(resource, total)| {
                let own = uses.iter().filter(|own| own.resource == *resource);
                let held: f64 = own.filter_map(|own| own.held.get(step)).sum();
                let total = milli(*total) as f64 / UNIT;
                if total > 0.0 { held / total } else { 0.0 }
            });
            shares.fold(0.0, f64::max)
        });
        QueueTimeline {
            from: waiting.start(0),
            step: Duration::from_nanos(waiting.width_nanos()),
            share: share.collect(),
            waiting: counts,
        }
    }

    /// The largest share of a resource of a flavor that was held for a time; `None` without quota.
    fn peak(&self, pair: &Pair, end: &RunEnd<'_>) -> Option<f64> {
        let last = self.sums.get(pair)?.held(end.at, end.measured);
        let known = self.peaks.get(pair).copied();
        known.into_iter().chain(last).reduce(f64::max)
    }
}

impl Collector for QuotaUse {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Objects]
    }

    fn event(&mut self, change: &Change<'_>) {
        if let Some((id, own)) = change.workload() {
            self.workloads.hear(id, own, change.at, change.in_window());
            return;
        }
        let Event::Object(
            ObjectChange::Created { object, .. } | ObjectChange::Updated { object, .. },
        ) = change.event
        else {
            return;
        };
        let Object::ClusterQueue(status) = object else {
            return;
        };
        let now = (change.at, Arc::clone(status));
        if let Some(before) = self.queues.insert(status.name.clone(), now) {
            self.areas.settle(&before, change.at, change.measured);
            self.count(&before.1, -1, change);
        }
        self.count(status, 1, change);
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        if self.queues.is_empty() {
            values.put_undefined("no queue has quota");
            return;
        }
        let areas = self.settled(end).of_pairs;
        let mut pairs: SortedMap<&Pair, Areas> = SortedMap::new();
        for ((pair, _), own) in &areas {
            let sum = pairs.entry(pair).or_default();
            sum.nominal.join(&own.nominal);
            sum.used.join(&own.used);
            sum.borrowed.join(&own.borrowed);
        }
        let used = |own: &Areas| own.used.ratio(&own.nominal, "nominal quota x time");
        let key = |own: &Areas| used(own).unwrap_or(-1.0);
        let busiest = pairs.iter().reduce(|one, other| {
            if key(other.1) > key(one.1) {
                other
            } else {
                one
            }
        });
        let Some((pair, sum)) = busiest else {
            values.put_undefined("the measured window has no length");
            return;
        };
        let of_pair = areas.iter().filter(|((own, _), _)| own == *pair);
        let by_queue = of_pair.filter_map(|((_, queue), own)| {
            let share = used(own).ok()?;
            let hours = own.used.value()? as f64 / AMOUNT_HOUR;
            Some(format!("{queue} {:.1} % ({hours:.1} h)", share * 100.0))
        });
        let by_queue: Vec<String> = by_queue.collect();
        let (flavor, resource) = *pair;
        let remark = format!(
            "{resource} of {flavor} (amount x time): {}",
            by_queue.join(", ")
        );
        values.put(MEAN, Reading::new(used(sum)).remark(Some(remark)));
        let peak = self.peak(pair, end);
        let peak = peak.ok_or_else(|| "no quota in the window".to_owned());
        values.put(PEAK, peak);
        let borrowed = sum.borrowed.ratio(&sum.used, "amounts held x time");
        values.put(BORROWED, borrowed);
    }

    fn tables(&self, end: &RunEnd<'_>, tables: &mut Tables) {
        let areas = self.settled(end);
        let hours = |own: &Integral| own.value().unwrap_or_default() as f64 / AMOUNT_HOUR;
        let row = |(queue, (_, status)): (&Text, &(Instant, Arc<ClusterQueueStatus>))| {
            let own = areas
                .of_pairs
                .iter()
                .filter(|((_, other), _)| other == queue);
            let uses = own.map(|((pair, _), own)| {
                let (flavor, resource) = pair;
                let mut stated = status.usage.iter();
                let stated = stated.find(|own| (&own.flavor, &own.resource) == (flavor, resource));
                let held = own.steps.means().into_iter();
                QueueUse {
                    flavor: flavor.clone(),
                    resource: resource.clone(),
                    nominal_hours: hours(&own.nominal),
                    used_hours: hours(&own.used),
                    borrowed_hours: hours(&own.borrowed),
                    nominal: stated.map_or(0.0, |stated| milli(stated.nominal) as f64 / UNIT),
                    held: held.map(|mean| mean / UNIT).collect(),
                }
            });
            let uses: Vec<QueueUse> = uses.collect();
            QueueRow {
                queue: queue.clone(),
                timeline: self.timeline(areas.waiting.get(queue), &uses),
                uses,
                work: self.workloads.of(queue),
                pending: status.pending,
            }
        };
        if !self.queues.is_empty() {
            tables.put(self.queues.iter().map(row).collect::<Vec<QueueRow>>());
        }
    }
}
