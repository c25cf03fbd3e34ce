//! Evictor of a loop: which pods it may evict, how many, and whether there is another place for
//! them.

use std::sync::Arc;

use super::DeschedulerOptions;
use crate::nodes::pods::pods_on;
use cluster::Store;
use control::Outbox;
use control::operation::eviction;
use model::qos::CRITICAL_PRIORITY;
use model::rules;
use model::workload::PodDisruptionBudget;
use model::{
    Event, EvictionCause, LabelSelector, Labels, Node, Object, ObjectChange, Pod, PodAffinityTerm,
    PodRef, PodSpec, PodVolume, Text,
};
use units::{ClassId, Duration, Instant, NodeId, ObjectId, SortedMap, SortedSet};

/// Bounds on the pods that a loop evicts; `None` is any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvictionLimits {
    /// Greatest number of pods evicted from each node.
    pub per_node: Option<u32>,
    /// Greatest number of pods evicted of each namespace.
    pub per_namespace: Option<u32>,
    /// Greatest number of pods evicted in all.
    pub total: Option<u32>,
}

/// Pods that may be evicted, beside what always holds: pods that nothing makes anew, those of their
/// node itself and those that end already stay.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of the original, each for itself"
)]
pub struct EvictorOptions {
    /// Only pods of lower priority.
    pub priority_threshold: Option<i32>,
    /// Whether critical pods may go, and all below them.
    pub evicts_critical: bool,
    /// Whether pods of daemon sets may go.
    pub evicts_daemons: bool,
    /// Whether pods with storage of their node may go.
    pub evicts_local_storage: bool,
    /// Whether pods with claims of volumes stay.
    pub keeps_claims: bool,
    /// Whether pods that no budget covers stay.
    pub keeps_without_budget: bool,
    /// Only pods that fit another node.
    pub node_fit: bool,
    /// Only pods with such labels.
    pub selector: Option<LabelSelector>,
    /// Only pods whose owner has so many.
    pub min_replicas: u32,
    /// Only pods that have had their node for so long.
    pub min_pod_age: Option<Duration>,
}

/// Outcome of an eviction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The pod goes.
    Evicted,
    /// The pod's budget, or the limit of its namespace, forbids the eviction.
    Refused,
    /// No more pods go from its node in this loop.
    NodeLimit,
    /// No more pods go in this loop.
    TotalLimit,
}

/// One loop.
pub(super) struct Pass<'a> {
    pub(super) now: Instant,
    pub(super) store: &'a Store,
    /// Nodes that are up, whether they take pods or not, in order of id.
    pub(super) nodes: Vec<NodeId>,
    options: &'a DeschedulerOptions,
    /// Pods that were evicted in this loop.
    going: SortedSet<PodRef>,
    charged: SortedMap<ObjectId, PodDisruptionBudget>,
    orders: Vec<Event>,
    by_node: SortedMap<NodeId, u32>,
    by_namespace: SortedMap<Text, u32>,
    was_held_back: bool,
}

impl<'a> Pass<'a> {
    pub(super) fn new(now: Instant, store: &'a Store, options: &'a DeschedulerOptions) -> Self {
        let nodes = store.nodes();
        Self {
            now,
            store,
            nodes: nodes
                .present()
                .filter(|&node| nodes.is_ready(node))
                .collect(),
            options,
            going: SortedSet::new(),
            charged: SortedMap::new(),
            orders: Vec::new(),
            by_node: SortedMap::new(),
            by_namespace: SortedMap::new(),
            was_held_back: false,
        }
    }

    /// Whether an eviction was refused or left out for a limit.
    pub(super) const fn was_held_back(&self) -> bool {
        self.was_held_back
    }

    /// Hands out the orders, and the budgets that they charged.
    pub(super) fn finish(self, out: &mut Outbox) {
        for order in self.orders {
            out.write(self.store, order);
        }
        for (id, budget) in self.charged {
            let object = Object::PodDisruptionBudget(Arc::new(budget));
            if self.store.objects().get(id).map(|row| &row.object) != Some(&object) {
                out.write(
                    self.store,
                    Event::Object(ObjectChange::Updated { id, object }),
                );
            }
        }
    }

