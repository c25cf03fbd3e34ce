//! Live migration of pods: how many moved while they ran, and the violations of service levels that
//! come with them, as `CloudSim` defines these (published-results.md section 6).
//!
//! A moving pod loses a tenth of its speed at its source and takes a tenth at its destination, where it
//! asks for all that it uses: a node with a pod on its way to it counts as overloaded. A system that
//! keeps an account of its machines itself reports it, and its account is what counts.

use cluster::Store;
use model::{Event, PodChange, PodPhase, ServiceLevels};
use units::{NodeId, PodId, SortedMap};

use crate::record::collector::{Change, Collector, Heard, RunEnd, UsageSample};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::state::ClusterState;
use crate::statistics::integral::{Integral, ratio};
use crate::statistics::span::Span;
use crate::values::{Direction, Reading, Statistic, Values};

const STARTED: Statistic = Statistic::occurrences("started", Direction::Lower);
const OVERLOAD_TIME: Statistic = Statistic::ratio("overload_time", Direction::Lower);
const DEGRADATION: Statistic = Statistic::ratio("degradation", Direction::Lower);
const VIOLATION: Statistic = Statistic::ratio("violation", Direction::Lower);

/// `migrations.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "migrations",
    title: Title::new("migrations"),
    group: Group::Service.at(105),
    short_lists: &[],
    series: &[],
    summary: "Pods that moved to another node while they ran, and what they and others lost by it.",
    statistics: &[STARTED, OVERLOAD_TIME, DEGRADATION, VIOLATION],
    formula: "started: orders to move a running pod; overload_time: share of the time of nodes in use \
              during which their pods use more than the node has, or a pod is on its way to it (SLATAH); \
              degradation: cpu that moving pods lost, a tenth of their use and their part of what an \
              overloaded source lacks, over the cpu that all pods use (PDM); violation: overload_time x \
              degradation (SLAV); with `consolidation`, the account of the machine that decides: a node \
              is overloaded while one of its machines gets less than it asks for, be it for want of \
              more than a core",
    denominators: "time of nodes with pods that use cpu (overload_time); core-hours used (degradation)",
    census: "pods that run and whose use is known",
    censoring: "none: integrals; usage as sampled for `usage.*`, and whenever a pod has moved",
    source: "published-results.md 6; metrics.md 5.4",
    construct: |_| Box::new(Migrations::default()),
};

/// Part of its speed that a moving pod loses at its source, and that it takes at its destination.
const TENTH: i128 = 10;

/// Parts of a milli-core in which losses are summed up.
const PARTS: i128 = 1_000_000;

#[derive(Clone, Debug, Default)]
struct Migrations {
    started: u64,
    /// Destinations of moving pods, of which each may have several.
    moving: SortedMap<PodId, Vec<NodeId>>,
    now: Rates,
    /// Account that the system reports; `None` if it reports none.
    account: Option<Account>,
    active: Integral,
    overloaded: Integral,
    used: Integral,
    lost: Integral,
}

/// Account of a system, in the units of its reports.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    in_use: i128,
    overloaded: i128,
    asked: i128,
    lost: i128,
}

impl Account {
    /// Adds a report; of one that begins before the measured window, or ends beyond it, as large a part
    /// as the window has of its time.
    fn add(&mut self, levels: &ServiceLevels, change: &Change<'_>) {
        let span = Span {
            from: levels.since,
            to: change.at,
        };
        let whole = i128::from(span.nanos());
        let Some(part) = change
            .measured
            .clip(span)
            .map(|own| i128::from(own.nanos()))
        else {
            return;
        };
        let of = |figure: i64| i128::from(figure) * part / whole;
        self.in_use += of(levels.in_use);
        self.overloaded += of(levels.overloaded);
        self.asked += of(levels.asked);
        self.lost += of(levels.lost_by_moves);
    }
}

/// What holds since the last sample.
#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    /// Nodes in use.
    active: i128,
    /// Nodes in use that are overloaded.
    overloaded: i128,
    /// Milli-cores in use, in parts.
    used: i128,
    /// Milli-cores lost by moving pods, in parts.
    lost: i128,
}

