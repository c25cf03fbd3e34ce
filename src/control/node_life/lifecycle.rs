//! The component `node-lifecycle`: marks nodes of which nothing is heard, and taints them zone by
//! zone at a limited rate (spec: kubernetes.md 2.7).

use super::node_record::NodeRecord;
use super::{ObservationMode, after_on_grid, evict, on_grid};
use crate::controllers::node_lifecycle::{
    EvictionRule, LifecycleOptions, LifecycleWrite, NodeLifecycle, NodeView, ReadyStatus,
    TAINT_PERIOD,
};
use crate::{Component, Outbox, Progress, Write};
use cluster::{Conflict, Store};
use model::{Event, NodeContact, PodChange, Text};
use rng::Stream;
use units::{Duration, Instant, NodeId, Revision, SortedSet};

/// Settings of the component.
#[derive(Clone, Debug, Default)]
pub struct LifecycleSetup {
    /// The settings of the controller.
    pub options: LifecycleOptions,
    /// Whether passes that find nothing are made.
    pub observing: ObservationMode,
    /// Time until the taints of a node that joins are written: several controllers write to it
    /// then, and the first try is refused.
    pub first_taint_retry: Duration,
    /// Nodes that were in trouble before the run began, which the controller has dealt with.
    pub known: SortedSet<NodeId>,
    /// The seed of the order in which nodes that wait are tainted, which is random in the original.
    pub seed: u64,
}

/// The component.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    setup: LifecycleSetup,
    core: NodeLifecycle,
    stream: Stream,
    cursor: Revision,
    /// By node.
    seen: Vec<Option<NodeRecord>>,
    /// Nodes whose taints may not be as they should.
    dirty: SortedSet<NodeId>,
    /// Nodes that joined, by the instants at which their taints are written.
    joined: SortedSet<(Instant, NodeId)>,
    /// Instant of the next pass, if something new is to be looked at.
    pass: Option<Instant>,
    last_pass: Option<Instant>,
    /// Instant at which the controller began: what was there before is seen then.
    since: Instant,
    /// Instant at which the next silent node is overdue.
    overdue: Option<Instant>,
    /// Whether a node fell silent since that was computed.
    is_stale: bool,
    /// Instant at which the next waiting node can be tainted.
    tick: Option<Instant>,
}

impl Lifecycle {
    /// A component that has seen nothing.
    pub fn new(mut setup: LifecycleSetup) -> Self {
        setup.options = shortened(setup.options);
        Self {
            core: NodeLifecycle::new(setup.options.clone()),
            stream: Stream::new(setup.seed, "node-lifecycle", 0),
            setup,
            cursor: Revision::default(),
            seen: Vec::new(),
            dirty: SortedSet::new(),
            joined: SortedSet::new(),
            pass: None,
            last_pass: None,
            since: Instant::ZERO,
            overdue: None,
            is_stale: false,
            tick: None,
        }
    }

    fn seen_mut(&mut self, node: NodeId) -> Option<&mut NodeRecord> {
        self.seen.get_mut(node.index())?.as_mut()
    }

    /// Reads what is new; returns whether the next pass has something to look at.
    fn read(&mut self, now: Instant, store: &Store) -> bool {
        let mut news = false;
        for entry in store.log().since(self.cursor) {
            let at = entry.at.max(self.since);
            match &entry.event {
                Event::NodeAdded { node, object } => {
                    self.seen
                        .resize(self.seen.len().max(node.index() + 1), None);
                    self.seen[node.index()] = Some(NodeRecord::new(object, at));
                    if self.setup.known.contains(node) {
                        self.core.know(&object.name);
                    }
                    let retry = self.setup.first_taint_retry;
                    if at > self.since && retry > Duration::ZERO {
                        self.joined.insert((at.saturating_add(retry), *node));
                    } else {
                        self.dirty.insert(*node);
                    }
                    news = true;
                }
                Event::NodeUpdated { node, object } => {
                    if let Some(seen) = self.seen_mut(*node) {
                        news |= seen.view.zone != NodeRecord::new(object, at).view.zone;
                        // Another party's, or its own as a late view shows it: the next pass looks at it.
                        let known = seen.taints();
                        seen.declare(object);
                        news |= seen.taints() != known;
                        self.dirty.insert(*node);
                    }
                }
                Event::NodeReadiness { node, ready } => {
                    news |= self.read_readiness(at, *node, *ready);
                }
                Event::NodeContact { node, contact } => {
                    self.is_stale |= matches!(contact, NodeContact::Silent { .. });
                    news |= self.read_contact(now, at, *node, *contact);
                }
                Event::NodeRemoved { node } => {
                    if let Some(seen) = self.seen.get_mut(node.index()) {
                        *seen = None;
                        news = true;
                    }
                    self.dirty.remove(node);
                }
                _ => {}
            }
        }
        self.cursor = store.revision();
        news
    }

