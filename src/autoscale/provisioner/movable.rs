//! Which pods a provisioner moves, and which keep their node (Karpenter's `utils/pod/scheduling.go`,
//! `utils/pdb`; spec: karpenter.md 3.2, 3.3).

use std::sync::Arc;

use super::LEAVING_TAINT;
use crate::nodes::departures::leaving_taint;
use crate::nodes::pods::{BudgetList, budgets, covers, is_daemon, is_static, is_undisturbed};
use cluster::Store;
use model::rules::taints::tolerates;
use model::workload::{BudgetLimit, Count, PodDisruptionBudget, UnhealthyPodEviction};
use model::{PodRef, PodSpec, Text};
use units::{ClassId, Instant, SortedMap};

/// A budget, and the disruptions that it has left.
type Budget = (Arc<PodDisruptionBudget>, i64);

/// Budgets at an instant. Pods of a class are covered alike, and a large cluster has many more pods than
/// classes, and many budgets.
pub(super) struct CoveringBudgets {
    by_namespace: SortedMap<Text, BudgetList>,
    /// Those that cover the pods of a class, of classes that were asked for.
    by_class: SortedMap<ClassId, BudgetList>,
}

impl CoveringBudgets {
    /// The budgets as the store has them.
    pub(super) fn of(store: &Store) -> Self {
        let mut by_namespace: SortedMap<Text, BudgetList> = SortedMap::new();
        for own in budgets(store) {
            let namespace = own.0.namespace.clone();
            by_namespace.entry(namespace).or_default().push(own);
        }
        Self {
            by_namespace,
            by_class: SortedMap::new(),
        }
    }

    /// Those that cover a pod.
    fn of_pod(&mut self, store: &Store, pod: PodRef) -> &[Budget] {
        let Some(record) = store.pods().get(pod) else {
            return &[];
        };
        let (class, by_namespace) = (record.class, &self.by_namespace);
        self.by_class.entry(class).or_insert_with(|| {
            let spec = &store.class(class).spec;
            let near = by_namespace.get(&spec.namespace).into_iter().flatten();
            near.filter(|own| covers(&own.0, spec)).cloned().collect()
        })
    }
}

/// A pod's spec, if the pod is there.
fn spec_of(store: &Store, pod: PodRef) -> Option<&PodSpec> {
    let record = store.pods().get(pod)?;
    Some(&store.class(record.class).spec)
}

/// Whether a pod has to be placed elsewhere when its node goes.
pub(super) fn is_reschedulable(store: &Store, pod: PodRef) -> bool {
    let Some(spec) = spec_of(store, pod) else {
        return false;
    };
    if is_daemon(store, pod) || is_static(spec) {
        return false;
    }
    // The next pod of a stateful set has the name and the volumes of the one that ends.
    let is_stateful = (spec.owner.as_ref()).is_some_and(|owner| *owner.kind == *"StatefulSet");
    is_stateful || !store.pod_states().is_terminating(pod)
}

/// Whether a pod moves in a simulation: one that is left alone, or that budgets never let go, stays
/// where it is.
pub(super) fn is_moved(
    now: Instant,
    store: &Store,
    pod: PodRef,
    budgets: &mut CoveringBudgets,
) -> bool {
    let covering = budgets.of_pod(store, pod);
    is_reschedulable(store, pod)
        && !is_undisturbed(now, store, pod)
        && covering.len() < 2
        && !covering.iter().any(|own| never_allows(own.0.limit))
}

/// Whether a budget never lets a pod go, however many there are.
fn never_allows(limit: BudgetLimit) -> bool {
    match limit {
        BudgetLimit::MaxUnavailable(count) => matches!(count, Count::Number(0) | Count::Percent(0)),
        BudgetLimit::MinAvailable(count) => matches!(count, Count::Percent(100)),
    }
}

/// Whether a pod keeps its node: it is to be left alone, or its budgets let it go no more.
pub(super) fn keeps(
    now: Instant,
    store: &Store,
    pod: PodRef,
    budgets: &mut CoveringBudgets,
) -> bool {
    let Some(spec) = spec_of(store, pod) else {
        return false;
    };
    if store.pod_states().is_terminating(pod) {
        return false;
    }
    if is_undisturbed(now, store, pod) {
        return true;
    }
    if is_static(spec) || tolerates(spec, &leaving_taint(LEAVING_TAINT)) {
        return false;
    }
    let covering = budgets.of_pod(store, pod);
    let is_ready = (store.pod_states().get(pod)).is_none_or(|state| state.is_ready);
    let refuses = |own: &Budget| {
        let lets_unhealthy = own.0.unhealthy == UnhealthyPodEviction::AlwaysAllow && !is_ready;
        own.1 < 1 && !lets_unhealthy
    };
    covering.len() > 1 || covering.iter().any(refuses)
}
