//! Terms about other pods for the fast form: what pods of each class count by the labels that the
//! terms look at (spec: kubernetes.md 1.10). What the terms mean is said in `inter_pod_affinity.rs`
//! and `score.rs`.

use std::sync::Arc;

use super::score::{NO_LABELS, namespace_labels, terms_of};
use super::term::{SelectorResolution, Term};
use super::{Rules, matches_all};
use model::{ClusterObjects, Labels, PodAffinityTerm, PodSpec, Text};
use scheduler::kube::cacheable::{CacheableRule, ClassCount, ClassScope, PodCount};
use scheduler::kube::{AttemptContext, PodClass};
use units::SortedSet;

/// Terms of the pod that is being placed, with the namespaces that their selectors match.
#[derive(Clone)]
struct PodTerms {
    spec: Arc<PodSpec>,
    terms: Vec<(PodAffinityTerm, Option<Arc<SortedSet<Text>>>)>,
    selector: SelectorResolution,
}

impl PodTerms {
    fn new(
        spec: &Arc<PodSpec>,
        stated: &[PodAffinityTerm],
        objects: &ClusterObjects,
        selector: SelectorResolution,
    ) -> Self {
        let terms = stated.iter().map(|stated| {
            let term = Term::resolved(stated, spec, objects, selector);
            (stated.clone(), term.namespaces())
        });
        Self {
            terms: terms.collect(),
            spec: spec.clone(),
            selector,
        }
    }

    fn iter(&self) -> impl Iterator<Item = Term<'_>> {
        let terms = self.terms.iter();
        terms.map(|(stated, namespaces)| {
            Term::with(stated, &self.spec, namespaces.as_ref(), self.selector)
        })
    }

    /// Identity of what the terms mean.
    fn identity(&self) -> String {
        let namespace = &self.spec.namespace;
        format!("{namespace} {:?} {:?}", self.selector, self.terms)
    }

    /// The classes that terms about a label may mean.
    fn among(&self, key: &Text) -> ClassScope {
        let about = self.iter().filter(|term| term.key() == key);
        about.fold(ClassScope::none(), |among, term| among.or(term.among()))
    }

    fn matches_all(&self, other: &PodSpec) -> bool {
        matches_all(&self.iter().collect::<Vec<_>>(), other)
    }
}

/// Properties of a pod that terms of other pods match.
#[derive(Clone)]
struct MatchProfile {
    spec: Arc<PodSpec>,
    namespace_labels: Labels,
}

impl MatchProfile {
    fn of(ctx: AttemptContext<'_>) -> Self {
        Self {
            spec: ctx.pod.class.spec.clone(),
            namespace_labels: namespace_labels(ctx).clone(),
        }
    }

    fn is_meant(&self, stated: &PodAffinityTerm, other: &PodSpec) -> bool {
        Term::of(stated, other).matches(&self.spec, &self.namespace_labels)
    }

    /// Identity of what terms can tell about the pod.
    fn identity(&self) -> String {
        let (spec, of_namespace) = (&self.spec, &self.namespace_labels);
        format!("{} {:?} {of_namespace:?}", spec.namespace, spec.labels)
    }

    /// The classes with terms that may mean the pod.
    fn among(&self) -> ClassScope {
        ClassScope::meaning(&self.spec.labels)
    }
}

/// Pods that terms count, whose meaning and kind `name` tells.
fn count(key: Text, among: ClassScope, name: &str, of_class: ClassCount) -> PodCount {
    PodCount {
        key,
        among,
        is_per_node: false,
        of_class,
        on_node: None,
        name: Some(format!("InterPodAffinity {name}").into()),
        only_staying: false,
    }
}

/// The classes that ever had pods on nodes and have terms that may mean a pod.
fn with_terms<'a>(
    ctx: AttemptContext<'a>,
    meant: &MatchProfile,
) -> impl Iterator<Item = &'a PodSpec> + use<'a> {
    let placements = ctx.cache.placements();
    let numbers = placements.that_may_mean(&meant.spec.labels).into_iter();
    let classes = numbers.filter_map(|number| placements.class(number));
    classes.map(|class| &*class.spec)
}

/// The rules that required terms make.
pub(super) fn rules(ctx: AttemptContext<'_>, selector: SelectorResolution) -> Vec<CacheableRule> {
    let (spec, objects) = (&ctx.pod.class.spec, &ctx.cache.objects);
    let mut rules = Vec::new();
    let wanted = PodTerms::new(
        spec,
        &spec.affinity.required_pod_affinity,
        objects,
        selector,
    );
    if !wanted.terms.is_empty() {
        let or_nowhere = wanted.matches_all(spec);
        let keys = wanted
            .terms
            .iter()
            .map(|(stated, _)| stated.topology_key.clone());
        let keys: SortedSet<Text> = keys.collect();
        let name = format!("with {}", wanted.identity());
        let pods = keys.into_iter().map(|key| {
            let wanted = wanted.clone();
            // A pod has to match all terms, so those about one label say enough.
            let among = wanted.among(&key);
            let of_class = move |class: &PodClass| i64::from(wanted.matches_all(&class.spec));
            count(key, among, &name, Arc::new(of_class))
        });
        rules.push(CacheableRule::With {
            pods: pods.collect(),
            or_nowhere,
        });
    }
    let unwanted = PodTerms::new(
        spec,
        &spec.affinity.required_pod_anti_affinity,
        objects,
        selector,
    );
    let keys: SortedSet<Text> = unwanted.iter().map(|term| term.key().clone()).collect();
    let name = format!("without {}", unwanted.identity());
    rules.extend(keys.into_iter().map(|key| {
        let unwanted = unwanted.clone();
        let among = unwanted.among(&key);
        let own_key = key.clone();
        let of_class = move |class: &PodClass| {
            let terms = unwanted.iter().filter(|term| *term.key() == own_key);
            terms
                .filter(|term| term.matches(&class.spec, &NO_LABELS))
                .count() as i64
        };
        CacheableRule::Without(count(key, among, &name, Arc::new(of_class)))
    }));
    rules.extend(rules_of_others(ctx));
    rules
}

