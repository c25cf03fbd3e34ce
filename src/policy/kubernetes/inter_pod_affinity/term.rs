//! Terms about other pods: which pods one means (spec: kubernetes.md 1.10).

use std::sync::Arc;

use model::{ClusterObjects, Labels, PodAffinityTerm, PodSpec, Text};
use scheduler::kube::cacheable::ClassScope;
use units::SortedSet;

/// Fate of the namespace selector of a pod that is being placed once it is resolved to names (spec:
/// kubernetes-releases.md A6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SelectorResolution {
    /// It is put aside.
    PutAside,
    /// It is asked about empty labels as well, which is a defect of the original.
    AskedAgain,
}

/// A term of a pod.
#[derive(Clone, Debug)]
pub(super) struct Term<'a> {
    stated: &'a PodAffinityTerm,
    /// The namespace of its pod, where that is the one looked at.
    own_namespace: Option<&'a Text>,
    /// Namespaces that the namespace selector was found to match, if it was resolved.
    resolved: Option<Arc<SortedSet<Text>>>,
    /// Whether the namespace selector is looked at beside them.
    asks_selector: bool,
}

impl<'a> Term<'a> {
    /// A term of a pod that is in place: its namespace selector is asked when it is needed.
    pub(super) fn of(stated: &'a PodAffinityTerm, pod: &'a PodSpec) -> Self {
        let is_own = stated.namespaces.is_empty() && stated.namespace_selector.is_none();
        Self {
            stated,
            own_namespace: is_own.then_some(&pod.namespace),
            resolved: None,
            asks_selector: true,
        }
    }

    /// A term of the pod that is being placed, with the namespaces that its selector was found to
    /// match.
    pub(super) fn with(
        stated: &'a PodAffinityTerm,
        pod: &'a PodSpec,
        resolved: Option<&Arc<SortedSet<Text>>>,
        selector: SelectorResolution,
    ) -> Self {
        Self {
            resolved: resolved.cloned(),
            asks_selector: selector == SelectorResolution::AskedAgain,
            ..Self::of(stated, pod)
        }
    }

    /// The namespaces that its selector was found to match, if it has one.
    pub(super) fn namespaces(&self) -> Option<Arc<SortedSet<Text>>> {
        self.resolved.clone()
    }

    /// A term of the pod that is being placed: its namespace selector is resolved to names.
    pub(super) fn resolved(
        stated: &'a PodAffinityTerm,
        pod: &'a PodSpec,
        objects: &ClusterObjects,
        selector: SelectorResolution,
    ) -> Self {
        let mut term = Self::of(stated, pod);
        term.asks_selector = selector == SelectorResolution::AskedAgain;
        if let Some(selector) = &stated.namespace_selector {
            let namespaces = objects.namespaces.iter();
            let matching = namespaces.filter(|(_, labels)| selector.matches(labels));
            let names = matching.map(|(name, _)| name.clone()).collect();
            term.resolved = Some(Arc::new(names));
        }
        term
    }

    /// The label whose values are the domains.
    pub(super) fn key(&self) -> &Text {
        &self.stated.topology_key
    }

    /// The classes of pods that may be meant.
    pub(super) fn among(&self) -> ClassScope {
        let stated = self.stated;
        if self.asks_selector && stated.namespace_selector.is_some() {
            return ClassScope::All;
        }
        let namespaces = { self.own_namespace.into_iter() }
            .chain(&stated.namespaces)
            .chain(self.resolved.iter().flat_map(|own| own.iter()));
        let selected = namespaces.map(|own| ClassScope::selected(own, stated.selector.as_ref()));
        selected.fold(ClassScope::none(), ClassScope::or)
    }

    /// Whether a pod is meant. For terms of the pod being placed the labels of the namespace are
    /// always the empty ones: where their selector is asked again, as in the original from 1.34 on,
    /// one with `NotIn` or `DoesNotExist` matches every namespace.
    pub(super) fn matches(&self, pod: &PodSpec, namespace_labels: &Labels) -> bool {
        let namespace = &pod.namespace;
        let selector = self.stated.namespace_selector.as_ref();
        let is_looked_at = self.own_namespace == Some(namespace)
            || self.stated.namespaces.contains(namespace)
            || (self.resolved.as_ref()).is_some_and(|resolved| resolved.contains(namespace))
            || (self.asks_selector
                && selector.is_some_and(|selector| selector.matches(namespace_labels)));
        let selector = self.stated.selector.as_ref();
        is_looked_at && selector.is_some_and(|selector| selector.matches(&pod.labels))
    }
}