    /// A condition changed; what this component wrote itself it knows already.
    fn read_readiness(&mut self, at: Instant, node: NodeId, ready: bool) -> bool {
        let Some(seen) = self.seen_mut(node) else {
            return false;
        };
        match (ready, seen.status()) {
            (true, _) => seen.set_status(ReadyStatus::True, Some(at)),
            // Of one that is heard it is the node's own word.
            (false, Some(ReadyStatus::Unknown)) if seen.is_silent => return false,
            // Written by its predecessor, of which it knows nothing.
            (false, _) if seen.is_silent => seen.set_status(ReadyStatus::Unknown, None),
            (false, _) => seen.set_status(ReadyStatus::False, Some(at)),
        }
        self.dirty.insert(node);
        true
    }

    /// Reads changes of contact with a node up to now.
    fn read_contact(
        &mut self,
        now: Instant,
        at: Instant,
        node: NodeId,
        contact: NodeContact,
    ) -> bool {
        let (observing, period) = (self.setup.observing, self.setup.options.monitor_period);
        let (last_pass, since) = (self.last_pass, self.since);
        let Some(seen) = self.seen_mut(node) else {
            return false;
        };
        match contact {
            NodeContact::Heard => {
                seen.view.lease = Some(at);
                false
            }
            NodeContact::Steady => {
                seen.is_silent = false;
                seen.view.lease = Some(at);
                true
            }
            NodeContact::Silent { last_heartbeat } => {
                let last_heartbeat = last_heartbeat.max(since);
                seen.is_silent = true;
                if observing == ObservationMode::Stepped {
                    return false;
                }
                seen.view.lease = Some(last_heartbeat);
                let pass = on_grid(last_heartbeat, period);
                // A pass that is still to be made sees the renewal itself, with all else it sees.
                let is_ahead = pass >= now && last_pass.is_none_or(|last| pass > last);
                if !is_ahead {
                    let name = seen.view.name.clone();
                    self.core.fell_silent(&name, last_heartbeat, pass);
                }
                is_ahead
            }
        }
    }

    /// One pass over all nodes.
    fn make_pass(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        self.last_pass = Some(now);
        let is_computed = self.setup.observing == ObservationMode::Computed;
        let mut views: Vec<NodeView> = Vec::with_capacity(self.seen.len());
        for seen in self.seen.iter().flatten() {
            let mut view = seen.view.clone();
            if is_computed && !seen.is_silent {
                view.lease = Some(now);
            }
            views.push(view);
        }
        let writes = self.core.monitor(now, &views);
        self.carry_out(writes, store, out);
    }

    /// Taints nodes that wait, as far as rates let it.
    fn taint(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        let Self {
            core, seen, stream, ..
        } = self;
        let view = |name: &Text| {
            let node = store.nodes().by_name(name)?;
            seen.get(node.index())?
                .as_ref()
                .map(|seen| seen.view.clone())
        };
        let writes = core.taint(now, view, |waiting| {
            stream.below(waiting.len() as u64) as usize
        });
        self.carry_out(writes, store, out);
    }

    fn carry_out(&mut self, writes: Vec<LifecycleWrite>, store: &Store, out: &mut Outbox) {
        for write in writes {
            let (LifecycleWrite::MarkUnknown(name)
            | LifecycleWrite::PodsNotReady(name)
            | LifecycleWrite::EvictPods(name)
            | LifecycleWrite::AddTaint(name, _)
            | LifecycleWrite::RemoveTaint(name, _)) = &write;
            let Some(node) = store.nodes().by_name(name) else {
                continue;
            };
            let Some(seen) = self.seen.get_mut(node.index()).and_then(Option::as_mut) else {
                continue;
            };
            self.dirty.insert(node);
            match write {
                LifecycleWrite::MarkUnknown(_) => {
                    let was_ready = store.nodes().is_ready(node);
                    seen.set_status(ReadyStatus::Unknown, None);
                    if was_ready {
                        out.write(store, Event::NodeReadiness { node, ready: false });
                    }
                }
                LifecycleWrite::AddTaint(_, taint) => seen.set_taint(taint, true),
                LifecycleWrite::RemoveTaint(_, taint) => seen.set_taint(taint, false),
                LifecycleWrite::PodsNotReady(_) => pods_not_ready(store, node, out),
                LifecycleWrite::EvictPods(_) => evict_pods(store, node, out),
            }
        }
    }

