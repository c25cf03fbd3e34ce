//! Points for pods that would like to be together or apart (spec: kubernetes.md 1.10).

use std::collections::BTreeMap;

use super::affinity_term::Term;
use crate::control::scheduler::kube::plugin::in_span;
use crate::control::scheduler::kube::{AttemptContext, NodeInfo, Scores};
use crate::model::{Labels, PodAffinityTerm, PodSpec, Text};

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
struct Sums(BTreeMap<Text, BTreeMap<Text, i64>>);

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

/// Points of the feasible nodes; `None` where no term means anything.
pub(super) fn score(
    ctx: AttemptContext<'_>,
    hard_weight: i64,
    feasible: &[&NodeInfo],
) -> Option<Scores> {
    let spec = ctx.pod.spec();
    let affinity = &spec.affinity;
    let objects = &ctx.cache.objects;
    let mut own: Vec<(i64, Term<'_>)> = Vec::new();
    for (weight, stated) in &affinity.preferred_pod_affinity {
        let term = Term::resolved(stated, spec, objects);
        own.push((i64::from(*weight), term));
    }
    for (weight, stated) in &affinity.preferred_pod_anti_affinity {
        let term = Term::resolved(stated, spec, objects);
        own.push((-i64::from(*weight), term));
    }
    let mut sums = Sums::default();
    let labels = namespace_labels(ctx);
    for places in ctx.cache.placements().iter() {
        let other = &*places.class.spec;
        let mut said: Vec<(&Text, i64)> = Vec::new();
        for (weight, term) in &own {
            if term.matches(other, &NO_LABELS) {
                said.push((term.key(), *weight));
            }
        }
        if places.class.has_terms {
            for (stated, points) in terms_of(other, hard_weight) {
                if Term::of(stated, other).matches(spec, labels) {
                    said.push((&stated.topology_key, points));
                }
            }
        }
        if said.is_empty() {
            continue;
        }
        for (&slot, held) in &places.nodes {
            for (key, points) in &said {
                if let Some(node) = ctx.cache.node_in(slot) {
                    sums.add(key, node, points * held.all);
                }
            }
        }
    }
    if sums.0.is_empty() {
        return None;
    }
    let raw: Vec<i64> = feasible.iter().map(|node| sums.of(node)).collect();
    let least = raw.iter().copied().min().unwrap_or(0);
    let most = raw.iter().copied().max().unwrap_or(0);
    let normalize = |&points: &i64| in_span(points, least, most);
    Some(Scores {
        normalized: raw.iter().map(normalize).collect(),
        raw,
    })
}

/// The terms of a pod that is in place which give points, with these.
fn terms_of(other: &PodSpec, hard_weight: i64) -> impl Iterator<Item = (&PodAffinityTerm, i64)> {
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
