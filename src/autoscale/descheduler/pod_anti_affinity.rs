//! `RemovePodsViolatingInterPodAntiAffinity`: pods go that share a domain with pods that they must
//! not share it with; those of the lowest priority first, until none is left that does.

use super::Scope;
use super::evictor::{Answer, Pass};
use super::utilization::in_order_of_eviction;
use model::{Pod, Text};
use units::{ClassId, NodeId, SortedMap};

/// The strategy.
#[derive(Clone, Debug, Default)]
pub struct RemovePodsViolatingInterPodAntiAffinity {
    /// Pods that the strategy looks at.
    pub scope: Scope,
}

/// Number of pods that each term of a class selects, by domain.
type DomainCounts = SortedMap<(ClassId, usize), SortedMap<Text, i64>>;

impl RemovePodsViolatingInterPodAntiAffinity {
    pub(super) fn run(&self, pass: &mut Pass<'_>) {
        let mut selected = self.selected(pass);
        if selected.is_empty() {
            return;
        }
        for node in pass.nodes.clone() {
            let pods = pass.pods_on(node).into_iter();
            let pods = pods.filter(|pod| self.scope.takes(pass.spec(pod.class)));
            for pod in in_order_of_eviction(pass, pods.collect()) {
                if !is_violated(pass, &selected, pod, node)
                    || !pass.may_go(pod)
                    || !pass.has_way_out(pod)
                {
                    continue;
                }
                match pass.evict(pod) {
                    Answer::Evicted => count(pass, &mut selected, pod, node, -1),
                    Answer::Refused => {}
                    Answer::NodeLimit => break,
                    Answer::TotalLimit => return,
                }
            }
        }
    }

    /// Pods that the terms of all pods select; empty where no pod has terms.
    fn selected(&self, pass: &Pass<'_>) -> DomainCounts {
        let mut selected = DomainCounts::new();
        for pod in pass.store.pods().iter().filter(|pod| pod.node().is_some()) {
            let terms = &pass.spec(pod.class).affinity.required_pod_anti_affinity;
            for term in 0..terms.len() {
                selected.entry((pod.class, term)).or_default();
            }
        }
        if selected.is_empty() {
            return selected;
        }
        for &node in &pass.nodes {
            let pods = pass.pods_on(node).into_iter();
            for pod in pods.filter(|pod| self.scope.takes(pass.spec(pod.class))) {
                if !pass.is_going(pod.pod) {
                    count(pass, &mut selected, pod, node, 1);
                }
            }
        }
        selected
    }
}

/// A pod is on a node, or not any longer.
fn count(pass: &Pass<'_>, selected: &mut DomainCounts, pod: &Pod, node: NodeId, change: i64) {
    let Some(object) = pass.node(node) else {
        return;
    };
    let other = pass.spec(pod.class);
    for (&(spec, term), domains) in selected {
        let own = pass.spec(spec);
        let term = &own.affinity.required_pod_anti_affinity[term];
        if let Some(domain) = object.labels.get(&term.topology_key)
            && pass.selects(term, &own.namespace, other)
        {
            *domains.entry(domain.clone()).or_default() += change;
        }
    }
}

/// Whether a pod shares a domain with another that one of its terms selects.
fn is_violated(pass: &Pass<'_>, selected: &DomainCounts, pod: &Pod, node: NodeId) -> bool {
    let Some(object) = pass.node(node) else {
        return false;
    };
    let spec = pass.spec(pod.class);
    let terms = spec.affinity.required_pod_anti_affinity.iter().enumerate();
    let mut terms = terms.filter_map(|(place, term)| {
        let domain = object.labels.get(&term.topology_key)?;
        let count = *selected.get(&(pod.class, place))?.get(domain)?;
        let itself = pass.selects(term, &spec.namespace, spec) && !pass.is_going(pod.pod);
        Some(count - i64::from(itself))
    });
    terms.any(|others| others > 0)
}
