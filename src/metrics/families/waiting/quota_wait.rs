//! Waits for quota: from the creation of a workload in a queue of Kueue to its first admission.

use std::fmt::Display;

use model::{Event, ObjectChange, Text};
use units::{Duration, Instant, ObjectId, SortedMap, plural};

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::statistics::distribution::{Distribution, MAX, MEAN, P50, P90, P99};
use crate::values::{Direction, Reading, Statistic, Values};

const ADMITTED: Statistic = Statistic::amount("admitted", "jobs", Direction::Higher);
const UNADMITTED: Statistic = Statistic::amount("unadmitted", "jobs", Direction::Lower);
const WORST_QUEUE: Statistic = Statistic::seconds("worst_queue");
const WORST_PRIORITY: Statistic = Statistic::seconds("worst_priority");

/// `quota_wait.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "quota_wait",
    title: Title::new("wait for quota"),
    group: Group::Waiting.at(15),
    short_lists: &[],
    series: &[],
    summary: "Time from the creation of a workload of Kueue to its first admission.",
    statistics: &[
        MEAN,
        P50,
        P90,
        P99,
        MAX,
        WORST_QUEUE,
        WORST_PRIORITY,
        ADMITTED,
        UNADMITTED,
    ],
    formula: "first admission minus creation; worst_queue and worst_priority: the largest of the mean waits \
              by local queue and by priority at creation, the age of a workload that was not admitted \
              counting as its wait; their remarks have every queue and every priority",
    denominators: "workloads created in W; of worst_queue and worst_priority, those of the queue or priority",
    census: "jobs with a queue of Kueue",
    censoring: "not admitted by the end: right-censored at its age, counted in `unadmitted`",
    source: "batch-on-kubernetes.md 1.10",
    construct: |_| Box::new(QuotaWait::default()),
};

/// A workload that was created in the measured window.
#[derive(Clone, Debug)]
struct WorkloadWait {
    queue: Text,
    priority: i32,
    since: Instant,
    admitted: Option<Instant>,
}

#[derive(Clone, Debug, Default)]
struct QuotaWait {
    workloads: SortedMap<ObjectId, WorkloadWait>,
    has_any: bool,
}

/// Waits of a queue or of a priority.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    nanos: i128,
    workloads: usize,
}

impl Sum {
    fn add(&mut self, wait: Duration) {
        self.nanos += i128::from(wait.as_nanos());
        self.workloads += 1;
    }

    fn mean(self) -> f64 {
        self.nanos as f64 / self.workloads.max(1) as f64 / 1e9
    }
}

/// Largest mean of the groups, with the mean of each in the remark.
fn worst<K: Display + Ord>(groups: &SortedMap<K, Sum>) -> Reading {
    let largest = groups.values().copied().map(Sum::mean).reduce(f64::max);
    let each = groups.iter().map(|(group, own)| {
        let workloads = plural::count(own.workloads, "workload");
        format!("{group} {:.1} s ({workloads})", own.mean())
    });
    let each: Vec<String> = each.collect();
    let remark = (!each.is_empty()).then(|| each.join(", "));
    Reading::new(largest.ok_or_else(|| "no workload was created in the window".to_owned()))
        .remark(remark)
}

impl Collector for QuotaWait {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Objects]
    }

    fn event(&mut self, change: &Change<'_>) {
        let Some((id, own)) = change.workload() else {
            return;
        };
        self.has_any = true;
        if matches!(change.event, Event::Object(ObjectChange::Created { .. })) && change.in_window()
        {
            let waiting = WorkloadWait {
                queue: format!("{}/{}", own.namespace, own.queue).into(),
                priority: own.priority,
                since: own.created,
                admitted: None,
            };
            self.workloads.insert(id, waiting);
        }
        if own.holding("Admitted").is_some()
            && let Some(waiting) = self.workloads.get_mut(&id)
        {
            waiting.admitted.get_or_insert(change.at);
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        if !self.has_any {
            values.put_undefined("no workload has a queue");
            return;
        }
        let mut waits = Distribution::of("workload");
        let mut queues: SortedMap<&Text, Sum> = SortedMap::new();
        let mut priorities: SortedMap<i32, Sum> = SortedMap::new();
        let mut admitted = 0;
        for own in self.workloads.values() {
            let wait = own.admitted.unwrap_or(end.at).since(own.since);
            match own.admitted {
                Some(_) => waits.add(wait),
                None => waits.add_at_least(wait),
            }
            admitted += u64::from(own.admitted.is_some());
            queues.entry(&own.queue).or_default().add(wait);
            priorities.entry(own.priority).or_default().add(wait);
        }
        waits.put(values);
        values.put(WORST_QUEUE, worst(&queues));
        values.put(WORST_PRIORITY, worst(&priorities));
        values.put(ADMITTED, Reading::count(admitted));
        let open = self.workloads.len() as u64 - admitted;
        values.put(UNADMITTED, Reading::count(open));
    }
}
