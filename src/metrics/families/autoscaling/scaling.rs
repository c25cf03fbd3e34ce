//! Scaling: how often workloads and nodes were scaled, how often back again, and how long what
//! waited for capacity waited (metrics.md 5.4, autoscaler).

use model::{EndReason, Event, EvictionCause, Object, ObjectChange, Pod};
use units::{ClassId, Instant, NodeId, ObjectId};

use crate::families::autoscaling::autoscalers::Autoscalers;
use crate::families::autoscaling::reversals::{NodeTurns, ReplicaTurns};
use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::state::ClusterState;
use crate::record::tables::Tables;
use crate::statistics::distribution::{Distribution, MAX, MEAN, P50, P90, P99};
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use crate::values::{Direction, Reading, Statistic, Values};

const UP: Statistic = Statistic::amount("up", "times", Direction::None);
const DOWN: Statistic = Statistic::amount("down", "times", Direction::None);
const REVERSALS: Statistic = Statistic::occurrences("reversals", Direction::Lower);
const RESIZED: Statistic = Statistic::amount("resized", "pods", Direction::None);
const TO_CAPACITY: &str = "to_capacity";
const PENDING_POD_HOURS: Statistic =
    Statistic::amount("pending_pod_hours", "pod-hours", Direction::Lower).noise(0.01);
const NODES_ADDED: Statistic = Statistic::amount("nodes_added", "nodes", Direction::None);
const NODES_REMOVED: Statistic = Statistic::amount("nodes_removed", "nodes", Direction::None);
const NODE_REVERSALS: Statistic = Statistic::occurrences("node_reversals", Direction::Lower);
const NODE_HOURS: Statistic =
    Statistic::amount("node_hours", "node-hours", Direction::Lower).noise(0.01);
const EMPTY_NODE_HOURS: Statistic =
    Statistic::amount("empty_node_hours", "node-hours", Direction::Lower).noise(0.01);

/// `scaling.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "scaling",
    title: Title::new("scaling"),
    group: Group::Others.at(0),
    short_lists: &[ShortList::Headline.at(180, &["to_capacity.p99"])],
    series: &[],
    summary: "Scaling of workloads and nodes, its reversals, and the time that pods waited for \
        capacity.",
    statistics: &[
        UP,
        DOWN,
        REVERSALS,
        RESIZED,
        MEAN.of(TO_CAPACITY),
        P50.of(TO_CAPACITY),
        P90.of(TO_CAPACITY),
        P99.of(TO_CAPACITY),
        MAX.of(TO_CAPACITY),
        PENDING_POD_HOURS,
        NODES_ADDED,
        NODES_REMOVED,
        NODE_REVERSALS,
        NODE_HOURS,
        EMPTY_NODE_HOURS,
    ],
    formula: "up, down: changes of a workload's replicas by a HorizontalPodAutoscaler; reversals: \
              changes that reverse the previous one of the same autoscaler within 10 min; \
              resized: pods evicted so that they return with different requests; to_capacity: \
              time from creation to binding of pods bound to a node that joined after they were \
              created; pending_pod_hours: integral of pods created and not bound; node_reversals: \
              nodes that joined within 10 min after an equal node (same instance type, else same \
              group) left; node_hours: integral of existing nodes; empty_node_hours: integral of \
              nodes that run only pods of DaemonSets",
    denominators: "none: counts, times and integrals",
    census: "events in the measured window; nodes that exist at the start did not join",
    censoring: "pods that still wait have no time to capacity and count in pending_pod_hours",
    source: "metrics.md 5.4, autoscaler",
    construct: |_| Box::new(Scaling::default()),
};

/// Nanoseconds in an hour.
const HOUR: f64 = 3.6e12;

#[derive(Clone, Debug)]
struct Scaling {
    up: u64,
    down: u64,
    reversals: u64,
    resized: u64,
    to_capacity: Distribution,
    nodes_added: u64,
    nodes_removed: u64,
    node_reversals: u64,
    autoscalers: Autoscalers,
    replicas: ReplicaTurns,
    nodes: NodeTurns,
    /// Pods on each node that are not daemons'.
    pods: Vec<i64>,
    occupied: i64,
    empty: Integral,
    /// The class that was looked at last, and whether its pods are daemons'.
    looked_at: Option<(ClassId, bool)>,
}

impl Default for Scaling {
    fn default() -> Self {
        Self {
            up: 0,
            down: 0,
            reversals: 0,
            resized: 0,
            to_capacity: Distribution::of("pod"),
            nodes_added: 0,
            nodes_removed: 0,
            node_reversals: 0,
            autoscalers: Autoscalers::default(),
            replicas: ReplicaTurns::default(),
            nodes: NodeTurns::default(),
            pods: Vec::new(),
            occupied: 0,
            empty: Integral::default(),
            looked_at: None,
        }
    }
}

