//! Nodes that are emptied before they go: closed to new pods, then their pods are evicted as budgets
//! allow, and the machine is given back once they are gone (spec: kubernetes.md 3.3, drain).

use std::sync::Arc;

use super::drain::is_overdue;
use super::pods::{is_daemon, is_static, is_undisturbed, pods_on, priority_of};
use cluster::Store;
use control::Outbox;
use control::node_api;
use control::operation::eviction;
use control::provider::ProviderRequest;
use model::qos::CRITICAL_PRIORITY;
use model::rules::taints::tolerates;
use model::{
    EndReason, Event, EvictionCause, Object, ObjectChange, PodChange, PodRef, Taint, TaintEffect,
    Text,
};
use units::{Duration, Instant, NodeId, SortedMap};

/// From the taint to the first eviction of the cluster autoscaler, and at least to the end of the
/// machine under Karpenter.
const SETTLING: Duration = Duration::from_secs(5);

/// Time between two looks of the cluster autoscaler at whether all pods of a node are gone, which it takes beside
/// its loops (`waitPodsToDisappear`).
const LOOK: Duration = Duration::from_secs(5);

/// Time after which the cluster autoscaler tries evictions again that were refused
/// (`DefaultEvictionRetryTime`).
const RETRY: Duration = Duration::from_secs(10);

/// Patience of the autoscaler that empties nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Time for which evictions that budgets refuse are tried before the node stays.
    pub retries: Duration,
    /// Longest time that pods have to end, whatever they ask for.
    pub grace: Duration,
    /// Additional time for which the autoscaler waits before the node stays.
    pub headroom: Duration,
}

/// Rules that say which pods of a node are evicted before it goes; the others go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainRules {
    /// Those of the cluster autoscaler.
    ClusterAutoscaler {
        /// Pods of lower priority go with their node.
        expendable: i32,
    },
    /// Those of Karpenter.
    Karpenter {
        /// Longest time from the decision to the end of the machine, whatever protects its pods.
        limit: Option<Duration>,
    },
}

impl DrainRules {
    /// Whether a pod has to end before its node goes, by what is known when its departure begins.
    fn evicts(self, begin: Instant, store: &Store, pod: PodRef, taint: &Text) -> bool {
        let Some(record) = store.pods().get(pod) else {
            return false;
        };
        let spec = &store.class(record.class).spec;
        if is_static(spec) {
            return false;
        }
        match self {
            Self::ClusterAutoscaler { expendable } => {
                let state = store.pod_states().get(pod);
                let order = state.and_then(|own| own.terminating);
                let is_overdue =
                    order.is_some_and(|own| is_overdue(begin.since(own.since), own.grace));
                !is_daemon(store, pod) && !is_overdue && spec.priority >= expendable
            }
            Self::Karpenter { .. } => !tolerates(spec, &leaving_taint(taint)),
        }
    }

    /// End of a machine, whatever is on it.
    fn end(self, since: Instant) -> Option<Instant> {
        match self {
            Self::ClusterAutoscaler { .. } => None,
            Self::Karpenter { limit } => limit.map(|limit| since.saturating_add(limit)),
        }
    }

    /// Turn of a pod: those of a later turn are evicted once the ones before are gone.
    fn turn(self, store: &Store, pod: PodRef) -> (bool, bool) {
        match self {
            Self::ClusterAutoscaler { .. } => (false, false),
            Self::Karpenter { .. } => {
                let is_critical = priority_of(store, pod) >= CRITICAL_PRIORITY;
                (is_critical, is_daemon(store, pod))
            }
        }
    }

    /// Whether the end of a pod is waited for instead of an eviction.
    fn awaits(self, now: Instant, store: &Store, pod: PodRef) -> bool {
        match self {
            Self::ClusterAutoscaler { .. } => {
                let record = store.pods().get(pod);
                let spec = record.map(|record| &store.class(record.class).spec);
                spec.and_then(|spec| spec.behaviour.as_ref())
                    .is_some_and(|own| own.is_awaited)
            }
            Self::Karpenter { .. } => is_undisturbed(now, store, pod),
        }
    }
}

/// Ends a pod that would not be gone by the end of its machine otherwise, whatever protects it;
/// whether it does.
fn force(
    now: Instant,
    store: &Store,
    pod: PodRef,
    end: Instant,
    cause: EvictionCause,
    out: &mut Outbox,
) -> bool {
    let record = store.pods().get(pod);
    let grace = record.map(|record| store.class(record.class).spec.grace());
    let is_late = grace.is_some_and(|grace| now.saturating_add(grace) > end);
    if !is_late || store.pod_states().is_terminating(pod) {
        return false;
    }
    let change = PodChange::Terminating {
        grace: end.since(now).max(Duration::from_secs(1)),
        reason: EndReason::Evicted(cause),
    };
    out.write(store, Event::PodChanged { pod, change });
    true
}

