//! `InterPodAffinity`: pods that want to be together or apart (spec: kubernetes.md 1.10). Required
//! terms reject nodes, preferred ones give points (`score.rs`).

mod cacheable;
mod score;
mod term;

use std::sync::Arc;

use model::{Change, Changes, ClusterObjects, Labels, PodAffinityTerm, PodSpec, Text};
use scheduler::kube::cacheable::{CacheableFilter, CacheableScore};
use scheduler::kube::{
    AttemptContext, Cache, ClusterEvent, EventKinds, FastPlugin, Follow, KubePlugin, KubePoints,
    NodeFilter, NodeInfo, Normalization, PodClass, PodInfo, PreFilterResult, Reach, Rejection,
    Scores,
};

use crate::{Constructor, Entry, Kind, KubeConstructor, Parameter, Point};
use score::{IncrementalAffinity, NO_LABELS};
use term::{SelectorResolution, Term};
use units::SortedMap;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "InterPodAffinity",
    point: Point::KubePlugin,
    summary: "Puts pods together and apart, by required terms and by preferred ones.",
    source: "kubernetes.md 1.10",
    parameters: &[
        Parameter {
            name: "hardPodAffinityWeight",
            kind: Kind::Integer {
                default: 1,
                min: 0,
                max: 100,
            },
            doc: "Points for a required term of another pod that matches.",
        },
        Parameter {
            name: "ignorePreferredTermsOfExistingPods",
            kind: Kind::Boolean { default: false },
            doc: "Whether preferred terms of existing pods are ignored.",
        },
    ],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["preFilter", "filter", "score"],
        weight: Some(2),
        build: |arguments, changes| {
            Arc::new(InterPodAffinity {
                rules: Rules::new(arguments.hard_pod_affinity_weight, changes),
                ignores_preferred_of_others: arguments.ignore_preferred_terms_of_existing_pods,
                compares_values: changes.has(Change::PodAffinityHint),
                heeds_repelling: changes.has(Change::RepellingPodHint),
            })
        },
    }),
};

/// Puts pods together and apart.
pub struct InterPodAffinity {
    rules: Rules,
    /// Whether preferred terms of other pods are skipped for pods without their own.
    ignores_preferred_of_others: bool,
    /// Whether a node that changed helps only where the value of a topology key did (spec:
    /// kubernetes-releases.md B).
    compares_values: bool,
    /// Whether a pod that left helps where its own terms kept the waiting one away.
    heeds_repelling: bool,
}

/// Rules by which terms count.
#[derive(Clone, Copy)]
struct Rules {
    /// Points for a required term of another pod.
    hard_weight: i64,
    selector: SelectorResolution,
}

impl Rules {
    fn new(hard_weight: i64, changes: Changes) -> Self {
        let selector = if changes.has(Change::LostNamespaceSelector) {
            SelectorResolution::AskedAgain
        } else {
            SelectorResolution::PutAside
        };
        Self {
            hard_weight,
            selector,
        }
    }
}

impl InterPodAffinity {
    fn gives_no_points(&self, pod: &PodInfo) -> bool {
        let affinity = &pod.spec().affinity;
        let has_own = !affinity.preferred_pod_affinity.is_empty()
            || !affinity.preferred_pod_anti_affinity.is_empty();
        self.ignores_preferred_of_others && !has_own
    }
}

