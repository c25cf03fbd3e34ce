//! The table of Kueue's queues: what each held of its quotas, how long its workloads waited, and how many
//! of them were stopped.

use model::Text;
use model::queueing::QueuedWorkload;
use units::{Duration, Instant, ObjectId, SortedMap};

/// A queue of the cluster in the measured window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueRow {
    /// Name of the `ClusterQueue`.
    pub queue: Text,
    /// Use of its quotas, by flavor and resource.
    pub uses: Vec<QueueUse>,
    /// Work of the queue.
    pub work: QueueWork,
    /// Number of workloads that wait at the end.
    pub pending: u64,
    /// The window in equal steps.
    pub timeline: QueueTimeline,
}

/// A queue over time: means over steps of equal length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueTimeline {
    /// Beginning of the first step.
    pub from: Instant,
    /// Length of a step.
    pub step: Duration,
    /// Workloads that waited.
    pub waiting: Vec<f64>,
    /// Dominant share: the largest part that the queue held of any resource of all quotas.
    pub share: Vec<f64>,
}

/// Use of the quota of one resource of a flavor, in units x hours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueUse {
    /// Name of the flavor.
    pub flavor: Text,
    /// Name of the resource.
    pub resource: Text,
    /// Nominal quota.
    pub nominal_hours: f64,
    /// Amount held.
    pub used_hours: f64,
    /// Part of it beyond the nominal quota.
    pub borrowed_hours: f64,
    /// Nominal quota at the end.
    pub nominal: f64,
    /// Amounts held in the steps of the timeline.
    pub held: Vec<f64>,
}

/// Admissions and evictions of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueWork {
    /// All admissions for the first time.
    pub admissions: Admissions,
    /// Those of each priority.
    pub priorities: SortedMap<i32, Admissions>,
    /// Evictions by reason, as Kueue writes it.
    pub evictions: SortedMap<Text, u64>,
}

impl QueueWork {
    /// Number of evictions.
    pub fn evicted(&self) -> u64 {
        self.evictions.values().sum()
    }
}

/// Workloads that were admitted for the first time, and how long they had waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admissions {
    /// Number of workloads.
    pub admitted: u64,
    /// Sum of the waits, in nanoseconds.
    waited: i128,
    longest: Duration,
}

impl Admissions {
    fn add(&mut self, wait: Duration) {
        self.admitted += 1;
        self.waited += i128::from(wait.as_nanos());
        self.longest = self.longest.max(wait);
    }

    /// The mean wait from creation to the first admission, in seconds; `None` without an admission.
    pub fn mean_wait(&self) -> Option<f64> {
        (self.admitted > 0).then(|| self.waited as f64 / self.admitted as f64 / 1e9)
    }

    /// The longest of these waits, in seconds.
    pub fn longest_wait(&self) -> Option<f64> {
        (self.admitted > 0).then(|| self.longest.as_secs_f64())
    }
}

/// A workload that was heard of.
#[derive(Clone, Debug, Default)]
struct WorkloadRecord {
    /// The queue that admitted it last.
    queue: Option<Text>,
    was_admitted: bool,
    /// Time of its last eviction.
    evicted: Option<Instant>,
}

/// Follows workloads.
#[derive(Clone, Debug, Default)]
pub(super) struct QueueTracker {
    seen: SortedMap<ObjectId, WorkloadRecord>,
    work: SortedMap<Text, QueueWork>,
}

impl QueueTracker {
    /// A workload is as it says.
    pub(super) fn hear(&mut self, id: ObjectId, own: &QueuedWorkload, at: Instant, counts: bool) {
        let seen = self.seen.entry(id).or_default();
        if let Some(admission) = &own.admission {
            seen.queue = Some(admission.cluster_queue.clone());
        }
        let Some(queue) = &seen.queue else {
            return;
        };
        let work = self.work.entry(queue.clone()).or_default();
        let is_new = own.holding("Admitted").is_some() && !seen.was_admitted;
        if is_new {
            seen.was_admitted = true;
        }
        if is_new && counts {
            let wait = at.since(own.created);
            work.admissions.add(wait);
            work.priorities.entry(own.priority).or_default().add(wait);
        }
        if let Some(evicted) = own.holding("Evicted")
            && seen.evicted.replace(evicted.since) != Some(evicted.since)
            && counts
        {
            *work.evictions.entry(evicted.reason.clone()).or_default() += 1;
        }
    }

    /// The work of a queue.
    pub(super) fn of(&self, queue: &Text) -> QueueWork {
        self.work.get(queue).cloned().unwrap_or_default()
    }
}