/// The taint of a node on its way out.
pub fn leaving_taint(key: &str) -> Taint {
    Taint {
        key: key.into(),
        value: "".into(),
        effect: TaintEffect::NoSchedule,
    }
}

/// Nodes on their way out.
#[derive(Clone, Debug)]
pub struct Departures {
    taint: Text,
    /// `None` is for as long as it takes.
    patience: Option<Patience>,
    rules: DrainRules,
    nodes: SortedMap<NodeId, Departure>,
}

#[derive(Clone, Debug)]
struct Departure {
    since: Instant,
    /// Cause that evicted pods are told.
    cause: EvictionCause,
    is_drain: bool,
    is_asked: bool,
    /// Instant at which a pod of the node was last asked to end.
    evicted: Option<Instant>,
    /// Marks a node that is closed and keeps its pods for now.
    is_held: bool,
    /// Instant of the next look under the cluster autoscaler, and of the next evictions.
    look: Instant,
    eviction: Instant,
}

/// Results for nodes that are being removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemovalResults {
    /// Nodes whose machine was given back.
    pub terminated: Vec<NodeId>,
    /// Nodes that stay: their pods could not be evicted in time.
    pub failed: Vec<NodeId>,
}

impl Departures {
    /// No departures; leaving nodes are marked with a taint of this key.
    pub fn new(taint: &str, patience: Option<Patience>, rules: DrainRules) -> Self {
        Self {
            taint: taint.into(),
            patience,
            rules,
            nodes: SortedMap::new(),
        }
    }

    /// Whether a node is on its way out.
    pub fn has(&self, node: NodeId) -> bool {
        self.nodes.contains_key(&node)
    }

