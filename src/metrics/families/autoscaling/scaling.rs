//! Scaling: how often workloads and nodes were scaled, how often back again, and how long what
//! waited for capacity waited (metrics.md 5.4, autoscaler).

use model::{EndReason, Event, EvictionCause, Object, ObjectChange, Pod};
use units::{ClassId, Instant, NodeId, ObjectId};

use crate::families::autoscaling::autoscalers::Autoscalers;
use crate::families::autoscaling::turns::{NodeTurns, ReplicaTurns};
use crate::record::collector::{Change, Collector, Heard, MetricValue, RunEnd, Span};
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};
use crate::record::state::ClusterState;
use crate::record::tables::Tables;
use crate::statistics::distribution::Distribution;
use crate::statistics::integral::Integral;

/// `scaling.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "scaling",
    title: Title::new("scaling"),
    group: Group::Others.at(0),
    short_lists: &[ShortList::Headline.at(180, &["to_capacity.p99"])],
    summary: "How often workloads and nodes were scaled and scaled back, and what waited meanwhile.",
    statistics: &[
        Statistic::amount("up", "times", Direction::None),
        Statistic::amount("down", "times", Direction::None),
        Statistic::amount("reversals", "times", Direction::Lower),
        Statistic::amount("resized", "pods", Direction::None),
        Statistic::seconds("to_capacity.mean"),
        Statistic::seconds("to_capacity.p50"),
        Statistic::seconds("to_capacity.p90"),
        Statistic::seconds("to_capacity.p99"),
        Statistic::seconds("to_capacity.max"),
        Statistic::amount("pending_pod_hours", "pod-hours", Direction::Lower).noise(0.01),
        Statistic::amount("nodes_added", "nodes", Direction::None),
        Statistic::amount("nodes_removed", "nodes", Direction::None),
        Statistic::amount("node_reversals", "times", Direction::Lower),
        Statistic::amount("node_hours", "node-hours", Direction::Lower).noise(0.01),
        Statistic::amount("empty_node_hours", "node-hours", Direction::Lower).noise(0.01),
    ],
    formula: "up, down: changes of a workload's replicas by a HorizontalPodAutoscaler; reversals: \
              those against the one before of the same autoscaler within 10 min; resized: pods \
              evicted to come back with other requests; to_capacity: creation until binding of pods \
              bound to a node that joined after they were created; pending_pod_hours: integral of \
              pods created and not bound; node_reversals: nodes that joined within 10 min after an \
              equal one (instance type, else group) left; node_hours: integral of nodes that are \
              there; empty_node_hours: of those without pods other than daemons'",
    denominators: "none: counts, times and integrals",
    census: "what happens in the measured window; nodes that are there from the start did not join",
    censoring: "pods that still wait have no time to capacity; pending_pod_hours has them",
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
        self.node_reversals += u64::from(self.nodes.makes_up(&kind, change.at));
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
        let owner = change.store.class(spec).object.owner.as_ref();
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
    fn hears(&self) -> &'static [Heard] {
        &[
            Heard::Objects,
            Heard::Declared,
            Heard::Bound,
            Heard::Ended,
            Heard::Spans,
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
        tables.autoscalers = self.autoscalers.rows();
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let areas = &end.state.areas;
        let hours = |area: &Integral| {
            area.value()
                .map(|value| value as f64 / HOUR)
                .ok_or_else(|| "beyond 2^127".to_owned())
        };
        let id = |name: &str| format!("{}.{name}", ENTRY.subject);
        let mut values = vec![
            MetricValue::count(id("up"), self.up),
            MetricValue::count(id("down"), self.down),
            MetricValue::count(id("reversals"), self.reversals),
            MetricValue::count(id("resized"), self.resized),
        ];
        values.extend(self.to_capacity.values("scaling.to_capacity"));
        values.extend([
            MetricValue::new(id("pending_pod_hours"), hours(&areas.of(&areas.pending))),
            MetricValue::count(id("nodes_added"), self.nodes_added),
            MetricValue::count(id("nodes_removed"), self.nodes_removed),
            MetricValue::count(id("node_reversals"), self.node_reversals),
            MetricValue::new(id("node_hours"), hours(&areas.of(&areas.nodes_present))),
            MetricValue::new(id("empty_node_hours"), hours(&self.empty)),
        ]);
        values
    }
}
