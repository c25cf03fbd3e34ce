//! Pods of nodes, and the budgets that protect them, as the store has them.

use std::sync::Arc;

use super::drain::{NodeAmounts, NodePod, PodController, PodEnd, SafeToEvict};
use cluster::Store;
use model::workload::PodDisruptionBudget;
use model::{DoNotDisrupt, Object, Owner, PodRef, PodSpec, Text};
use units::{Instant, NodeId, Resources};

/// The pods on a node, in the order of their creation.
pub fn pods_on(store: &Store, node: NodeId) -> Vec<PodRef> {
    let slots = store.nodes().pods(node).iter();
    let pods = slots.filter_map(|&slot| store.pods().at(slot));
    let mut pods: Vec<PodRef> = pods.map(|record| record.pod).collect();
    pods.sort_unstable();
    pods
}

/// Whole GPU devices among the amounts of a node or a pod, whichever way they are counted.
pub fn gpus_of(store: &Store, amounts: &Resources) -> i64 {
    let extended = store.gpu_resources().iter();
    let extended: i64 = extended.map(|&id| amounts.extended_amount(id)).sum();
    amounts.gpu_milli / 1000 + extended
}

/// Disruption budgets, and the disruptions that each has left.
pub type BudgetList = Vec<(Arc<PodDisruptionBudget>, i64)>;

/// Disruption budgets, by number, and the disruptions that each has left.
pub fn budgets(store: &Store) -> BudgetList {
    let objects = store.objects().iter();
    let budgets = objects.filter_map(|(_, row)| match &row.object {
        Object::PodDisruptionBudget(budget) => {
            let left = i64::from(budget.status.disruptions_allowed);
            Some((budget.clone(), left))
        }
        _ => None,
    });
    budgets.collect()
}

/// Whether a budget counts pods of a spec.
pub fn covers(budget: &PodDisruptionBudget, spec: &PodSpec) -> bool {
    let selector = budget.selector.as_ref();
    budget.namespace == spec.namespace
        && selector.is_some_and(|selector| selector.matches(&spec.labels))
}

/// Whether the controller of a pod is an object of the cluster.
fn is_there(store: &Store, namespace: &Text, owner: &Owner) -> bool {
    let kind = Object::KINDS.iter().find(|&&kind| *kind == *owner.kind);
    kind.is_some_and(|kind| {
        let objects = store.objects();
        objects.find(kind, namespace, &owner.name).is_some()
    })
}

/// A pod as scale-down sees it.
pub fn node_pod(now: Instant, store: &Store, pod: PodRef, budgets: &BudgetList) -> Option<NodePod> {
    let record = store.pods().get(pod)?;
    let class = store.class(record.class);
    let spec = &class.spec;
    let state = store.pod_states().get(pod);
    let controller = match spec.owner.as_ref().map(|owner| &*owner.kind) {
        None => PodController::None,
        Some("DaemonSet") => PodController::DaemonSet,
        Some("ReplicaSet" | "ReplicationController" | "StatefulSet" | "Job") => {
            let owner = spec.owner.as_ref();
            if owner.is_some_and(|owner| is_there(store, &spec.namespace, owner)) {
                PodController::Replicating
            } else {
                PodController::Missing
            }
        }
        Some("Node") => PodController::Mirror,
        Some(_) => PodController::Other,
    };
    let counted = budgets.iter().enumerate();
    let counted = counted.filter(|(_, (budget, _))| covers(budget, spec));
    let behaviour = spec.behaviour.as_ref();
    Some(NodePod {
        name: record.name.text(),
        namespace: spec.namespace.clone(),
        controller,
        end: PodEnd::Running,
        age: now.since(record.creation()),
        deletion: state.and_then(|state| state.terminating).map(|order| {
            let ends = order.since.saturating_add(order.grace);
            (now.since(ends), order.grace)
        }),
        safe_to_evict: behaviour.and_then(|behaviour| match behaviour.is_evictable {
            Some(true) => Some(SafeToEvict::Yes),
            Some(false) => Some(SafeToEvict::No),
            None => behaviour.is_awaited.then_some(SafeToEvict::OnCompletion),
        }),
        local_volumes: behaviour
            .map(|own| own.local_volumes.iter().cloned().collect())
            .unwrap_or_default(),
        budgets: counted.map(|(number, _)| number).collect(),
        requests: NodeAmounts {
            cpu_milli: class.requests.cpu_milli,
            memory_bytes: class.requests.memory_bytes,
            gpus: gpus_of(store, &class.requests),
        },
    })
}

/// The priority of a pod; 0 of one that is gone.
pub fn priority_of(store: &Store, pod: PodRef) -> i32 {
    let record = store.pods().get(pod);
    record.map_or(0, |record| store.class(record.class).spec.priority)
}

/// Whether a pod is one of its node itself.
pub fn is_static(spec: &PodSpec) -> bool {
    (spec.owner.as_ref()).is_some_and(|owner| *owner.kind == *"Node")
}

/// Whether an annotation (`karpenter.sh/do-not-disrupt`) keeps a provisioner from a pod now.
pub fn is_undisturbed(now: Instant, store: &Store, pod: PodRef) -> bool {
    let Some(record) = store.pods().get(pod) else {
        return false;
    };
    let spec = &store.class(record.class).spec;
    match spec
        .behaviour
        .as_ref()
        .and_then(|behaviour| behaviour.do_not_disrupt)
    {
        None => false,
        Some(DoNotDisrupt::Always) => true,
        Some(DoNotDisrupt::For(span)) => now < record.bound.saturating_add(span),
    }
}

/// Whether a pod is one of a daemon set.
pub fn is_daemon(store: &Store, pod: PodRef) -> bool {
    let spec = store
        .pods()
        .get(pod)
        .map(|record| &store.class(record.class).spec);
    let owner = spec.and_then(|spec| spec.owner.as_ref());
    owner.is_some_and(|owner| *owner.kind == *"DaemonSet")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{GpuInventory, Node, ResourceList};
    use units::Quantity;

    #[test]
    fn devices_count_whichever_way_a_node_states_them() {
        let mut store = Store::new();
        let plain = ResourceList::from_pairs([("cpu", Quantity::from_units(8))]);
        let mut extended = plain.clone();
        for (name, amount) in [("nvidia.com/gpu", 4), ("example.com/card", 2)] {
            extended.set(name, Quantity::from_units(amount));
        }
        let shared = GpuInventory {
            devices: 3,
            model: "V100".into(),
        };
        for (name, offers, gpu) in [
            ("extended", &extended, None),
            ("shared", &plain, Some(shared)),
            ("none", &plain, None),
        ] {
            let node = Node {
                name: name.into(),
                allocatable: offers.clone(),
                gpu,
                ..Node::default()
            };
            let added = store.node_added(Arc::new(node));
            store.apply(Instant::ZERO, added).expect("a new node");
        }
        let gpus = |node: u32| gpus_of(&store, &store.nodes().allocatable().row(NodeId(node)));
        assert_eq!([gpus(0), gpus(1), gpus(2)], [4, 3, 0]);
    }
}