    /// Writes the taints of nodes whose taints aren't as they should be.
    fn write_taints(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        while let Some(&(at, node)) = self.joined.first()
            && at <= now
        {
            self.joined.remove(&(at, node));
            self.dirty.insert(node);
        }
        while let Some(node) = self.dirty.pop_first() {
            let seen = self.seen.get(node.index()).and_then(Option::as_ref);
            if let Some(object) = seen.and_then(NodeRecord::retainted) {
                let object = object.into();
                out.write(store, Event::NodeUpdated { node, object });
            }
        }
    }

    /// Instant at which the next silent node is overdue: at the first pass after its deadline that
    /// is still to be made.
    fn next_overdue(&self, now: Instant) -> Option<Instant> {
        let period = self.setup.options.monitor_period;
        let next_pass = if self.last_pass == Some(now) {
            after_on_grid(now, period)
        } else {
            on_grid(now, period)
        };
        let is_ahead = |at: &Instant| self.last_pass.is_none_or(|last| *at >= last);
        let silent = self.seen.iter().flatten().filter(|seen| seen.is_silent);
        let deadlines = silent.filter_map(|seen| {
            let (unknown, gone) = self.core.deadlines(&seen.view.name)?;
            let is_known = seen.status() == Some(ReadyStatus::Unknown);
            let unknown = (!is_known).then_some(unknown);
            unknown.into_iter().chain(gone.filter(is_ahead)).min()
        });
        let due = deadlines.min()?;
        Some(after_on_grid(due, period).max(next_pass))
    }

    fn next_tick(&self, now: Instant) -> Option<Instant> {
        let earliest = self.core.next_token()?;
        Some(after_on_grid(now, TAINT_PERIOD).max(on_grid(earliest, TAINT_PERIOD)))
    }
}

/// The original begins each pass a period after the end of the one before. A multiple of the period
/// later, a little more than that has gone by: what is silent for exactly its grace is overdue. Passes
/// here take no time, so the spans that they compare with are shorter by the least.
fn shortened(mut options: LifecycleOptions) -> LifecycleOptions {
    let less = |span: Duration| Duration::from_nanos((span.as_nanos() - 1).max(0));
    options.grace = less(options.grace);
    options.startup_grace = less(options.startup_grace);
    if let EvictionRule::Timeout(timeout) = options.eviction {
        options.eviction = EvictionRule::Timeout(less(timeout));
    }
    options
}

fn pods_not_ready(store: &Store, node: NodeId, out: &mut Outbox) {
    for &slot in store.nodes().pods(node) {
        let Some(pod) = store.pods().at(slot).map(|record| record.pod) else {
            continue;
        };
        let state = store.pod_states().get(pod);
        if state.is_some_and(|state| state.is_ready) {
            let change = PodChange::Ready(false);
            out.write(store, Event::PodChanged { pod, change });
        }
    }
}

fn evict_pods(store: &Store, node: NodeId, out: &mut Outbox) {
    for &slot in store.nodes().pods(node) {
        let pod = store.pods().at(slot).map(|record| record.pod);
        if let Some(order) = pod.and_then(|pod| evict(store, pod)) {
            out.write(store, order);
        }
    }
}

impl Component for Lifecycle {
    fn name(&self) -> &'static str {
        "node-lifecycle"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let period = self.setup.options.monitor_period;
        if self.cursor < view.revision() && self.read(now, view) {
            let first = if self.last_pass == Some(now) {
                after_on_grid(now, period)
            } else {
                on_grid(now, period)
            };
            self.pass = Some(self.pass.map_or(first, |known| known.min(first)));
            self.is_stale = true;
        }
        if std::mem::take(&mut self.is_stale) {
            self.overdue = self.next_overdue(now);
        }
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        // What a node says of itself leads to taints at once, what is not heard of it by passes.
        self.write_taints(now, view, out);
        if is_due(self.pass) || is_due(self.overdue) {
            self.pass = None;
            let before = out.writes.len();
            self.make_pass(now, view, out);
            // Taints that keep pods away and taints that evict them are two writes.
            self.write_taints(now, view, out);
            if out.writes.len() > before || self.setup.observing == ObservationMode::Stepped {
                self.pass = Some(after_on_grid(now, period));
            }
            self.tick = self.core.has_waiting().then_some(now);
            self.overdue = self.next_overdue(now);
        }
        if is_due(self.tick) {
            self.taint(now, view, out);
            self.tick = self.next_tick(now);
        }
        self.write_taints(now, view, out);
        let joined = self.joined.first().map(|&(at, _)| at);
        for at in [self.pass, self.overdue, self.tick, joined]
            .into_iter()
            .flatten()
        {
            out.wake_at(at);
        }
        Progress::Idle
    }

    fn refused(&mut self, _write: &Write, _conflict: &Conflict) {}

    fn restarted(&mut self, now: Instant) {
        self.since = now;
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
