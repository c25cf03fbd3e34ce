//! Controllers that undo each other's work: who, against what, how often and when.

use model::{EndReason, Event, EvictionCause, Object, ObjectChange, Pod, PodChange, PodRef, Text};
use units::{Duration, Instant, NodeId, ObjectId, SortedMap};

use crate::families::autoscaling::reversals::{NodeTurns, ReplicaTurns, SHORTLY};
use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::setup::Setup;
use crate::record::tables::Tables;
use crate::values::{Direction, Reading, Statistic, Values};

/// `fights.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "fights",
    title: Title::new("fights"),
    group: Group::Others.at(0),
    short_lists: &[],
    series: &[],
    summary: "Conflicts: changes that a controller made and another one, or itself, soon undid.",
    statistics: &[
        DETECTORS[0].statistic,
        DETECTORS[1].statistic,
        DETECTORS[2].statistic,
        DETECTORS[3].statistic,
        DETECTORS[4].statistic,
    ],
    formula: "flapping: replica changes by a HorizontalPodAutoscaler that reverse its previous \
              change within 10 min; horizontal_vertical: changes by a HorizontalPodAutoscaler \
              within 10 min of an eviction of the same workload by a VerticalPodAutoscaler; \
              node_flapping: nodes that joined within 10 min after an equal node left; evictions: \
              evictions of a workload's pods within 10 min of an eviction for a different cause \
              (consolidation, descheduling, preemption, taints); descheduling: pods of a workload \
              that were placed on a node within 10 min after the descheduler evicted one of them \
              from it",
    denominators: "none: counts",
    census: "events in the measured window",
    censoring: "none: counts",
    source: "metrics.md 5.4, churn (flap) and autoscaler (reversals)",
    construct: |_: &Setup| Box::new(Fights::default()),
};

/// A detector of one kind of fight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detector {
    /// The statistic that counts what it finds.
    pub statistic: Statistic,
    /// The finding in words.
    pub words: &'static str,
}

impl Detector {
    const fn new(name: &'static str, words: &'static str) -> Self {
        Self {
            statistic: Statistic::occurrences(name, Direction::Lower),
            words,
        }
    }

    /// The name in tables: what follows `fights.` in the id of its metric.
    pub const fn name(&self) -> &'static str {
        self.statistic.name
    }
}

/// The detectors, in the order of the statistics.
pub const DETECTORS: [Detector; 5] = [
    Detector::new("flapping", "replicas were scaled there and back"),
    Detector::new(
        "horizontal_vertical",
        "horizontal and vertical scaling fought",
    ),
    Detector::new("node_flapping", "nodes went and came back"),
    Detector::new(
        "evictions",
        "pods were moved for one cause and then for another",
    ),
    Detector::new(
        "descheduling",
        "the scheduler put back what was descheduled",
    ),
];

/// Maximum number of objects named in a remark.
const NAMED: usize = 3;

/// Maximum number of rows kept for each kind of fight.
const ROWS: usize = 20;

/// Fight: controllers that undid each other's work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FightRow {
    /// The detector: what follows `fights.` in the metric's id.
    pub detector: &'static str,
    /// The controllers and objects involved.
    pub object: String,
    /// Number of turns.
    pub times: u64,
    /// Instant of the first turn.
    pub first: Instant,
    /// Instant of the last turn.
    pub last: Instant,
}

#[derive(Clone, Debug, Default)]
struct Fights {
    flapping: Fight,
    horizontal_vertical: Fight,
    node_flapping: Fight,
    evictions: Fight,
    descheduling: Fight,
    replicas: ReplicaTurns,
    nodes: NodeTurns,
    /// Instant at which a pod of a workload was last evicted to be resized, by namespace and name.
    resized: SortedMap<(Text, Text), Instant>,
    /// The last eviction of a pod of a workload, and its cause.
    evicted: SortedMap<(Text, Text), (Instant, EvictionCause)>,
    /// Instant at which the descheduler last evicted a pod of a workload from a node.
    descheduled: SortedMap<((Text, Text), NodeId), Instant>,
}

