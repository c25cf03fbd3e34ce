//! Waits for quota: from the creation of a workload in a queue of Kueue to its first admission.

use model::{Event, ObjectChange, Text};
use units::{Instant, ObjectId, SortedMap, plural};

use crate::record::collector::{Change, Collector, Heard, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::statistics::distribution::{Distribution, MAX, MEAN, P50, P90, P99};
use crate::values::{Direction, Reading, Statistic, Values};

const ADMITTED: Statistic = Statistic::amount("admitted", "jobs", Direction::Higher);
const UNADMITTED: Statistic = Statistic::amount("unadmitted", "jobs", Direction::Lower);
const WORST_QUEUE: Statistic = Statistic::seconds("worst_queue");

/// `quota_wait.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "quota_wait",
    title: Title::new("wait for quota"),
    group: Group::Waiting.at(15),
    short_lists: &[],
    series: &[],
    summary: "Time from the creation of a workload of Kueue to its first admission.",
    statistics: &[MEAN, P50, P90, P99, MAX, WORST_QUEUE, ADMITTED, UNADMITTED],
    formula: "first admission minus creation; worst_queue: the largest of the mean waits by local queue, \
              the age of a workload that was not admitted counting as its wait; its remark has every queue",
    denominators: "workloads created in W; of worst_queue, those of the queue",
    census: "jobs with a queue of Kueue",
    censoring: "not admitted by the end: right-censored at its age, counted in `unadmitted`",
    source: "batch-on-kubernetes.md 1.10",
    construct: |_| Box::new(QuotaWait::default()),
};

/// A workload that was created in the measured window.
#[derive(Clone, Debug)]
struct Waiting {
    queue: Text,
    since: Instant,
    admitted: Option<Instant>,
}

#[derive(Clone, Debug, Default)]
struct QuotaWait {
    workloads: SortedMap<ObjectId, Waiting>,
    has_any: bool,
}

/// Waits of a queue.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    nanos: i128,
    workloads: usize,
}

impl Sum {
    fn mean(self) -> f64 {
        self.nanos as f64 / self.workloads.max(1) as f64 / 1e9
    }
}

impl Collector for QuotaWait {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Objects]
    }

    fn event(&mut self, change: &Change<'_>) {
        let Some((id, own)) = change.workload() else {
            return;
        };
        self.has_any = true;
        if matches!(change.event, Event::Object(ObjectChange::Created { .. })) && change.in_window()
        {
            let waiting = Waiting {
                queue: format!("{}/{}", own.namespace, own.queue).into(),
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
        let mut admitted = 0;
        for own in self.workloads.values() {
            let wait = own.admitted.unwrap_or(end.at).since(own.since);
            match own.admitted {
                Some(_) => waits.add(wait),
                None => waits.add_at_least(wait),
            }
            admitted += u64::from(own.admitted.is_some());
            let sum = queues.entry(&own.queue).or_default();
            sum.nanos += i128::from(wait.as_nanos());
            sum.workloads += 1;
        }
        waits.put(values);
        let worst = queues.values().copied().map(Sum::mean).reduce(f64::max);
        let by_queue = queues.iter().map(|(queue, own)| {
            let workloads = plural::count(own.workloads, "workload");
            format!("{queue} {:.1} s ({workloads})", own.mean())
        });
        let by_queue: Vec<String> = by_queue.collect();
        let worst = worst.ok_or_else(|| "no workload was created in the window".to_owned());
        let remark = (!by_queue.is_empty()).then(|| by_queue.join(", "));
        values.put(WORST_QUEUE, Reading::new(worst).remark(remark));
        values.put(ADMITTED, Reading::count(admitted));
        let open = self.workloads.len() as u64 - admitted;
        values.put(UNADMITTED, Reading::count(open));
    }
}
