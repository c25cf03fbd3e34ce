//! Goodput and badput: what became of the capacity that pods reserved (metrics.md 5.2). Useful is
//! the time of pods that succeeded, from their first running instant on; the rest is lost to starts,
//! failures and evictions, by cause, or not decided when the run ends. All parts add up to the
//! allocation.

use model::{EndReason, Event, Pod, PodChange, PodPhase, PodRef};
use units::{ClassId, Instant, SortedMap};

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::state::{RESOURCES, Resource, Row, class_requests, requests};
use crate::record::window::MeasuredWindow;
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use crate::values::{Direction, Range, Statistic, Values, of_each};

/// `goodput.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "goodput",
    title: Title::new("goodput"),
    group: Group::Work.at(40),
    short_lists: &[],
    series: &[],
    summary: "Share of the capacity that did useful work, and the rest of the allocation by \
              outcome.",
    statistics: &of_each::<3, 8, 24>(["cpu", "memory", "gpu"], PARTS),
    formula: "integral over W of q(i, r) of pods during run attempts with that outcome, over \
              integral of sum of C(n, r); useful: success; starting: bound and not running, \
              whatever the outcome; an attempt whose work continues later or elsewhere is useful; \
              undecided: running at the end of the run; the sum is the allocation",
    denominators: "allocatable amounts of the nodes that exist, as in `allocation`",
    census: "all pods that hold a node in the measured window, whenever submitted",
    censoring: "pods running at the end of the run count as `undecided`, neither good nor bad",
    source: "metrics.md 5.2, goodput and badput by cause",
    construct: |setup| {
        Box::new(Goodput {
            keeps_work: setup.keeps_work,
            ..Goodput::default()
        })
    },
};

/// The resources, in the order of the statistics.
const TAKEN: [Resource; 3] = [Resource::Cpu, Resource::Memory, Resource::Gpu];

/// The parts of each resource.
const PARTS: [Statistic; 8] = [
    Statistic::ratio("useful", Direction::Higher).within(Range::FROM_ZERO),
    Statistic::ratio("starting", Direction::Lower).within(Range::FROM_ZERO),
    Statistic::ratio("failed", Direction::Lower).within(Range::FROM_ZERO),
    Statistic::ratio("time_limit", Direction::Lower).within(Range::FROM_ZERO),
    Statistic::ratio("node_lost", Direction::Lower).within(Range::FROM_ZERO),
    Statistic::ratio("evicted", Direction::Lower).within(Range::FROM_ZERO),
    Statistic::ratio("cancelled", Direction::Lower).within(Range::FROM_ZERO),
    Statistic::ratio("undecided", Direction::None).within(Range::FROM_ZERO),
];

const USEFUL: usize = 0;
const STARTING: usize = 1;
const UNDECIDED: usize = 7;

/// The part that a pod's run belongs to by its end.
const fn part_of(reason: EndReason) -> usize {
    match reason {
        EndReason::Completed | EndReason::Moved => USEFUL,
        EndReason::Error | EndReason::Rejected | EndReason::Refused(_) => 2,
        EndReason::TimeLimit => 3,
        EndReason::NodeLost => 4,
        EndReason::Evicted(_) => 5,
        EndReason::Cancelled => 6,
    }
}

#[derive(Clone, Debug, Default)]
struct Goodput {
    /// Whether evicted pods come back with the rest of their work.
    keeps_work: bool,
    parts: [[Integral; RESOURCES]; 8],
    /// Pods that ended one after the other and are alike, not added up yet.
    alike: PodBatch,
    /// Resizes of pods that hold a node.
    resizes: SortedMap<PodRef, Vec<Resize>>,
}

/// The measured times that a pod spent on its node before it was resized.
#[derive(Clone, Copy, Debug)]
struct Resize {
    /// Nanoseconds before it ran, and while it did.
    nanos: [i64; 2],
    /// The resources that it held then, less those that it holds since.
    excess: Row,
}

/// Pods that reserve the same and ended so.
#[derive(Clone, Copy, Debug, Default)]
struct PodBatch {
    amounts: Row,
    part: usize,
    /// Nanoseconds on their nodes before they ran, and while they did.
    nanos: [i128; 2],
}