/// The rules that others' required terms against pods like this one make.
fn rules_of_others(ctx: AttemptContext<'_>) -> impl Iterator<Item = CacheableRule> {
    let meant = MatchProfile::of(ctx);
    let mut keys: SortedSet<Text> = SortedSet::new();
    for other in with_terms(ctx, &meant) {
        for stated in &other.affinity.required_pod_anti_affinity {
            if meant.is_meant(stated, other) {
                keys.insert(stated.topology_key.clone());
            }
        }
    }
    let name = format!("against {}", meant.identity());
    keys.into_iter().map(move |key| {
        let among = meant.among();
        let (meant, own_key) = (meant.clone(), key.clone());
        let of_class = move |class: &PodClass| {
            let terms = class.spec.affinity.required_pod_anti_affinity.iter();
            terms
                .filter(|stated| stated.topology_key == own_key)
                .filter(|stated| meant.is_meant(stated, &class.spec))
                .count() as i64
        };
        CacheableRule::Without(count(key, among, &name, Arc::new(of_class)))
    })
}

/// The points that preferred terms, and required ones of others, give by label.
pub(super) fn points(ctx: AttemptContext<'_>, rules: Rules) -> Vec<PodCount> {
    let hard_weight = rules.hard_weight;
    let (spec, objects) = (&ctx.pod.class.spec, &ctx.cache.objects);
    let affinity = &spec.affinity;
    let signed = |sign: i64| move |(weight, _): &(i32, PodAffinityTerm)| sign * i64::from(*weight);
    let towards = affinity.preferred_pod_affinity.iter();
    let against = affinity.preferred_pod_anti_affinity.iter();
    let weights = towards.clone().map(signed(1));
    let weights: Vec<i64> = weights.chain(against.clone().map(signed(-1))).collect();
    let stated = towards.chain(against).map(|(_, term)| term.clone());
    let own = PodTerms::new(spec, &stated.collect::<Vec<_>>(), objects, rules.selector);
    let meant = MatchProfile::of(ctx);
    let mut keys: SortedSet<Text> = own.iter().map(|term| term.key().clone()).collect();
    for other in with_terms(ctx, &meant) {
        for (stated, _) in terms_of(other, hard_weight) {
            if meant.is_meant(stated, other) {
                keys.insert(stated.topology_key.clone());
            }
        }
    }
    if keys.is_empty() {
        return Vec::new();
    }
    let (of_own, of_meant) = (own.identity(), meant.identity());
    let name = format!("points {of_own} {weights:?} {of_meant} {hard_weight}");
    let (own, weights) = (Arc::new(own), Arc::new(weights));
    let meant = Arc::new(meant);
    let counts = keys.into_iter().map(|key| {
        let (own, weights, meant) = (own.clone(), weights.clone(), meant.clone());
        let among = own.among(&key).or(meant.among());
        let own_key = key.clone();
        let of_class = move |class: &PodClass| {
            let other = &*class.spec;
            let terms = own.iter().zip(weights.iter());
            let own_points: i64 = terms
                .filter(|(term, _)| *term.key() == own_key && term.matches(other, &NO_LABELS))
                .map(|(_, weight)| *weight)
                .sum();
            let others = terms_of(other, hard_weight);
            let others = others.filter(|(stated, _)| stated.topology_key == own_key);
            let others_points: i64 = others
                .filter(|(stated, _)| meant.is_meant(stated, other))
                .map(|(_, points)| points)
                .sum();
            own_points + others_points
        };
        count(key, among, &name, Arc::new(of_class))
    });
    counts.collect()
}

/// Whether terms of another class mean pods like this one.
pub(super) fn is_meant_by(ctx: AttemptContext<'_>, hard_weight: i64, other: &PodClass) -> bool {
    if !other.has_terms {
        return false;
    }
    let labels = namespace_labels(ctx);
    let spec = &*other.spec;
    let is_meant =
        |stated: &PodAffinityTerm| Term::of(stated, spec).matches(ctx.pod.spec(), labels);
    let mut points = terms_of(spec, hard_weight);
    let mut against = spec.affinity.required_pod_anti_affinity.iter();
    points.any(|(stated, _)| is_meant(stated)) || against.any(is_meant)
}