impl Migrations {
    fn rates(&self, store: &Store, sample: &UsageSample<'_>) -> Rates {
        // By node: use, and whole use of the pods on their way to it.
        let mut nodes = vec![(0_i128, 0_i128); store.nodes().len()];
        let mut moving = Vec::with_capacity(self.moving.len());
        let mut rates = Rates::default();
        for pod in store.pods().iter() {
            let Some(node) = pod.node().filter(|_| pod.phase == PodPhase::Running) else {
                continue;
            };
            let Some(used) = sample.usage.pod(pod.pod) else {
                continue;
            };
            let used = i128::from(used.cpu_milli);
            nodes[node.index()].0 += used;
            rates.used += used * PARTS;
            if let Some(destinations) = self.moving.get(&pod.pod.id) {
                for to in destinations {
                    nodes[to.index()].1 += used;
                }
                moving.push((node, used));
            }
        }
        let needed = |node: usize| nodes[node].0 + nodes[node].1 / TENTH;
        let capacity = |node: usize| {
            let row = store.nodes().allocatable().row(NodeId::from_index(node));
            i128::from(row.cpu_milli)
        };
        for (node, &(_, arriving)) in nodes.iter().enumerate() {
            let needed = needed(node);
            let is_overloaded = arriving > 0 || needed > capacity(node);
            rates.active += i128::from(is_overloaded || needed > 0);
            rates.overloaded += i128::from(is_overloaded);
        }
        for (node, used) in moving {
            let (needed, capacity) = (needed(node.index()), capacity(node.index()));
            let granted = if needed > capacity {
                used * PARTS * capacity / needed
            } else {
                used * PARTS
            };
            rates.lost += used * PARTS - (granted - granted / TENTH);
        }
        rates
    }
}

impl Collector for Migrations {
    fn hears(&self) -> &'static [Heard] {
        &[
            Heard::Changed,
            Heard::Ended,
            Heard::Usage,
            Heard::Spans,
            Heard::ServiceLevels,
        ]
    }

    fn event(&mut self, change: &Change<'_>) {
        match change.event {
            Event::PodChanged {
                pod,
                change: PodChange::Moving { to },
            } => {
                self.started += u64::from(change.in_window());
                self.moving.entry(pod.id).or_default().push(*to);
            }
            Event::PodEnded { pod, .. } if !self.moving.is_empty() => {
                self.moving.remove(&pod.id);
            }
            Event::ServiceLevels(levels) => {
                self.account.get_or_insert_default().add(levels, change);
            }
            _ => {}
        }
    }

    fn usage(&mut self, sample: &UsageSample<'_>) {
        if self.account.is_none() {
            self.now = self.rates(sample.store, sample);
        }
    }

    fn held(&mut self, _state: &ClusterState, span: Span) {
        let nanos = span.nanos();
        self.active.add(self.now.active, nanos);
        self.overloaded.add(self.now.overloaded, nanos);
        self.used.add(self.now.used, nanos);
        self.lost.add(self.now.lost, nanos);
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        if self.started == 0 {
            values.put_undefined("no pod moved while it ran");
            return;
        }
        let (overload, degradation) = match &self.account {
            Some(own) => (
                ratio(own.overloaded, own.in_use, "time of nodes in use"),
                ratio(own.lost, own.asked, "cpu in use"),
            ),
            None => (
                self.overloaded.ratio(&self.active, "time of nodes in use"),
                self.lost.ratio(&self.used, "cpu in use"),
            ),
        };
        let violation = match (&overload, &degradation) {
            (Ok(overload), Ok(degradation)) => Ok(overload * degradation),
            (Err(why), _) | (_, Err(why)) => Err(why.clone()),
        };
        values.put(STARTED, Reading::count(self.started));
        values.put(OVERLOAD_TIME, overload);
        values.put(DEGRADATION, degradation);
        values.put(VIOLATION, violation);
    }
}
