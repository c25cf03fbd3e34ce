//! Deliveries: how long pushes take to the pods that run them, and how many never get there (spec:
//! orchestrators-a.md section 9.1).

use model::{Delivery, DeliveryStep, Event, Text};
use units::{Duration, Instant, SortedMap, SortedSet};

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, ShortList, Title};
use crate::statistics::distribution::{Distribution, MAX, MEAN, P50, P90, P99};
use crate::statistics::integral::ratio;
use crate::values::{Direction, Reading, Statistic, Values};

const PUSHED: Statistic = Statistic::amount("pushed", "pushes", Direction::None);
const DELIVERED: Statistic = Statistic::amount("delivered", "rollouts", Direction::Higher);
const UNCHANGED: Statistic = Statistic::amount("unchanged", "pushes", Direction::None);
const BUILD_FAILED: Statistic = Statistic::amount("build_failed", "pushes", Direction::Lower);
const BUILD_CANCELLED: Statistic = Statistic::amount("build_cancelled", "pushes", Direction::None);
const FAILED: Statistic = Statistic::amount("failed", "rollouts", Direction::Lower);
const ROLLED_BACK: Statistic = Statistic::amount("rolled_back", "rollouts", Direction::None);
const SUPERSEDED: Statistic = Statistic::amount("superseded", "rollouts", Direction::None);
const UNFINISHED: Statistic = Statistic::amount("unfinished", "rollouts", Direction::Lower);
const UNDELIVERED: Statistic = Statistic::amount("undelivered", "pushes", Direction::Lower);
const FAILURE_FRACTION: Statistic = Statistic::ratio("failure_fraction", Direction::Lower);

/// The part of the family about the time to the first new pod.
const FIRST: &str = "first_replica";

/// The part of the family about the time with pods of two versions.
const MIXED: &str = "mixed_versions";

/// `deliveries.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "deliveries",
    title: Title::new("deliveries"),
    group: Group::Service.at(52),
    short_lists: &[ShortList::Headline.at(45, &["max"])],
    series: &[],
    summary: "Time from a push to the pods that run it, and pushes that never got there.",
    statistics: &[
        MEAN,
        P50,
        P90,
        P99,
        MAX,
        MEAN.of(FIRST),
        P50.of(FIRST),
        P90.of(FIRST),
        P99.of(FIRST),
        MAX.of(FIRST),
        MEAN.of(MIXED),
        P50.of(MIXED),
        P90.of(MIXED),
        P99.of(MIXED),
        MAX.of(MIXED),
        PUSHED,
        DELIVERED,
        UNCHANGED,
        BUILD_FAILED,
        BUILD_CANCELLED,
        FAILED,
        ROLLED_BACK,
        SUPERSEDED,
        UNFINISHED,
        UNDELIVERED,
        FAILURE_FRACTION,
    ],
    formula: "lead time: from a push until all pods of a workload run it and are ready; \
              first_replica: until the first does; mixed_versions: from the first to all; \
              delivered: those that no one gave up later, neither the system nor a user; failed: those that made \
              no progress in time or were given up; \
              unfinished: rollouts under way in the end, and pushes that wait for their build or turn; \
              undelivered: pushes that no workload uses or whose system replaces no pods; \
              failure_fraction: failed / (failed + delivered)",
    denominators: "rollouts that reached all pods of their workload; of failure_fraction, those that ended",
    census: "pushes made in W, and the rollouts that follow from them, one for each workload",
    censoring: "failed, superseded and unfinished rollouts have no lead time and are counted",
    source: "orchestrators-a.md 9.1, measures",
    construct: |_| Box::new(Deliveries::default()),
};

/// A rollout: its workload, its image, and the instant of the push.
type RolloutKey = (Text, Text, Instant);

/// Times of a rollout.
#[derive(Clone, Copy, Debug)]
struct Times {
    lead: Duration,
    mixed: Duration,
}

#[derive(Clone, Debug)]
struct Deliveries {
    first: Distribution,
    /// Lead times and times with two versions of rollouts that reached all pods and were not taken back.
    delivered: SortedMap<RolloutKey, Times>,
    counts: [u64; DeliveryStep::ALL.len()],
    /// Instants of first pods of rollouts under way, by workload and image.
    firsts: SortedMap<(Text, Text), Option<Instant>>,
    /// Pushes of which nothing came yet, by instant and image: those that are to be seen, or to be built.
    on_way: SortedSet<(Instant, Text)>,
    has_any: bool,
}