/// Place of a fight, the number of its turns, and their first and last instant.
#[derive(Clone, Debug, Default)]
struct Fight {
    count: u64,
    whose: SortedMap<String, (u64, Instant, Instant)>,
}

impl Fight {
    fn add(&mut self, who: String, at: Instant) {
        self.count += 1;
        let own = self.whose.entry(who).or_insert((0, at, at));
        own.0 += 1;
        own.2 = at;
    }

    /// Fights in order of frequency.
    fn sorted(&self) -> Vec<(&String, &(u64, Instant, Instant))> {
        let mut all: Vec<(&String, &(u64, Instant, Instant))> = self.whose.iter().collect();
        all.sort_by_key(|(who, own)| (std::cmp::Reverse(own.0), *who));
        all
    }

    /// Describes the most frequent fight, its count and time.
    fn words(&self) -> Option<String> {
        let all = self.sorted();
        let words = all.iter().take(NAMED).map(|(who, (count, first, last))| {
            let time = |at: &Instant| {
                let nanos = at.since(Instant::ZERO).as_nanos();
                Duration::from_secs(nanos / 1_000_000_000)
            };
            match count {
                1 => format!("{who} at {}", time(first)),
                _ => format!("{who} {count} times from {} to {}", time(first), time(last)),
            }
        });
        let words: Vec<String> = words.collect();
        let more = all.len().saturating_sub(NAMED);
        match (words.is_empty(), more) {
            (true, _) => None,
            (false, 0) => Some(words.join("; ")),
            (false, more) => Some(format!("{}; and {more} more", words.join("; "))),
        }
    }
}

impl Fights {
    /// The detectors, in the order of their metrics.
    const fn all(&self) -> [(Detector, &Fight); 5] {
        [
            (DETECTORS[0], &self.flapping),
            (DETECTORS[1], &self.horizontal_vertical),
            (DETECTORS[2], &self.node_flapping),
            (DETECTORS[3], &self.evictions),
            (DETECTORS[4], &self.descheduling),
        ]
    }

    fn scaled(&mut self, id: ObjectId, object: &Object, change: &Change<'_>) {
        let turn = self.replicas.follow(id, object, change.at);
        let (Some(turn), Object::HorizontalPodAutoscaler(own)) = (turn, object) else {
            return;
        };
        if !change.in_window() {
            return;
        }
        if turn.is_back {
            self.flapping.add(own.spec.to_string(), change.at);
        }
        let workload = (own.namespace.clone(), own.spec.target.name.clone());
        let resized = self.resized.get(&workload);
        if resized.is_some_and(|&at| change.at.since(at) <= SHORTLY) {
            let who = format!(
                "{} against the VerticalPodAutoscaler of {}",
                own.spec, workload.1
            );
            self.horizontal_vertical.add(who, change.at);
        }
    }

    fn evicted(&mut self, cause: EvictionCause, change: &Change<'_>) {
        let Some(workload) = workload(change) else {
            return;
        };
        if cause == EvictionCause::Resizing {
            self.resized.insert(workload, change.at);
            return;
        }
        let counts = matches!(
            cause,
            EvictionCause::Consolidation
                | EvictionCause::Descheduling
                | EvictionCause::Preemption
                | EvictionCause::Taint
        );
        if !counts {
            return;
        }
        let last = self.evicted.insert(workload.clone(), (change.at, cause));
        if let Some((at, before)) = last
            && before != cause
            && change.at.since(at) <= SHORTLY
            && change.in_window()
        {
            let (namespace, name) = workload;
            let who = format!(
                "{namespace}/{name}: {} after {}",
                cause.name(),
                before.name()
            );
            self.evictions.add(who, change.at);
        }
    }

    /// A pod is evicted by the descheduler.
    fn descheduled(&mut self, pod: PodRef, change: &Change<'_>) {
        let pod = change.store.pods().get(pod);
        let workload = pod.and_then(|pod| workload_of(pod, change));
        if let (Some(workload), Some(node)) = (workload, pod.and_then(Pod::node)) {
            self.descheduled.insert((workload, node), change.at);
        }
    }