    /// The spec of a class.
    pub(super) fn spec(&self, class: ClassId) -> &'a Arc<PodSpec> {
        &self.store.class(class).spec
    }

    /// A node as declared.
    pub(super) fn node(&self, node: NodeId) -> Option<&'a Arc<Node>> {
        self.store.nodes().object(node)
    }

    /// The pods on a node, in order of their ids.
    pub(super) fn pods_on(&self, node: NodeId) -> Vec<&'a Pod> {
        let pods = pods_on(self.store, node).into_iter();
        pods.filter_map(|pod| self.store.pods().get(pod)).collect()
    }

    /// Whether a pod was asked to terminate, in this loop or before.
    pub(super) fn is_going(&self, pod: PodRef) -> bool {
        self.going.contains(&pod) || self.store.pod_states().is_terminating(pod)
    }

    /// Whether a pod may be evicted.
    pub(super) fn may_go(&self, pod: &Pod) -> bool {
        let options = &self.options.evictor;
        let spec = self.spec(pod.class);
        // An annotation overrides every other rule.
        if (spec.behaviour.as_ref()).is_some_and(|behaviour| behaviour.is_descheduled) {
            return !self.is_going(pod.pod);
        }
        let Some(owner) = &spec.owner else {
            return false;
        };
        if *owner.kind == *"Node" || self.is_going(pod.pod) {
            return false;
        }
        if *owner.kind == *"DaemonSet" && !options.evicts_daemons {
            return false;
        }
        if !options.evicts_critical {
            let threshold = options.priority_threshold.unwrap_or(CRITICAL_PRIORITY);
            if spec.priority >= CRITICAL_PRIORITY.min(threshold) {
                return false;
            }
        }
        let is_local =
            (spec.behaviour.as_ref()).is_some_and(|behaviour| behaviour.has_local_storage);
        if is_local && !options.evicts_local_storage {
            return false;
        }
        let has_claim = || {
            let mut volumes = spec.volumes.iter();
            volumes.any(|volume| matches!(volume, PodVolume::Claim(_)))
        };
        if options.keeps_claims && has_claim() {
            return false;
        }
        if (options.selector.as_ref()).is_some_and(|selector| !selector.matches(&spec.labels)) {
            return false;
        }
        if (options.min_pod_age).is_some_and(|age| self.now.since(pod.bound) < age) {
            return false;
        }
        if options.min_replicas > 1 && self.replicas(pod) < options.min_replicas as usize {
            return false;
        }
        !options.keeps_without_budget || self.has_budget(spec)
    }

    fn replicas(&self, pod: &Pod) -> usize {
        let state = self.store.pod_states().get(pod.pod);
        let owner = state.and_then(|state| state.owner);
        let owner = owner.and_then(|owner| self.store.objects().get(owner.object));
        owner.map_or(0, |row| row.pods.len())
    }

    fn has_budget(&self, spec: &PodSpec) -> bool {
        let kind = "PodDisruptionBudget";
        let mut budgets = self.store.objects().of_kind(kind, &spec.namespace);
        budgets.any(|(_, row)| match &row.object {
            Object::PodDisruptionBudget(budget) => {
                (budget.selector.as_ref()).is_some_and(|selector| selector.matches(&spec.labels))
            }
            _ => false,
        })
    }

    /// Whether a pod that may be evicted has another node to go to, where that is asked for.
    pub(super) fn has_way_out(&self, pod: &Pod) -> bool {
        !self.options.evictor.node_fit || self.fits_any_other(pod, &self.nodes)
    }

    /// Whether a pod fits one of these nodes that is not its own.
    pub(super) fn fits_any_other(&self, pod: &Pod, nodes: &[NodeId]) -> bool {
        let own = pod.node();
        let mut others = nodes.iter().filter(|&&node| Some(node) != own);
        others.any(|&node| self.fits(pod, node))
    }

    /// Whether a pod fits a node by what the original looks at: selector and affinity to nodes,
    /// taints, requests, cordons, and the pods there that it must not be beside.
    pub(super) fn fits(&self, pod: &Pod, node: NodeId) -> bool {
        let Some(object) = self.node(node) else {
            return false;
        };
        let class = self.store.class(pod.class);
        let spec = &class.spec;
        if object.unschedulable || !rules::admits(spec, object) {
            return false;
        }
        let nodes = self.store.nodes();
        let is_own = pod.node() == Some(node);
        let has_room = is_own
            || (nodes.has_room(node, &class.requests) && nodes.has_gpu_room(node, class.gpu));
        if !has_room {
            return false;
        }
        let mut terms = spec.affinity.required_pod_anti_affinity.iter();
        !terms.any(|term| {
            object.labels.contains_key(&term.topology_key)
                && self.pods_on(node).into_iter().any(|other| {
                    other.pod != pod.pod
                        && self.selects(term, &spec.namespace, self.spec(other.class))
                })
        })
    }

    /// Whether a term of a pod of a namespace selects another pod.
    pub(super) fn selects(&self, term: &PodAffinityTerm, own: &Text, other: &PodSpec) -> bool {
        let labels: Option<&Labels> = self.options.namespaces.get(&other.namespace);
        let by_label = (term.namespace_selector.as_ref())
            .is_some_and(|selector| labels.is_some_and(|labels| selector.matches(labels)));
        let is_unstated = term.namespaces.is_empty() && term.namespace_selector.is_none();
        let has_namespace = by_label
            || term.namespaces.contains(&other.namespace)
            || (is_unstated && *own == other.namespace);
        has_namespace
            && (term.selector.as_ref()).is_some_and(|selector| selector.matches(&other.labels))
    }

    /// Evicts a pod, as limits and budgets allow.
    pub(super) fn evict(&mut self, pod: &Pod) -> Answer {
        let limits = self.options.limits;
        let is_at =
            |count: usize, limit: Option<u32>| limit.is_some_and(|limit| count >= limit as usize);
        if is_at(self.orders.len(), limits.total) {
            self.was_held_back = true;
            return Answer::TotalLimit;
        }
        let of_node = pod.node().and_then(|node| self.by_node.get(&node));
        if is_at(of_node.map_or(0, |&count| count as usize), limits.per_node) {
            self.was_held_back = true;
            return Answer::NodeLimit;
        }
        let namespace = &self.spec(pod.class).namespace;
        let of_namespace = self.by_namespace.get(namespace).copied().unwrap_or(0);
        if is_at(of_namespace as usize, limits.per_namespace) {
            self.was_held_back = true;
            return Answer::Refused;
        }
        let cause = EvictionCause::Descheduling;
        let order = eviction(self.now, self.store, pod.pod, &mut self.charged, cause);
        let Some(Some(order)) = order else {
            self.was_held_back = true;
            return Answer::Refused;
        };
        self.orders.push(order);
        self.going.insert(pod.pod);
        if let Some(node) = pod.node() {
            *self.by_node.entry(node).or_default() += 1;
        }
        *self.by_namespace.entry(namespace.clone()).or_default() += 1;
        Answer::Evicted
    }
}