/// Matches by label key and value; an entry that reaches 0 goes away.
#[derive(Clone, Debug, Default)]
struct Counts(SortedMap<Text, SortedMap<Text, i64>>);

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
        values
            .and_then(|values| values.get(value))
            .copied()
            .unwrap_or(0)
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
    fn change(&mut self, other: &PodSpec, node: &NodeInfo, amount: i64) {
        for stated in &other.affinity.required_pod_anti_affinity {
            let term = Term::of(stated, other);
            if term.matches(self.pod.spec(), self.namespace_labels) {
                self.against.add(term.key(), node, amount);
            }
        }
        if matches_all(&self.affinity, other) {
            for term in &self.affinity {
                self.wanted.add(term.key(), node, amount);
            }
        }
        for term in &self.anti_affinity {
            if term.matches(other, &NO_LABELS) {
                self.unwanted.add(term.key(), node, amount);
            }
        }
    }

    /// Whether pods of a class change anything.
    fn concerns(&self, other: &PodSpec) -> bool {
        let mut own = self.anti_affinity.iter();
        let mut others = other.affinity.required_pod_anti_affinity.iter();
        matches_all(&self.affinity, other)
            || own.any(|term| term.matches(other, &NO_LABELS))
            || others.any(|stated| {
                let term = Term::of(stated, other);
                term.matches(self.pod.spec(), self.namespace_labels)
            })
    }

    /// Counts over all nodes.
    fn count(&mut self, cache: &Cache) {
        let has_own = !(self.affinity.is_empty() && self.anti_affinity.is_empty());
        for places in cache.placements().iter() {
            let other = &*places.class.spec;
            if !(has_own || places.class.has_terms) || !self.concerns(other) {
                continue;
            }
            for (slot, held) in places.nodes.iter() {
                if let Some(node) = cache.node_in(slot) {
                    self.change(other, node, i64::from(held.all));
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
        are_there || (self.wanted.is_empty() && matches_all(&self.affinity, self.pod.spec()))
    }
}

/// Whether a pod matches all terms, of which there is at least one.
fn matches_all(terms: &[Term<'_>], pod: &PodSpec) -> bool {
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
        self.change(pod.spec(), node, 1);
    }

    fn remove_pod(&mut self, pod: &PodInfo, node: &NodeInfo) {
        self.change(pod.spec(), node, -1);
    }

    fn clone_filter(&self) -> Box<dyn NodeFilter<'a> + 'a> {
        Box::new(self.clone())
    }
}

/// Whether a node that came or changed brings a domain of an affinity term, or parts from one of
/// an anti-affinity term.
///
/// Where values are not compared, any node with one of the labels does.
fn node_may_help(
    pod: &PodInfo,
    before: Option<&NodeInfo>,
    after: Option<&NodeInfo>,
    compares_values: bool,
) -> bool {
    let affinity = &pod.spec().affinity;
    let Some(after) = after else {
        return false;
    };
    let value_now = |key: &Text| after.label(key);
    let Some(before) = before else {
        let mut wanted = affinity.required_pod_affinity.iter();
        return wanted.any(|term| value_now(&term.topology_key).is_some())
            || !affinity.required_pod_anti_affinity.is_empty();
    };
    let has_moved = |key: &Text| !compares_values || before.label(key) != value_now(key);
    let mut wanted = affinity
        .required_pod_affinity
        .iter()
        .map(|term| &term.topology_key);
    let mut unwanted = affinity
        .required_pod_anti_affinity
        .iter()
        .map(|term| &term.topology_key);
    wanted.any(|key| value_now(key).is_some() && has_moved(key))
        || unwanted.any(|key| before.label(key).is_some() && has_moved(key))
}

/// Whether terms that a pod states are all about another; none are about nobody.
fn are_about(stated: &[PodAffinityTerm], pod: &PodInfo, other: &PodInfo) -> bool {
    let terms = stated.iter().map(|term| Term::of(term, pod.spec()));
    let terms: Vec<Term<'_>> = terms.collect();
    matches_all(&terms, other.spec())
}

/// Whether a pod with a node kept the pod away by its own terms.
fn repelled(pod: &PodInfo, other: Option<&PodInfo>) -> bool {
    other.is_some_and(|other| {
        let stated = &other.spec().affinity.required_pod_anti_affinity;
        other.has_node() && are_about(stated, other, pod)
    })
}

/// Whether a pod with a node that came, left or changed its labels is now one that the pod wants,
/// or no longer one that it does not want.
fn pod_may_help(pod: &PodInfo, before: Option<&PodInfo>, after: Option<&PodInfo>) -> bool {
    let mut others = before.into_iter().chain(after);
    if others.any(|other| !other.has_node()) {
        return false;
    }
    let affinity = &pod.spec().affinity;
    let of = |stated: &[PodAffinityTerm], other: Option<&PodInfo>| {
        other.is_some_and(|other| are_about(stated, pod, other))
    };
    let (wanted, unwanted) = (
        &affinity.required_pod_affinity,
        &affinity.required_pod_anti_affinity,
    );
    let is_new_wanted = after.is_some() && !of(wanted, before) && of(wanted, after);
    let was_unwanted = before.is_some() && of(unwanted, before) && !of(unwanted, after);
    is_new_wanted || was_unwanted
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

    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        Some(self)
    }

    fn events_to_register(&self) -> EventKinds {
        EventKinds::NODE_ADD
            .and(EventKinds::NODE_LABEL)
            .and(EventKinds::POD_ADD)
            .and(EventKinds::POD_DELETE)
            .and(EventKinds::POD_LABEL)
    }

    fn queueing_hint(&self, pod: &PodInfo, event: &ClusterEvent, _: &ClusterObjects) -> bool {
        match (event.node(), event.pod()) {
            (Some((before, after)), _) => node_may_help(pod, before, after, self.compares_values),
            (_, Some((before, after))) => {
                pod_may_help(pod, before, after)
                    || (self.heeds_repelling && after.is_none() && repelled(pod, before))
            }
            _ => true,
        }
    }

    fn normalize_score(&self) -> Normalization {
        Normalization::Span
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        let objects = &ctx.cache.objects;
        let spec = ctx.pod.spec();
        let resolved = |stated| Term::resolved(stated, spec, objects, self.rules.selector);
        let affinity = &spec.affinity;
        let mut filter = AffinityFilter {
            pod: ctx.pod,
            namespace_labels: score::namespace_labels(ctx),
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
            return PreFilterResult::Skip;
        }
        PreFilterResult::run_with(filter)
    }

    fn scores(&self, ctx: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Scores> {
        if self.gives_no_points(ctx.pod) {
            return None;
        }
        score::score(ctx, self.rules, feasible)
    }
}

impl FastPlugin for InterPodAffinity {
    fn reach(&self, ctx: AttemptContext<'_>) -> Reach {
        // Pods without terms of their own change nothing for pods just like them.
        if ctx.pod.class.has_terms {
            Reach::Cluster
        } else {
            Reach::Nothing
        }
    }

    fn follow(&self, ctx: AttemptContext<'_>) -> Follow {
        if self.gives_no_points(ctx.pod) {
            return Follow::NoPoints;
        }
        Follow::Points(Box::new(IncrementalAffinity::new(ctx, self.rules)))
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> CacheableFilter {
        let rules = cacheable::rules(ctx, self.rules.selector);
        if rules.is_empty() {
            return CacheableFilter::Open;
        }
        CacheableFilter::Rules(rules)
    }

    fn kept_score(&self, ctx: AttemptContext<'_>) -> CacheableScore {
        if self.gives_no_points(ctx.pod) {
            return CacheableScore::Nothing;
        }
        let counts = cacheable::points(ctx, self.rules);
        if counts.is_empty() {
            return CacheableScore::Nothing;
        }
        CacheableScore::Span(counts)
    }

    fn is_meant_by(&self, ctx: AttemptContext<'_>, other: &PodClass) -> bool {
        cacheable::is_meant_by(ctx, self.rules.hard_weight, other)
    }
}