impl Goodput {
    /// Counts a pod's time on its node up to an instant.
    fn count(
        &mut self,
        pod: &Pod,
        amounts: &Row,
        at: Instant,
        part: usize,
        measured: &MeasuredWindow,
    ) {
        if !pod.phase.holds_node() {
            return;
        }
        self.add_resizes(pod, part);
        let started = if pod.phase == PodPhase::Running {
            pod.started
        } else {
            at
        };
        if self.alike.part != part || self.alike.amounts != *amounts {
            self.add_alike();
            (self.alike.part, self.alike.amounts) = (part, *amounts);
        }
        let spans = [(pod.bound, started), (started, at)];
        for ((from, to), nanos) in spans.into_iter().zip(&mut self.alike.nanos) {
            if let Some(span) = measured.clip(Span { from, to }) {
                *nanos += i128::from(span.nanos());
            }
        }
    }

    /// Takes down a resize.
    fn resize(&mut self, change: &Change<'_>, pod: PodRef, classes: [ClassId; 2]) {
        let Some(record) = change.store.pods().get(pod) else {
            return;
        };
        let [old, new] = classes.map(|class| class_requests(change.store, class));
        let spans = [(record.bound, record.started), (record.started, change.at)];
        let nanos = spans.map(|(from, to)| {
            let span = change.measured.clip(Span { from, to });
            span.map_or(0, Span::nanos)
        });
        let excess = std::array::from_fn(|index| old[index] - new[index]);
        let resizes = self.resizes.entry(pod).or_default();
        resizes.push(Resize { nanos, excess });
    }

    /// Adds what pods that were resized held before beyond what is counted of them.
    fn add_resizes(&mut self, pod: &Pod, part: usize) {
        if self.resizes.is_empty() {
            return;
        }
        for resize in self.resizes.remove(&pod.pod).unwrap_or_default() {
            for (part, nanos) in [STARTING, part].into_iter().zip(resize.nanos) {
                for (area, amount) in self.parts[part].iter_mut().zip(resize.excess) {
                    area.add_product(amount, nanos);
                }
            }
        }
    }

    /// Adds up what was kept back.
    fn add_alike(&mut self) {
        let nanos = std::mem::take(&mut self.alike.nanos);
        for (part, nanos) in [STARTING, self.alike.part].into_iter().zip(nanos) {
            if nanos == 0 {
                continue;
            }
            for (index, area) in self.parts[part].iter_mut().enumerate() {
                let amount = self.alike.amounts[index];
                if amount != 0 {
                    area.add(nanos, amount);
                }
            }
        }
    }

    /// The parts with the pods that hold a node at the end of the run.
    fn closed(&self, end: &RunEnd<'_>) -> Self {
        let mut closed = self.clone();
        for pod in end.store.pods().iter() {
            let amounts = requests(end.store, pod);
            closed.count(pod, &amounts, end.at, UNDECIDED, end.measured);
        }
        closed.add_alike();
        closed
    }
}

impl Collector for Goodput {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Resized, EventKind::Ended]
    }

    fn event(&mut self, change: &Change<'_>) {
        if let Event::PodChanged {
            pod,
            change: PodChange::Resized { before, class },
        } = change.event
        {
            self.resize(change, *pod, [*before, *class]);
        }
        if let (Event::PodEnded { reason, .. }, Some(pod)) = (change.event, change.pod) {
            let part = match reason {
                EndReason::Evicted(_) if self.keeps_work => USEFUL,
                reason => part_of(*reason),
            };
            self.count(pod, change.requests, change.at, part, change.measured);
        }
    }

    fn check(&self, end: &RunEnd<'_>) -> Result<(), String> {
        let closed = self.closed(end);
        for resource in Resource::ALL {
            let index = resource as usize;
            let mut sum = Integral::default();
            for part in &closed.parts {
                match part[index].value() {
                    Some(area) => sum.add(area, 1),
                    None => return Ok(()),
                }
            }
            let allocated = end.state.areas.allocated(resource).value();
            let sum = sum.value();
            if sum.is_some() && allocated.is_some() && sum != allocated {
                let name = resource.name();
                return Err(format!(
                    "{name} x time is {sum:?} by what became of it and {allocated:?} allocated"
                ));
            }
        }
        Ok(())
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let closed = self.closed(end);
        for resource in TAKEN {
            let (name, index) = (resource.name(), resource as usize);
            let under = format!("{name} capacity");
            let capacity = end.state.areas.allocatable(resource);
            for (part, areas) in PARTS.into_iter().zip(&closed.parts) {
                values.put(part.of(name), areas[index].ratio(&capacity, &under));
            }
        }
    }
}
