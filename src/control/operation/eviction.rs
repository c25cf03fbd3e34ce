//! Evictions as users ask for them: as disruption budgets allow.

use std::sync::Arc;

use super::{Operation, OperationError, Remainder, Steps};
use crate::controllers::disruption::{EvictionAnswer, evict};
use crate::controllers::manager::observe;
use crate::daemons::is_of_node;
use crate::node_api;
use cluster::Store;
use model::workload::PodDisruptionBudget;
use model::{EndReason, Event, EvictionCause, Object, PodChange, PodRef, Text};
use units::{Duration, Instant, NodeId, ObjectId, SortedMap};

/// Requests of a drain on their way to the API server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EvictionRequests {
    /// One after the other: each finds the budget as the one before left it.
    #[default]
    InOrder,
    /// All at once, as `kubectl drain` sends them: of those that want to charge one budget the first does,
    /// and the others meet its write.
    AtOnce,
    /// Not at all: the system takes everything off a node that drains itself.
    Never,
}

/// A pod that is still to be evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingEviction {
    /// The pod.
    pub pod: PodRef,
    /// When its eviction is asked for.
    pub at: Instant,
}

/// After how long the API server tries an eviction again that met another's write to its budget
/// (`EvictionsRetry`, up to a tenth longer).
const CONFLICT_RETRY: Duration = Duration::from_millis(500);

/// After how long pods that must not be evicted yet are asked for again, as `kubectl drain` does.
const EVICTION_RETRY: Duration = Duration::from_secs(5);

impl Steps {
    /// Lets no new pods on a node, and takes off it what is there.
    pub(super) fn drain(
        &mut self,
        now: Instant,
        store: &Store,
        name: &Text,
        requests: EvictionRequests,
    ) -> Result<(), OperationError> {
        if requests == EvictionRequests::Never {
            let node = store.nodes().by_name(name);
            let node = node.ok_or_else(|| OperationError::NoNode(name.clone()))?;
            self.events.extend(node_api::drain(store, node));
            return Ok(());
        }
        let node = self.cordon(store, name, true)?;
        let pods = pods_to_evict(store, node).into_iter();
        let pods: Vec<PendingEviction> = pods.map(|pod| PendingEviction { pod, at: now }).collect();
        self.evict(now, store, &pods, requests);
        Ok(())
    }

    /// Evicts the pods that are due, in the given order; those whose budget is used up later.
    pub(super) fn evict(
        &mut self,
        now: Instant,
        store: &Store,
        pods: &[PendingEviction],
        requests: EvictionRequests,
    ) {
        let mut charged = SortedMap::new();
        let mut left = Vec::new();
        for &pending in pods {
            let pod = pending.pod;
            if store.pod_states().is_terminating(pod) {
                continue;
            }
            if pending.at > now {
                left.push(pending);
                continue;
            }
            let is_contested = requests == EvictionRequests::AtOnce
                && budgets_of(store, pod).any(|id| is_changed(store, id, &charged));
            if is_contested {
                let at = now.saturating_add(CONFLICT_RETRY);
                left.push(PendingEviction { pod, at });
                continue;
            }
            match eviction(now, store, pod, &mut charged, EvictionCause::Drain) {
                Some(Some(event)) => {
                    self.events.push(event);
                }
                Some(None) => {
                    let at = now.saturating_add(EVICTION_RETRY);
                    left.push(PendingEviction { pod, at });
                }
                None => {}
            }
        }
        for (id, budget) in charged {
            self.update(id, Object::PodDisruptionBudget(Arc::new(budget)));
        }
        let next = left.iter().map(|pending| pending.at).min();
        self.rest = next.map(|at| Remainder {
            at,
            operation: Operation::Evict(left, requests),
        });
    }
}

/// Whether an eviction of this instant has written to a budget.
fn is_changed(
    store: &Store,
    id: ObjectId,
    charged: &SortedMap<ObjectId, PodDisruptionBudget>,
) -> bool {
    let known = store.objects().get(id).map(|row| &row.object);
    charged.get(&id).is_some_and(
        |own| !matches!(known, Some(Object::PodDisruptionBudget(known)) if **known == *own),
    )
}

