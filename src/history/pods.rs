//! Collected data of pods: their pending times, bars of consecutive pods, and the pods that were
//! pending longest one by one. All of it is bounded.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use cluster::Store;
use metrics::PodRow;
use metrics::pod_table;
use model::{EndReason, Event, Pod};
use rng::math;
use units::Instant;

use super::{BARS_MAX, Bar, PendingData, PodEntry, PodList, TimelineData};

/// Bounds to a factor of ten.
const PER_DECADE: i32 = 16;
/// Factors of ten from a millisecond on: up to 31 years.
const DECADES: i32 = 12;

/// Pending times of pods.
#[derive(Clone, Debug)]
pub(super) struct Waits {
    bounds: Vec<i64>,
    counts: Vec<u64>,
    placed: u64,
    longest: Option<i64>,
}

impl Waits {
    pub(super) fn new() -> Self {
        let step = |k: i32| {
            let exponent = f64::from(k) / f64::from(PER_DECADE);
            (math::exp(exponent * math::ln(10.0)) * 1e6).round() as i64
        };
        let bounds: Vec<i64> = std::iter::once(0)
            .chain((0..=PER_DECADE * DECADES).map(step))
            .collect();
        Self {
            counts: vec![0; bounds.len()],
            bounds,
            placed: 0,
            longest: None,
        }
    }

    pub(super) fn placed(&mut self, waited: i64) {
        self.placed += 1;
        self.longest = self.longest.max(Some(waited));
        let bound = self.bounds.partition_point(|&bound| bound < waited);
        if let Some(count) = self.counts.get_mut(bound) {
            *count += 1;
        }
    }

    /// Bounds are left out before the first and behind the last that says something.
    pub(super) fn finish(self, pods: u64) -> PendingData {
        let mut sum = 0;
        let within: Vec<u64> = (self.counts.iter())
            .map(|count| {
                sum += count;
                sum
            })
            .collect();
        let last = within.iter().rposition(|&count| count < sum);
        let kept = if sum == 0 {
            0
        } else {
            last.map_or(1, |last| (last + 2).min(within.len()))
        };
        PendingData {
            pods,
            placed: self.placed,
            bounds_ns: self.bounds[..kept].to_vec(),
            within: within[..kept].to_vec(),
            longest_ns: self.longest,
        }
    }
}

/// Bars of consecutive pods.
#[derive(Clone, Debug)]
pub(super) struct Bars {
    pods_per_bar: u64,
    bars: Vec<OpenBar>,
}

#[derive(Clone, Debug, Default)]
struct OpenBar {
    bar: Bar,
    living: u64,
    /// Instants of creations, of bindings and of ends together.
    submits: i128,
    binds: i128,
    ends: i128,
}

/// The mean of instants that add up to a sum.
fn mean(sum: i128, count: u64) -> Option<i64> {
    (count > 0).then(|| (sum / i128::from(count)) as i64)
}

impl Bars {
    pub(super) fn new() -> Self {
        Self {
            pods_per_bar: 1,
            bars: Vec::new(),
        }
    }

    fn of(&mut self, pod: u64) -> &mut OpenBar {
        while pod / self.pods_per_bar >= BARS_MAX as u64 {
            self.pods_per_bar *= 2;
            self.bars = self.bars.chunks(2).map(joined).collect();
        }
        let index = (pod / self.pods_per_bar) as usize;
        if self.bars.len() <= index {
            self.bars.resize_with(index + 1, OpenBar::default);
        }
        &mut self.bars[index]
    }

    pub(super) fn apply(&mut self, at: i64, event: &Event, ended: Option<&Pod>) {
        match event {
            Event::PodCreated(created) => {
                let open = self.of(u64::from(created.pod.id.0));
                if open.bar.pods == 0 {
                    open.bar.name = created.name.to_string();
                }
                open.bar.pods += 1;
                open.living += 1;
                open.submits += i128::from(at);
            }
            Event::PodBound { pod, .. } => {
                let open = self.of(u64::from(pod.id.0));
                open.bar.placed += 1;
                open.binds += i128::from(at);
            }
            Event::PodEnded { reason, .. } => {
                let Some(pod) = ended else { return };
                let open = self.of(u64::from(pod.pod.id.0));
                open.living = open.living.saturating_sub(1);
                open.ends += i128::from(at);
                match reason {
                    EndReason::Completed => open.bar.succeeded += 1,
                    // It goes on in the bar of the pod that it goes on as.
                    EndReason::Moved => {}
                    _ => open.bar.failed += 1,
                }
            }
            _ => {}
        }
    }