impl Scaling {
    fn autoscaler(&mut self, id: ObjectId, object: &Object, change: &Change<'_>) {
        let turn = self.replicas.follow(id, object, change.at);
        let turn = turn.filter(|_| change.in_window());
        self.autoscalers.follow(id, object, turn);
        let Some(turn) = turn else {
            return;
        };
        let count = if turn.is_up {
            &mut self.up
        } else {
            &mut self.down
        };
        *count += 1;
        self.reversals += u64::from(turn.is_back);
    }

    fn joined(&mut self, node: NodeId, change: &Change<'_>) {
        let kind = self.nodes.joined(node, change);
        if change.at == Instant::ZERO || !change.in_window() {
            return;
        }
        self.nodes_added += 1;
        self.node_reversals += u64::from(self.nodes.makes_up(&kind, node, change));
    }

    /// Whether the pod of a change is a daemon's.
    fn is_daemon(&mut self, change: &Change<'_>) -> bool {
        let Some(spec) = change.pod.map(|pod| pod.class) else {
            return false;
        };
        if let Some((known, is_daemon)) = self.looked_at
            && known == spec
        {
            return is_daemon;
        }
        let owner = change.store.class(spec).spec.owner.as_ref();
        let is_daemon = owner.is_some_and(|owner| *owner.kind == *"DaemonSet");
        self.looked_at = Some((spec, is_daemon));
        is_daemon
    }

    fn count(&mut self, node: NodeId, sign: i64) {
        if self.pods.len() <= node.index() {
            self.pods.resize(node.index() + 1, 0);
        }
        let pods = &mut self.pods[node.index()];
        let was_empty = *pods == 0;
        *pods += sign;
        match (was_empty, *pods == 0) {
            (true, false) => self.occupied += 1,
            (false, true) => self.occupied -= 1,
            _ => {}
        }
    }
}

impl Collector for Scaling {
    fn hears(&self) -> &'static [EventKind] {
        &[
            EventKind::Objects,
            EventKind::Declared,
            EventKind::Bound,
            EventKind::Ended,
            EventKind::Spans,
        ]
    }

    fn event(&mut self, change: &Change<'_>) {
        match change.event {
            Event::Object(
                ObjectChange::Created { id, object, .. } | ObjectChange::Updated { id, object },
            ) => self.autoscaler(*id, object, change),
            Event::NodeAdded { node, .. } => self.joined(*node, change),
            Event::NodeRemoved { node } => {
                self.nodes.left(*node, change.at);
                self.nodes_removed += u64::from(change.in_window());
            }
            Event::PodBound { node, .. } => {
                if self.is_daemon(change) {
                    return;
                }
                self.count(*node, 1);
                if let Some(pod) = change.pod
                    && self.nodes.joined_at(*node) > pod.created
                    && change.measures(pod.pod.id)
                {
                    self.to_capacity.add(change.at.since(pod.created));
                }
            }
            Event::PodEnded { reason, .. } => {
                if *reason == EndReason::Evicted(EvictionCause::Resizing) {
                    self.resized += u64::from(change.in_window());
                }
                if let Some(node) = change.pod.and_then(Pod::node)
                    && !self.is_daemon(change)
                {
                    self.count(node, -1);
                }
            }
            _ => {}
        }
    }

    fn held(&mut self, state: &ClusterState, span: Span) {
        let empty = i128::from(state.nodes_present) - i128::from(self.occupied);
        self.empty.add(empty.max(0), span.nanos());
    }

    fn tables(&self, _end: &RunEnd<'_>, tables: &mut Tables) {
        tables.put(self.autoscalers.rows());
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let areas = &end.state.areas;
        let hours = |area: &Integral| {
            area.value()
                .map(|value| value as f64 / HOUR)
                .ok_or_else(|| "beyond 2^127".to_owned())
        };
        values.put(UP, Reading::count(self.up));
        values.put(DOWN, Reading::count(self.down));
        values.put(REVERSALS, Reading::count(self.reversals));
        values.put(RESIZED, Reading::count(self.resized));
        self.to_capacity.put_of(TO_CAPACITY, values);
        values.put(PENDING_POD_HOURS, hours(&areas.of(&areas.pending)));
        values.put(NODES_ADDED, Reading::count(self.nodes_added));
        values.put(NODES_REMOVED, Reading::count(self.nodes_removed));
        values.put(NODE_REVERSALS, Reading::count(self.node_reversals));
        values.put(NODE_HOURS, hours(&areas.of(&areas.nodes_present)));
        values.put(EMPTY_NODE_HOURS, hours(&self.empty));
    }
}