impl Default for Deliveries {
    fn default() -> Self {
        Self {
            first: Distribution::of("rollout"),
            delivered: SortedMap::new(),
            counts: [0; DeliveryStep::ALL.len()],
            firsts: SortedMap::new(),
            on_way: SortedSet::new(),
            has_any: false,
        }
    }
}

impl Deliveries {
    const fn count(&self, step: DeliveryStep) -> u64 {
        self.counts[step as usize]
    }

    fn step(&mut self, at: Instant, own: &Delivery) {
        self.counts[own.step as usize] += 1;
        let push = (own.pushed, own.push.image.clone());
        if own.step == DeliveryStep::Pushed {
            self.on_way.insert(push);
        } else {
            self.on_way.remove(&push);
        }
        let key = (own.workload.clone(), own.push.resolved());
        match own.step {
            DeliveryStep::RolloutBegan => {
                self.firsts.insert(key, None);
            }
            DeliveryStep::FirstReplica => {
                self.first.add(at.since(own.pushed));
                self.firsts.insert(key, Some(at));
            }
            DeliveryStep::Delivered => {
                let first = self.firsts.remove(&key).flatten();
                let times = Times {
                    lead: at.since(own.pushed),
                    mixed: at.since(first.unwrap_or(at)),
                };
                self.delivered.insert((key.0, key.1, own.pushed), times);
            }
            DeliveryStep::Superseded => {
                self.firsts.remove(&key);
            }
            DeliveryStep::Failed | DeliveryStep::RolledBack => {
                self.firsts.remove(&key);
                // What is given up later was not delivered after all.
                let rolled = (key.0, key.1, own.pushed);
                if self.delivered.remove(&rolled).is_some() {
                    self.counts[DeliveryStep::Delivered as usize] -= 1;
                    let is_told = own.step == DeliveryStep::Failed;
                    self.counts[DeliveryStep::Failed as usize] += u64::from(!is_told);
                }
            }
            _ => {}
        }
    }
}

impl Collector for Deliveries {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Deliveries]
    }

    fn event(&mut self, change: &Change<'_>) {
        let Event::Delivery(own) = change.event else {
            return;
        };
        self.has_any = true;
        if change.measured.has_instant(own.pushed) {
            self.step(change.at, own);
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        if !self.has_any {
            values.put_undefined("nothing was pushed");
            return;
        }
        let [mut lead, mut mixed] = [(); 2].map(|()| Distribution::of("rollout"));
        for times in self.delivered.values() {
            lead.add(times.lead);
            mixed.add(times.mixed);
        }
        lead.put(values);
        self.first.put_of(FIRST, values);
        mixed.put_of(MIXED, values);
        let counted = [
            (PUSHED, DeliveryStep::Pushed),
            (DELIVERED, DeliveryStep::Delivered),
            (UNCHANGED, DeliveryStep::Unchanged),
            (BUILD_FAILED, DeliveryStep::BuildFailed),
            (BUILD_CANCELLED, DeliveryStep::BuildCancelled),
            (FAILED, DeliveryStep::Failed),
            (ROLLED_BACK, DeliveryStep::RolledBack),
            (SUPERSEDED, DeliveryStep::Superseded),
        ];
        for (statistic, step) in counted {
            values.put(statistic, Reading::count(self.count(step)));
        }
        let undelivered = self.count(DeliveryStep::Unused) + self.count(DeliveryStep::Unsupported);
        values.put(UNDELIVERED, Reading::count(undelivered));
        let unfinished = self.firsts.len() + self.on_way.len();
        values.put(UNFINISHED, Reading::count(unfinished as u64));
        let failed = self.count(DeliveryStep::Failed);
        let ended = failed + self.count(DeliveryStep::Delivered);
        let fraction = ratio(i128::from(failed), i128::from(ended), "rollouts that ended");
        values.put(FAILURE_FRACTION, Reading::new(fraction).over(ended));
    }
}
