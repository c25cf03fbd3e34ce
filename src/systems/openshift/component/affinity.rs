//! Affinity between pods: what the pods on nodes mean to a new one, and the new one to them. Pods of one class
//! are counted by node (spec: orchestrators-a.md section 8.1; Kubernetes 1.11, `interpod_affinity.go`).

use cluster::Store;
use model::{PodAffinityTerm, PodSpec, Text};
use units::{ClassId, NodeId, SortedMap, SortedSet};

/// Numbers of pods by class and node; classes of a scheduler whose policy looks at them.
#[derive(Clone, Debug, Default)]
pub(super) struct Neighbours {
    pods: SortedMap<ClassId, SortedMap<usize, i64>>,
    /// Classes that state some affinity.
    stating: SortedSet<ClassId>,
}

/// What the pods of all nodes mean to a new one, by node.
#[derive(Clone, Debug, Default)]
pub(super) struct Bearing {
    /// Sum of the weights of preferences.
    pub(super) points: Vec<i64>,
    /// Nodes that required affinity leaves out.
    pub(super) closed: Vec<bool>,
}

/// Values of a label by which nodes form domains, with sums.
#[derive(Default)]
struct Domains(SortedMap<(Text, Text), i64>);

impl Domains {
    fn add(&mut self, key: &Text, value: &Text, amount: i64) {
        let sum = self.0.entry((key.clone(), value.clone())).or_default();
        *sum = sum.saturating_add(amount);
    }

    fn of(&self, key: &Text, value: &Text) -> i64 {
        let sum = self.0.get(&(key.clone(), value.clone()));
        sum.copied().unwrap_or(0)
    }
}

impl Neighbours {
    /// Notes a class.
    pub(super) fn add_class(&mut self, class: ClassId, spec: &PodSpec) {
        let own = &spec.affinity;
        let states = !own.required_pod_affinity.is_empty()
            || !own.required_pod_anti_affinity.is_empty()
            || !own.preferred_pod_affinity.is_empty()
            || !own.preferred_pod_anti_affinity.is_empty();
        if states {
            self.stating.insert(class);
        }
    }

    /// A pod of a class comes to a node, or leaves it.
    pub(super) fn count(&mut self, class: ClassId, node: usize, sign: i64) {
        let nodes = self.pods.entry(class).or_default();
        let count = nodes.entry(node).or_default();
        *count += sign;
        if *count <= 0 {
            nodes.remove(&node);
        }
    }

    /// What affinity means for the place of a new pod; `None` where no class states any.
    pub(super) fn bearing(
        &self,
        class: ClassId,
        required_weight: i64,
        nodes: usize,
        store: &Store,
    ) -> Option<Bearing> {
        if self.stating.is_empty() {
            return None;
        }
        let spec = &store.class(class).spec;
        let mut wishes = Domains::default();
        let mut keys: SortedSet<Text> = SortedSet::new();
        let mut closed = Domains::default();
        // By required term: the domains with a pod that it asks for.
        let required = &spec.affinity.required_pod_affinity;
        let mut met: Vec<Domains> = required.iter().map(|_| Domains::default()).collect();
        for (&other, places) in &self.pods {
            let there = &store.class(other).spec;
            let mut add = |domains: &mut Domains, term: &PodAffinityTerm, weight: i64| {
                keys.insert(term.topology_key.clone());
                for (&node, &count) in places {
                    if let Some(value) = label(store, node, &term.topology_key) {
                        domains.add(&term.topology_key, value, weight.saturating_mul(count));
                    }
                }
            };
            for (term, weight) in weighed(spec, there, required_weight) {
                add(&mut wishes, term, weight);
            }
            for term in repelling(spec, there) {
                add(&mut closed, term, 1);
            }
            for (term, domains) in required.iter().zip(&mut met) {
                if matches(term, spec, there) {
                    add(domains, term, 1);
                }
            }
        }
        let is_first = is_first_of_its_kind(spec, &met);
        let mut bearing = Bearing::default();
        for node in 0..nodes {
            let values = keys.iter();
            let values: Vec<(&Text, &Text)> = values
                .filter_map(|key| Some((key, label(store, node, key)?)))
                .collect();
            let points = values.iter().map(|(key, value)| wishes.of(key, value));
            bearing.points.push(points.sum());
            let is_repelled = values.iter().any(|(key, value)| closed.of(key, value) > 0);
            let lacks = required.iter().zip(&met).any(|(term, domains)| {
                let value = label(store, node, &term.topology_key);
                value.is_none_or(|value| domains.of(&term.topology_key, value) <= 0)
            });
            bearing.closed.push(is_repelled || (lacks && !is_first));
        }
        Some(bearing)
    }
}

/// Whether a pod is the first of those that it wants to be beside, itself among them: it may be anywhere then.
fn is_first_of_its_kind(spec: &PodSpec, met: &[Domains]) -> bool {
    let required = spec.affinity.required_pod_affinity.iter();
    required
        .zip(met)
        .all(|(term, domains)| domains.0.is_empty() && matches(term, spec, spec))
}

fn label<'s>(store: &'s Store, node: usize, key: &str) -> Option<&'s Text> {
    let object = store.nodes().object(NodeId::from_index(node));
    object.and_then(|own| own.labels.get(key))
}

/// Whether a term of a pod means another pod.
fn matches(term: &PodAffinityTerm, bearer: &PodSpec, other: &PodSpec) -> bool {
    let in_namespace = if term.namespaces.is_empty() {
        bearer.namespace == other.namespace
    } else {
        term.namespaces.contains(&other.namespace)
    };
    let selector = term.selector.as_ref();
    in_namespace && selector.is_some_and(|own| own.matches(&other.labels))
}

/// Terms of preference between a new pod and one that is there, with their weights.
fn weighed<'s>(
    new: &'s PodSpec,
    there: &'s PodSpec,
    required_weight: i64,
) -> Vec<(&'s PodAffinityTerm, i64)> {
    let mut terms = Vec::new();
    for (one, other) in [(new, there), (there, new)] {
        let own = &one.affinity;
        let wanted = own.preferred_pod_affinity.iter().map(|term| (term, 1));
        let unwanted = own.preferred_pod_anti_affinity.iter();
        for ((weight, term), sign) in wanted.chain(unwanted.map(|term| (term, -1))) {
            if matches(term, one, other) {
                terms.push((term, sign * i64::from(*weight)));
            }
        }
    }
    if required_weight > 0 {
        let required = there.affinity.required_pod_affinity.iter();
        let required = required.filter(|term| matches(term, there, new));
        terms.extend(required.map(|term| (term, required_weight)));
    }
    terms
}

/// Terms by which a new pod and one that is there keep apart.
fn repelling<'s>(new: &'s PodSpec, there: &'s PodSpec) -> Vec<&'s PodAffinityTerm> {
    let mut terms = Vec::new();
    for (one, other) in [(new, there), (there, new)] {
        let own = one.affinity.required_pod_anti_affinity.iter();
        terms.extend(own.filter(|term| matches(term, one, other)));
    }
    terms
}
