//! Decisions of schedulers that take time to decide: how busy they are, how often what they claim is
//! gone by the time they commit, and how long jobs wait for their first turn (spec:
//! orchestrators-b.md section 6.1).

use model::{EndReason, Event, Text};
use units::SortedMap;

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::statistics::distribution::{Distribution, MAX, MEAN, P50, P90, P99};
use crate::statistics::integral::ratio;
use crate::statistics::span::Span;
use crate::values::{Direction, Reading, Statistic, Values};

const BUSYNESS: Statistic = Statistic::ratio("busyness", Direction::Lower);
const BUSIEST: Statistic = Statistic::ratio("busiest", Direction::Lower);
const CONFLICT_FRACTION: Statistic = Statistic::times("conflict_fraction", Direction::Lower);
const TRANSACTIONS: Statistic = Statistic::amount("transactions", "decisions", Direction::None);
const CONFLICTS: Statistic = Statistic::amount("conflicts", "decisions", Direction::Lower);

/// The part of the family that is about the wait for the first decision.
const WAIT: &str = "first_wait";

/// `decisions.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "decisions",
    title: Title::new("decisions"),
    group: Group::Waiting.at(65),
    short_lists: &[],
    series: &[],
    summary: "Busyness, conflicts and queues of schedulers whose decisions take time.",
    statistics: &[
        BUSYNESS,
        BUSIEST,
        CONFLICT_FRACTION,
        TRANSACTIONS,
        CONFLICTS,
        MEAN.of(WAIT),
        P50.of(WAIT),
        P90.of(WAIT),
        P99.of(WAIT),
        MAX.of(WAIT),
    ],
    formula: "busyness: time from copies of the cluster to commits, over all schedulers' time; \
              busiest: the same of the scheduler with the most; conflict_fraction: transactions of \
              which a claim was refused, by the cluster or for want of room by the node, over those \
              that placed a task; first_wait: from a job's submission to the first copy that a \
              scheduler decides on it with",
    denominators: "W1 - W0 times the number of schedulers; W1 - W0; transactions that placed a task; \
                   jobs",
    census: "transactions committed in the measured window; of busyness, the part of each that lies \
             in it",
    censoring: "jobs that no scheduler has begun to decide on are left out; `pending_time` has them",
    source: "orchestrators-b.md 6.1, metrics",
    construct: |_| Box::new(Decisions::default()),
};

#[derive(Clone, Debug)]
struct Decisions {
    /// Nanoseconds of deciding in the window, by scheduler.
    busy: SortedMap<Text, i64>,
    schedulers: u32,
    transactions: u64,
    conflicts: u64,
    /// Pods for which their nodes had no room, although they were placed there.
    refusals: u64,
    successes: u64,
    waits: Distribution,
}

impl Default for Decisions {
    fn default() -> Self {
        Self {
            busy: SortedMap::new(),
            schedulers: 0,
            transactions: 0,
            conflicts: 0,
            refusals: 0,
            successes: 0,
            waits: Distribution::of("job"),
        }
    }
}

impl Collector for Decisions {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Decisions, EventKind::Ended]
    }

    fn event(&mut self, change: &Change<'_>) {
        let decision = match change.event {
            Event::Decided(decision) => decision,
            // Schedulers whose claims nodes refuse learn of it too late to tell.
            Event::PodEnded {
                reason: EndReason::Refused(why),
                ..
            } if why.is_want_of_room() && change.in_window() => {
                self.refusals += 1;
                return;
            }
            _ => return,
        };
        self.schedulers = self.schedulers.max(decision.schedulers);
        let (from, to) = (decision.began, change.at);
        let busy = change.measured.clip(Span { from, to });
        let busy = busy.map_or(0, |span| span.to.since(span.from).as_nanos());
        *self.busy.entry(decision.scheduler.clone()).or_default() += busy;
        if !change.in_window() {
            return;
        }
        self.transactions += 1;
        self.conflicts += u64::from(decision.conflicts > 0);
        self.successes += u64::from(decision.placed > 0);
        if let Some(submitted) = decision.submitted {
            self.waits.add(decision.began.since(submitted));
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        if self.busy.is_empty() {
            values.put_undefined("no scheduler takes time to decide");
            return;
        }
        let clock = i128::from(end.clock());
        let all: i128 = self.busy.values().map(|&busy| i128::from(busy)).sum();
        let most = self.busy.values().copied().max().unwrap_or(0);
        let of_all = ratio(all, clock * i128::from(self.schedulers), "measured time");
        let conflicts = self.conflicts + self.refusals;
        let successes = self.successes.saturating_sub(self.refusals);
        let fraction = ratio(
            i128::from(conflicts),
            i128::from(successes),
            "transactions that placed a task",
        );
        values.put(BUSYNESS, Reading::new(of_all));
        values.put(
            BUSIEST,
            Reading::new(ratio(i128::from(most), clock, "measured time")),
        );
        values.put(CONFLICT_FRACTION, Reading::new(fraction).over(successes));
        values.put(TRANSACTIONS, Reading::count(self.transactions));
        values.put(CONFLICTS, Reading::count(conflicts));
        self.waits.put_of(WAIT, values);
    }
}
