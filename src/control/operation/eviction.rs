//! Evictions as users ask for them: as disruption budgets allow.

use std::sync::Arc;

use super::{Operation, Rest, Steps};
use crate::controllers::disruption::{EvictionAnswer, evict};
use crate::controllers::manager::observe;
use crate::daemons::is_daemon;
use cluster::Store;
use model::workload::PodDisruptionBudget;
use model::{EndReason, Event, EvictionCause, Object, PodChange, PodRef};
use units::{Duration, Instant, NodeId, ObjectId, SortedMap};

/// After how long pods that must not be evicted yet are asked for again, as `kubectl drain` does.
const EVICTION_RETRY: Duration = Duration::from_secs(5);

impl Steps {
    /// Evicts pods in the given order; those whose budget is used up later.
    pub(super) fn evict(&mut self, now: Instant, store: &Store, pods: Vec<PodRef>) {
        let mut charged = SortedMap::new();
        let mut has_refused = false;
        for &pod in &pods {
            if store.pod_states().is_terminating(pod) {
                continue;
            }
            match eviction(now, store, pod, &mut charged, EvictionCause::Drain) {
                Some(Some(event)) => {
                    self.events.push(event);
                }
                Some(None) => has_refused = true,
                None => {}
            }
        }
        for (id, budget) in charged {
            self.update(id, Object::PodDisruptionBudget(Arc::new(budget)));
        }
        self.rest = has_refused.then(|| Rest {
            at: now.saturating_add(EVICTION_RETRY),
            operation: Operation::Evict(pods),
        });
    }
}

/// The pods of a node that a drain evicts: those that are no daemons, in the order of their creation.
pub(super) fn pods_to_evict(store: &Store, node: NodeId) -> Vec<PodRef> {
    let slots = store.nodes().pods(node).iter();
    let mut pods: Vec<PodRef> = slots
        .filter_map(|&slot| Some(store.pods().at(slot)?.pod))
        .filter(|&pod| !is_daemon(store, pod))
        .collect();
    pods.sort_unstable();
    pods
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
    let mut ids = Vec::new();
    for (id, row) in store
        .objects()
        .of_kind("PodDisruptionBudget", &spec.namespace)
    {
        let Object::PodDisruptionBudget(budget) = &row.object else {
            continue;
        };
        let selector = budget.selector.as_ref();
        if selector.is_some_and(|selector| selector.matches(&spec.labels)) {
            ids.push(id);
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
