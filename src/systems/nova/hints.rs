//! Scheduler hints: a client names instances whose host the new one is to share or to avoid. Required
//! affinity of pods to another kind on one node becomes `same_host`, required anti-affinity
//! `different_host`, with the instances of that kind that have a host at the time of the request. Queries about
//! hosts and networks are stated by the labels of pods (spec: orchestrators-a.md section 6.3;
//! `scheduler/filters/affinity_filter.py`).

use std::sync::Arc;

use fixedbitset::FixedBitSet;
use model::namespace::NAMESPACE_NAME_LABEL;
use model::node::HOSTNAME_LABEL;
use model::{Labels, PodAffinityTerm, PodSpec, Text};
use units::{ClassId, SortedSet};

use super::filter::Filter;
use super::network::Network;
use super::query::Query;

/// Hints that a client states with requests for pods of some labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatedHints {
    /// Namespace of the pods; `None` is any.
    pub namespace: Option<Text>,
    /// Labels of the pods.
    pub labels: Labels,
    /// Query about the host (`query`).
    pub query: Option<Arc<Query>>,
    /// Network of the host (`build_near_host_ip`, `cidr`).
    pub near: Option<Network>,
}

impl StatedHints {
    /// Whether the hints are stated with requests for a pod.
    pub fn select(&self, spec: &PodSpec) -> bool {
        let is_there = |own: &Text| *own == spec.namespace;
        let mut labels = self.labels.iter();
        self.namespace.as_ref().is_none_or(is_there)
            && labels.all(|(key, value)| spec.labels.get(key) == Some(value))
    }
}

/// Hosts of the instances that a request names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Hosts of which one must be chosen (`same_host`); `None` without the hint.
    pub same: Option<SortedSet<usize>>,
    /// Hosts that must not be chosen (`different_host`).
    pub different: SortedSet<usize>,
}

/// Classes whose instances the requests of a class name.
#[derive(Clone, Debug)]
pub(super) struct Named {
    spec: Arc<PodSpec>,
    names_same: bool,
    names_different: bool,
    same: FixedBitSet,
    different: FixedBitSet,
}

impl Named {
    /// The classes that a pod's rules name; `None` if they name none, or no filter looks at hints.
    pub(super) fn of(spec: &Arc<PodSpec>, filters: &[Filter]) -> Option<Self> {
        let together = &spec.affinity.required_pod_affinity;
        let apart = &spec.affinity.required_pod_anti_affinity;
        let names = |filter: Filter, terms: &[PodAffinityTerm]| {
            filters.contains(&filter) && terms.iter().any(|term| is_about_others(spec, term))
        };
        let own = Self {
            names_same: names(Filter::SameHost, together),
            names_different: names(Filter::DifferentHost, apart),
            spec: Arc::clone(spec),
            same: FixedBitSet::new(),
            different: FixedBitSet::new(),
        };
        (own.names_same || own.names_different).then_some(own)
    }

    /// Notes whether the instances of a class are named.
    pub(super) fn look_at(&mut self, class: ClassId, other: &PodSpec) {
        let affinity = &self.spec.affinity;
        let names = |terms: &[PodAffinityTerm]| {
            let mut others = terms.iter();
            others.any(|term| is_about_others(&self.spec, term) && selects(&self.spec, term, other))
        };
        let same = self.names_same && names(&affinity.required_pod_affinity);
        let different = self.names_different && names(&affinity.required_pod_anti_affinity);
        for (set, is_named) in [(&mut self.same, same), (&mut self.different, different)] {
            set.grow(class.index() + 1);
            set.set(class.index(), is_named);
        }
    }

    /// The hints of a request, from the classes of instances and their hosts.
    pub(super) fn hints(&self, instances: impl Iterator<Item = (ClassId, usize)>) -> Hints {
        let mut hints = Hints {
            same: self.names_same.then(SortedSet::new),
            different: SortedSet::new(),
        };
        for (class, host) in instances {
            if self.same.contains(class.index())
                && let Some(same) = &mut hints.same
            {
                same.insert(host);
            }
            if self.different.contains(class.index()) {
                hints.different.insert(host);
            }
        }
        hints
    }
}

/// Whether a term is about pods of another kind on one node; its own kind makes a server group.
fn is_about_others(spec: &PodSpec, term: &PodAffinityTerm) -> bool {
    let selector = term.selector.as_ref();
    *term.topology_key == *HOSTNAME_LABEL
        && selector.is_some_and(|selector| !selector.matches(&spec.labels))
}

/// Whether a pod's term selects another pod.
fn selects(spec: &PodSpec, term: &PodAffinityTerm, other: &PodSpec) -> bool {
    let is_listed = term.namespaces.contains(&other.namespace);
    let is_own = term.namespaces.is_empty() && term.namespace_selector.is_none();
    let by_labels = || {
        let key: Text = NAMESPACE_NAME_LABEL.into();
        let labels: Labels = [(key, other.namespace.clone())].into_iter().collect();
        let selector = term.namespace_selector.as_ref();
        selector.is_some_and(|selector| selector.matches(&labels))
    };
    let is_seen = is_listed || (is_own && spec.namespace == other.namespace) || by_labels();
    let is_alike = |key: &Text| spec.labels.get(key) == other.labels.get(key);
    let selector = term.selector.as_ref();
    is_seen
        && selector.is_some_and(|selector| selector.matches(&other.labels))
        && term.match_label_keys.iter().all(is_alike)
        && !term.mismatch_label_keys.iter().any(is_alike)
}
