//! `InterPodAffinity`: pods that want to be together or apart (spec: kubernetes.md 1.10). Required
//! terms reject nodes, preferred ones give points (`affinity_score.rs`).

use std::collections::BTreeMap;

use super::affinity_score::{self, NO_LABELS};
use super::affinity_term::Term;
use super::class_memo::ClassMemo;
use crate::control::scheduler::kube::{
    AttemptContext, Cache, KubePlugin, KubePoints, NodeFilter, NodeInfo, Normalization, PodInfo,
    Prepared, Reach, Rejection, Scores,
};
use crate::model::{Labels, Text};

/// Puts pods together and apart.
pub struct InterPodAffinity {
    hard_weight: i64,
    ignores_preferred_of_others: bool,
}

impl InterPodAffinity {
    /// With the points for a required term of another pod, and whether preferred terms of other
    /// pods are passed over for pods without their own.
    pub fn new(hard_weight: i64, ignores_preferred_of_others: bool) -> Self {
        Self {
            hard_weight,
            ignores_preferred_of_others,
        }
    }
}

/// Matches by label key and value; an entry that reaches 0 goes away.
#[derive(Clone, Debug, Default)]
struct Counts(BTreeMap<Text, BTreeMap<Text, i64>>);

impl Counts {
    fn add(&mut self, key: &Text, node: &NodeInfo, amount: i64) {
        let Some(value) = node.label(key) else {
            return;
        };
        let values = self.0.entry(key.clone()).or_default();
        let count = values.entry(value.clone()).or_insert(0);
        *count += amount;
        if *count == 0 {
            values.remove(value);
            if values.is_empty() {
                self.0.remove(key);
            }
        }
    }

    fn get(&self, key: &Text, value: &Text) -> i64 {
        let values = self.0.get(key);
        values.and_then(|own| own.get(value)).copied().unwrap_or(0)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The question whether required terms hold on a node.
#[derive(Clone)]
struct AffinityFilter<'a> {
    pod: &'a PodInfo,
    namespace_labels: &'a Labels,
    affinity: Vec<Term<'a>>,
    anti_affinity: Vec<Term<'a>>,
    /// Other pods' anti-affinity that means this pod.
    against: Counts,
    /// Pods that match all of this pod's affinity terms.
    wanted: Counts,
    /// Pods that match this pod's anti-affinity terms.
    unwanted: Counts,
}

impl AffinityFilter<'_> {
    fn change(&mut self, other: &PodInfo, node: &NodeInfo, sign: i64) {
        self.change_against(other, node, sign);
        self.change_own(other, node, sign);
    }

    /// What the terms of another pod say of this one.
    fn change_against(&mut self, other: &PodInfo, node: &NodeInfo, sign: i64) {
        for stated in &other.spec().affinity.required_pod_anti_affinity {
            let term = Term::of(stated, other);
            if term.matches(self.pod, self.namespace_labels) {
                self.against.add(term.key(), node, sign);
            }
        }
    }

    /// What the terms of this pod say of another one.
    fn change_own(&mut self, other: &PodInfo, node: &NodeInfo, sign: i64) {
        if matches_all(&self.affinity, other) {
            for term in &self.affinity {
                self.wanted.add(term.key(), node, sign);
            }
        }
        for term in &self.anti_affinity {
            if term.matches(other, &NO_LABELS) {
                self.unwanted.add(term.key(), node, sign);
            }
        }
    }

    /// Counts over all nodes.
    fn count(&mut self, cache: &Cache) {
        let mut memo = ClassMemo::default();
        for node in cache.nodes_with_terms() {
            for other in &node.pods_with_terms {
                let mut terms = other.spec().affinity.required_pod_anti_affinity.iter();
                let means = |stated| {
                    let term = Term::of(stated, other);
                    term.matches(self.pod, self.namespace_labels)
                };
                if memo.get(other, || terms.any(means)) {
                    self.change_against(other, node, 1);
                }
            }
        }
        if self.affinity.is_empty() && self.anti_affinity.is_empty() {
            return;
        }
        let mut memo = ClassMemo::default();
        for node in cache.nodes() {
            for other in &node.pods {
                let is_meant = || {
                    let mut terms = self.anti_affinity.iter();
                    matches_all(&self.affinity, other)
                        || terms.any(|term| term.matches(other, &NO_LABELS))
                };
                if memo.get(other, is_meant) {
                    self.change_own(other, node, 1);
                }
            }
        }
    }

