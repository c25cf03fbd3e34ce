//! Points for pods that would like to be together or apart (spec: kubernetes.md 1.10).

use super::Rules;
use super::term::Term;
use model::{Labels, PodAffinityTerm, PodSpec, Text};
use scheduler::kube::{AttemptContext, NodeInfo, Normalization, PodClass, Scores};
use units::SortedMap;

/// No labels at all: what a namespace is taken to have.
pub(super) static NO_LABELS: Labels = Labels::new();

/// The labels of the pod's namespace.
pub(super) fn namespace_labels(ctx: AttemptContext<'_>) -> &Labels {
    let namespaces = &ctx.cache.objects.namespaces;
    namespaces
        .get(&ctx.pod.spec().namespace)
        .unwrap_or(&NO_LABELS)
}

/// Points by label key and value; an entry that cancelled to 0 is one.
#[derive(Default)]
struct Sums(SortedMap<Text, SortedMap<Text, i64>>);

impl Sums {
    fn add(&mut self, key: &Text, node: &NodeInfo, points: i64) {
        if let Some(value) = node.label(key) {
            let values = self.0.entry(key.clone()).or_default();
            *values.entry(value.clone()).or_insert(0) += points;
        }
    }

    fn of(&self, node: &NodeInfo) -> i64 {
        let keys = self.0.iter();
        keys.filter_map(|(key, values)| values.get(node.label(key)?))
            .sum()
    }
}

/// Sums of the terms of this pod and of others, by node labels.
fn sums(ctx: AttemptContext<'_>, rules: Rules) -> Sums {
    let own = own_terms(ctx, rules);
    let mut sums = Sums::default();
    for places in ctx.cache.placements().iter() {
        let said = said(ctx, &own, &places.class, rules);
        if said.is_empty() {
            continue;
        }
        for (slot, held) in places.nodes.iter() {
            for (key, points) in &said {
                if let Some(node) = ctx.cache.node_in(slot) {
                    sums.add(key, node, points * i64::from(held.all));
                }
            }
        }
    }
    sums
}

/// The preferred terms of the pod.
fn own_terms(ctx: AttemptContext<'_>, rules: Rules) -> Vec<(i64, Term<'_>)> {
    let spec = ctx.pod.spec();
    let affinity = &spec.affinity;
    let objects = &ctx.cache.objects;
    let mut own: Vec<(i64, Term<'_>)> = Vec::new();
    for (weight, stated) in &affinity.preferred_pod_affinity {
        let term = Term::resolved(stated, spec, objects, rules.selector);
        own.push((i64::from(*weight), term));
    }
    for (weight, stated) in &affinity.preferred_pod_anti_affinity {
        let term = Term::resolved(stated, spec, objects, rules.selector);
        own.push((-i64::from(*weight), term));
    }
    own
}

/// Terms between the pod and pods of a class: for each of them the label keys, and the points for
/// nodes with the same label value.
fn said<'a>(
    ctx: AttemptContext<'a>,
    own: &'a [(i64, Term<'a>)],
    class: &'a PodClass,
    rules: Rules,
) -> Vec<(&'a Text, i64)> {
    let other = &*class.spec;
    let mut said: Vec<(&Text, i64)> = Vec::new();
    for (weight, term) in own {
        if term.matches(other, &NO_LABELS) {
            said.push((term.key(), *weight));
        }
    }
    if class.has_terms {
        let labels = namespace_labels(ctx);
        for (stated, points) in terms_of(other, rules.hard_weight) {
            if Term::of(stated, other).matches(ctx.pod.spec(), labels) {
                said.push((&stated.topology_key, points));
            }
        }
    }
    said
}

/// Points of the feasible nodes; `None` where no term means anything.
pub(super) fn score(
    ctx: AttemptContext<'_>,
    rules: Rules,
    feasible: &[&NodeInfo],
) -> Option<Scores> {
    let sums = sums(ctx, rules);
    if sums.0.is_empty() {
        return None;
    }
    let raw: Vec<i64> = feasible.iter().map(|node| sums.of(node)).collect();
    Some(Scores::normalized(raw, Normalization::Span))
}

/// The terms of a pod that is in place which give points, with these.
pub(super) fn terms_of(
    other: &PodSpec,
    hard_weight: i64,
) -> impl Iterator<Item = (&PodAffinityTerm, i64)> {
    let affinity = &other.affinity;
    let required = affinity.required_pod_affinity.iter();
    let required = required.filter(move |_| hard_weight > 0);
    let preferred = affinity.preferred_pod_affinity.iter();
    let against = affinity.preferred_pod_anti_affinity.iter();
    required
        .map(move |stated| (stated, hard_weight))
        .chain(preferred.map(|(weight, stated)| (stated, i64::from(*weight))))
        .chain(against.map(|(weight, stated)| (stated, -i64::from(*weight))))
}