    /// The nodes on their way out.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes.keys().copied()
    }

    /// Number of nodes on their way out, and number of these with pods.
    pub fn count(&self) -> (usize, usize) {
        let drains = self.nodes.values().filter(|node| node.is_drain);
        (self.nodes.len(), drains.count())
    }

    /// Instant of the next look at a node that the cluster autoscaler empties.
    pub fn next_look(&self) -> Option<Instant> {
        let going = self.nodes.values();
        let going = going.filter(|node| !node.is_asked && !node.is_held);
        going.map(|node| node.look).min()
    }

    /// Whether no node is.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A node is gone.
    pub fn forget(&mut self, node: NodeId) -> bool {
        self.nodes.remove(&node).is_some()
    }

    /// A node is to go once others are there: it is closed to new pods and keeps those that it has.
    pub fn hold(
        &mut self,
        now: Instant,
        store: &Store,
        node: NodeId,
        cause: EvictionCause,
        out: &mut Outbox,
    ) {
        self.start(now, store, node, cause, out);
        if let Some(own) = self.nodes.get_mut(&node) {
            own.is_held = true;
        }
    }

    /// A node that was held stays: it takes pods again.
    pub fn release(&mut self, store: &Store, node: NodeId, out: &mut Outbox) {
        if self.nodes.get(&node).is_some_and(|node| node.is_held) {
            self.nodes.remove(&node);
            self.mark(store, node, false, out);
        }
    }

    /// Whether a node is held.
    pub fn is_held(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|node| node.is_held)
    }

    /// A node is to go: it is closed to new pods, and those that it has are evicted for a cause.
    pub fn start(
        &mut self,
        now: Instant,
        store: &Store,
        node: NodeId,
        cause: EvictionCause,
        out: &mut Outbox,
    ) {
        let is_closed = self.is_held(node);
        let is_drain = pods_on(store, node)
            .iter()
            .any(|&pod| self.rules.evicts(now, store, pod, &self.taint));
        self.nodes.insert(
            node,
            Departure {
                since: now,
                cause,
                is_drain,
                is_asked: false,
                evicted: None,
                is_held: false,
                look: now.saturating_add(SETTLING),
                eviction: now.saturating_add(SETTLING),
            },
        );
        if !is_closed {
            self.mark(store, node, true, out);
        }
    }

    /// Carries on with all of them.
    pub fn proceed(&mut self, now: Instant, store: &Store, out: &mut Outbox) -> RemovalResults {
        let mut left = RemovalResults::default();
        let grace = self.patience.map(|patience| patience.grace);
        let has_looks = matches!(self.rules, DrainRules::ClusterAutoscaler { .. });
        for (&node, own) in &mut self.nodes {
            if own.is_asked || own.is_held || (has_looks && now < own.look) {
                continue;
            }
            own.look = now.saturating_add(LOOK);
            let mut pods = pods_on(store, node);
            pods.retain(|&pod| self.rules.evicts(own.since, store, pod, &self.taint));
            let passed = now.since(own.since);
            let end = self.rules.end(own.since);
            if end.is_some_and(|end| end <= now) {
                pods.clear();
            }
            let Some(turn) = pods.iter().map(|&pod| self.rules.turn(store, pod)).min() else {
                if passed >= SETTLING {
                    own.is_asked = true;
                    out.requests.push(ProviderRequest::Terminate(node));
                    left.terminated.push(node);
                }
                continue;
            };
            pods.retain(|&pod| {
                let is_forced = end.is_some_and(|end| force(now, store, pod, end, own.cause, out));
                !is_forced && self.rules.turn(store, pod) == turn
            });
            let tries = self
                .patience
                .map(|patience| patience.retries.saturating_add(SETTLING));
            let may_try = tries.is_none_or(|tries| passed < tries);
            let is_due = may_try && (!has_looks || now >= own.eviction);
            if is_due {
                own.eviction = now.saturating_add(RETRY);
            }
            let (mut refused, mut ending) = (false, false);
            for pod in pods {
                if store.pod_states().is_terminating(pod) {
                    ending = true;
                    continue;
                }
                if self.rules.awaits(now, store, pod) {
                    continue;
                }
                if is_due && evict(now, store, pod, own.cause, grace, out) {
                    own.evicted = Some(now);
                } else {
                    refused = true;
                }
            }
            let is_too_long = self.patience.is_some_and(|patience| {
                let last = own.evicted.unwrap_or(own.since);
                let limit = last.saturating_add(patience.grace);
                let limit = limit.saturating_add(patience.headroom);
                (refused && !may_try) || (ending && now >= limit)
            });
            if is_too_long {
                left.failed.push(node);
            }
        }
        for &node in &left.failed {
            self.nodes.remove(&node);
            self.mark(store, node, false, out);
        }
        left
    }

    /// A node whose departure is not tracked any more takes pods again.
    pub fn reopen(&self, store: &Store, node: NodeId, out: &mut Outbox) {
        if !self.has(node) {
            self.mark(store, node, false, out);
        }
    }

    /// Nodes that are held stay, and take pods again.
    pub fn release_held(&mut self, store: &Store, out: &mut Outbox) {
        let held = self.nodes.extract_all(|_, own| own.is_held);
        for (node, _) in held {
            self.mark(store, node, false, out);
        }
    }

    fn mark(&self, store: &Store, node: NodeId, is_leaving: bool, out: &mut Outbox) {
        let effect = is_leaving.then_some(TaintEffect::NoSchedule);
        if let Some(event) = node_api::mark(store, node, &self.taint, effect) {
            out.write(store, event);
        }
    }
}

/// Asks the eviction API for a pod, which has so long to end at most; whether it goes.
fn evict(
    now: Instant,
    store: &Store,
    pod: PodRef,
    cause: EvictionCause,
    most: Option<Duration>,
    out: &mut Outbox,
) -> bool {
    // Budgets that were charged in this step already are as the outbox has them.
    let mut charged = SortedMap::new();
    for write in &out.writes {
        if let Event::Object(ObjectChange::Updated { id, object }) = &write.event
            && let Object::PodDisruptionBudget(budget) = object
        {
            charged.insert(*id, (**budget).clone());
        }
    }
    let Some(Some(mut event)) = eviction(now, store, pod, &mut charged, cause) else {
        return false;
    };
    if let (
        Some(most),
        Event::PodChanged {
            change: PodChange::Terminating { grace, .. },
            ..
        },
    ) = (most, &mut event)
    {
        *grace = (*grace).min(most);
    }
    out.write(store, event);
    for (id, budget) in charged {
        let object = Object::PodDisruptionBudget(Arc::new(budget));
        let is_same = |write: &&mut control::Write| matches!(&write.event, Event::Object(ObjectChange::Updated { id: own, .. }) if *own == id);
        if let Some(write) = out.writes.iter_mut().find(is_same) {
            write.event = Event::Object(ObjectChange::Updated { id, object });
        } else if store.objects().get(id).map(|row| &row.object) != Some(&object) {
            out.write(store, Event::Object(ObjectChange::Updated { id, object }));
        }
    }
    true
}