    fn has_wanted(&self, node: &NodeInfo) -> bool {
        let mut are_there = true;
        for term in &self.affinity {
            let Some(value) = node.label(term.key()) else {
                return false;
            };
            are_there &= self.wanted.get(term.key(), value) > 0;
        }
        // The first pod of a group that wants to be with its own kind.
        are_there || (self.wanted.is_empty() && matches_all(&self.affinity, self.pod))
    }
}

/// Whether a pod matches all terms, of which there is at least one.
fn matches_all(terms: &[Term<'_>], pod: &PodInfo) -> bool {
    !terms.is_empty() && terms.iter().all(|term| term.matches(pod, &NO_LABELS))
}

impl<'a> NodeFilter<'a> for AffinityFilter<'a> {
    fn filter(&self, node: &NodeInfo) -> Result<(), Rejection> {
        if !self.has_wanted(node) {
            return Err(Rejection::unresolvable(
                "node(s) didn't match pod affinity rules",
            ));
        }
        let is_unwanted = |term: &Term<'_>| {
            let value = node.label(term.key());
            value.is_some_and(|value| self.unwanted.get(term.key(), value) > 0)
        };
        if self.anti_affinity.iter().any(is_unwanted) {
            return Err(Rejection::unschedulable(
                "node(s) didn't match pod anti-affinity rules",
            ));
        }
        let mut keys = self.against.0.iter();
        let is_refused = keys.any(|(key, values)| {
            let value = node.label(key);
            value.is_some_and(|value| values.get(value).is_some_and(|&count| count > 0))
        });
        if is_refused {
            return Err(Rejection::unschedulable(
                "node(s) didn't satisfy existing pods anti-affinity rules",
            ));
        }
        Ok(())
    }

    fn add_pod(&mut self, pod: &PodInfo, node: &NodeInfo) {
        self.change(pod, node, 1);
    }

    fn remove_pod(&mut self, pod: &PodInfo, node: &NodeInfo) {
        self.change(pod, node, -1);
    }

    fn clone_filter(&self) -> Box<dyn NodeFilter<'a> + 'a> {
        Box::new(self.clone())
    }
}

impl KubePlugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn points(&self) -> KubePoints {
        KubePoints::PRE_FILTER
            .and(KubePoints::FILTER)
            .and(KubePoints::SCORE)
    }

    fn reach(&self, ctx: AttemptContext<'_>) -> Reach {
        // Pods without terms of their own change nothing for pods just like them.
        if ctx.pod.class.has_terms {
            Reach::Cluster
        } else {
            Reach::Nothing
        }
    }

    fn normalization(&self) -> Normalization {
        Normalization::Span
    }

    fn prepare<'a>(&'a self, ctx: AttemptContext<'a>) -> Prepared<'a> {
        let objects = &ctx.cache.objects;
        let spec = ctx.pod.spec();
        let resolved = |stated| Term::resolved(stated, ctx.pod, objects);
        let affinity = &spec.affinity;
        let mut filter = AffinityFilter {
            pod: ctx.pod,
            namespace_labels: affinity_score::namespace_labels(ctx),
            affinity: affinity
                .required_pod_affinity
                .iter()
                .map(resolved)
                .collect(),
            anti_affinity: affinity
                .required_pod_anti_affinity
                .iter()
                .map(resolved)
                .collect(),
            against: Counts::default(),
            wanted: Counts::default(),
            unwanted: Counts::default(),
        };
        filter.count(ctx.cache);
        if filter.against.is_empty()
            && filter.affinity.is_empty()
            && filter.anti_affinity.is_empty()
        {
            return Prepared::Skip;
        }
        Prepared::ask(filter)
    }

    fn score(&self, ctx: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Scores> {
        let affinity = &ctx.pod.spec().affinity;
        let has_own = !affinity.preferred_pod_affinity.is_empty()
            || !affinity.preferred_pod_anti_affinity.is_empty();
        if self.ignores_preferred_of_others && !has_own {
            return None;
        }
        affinity_score::score(ctx, self.hard_weight, feasible)
    }
}