    /// A pod was placed, maybe where another of its workload had to go.
    fn placed(&mut self, pod: PodRef, node: NodeId, change: &Change<'_>) {
        if self.descheduled.is_empty() {
            return;
        }
        let pod = change.store.pods().get(pod);
        let Some(workload) = pod.and_then(|pod| workload_of(pod, change)) else {
            return;
        };
        let key = (workload, node);
        let Some(at) = self.descheduled.get(&key) else {
            return;
        };
        if change.at.since(*at) <= SHORTLY && change.in_window() {
            let ((namespace, name), node) = (&key.0, change.store.nodes().name(node));
            let who = format!("{namespace}/{name} to {node}");
            self.descheduling.add(who, change.at);
        }
    }

    fn joined(&mut self, node: NodeId, change: &Change<'_>) {
        let kind = self.nodes.joined(node, change);
        if self.nodes.makes_up(&kind, node, change) && change.in_window() {
            let who = if kind.is_empty() {
                "a node".to_owned()
            } else {
                format!("a node of {kind}")
            };
            self.node_flapping.add(who, change.at);
        }
    }
}

/// The workload at the top that an ended pod belonged to, by namespace and name.
fn workload(change: &Change<'_>) -> Option<(Text, Text)> {
    workload_of(change.pod?, change)
}

fn workload_of(pod: &Pod, change: &Change<'_>) -> Option<(Text, Text)> {
    let spec = &change.store.class(pod.class).spec;
    let owner = spec.owner.as_ref()?;
    let objects = change.store.objects();
    let kind = Object::KINDS
        .iter()
        .find(|kind| kind[..] == owner.kind[..])?;
    let above = objects
        .find(kind, &spec.namespace, &owner.name)
        .and_then(|id| objects.get(id)?.owner)
        .and_then(|above| objects.get(above));
    let name = above.map_or(&owner.name, |above| above.object.name());
    Some((spec.namespace.clone(), name.clone()))
}

impl Collector for Fights {
    fn hears(&self) -> &'static [EventKind] {
        &[
            EventKind::Objects,
            EventKind::Bound,
            EventKind::Changed,
            EventKind::Ended,
            EventKind::Declared,
        ]
    }

    fn event(&mut self, change: &Change<'_>) {
        match change.event {
            Event::Object(ObjectChange::Updated { id, object }) => {
                self.scaled(*id, object, change);
            }
            Event::PodEnded {
                reason: EndReason::Evicted(cause),
                ..
            } => self.evicted(*cause, change),
            Event::PodChanged {
                pod,
                change:
                    PodChange::Terminating {
                        reason: EndReason::Evicted(EvictionCause::Descheduling),
                        ..
                    },
            } => self.descheduled(*pod, change),
            Event::PodBound { pod, node, .. } => self.placed(*pod, *node, change),
            Event::NodeAdded { node, .. } => self.joined(*node, change),
            Event::NodeRemoved { node } => self.nodes.left(*node, change.at),
            _ => {}
        }
    }

    fn tables(&self, _end: &RunEnd<'_>, tables: &mut Tables) {
        let rows = self.all().into_iter().flat_map(|(detector, fight)| {
            let sorted = fight.sorted().into_iter().take(ROWS);
            sorted.map(move |(who, &(times, first, last))| FightRow {
                detector: detector.name(),
                object: who.clone(),
                times,
                first,
                last,
            })
        });
        tables.put(rows.collect::<Vec<FightRow>>());
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        for (detector, fight) in self.all() {
            values.put(
                detector.statistic,
                Reading::count(fight.count).remark(fight.words()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_fight_most_are_named_with_their_times() {
        let mut fight = Fight::default();
        assert_eq!(fight.words(), None);
        fight.add("b".to_owned(), Instant::from_secs(60));
        assert_eq!(fight.words().as_deref(), Some("b at 1m"));
        for (who, at) in [("a", 90), ("a", 3600), ("c", 7), ("d", 8)] {
            fight.add(who.to_owned(), Instant::from_secs(at));
        }
        let words = "a 2 times from 1m30s to 1h; b at 1m; c at 7s; and 1 more";
        assert_eq!((fight.words().as_deref(), fight.count), (Some(words), 5));
    }
}
