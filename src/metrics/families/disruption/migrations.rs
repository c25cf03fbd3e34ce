//! Live migration of pods: how many moved while they ran, and the violations of service levels that
//! come with them, as `CloudSim` defines these (published-results.md section 6).
//!
//! A moving pod loses a tenth of its speed at its source and takes a tenth at its destination, where it
//! asks for all that it uses: a node with a pod on its way to it counts as overloaded. A system that
//! keeps an account of its machines itself reports it, and its account is what counts.

use cluster::Store;
use model::{Event, PodChange, PodPhase, PodRef, ServiceLevels};
use units::{NodeId, SortedMap};

use crate::record::collector::{Change, Collector, EventKind, RunEnd, UsageSample};
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
    censoring: "none: integrals, of use as for `usage.*`",
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
    moving: SortedMap<PodRef, Vec<NodeId>>,
    /// Destinations of pods that no longer move, until their nodes are looked at.
    left: Vec<NodeId>,
    now: Rates,
    /// The part of it of each node.
    nodes: Vec<Rates>,
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

/// What holds since the last change.
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

impl Rates {
    fn replace(&mut self, before: Self, after: Self) {
        self.active += after.active - before.active;
        self.overloaded += after.overloaded - before.overloaded;
        self.used += after.used - before.used;
        self.lost += after.lost - before.lost;
    }
}

impl Migrations {
    /// The rates of a node.
    fn rates(&self, node: NodeId, store: &Store, sample: &UsageSample<'_>) -> Rates {
        let of = |pod: PodRef| {
            let record = store.pods().get(pod)?;
            let is_running = record.phase == PodPhase::Running;
            let used = is_running.then(|| sample.usage.pod(pod)).flatten()?;
            Some(i128::from(used.cpu_milli))
        };
        let pods = store.nodes().pods(node).iter();
        let pods = pods.filter_map(|&slot| Some(store.pods().at(slot)?.pod));
        let (mut own, mut leaving) = (0, Vec::new());
        for (pod, used) in pods.filter_map(|pod| Some((pod, of(pod)?))) {
            own += used;
            if self.moving.contains_key(&pod) {
                leaving.push(used);
            }
        }
        // Whole use of the pods on their way to it.
        let moving = self.moving.iter();
        let arriving: i128 = moving
            .filter(|(_, destinations)| destinations.contains(&node))
            .filter_map(|(&pod, _)| of(pod))
            .sum();
        let needed = own + arriving / TENTH;
        let capacity = i128::from(store.nodes().allocatable().row(node).cpu_milli);
        let is_overloaded = arriving > 0 || needed > capacity;
        let lost = leaving.into_iter().map(|used| {
            let granted = if needed > capacity {
                used * PARTS * capacity / needed
            } else {
                used * PARTS
            };
            used * PARTS - (granted - granted / TENTH)
        });
        Rates {
            active: i128::from(is_overloaded || needed > 0),
            overloaded: i128::from(is_overloaded),
            used: own * PARTS,
            lost: lost.sum(),
        }
    }
}

impl Collector for Migrations {
    fn hears(&self) -> &'static [EventKind] {
        &[
            EventKind::Changed,
            EventKind::Ended,
            EventKind::Usage,
            EventKind::Spans,
            EventKind::ServiceLevels,
        ]
    }

    fn event(&mut self, change: &Change<'_>) {
        match change.event {
            Event::PodChanged {
                pod,
                change: PodChange::Moving { to },
            } => {
                self.started += u64::from(change.in_window());
                self.moving.entry(*pod).or_default().push(*to);
            }
            Event::PodEnded { pod, .. } if !self.moving.is_empty() => {
                self.left
                    .extend(self.moving.remove(pod).unwrap_or_default());
            }
            Event::ServiceLevels(levels) => {
                self.account.get_or_insert_default().add(levels, change);
            }
            _ => {}
        }
    }

    fn usage(&mut self, sample: &UsageSample<'_>) {
        if self.account.is_none() {
            let store = sample.store;
            self.nodes.resize(store.nodes().len(), Rates::default());
            let left = std::mem::take(&mut self.left);
            for &node in sample.nodes.iter().chain(&left) {
                let after = self.rates(node, store, sample);
                let before = std::mem::replace(&mut self.nodes[node.index()], after);
                self.now.replace(before, after);
            }
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
