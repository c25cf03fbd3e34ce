//! Nodes that are emptied before they go: closed to new pods, then their pods are evicted as budgets
//! allow, and the machine is given back once they are gone (spec: kubernetes.md 3.3, drain).

use std::sync::Arc;

use super::pods::{is_daemon, pods_on};
use cluster::Store;
use control::Outbox;
use control::node_api;
use control::operation::eviction;
use control::provider::ProviderRequest;
use model::{Event, EvictionCause, Object, ObjectChange, PodChange, PodRef, TaintEffect, Text};
use units::{Duration, Instant, NodeId, SortedMap};

/// From the taint to the first eviction.
const SETTLING: Duration = Duration::from_secs(5);
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

/// Nodes on their way out.
#[derive(Clone, Debug)]
pub struct Leaving {
    taint: Text,
    /// `None` is for as long as it takes.
    patience: Option<Patience>,
    nodes: SortedMap<NodeId, Departure>,
}

#[derive(Clone, Debug)]
struct Departure {
    since: Instant,
    is_drain: bool,
    is_asked: bool,
    /// Instant at which a pod of the node was last asked to end.
    evicted: Option<Instant>,
    /// Marks a node that is closed and keeps its pods for now.
    is_held: bool,
}

/// Results for nodes that are being removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Nodes whose machine was given back.
    pub terminated: Vec<NodeId>,
    /// Nodes that stay: their pods could not be evicted in time.
    pub failed: Vec<NodeId>,
}

impl Leaving {
    /// Nobody leaves; nodes that do are marked with a taint of this key.
    pub fn new(taint: &str, patience: Option<Patience>) -> Self {
        Self {
            taint: taint.into(),
            patience,
            nodes: SortedMap::new(),
        }
    }

    /// Whether a node is on its way out.
    pub fn has(&self, node: NodeId) -> bool {
        self.nodes.contains_key(&node)
    }

    /// Number of nodes on their way out, and number of these with pods.
    pub fn count(&self) -> (usize, usize) {
        let drains = self.nodes.values().filter(|own| own.is_drain);
        (self.nodes.len(), drains.count())
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A node is gone.
    pub fn forget(&mut self, node: NodeId) -> bool {
        self.nodes.remove(&node).is_some()
    }

    /// A node is to go once others are there: it is closed to new pods and keeps those that it has.
    pub fn hold(&mut self, now: Instant, store: &Store, node: NodeId, out: &mut Outbox) {
        self.start(now, store, node, out);
        if let Some(own) = self.nodes.get_mut(&node) {
            own.is_held = true;
        }
    }

    /// A node that was held stays: it takes pods again.
    pub fn release(&mut self, store: &Store, node: NodeId, out: &mut Outbox) {
        if self.nodes.get(&node).is_some_and(|own| own.is_held) {
            self.nodes.remove(&node);
            self.mark(store, node, false, out);
        }
    }

    /// Whether a node is held.
    pub fn is_held(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|own| own.is_held)
    }

    /// A node is to go: it is closed to new pods.
    pub fn start(&mut self, now: Instant, store: &Store, node: NodeId, out: &mut Outbox) {
        let is_closed = self.is_held(node);
        let is_drain = pods_on(store, node)
            .iter()
            .any(|&pod| !is_daemon(store, pod));
        self.nodes.insert(
            node,
            Departure {
                since: now,
                is_drain,
                is_asked: false,
                evicted: None,
                is_held: false,
            },
        );
        if !is_closed {
            self.mark(store, node, true, out);
        }
    }

    /// Carries on with all of them.
    pub fn proceed(
        &mut self,
        now: Instant,
        store: &Store,
        cause: EvictionCause,
        out: &mut Outbox,
    ) -> Left {
        let mut left = Left::default();
        let grace = self.patience.map(|patience| patience.grace);
        for (&node, own) in &mut self.nodes {
            if own.is_asked || own.is_held {
                continue;
            }
            let pods = pods_on(store, node);
            let mut pods = pods
                .into_iter()
                .filter(|&pod| !is_daemon(store, pod))
                .peekable();
            if pods.peek().is_none() {
                own.is_asked = true;
                out.requests.push(ProviderRequest::Terminate(node));
                left.terminated.push(node);
                continue;
            }
            let passed = now.since(own.since);
            if passed < SETTLING {
                continue;
            }
            let (mut refused, mut ending) = (false, false);
            for pod in pods {
                if store.pod_states().is_terminating(pod) {
                    ending = true;
                    continue;
                }
                if is_awaited(store, pod) {
                    continue;
                }
                if evict(now, store, pod, cause, grace, out) {
                    own.evicted = Some(now);
                } else {
                    refused = true;
                }
            }
            let is_too_long = self.patience.is_some_and(|patience| {
                let last = own.evicted.unwrap_or(own.since);
                let limit = last.saturating_add(patience.grace);
                let limit = limit.saturating_add(patience.headroom);
                (refused && passed > patience.retries) || (ending && now > limit)
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

    /// A node whose departure nobody knows of any more takes pods again.
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

/// Whether a pod's end is waited for.
fn is_awaited(store: &Store, pod: PodRef) -> bool {
    let record = store.pods().get(pod);
    let spec = record.map(|record| &store.class(record.class).spec);
    spec.and_then(|spec| spec.behaviour.as_ref())
        .is_some_and(|own| own.is_awaited)
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