/// The budgets that count a pod.
fn budgets_of(store: &Store, pod: PodRef) -> impl Iterator<Item = ObjectId> {
    let spec = store
        .pods()
        .get(pod)
        .map(|pod| &store.class(pod.class).spec);
    spec.into_iter().flat_map(|spec| {
        let budgets = store
            .objects()
            .of_kind("PodDisruptionBudget", &spec.namespace);
        budgets.filter_map(|(id, row)| {
            let Object::PodDisruptionBudget(budget) = &row.object else {
                return None;
            };
            let selector = budget.selector.as_ref();
            selector
                .is_some_and(|selector| selector.matches(&spec.labels))
                .then_some(id)
        })
    })
}

/// The pods of a node that a drain evicts: those that are neither daemons nor its own, in the order of
/// their creation.
fn pods_to_evict(store: &Store, node: NodeId) -> Vec<PodRef> {
    let slots = store.nodes().pods(node).iter();
    let mut pods: Vec<PodRef> = slots
        .filter_map(|&slot| Some(store.pods().at(slot)?.pod))
        .filter(|&pod| !is_of_node(store, pod))
        .collect();
    pods.sort_unstable();
    pods
}

/// An eviction that disruption budgets block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockedEviction {
    /// The pod.
    pub pod: PodRef,
    /// Names of its budgets: the one that is used up, or all of several, which no eviction can charge.
    pub budgets: Vec<Text>,
}

/// Returns the first pod that a drain of a node would evict and that disruption budgets keep there.
pub fn blocked_eviction(store: &Store, node: NodeId) -> Option<BlockedEviction> {
    let pods = pods_to_evict(store, node).into_iter();
    let mut pods = pods.filter(|&pod| !store.pod_states().is_terminating(pod));
    pods.find_map(|pod| {
        let rows = budgets_of(store, pod).filter_map(|id| store.objects().get(id));
        let budgets = rows.filter_map(|row| match &row.object {
            Object::PodDisruptionBudget(budget) => Some(budget),
            _ => None,
        });
        let budgets: Vec<_> = budgets.collect();
        let is_kept = match budgets.as_slice() {
            [] => false,
            [only] => only.status.disruptions_allowed <= 0,
            _ => true,
        };
        is_kept.then(|| BlockedEviction {
            pod,
            budgets: budgets.iter().map(|budget| budget.name.clone()).collect(),
        })
    })
}

/// Asks the eviction API for a pod, budgets charged before included: the order to end it for the
/// cause, or `None` if it has to wait (spec: kubernetes.md 2.9).
pub fn eviction(
    now: Instant,
    store: &Store,
    pod: PodRef,
    charged: &mut SortedMap<ObjectId, PodDisruptionBudget>,
    cause: EvictionCause,
) -> Option<Option<Event>> {
    let seen = observe::seen(store, pod)?;
    let spec = &store.class(seen.class).spec;
    let ids: Vec<ObjectId> = budgets_of(store, pod).collect();
    for &id in &ids {
        if let Some(Object::PodDisruptionBudget(budget)) =
            store.objects().get(id).map(|row| &row.object)
        {
            charged.entry(id).or_insert_with(|| (**budget).clone());
        }
    }
    let budgets: Vec<&PodDisruptionBudget> = ids.iter().filter_map(|id| charged.get(id)).collect();
    match evict(now, &seen.observed, &budgets) {
        EvictionAnswer::Deleted => {}
        EvictionAnswer::Charged(status) => {
            for id in ids {
                if let Some(budget) = charged.get_mut(&id) {
                    budget.status = status.clone();
                }
            }
        }
        EvictionAnswer::TooManyRequests | EvictionAnswer::SeveralBudgets => {
            // A budget that refuses is as it was.
            charged.retain(|&id, budget| {
                let known = store.objects().get(id).map(|row| &row.object);
                !matches!(known, Some(Object::PodDisruptionBudget(known)) if **known == *budget)
            });
            return Some(None);
        }
    }
    Some(Some(Event::PodChanged {
        pod,
        change: PodChange::Terminating {
            grace: spec.grace(),
            reason: EndReason::Evicted(cause),
        },
    }))
}
