//! Points for pods that would like to be together or apart (spec: kubernetes.md 1.10).

use super::Rules;
use super::term::Term;
use model::{Labels, PodAffinityTerm, PodSpec, Text};
use scheduler::kube::plugin::in_span;
use scheduler::kube::{AttemptContext, Follower, NodeInfo, Normalization, PodClass, Scores};
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

/// One key of labels of [`IncrementalAffinity`].
struct AffinityKey {
    /// By slot: the number of the node's value; `None` without the label.
    of_node: Vec<Option<usize>>,
    /// Points by value.
    sums: Vec<i64>,
    /// Increment per additional pod.
    more: i64,
}

/// Points while pods just like the one that is placed take their places. Where no term means
/// anything all nodes have the same points, which is as good as none.
pub(super) struct IncrementalAffinity {
    keys: Vec<AffinityKey>,
    raw: Vec<i64>,
}

impl IncrementalAffinity {
    pub(super) fn new(ctx: AttemptContext<'_>, rules: Rules) -> Self {
        let sums = sums(ctx, rules);
        let own = own_terms(ctx, rules);
        let mut more: SortedMap<&Text, i64> = sums.0.keys().map(|key| (key, 0)).collect();
        for (key, points) in said(ctx, &own, &ctx.pod.class, rules) {
            *more.entry(key).or_insert(0) += points;
        }
        let keys = more.into_iter().map(|(key, more)| {
            let known = sums.0.get(key);
            let mut numbers: SortedMap<&Text, usize> = SortedMap::new();
            let mut own = AffinityKey {
                of_node: vec![None; ctx.cache.slot_count()],
                sums: Vec::new(),
                more,
            };
            for node in ctx.cache.nodes() {
                let Some(value) = node.label(key) else {
                    continue;
                };
                let number = *numbers.entry(value).or_insert_with(|| {
                    let sum = known.and_then(|values| values.get(value));
                    own.sums.push(sum.copied().unwrap_or(0));
                    own.sums.len() - 1
                });
                own.of_node[node.slot] = Some(number);
            }
            own
        });
        Self {
            keys: keys.collect(),
            raw: Vec::new(),
        }
    }
}

impl Follower for IncrementalAffinity {
    fn add_pod(&mut self, node: &NodeInfo) {
        for key in &mut self.keys {
            if let Some(number) = key.of_node[node.slot] {
                key.sums[number] += key.more;
            }
        }
    }

    fn score(&mut self, feasible: &[usize], points: &mut Vec<i64>) {
        self.raw.clear();
        self.raw.resize(feasible.len(), 0);
        for key in &self.keys {
            for (raw, &slot) in self.raw.iter_mut().zip(feasible) {
                *raw += key.of_node[slot].map_or(0, |number| key.sums[number]);
            }
        }
        let least = self.raw.iter().copied().min().unwrap_or(0);
        let most = self.raw.iter().copied().max().unwrap_or(0);
        points.clear();
        points.extend(self.raw.iter().map(|&raw| in_span(raw, least, most)));
    }
}