    pub(super) fn finish(self) -> TimelineData {
        TimelineData {
            pods_per_bar: self.pods_per_bar,
            bars: (self.bars.into_iter())
                .map(|open| Bar {
                    submit_ns: mean(open.submits, open.bar.pods).unwrap_or_default(),
                    bound_ns: mean(open.binds, open.bar.placed),
                    end_ns: mean(open.ends, open.bar.pods).filter(|_| open.living == 0),
                    ..open.bar
                })
                .collect(),
        }
    }
}

fn joined(bars: &[OpenBar]) -> OpenBar {
    let mut bars = bars.iter();
    let mut total = bars.next().cloned().unwrap_or_default();
    for other in bars {
        total.bar.pods += other.bar.pods;
        total.bar.placed += other.bar.placed;
        total.bar.succeeded += other.bar.succeeded;
        total.bar.failed += other.bar.failed;
        total.living += other.living;
        total.submits += other.submits;
        total.binds += other.binds;
        total.ends += other.ends;
    }
    total
}

/// A pod and how long it was pending. Longer is greater; of equal ones the earlier is greater.
type PendingEntry = (i64, Reverse<u32>);

/// The pods that were pending longest.
#[derive(Clone, Debug)]
pub(super) struct LongestPending {
    room: usize,
    least_first: BinaryHeap<Reverse<(PendingEntry, EntryOf)>>,
}

/// An entry as it lies in the heap: it takes no part in the order.
#[derive(Clone, Debug)]
struct EntryOf(PodEntry);

impl PartialEq for EntryOf {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for EntryOf {}
impl PartialOrd for EntryOf {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for EntryOf {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl LongestPending {
    pub(super) fn new(room: usize) -> Self {
        Self {
            room,
            least_first: BinaryHeap::new(),
        }
    }

    /// A pod ended, or lives at the end of the run.
    pub(super) fn take(&mut self, pod: &Pod, ended: Option<(Instant, EndReason)>, store: &Store) {
        let row = pod_table::row(pod, ended, store);
        self.row(&row, store.now());
    }

    /// The pods that live at the end of the run.
    pub(super) fn take_living(&mut self, at: Instant, store: &Store) {
        for row in pod_table::living_rows(store) {
            self.row(&row, at);
        }
    }

    fn row(&mut self, row: &PodRow<'_>, now: Instant) {
        let until = row.bound.or(row.ended).unwrap_or(now);
        let key = (until.since(row.submit).as_nanos(), Reverse(row.pod.0));
        if self.least_first.len() >= self.room {
            match self.least_first.peek() {
                Some(Reverse((least, _))) if *least < key => self.least_first.pop(),
                _ => return,
            };
        }
        let nanos = |at: Option<Instant>| at.map(Instant::as_nanos);
        let entry = PodEntry {
            name: row.name.to_string(),
            submit_ns: row.submit.as_nanos(),
            bound_ns: nanos(row.bound),
            started_ns: nanos(row.started),
            ended_ns: nanos(row.ended),
            node: row.node.map(str::to_owned),
            outcome: row.outcome.to_owned(),
        };
        self.least_first.push(Reverse((key, EntryOf(entry))));
    }

    pub(super) fn finish(self, total: u64) -> PodList {
        let mut listed: Vec<(u32, PodEntry)> = (self.least_first.into_iter())
            .map(|Reverse(((_, Reverse(id)), EntryOf(entry)))| (id, entry))
            .collect();
        listed.sort_by_key(|&(id, _)| id);
        PodList {
            total,
            listed: listed.into_iter().map(|(_, entry)| entry).collect(),
        }
    }
}
