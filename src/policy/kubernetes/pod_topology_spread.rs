//! `PodTopologySpread`: pods spread over domains (spec: kubernetes.md 1.9). Rules that must hold
//! reject nodes (`filter.rs`), others cost points (`score.rs`).

mod cacheable;
mod filter;
mod incremental;
mod score;

use std::sync::Arc;

use model::node::{HOSTNAME_LABEL, ZONE_LABEL};
use model::rules::{affinity, taints};
use model::{ClusterObjects, LabelSelector, Labels, Operator, Requirement, Text, TopologySpread};
use scheduler::kube::cacheable::{CacheableFilter, CacheableScore};
use scheduler::kube::{
    AttemptContext, ClusterEvent, EventKinds, FastPlugin, Follow, KubePlugin, KubePoints, NodeInfo,
    PodInfo, PreFilterResult, Reach, Scores,
};

use crate::{Constructor, Entry, Kind, KubeConstructor, Parameter, Point};
use filter::SpreadFilter;
use incremental::IncrementalSpread;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "PodTopologySpread",
    point: Point::KubePlugin,
    summary: "Spreads pods over domains of nodes, by rules that must hold and by preferred ones.",
    source: "kubernetes.md 1.9",
    parameters: &[
        Parameter {
            name: "defaultingType",
            kind: Kind::Choice {
                default: "System",
                of: &["System", "List"],
            },
            doc: "Rules for pods without their own: the built-in ones, or `defaultConstraints`.",
        },
        Parameter {
            name: "defaultConstraints",
            kind: Kind::List {
                of: &Kind::Api {
                    of: "TopologySpreadConstraint",
                },
                default: "[]",
            },
            doc: "Rules for pods without their own, with `defaultingType: List`.",
        },
    ],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["preFilter", "filter", "score"],
        weight: Some(2),
        build: |arguments, _| Arc::new(PodTopologySpread::new(arguments.default_spread.clone())),
    }),
};

/// Spreads pods over domains.
pub struct PodTopologySpread {
    defaults: Vec<TopologySpread>,
    /// Whether the defaults are the built-in ones.
    is_system: bool,
}

/// A rule as it counts for one pod.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) max_skew: i64,
    pub(super) key: Text,
    /// `None` matches nothing.
    selector: Option<LabelSelector>,
    pub(super) min_domains: i64,
    honors_affinity: bool,
    honors_taints: bool,
}

impl Rule {
    fn of(stated: &TopologySpread, selector: Option<LabelSelector>) -> Self {
        Self {
            max_skew: i64::from(stated.max_skew),
            key: stated.topology_key.clone(),
            selector,
            min_domains: i64::from(stated.min_domains.unwrap_or(1)),
            honors_affinity: stated.honor_node_affinity,
            honors_taints: stated.honor_node_taints,
        }
    }

    /// Whether the selector matches labels; an empty one does.
    pub(super) fn matches(&self, labels: &Labels) -> bool {
        let selector = self.selector.as_ref();
        selector.is_some_and(|selector| selector.matches(labels))
    }

    /// `true` if the rule's selector is there and demands nothing.
    fn is_empty(&self) -> bool {
        let selector = self.selector.as_ref();
        selector.is_some_and(|selector| selector.requirements.is_empty())
    }

    /// Whether pods of the node count.
    pub(super) fn includes(&self, pod: &PodInfo, node: &NodeInfo) -> bool {
        (!self.honors_affinity || affinity::admits(pod.spec(), &node.object))
            && (!self.honors_taints || taints::admits(pod.spec(), &node.object.taints))
    }

    /// Whether a pod in place that is just like the one being placed counts.
    pub(super) fn counts(&self, pod: &PodInfo) -> bool {
        !self.is_empty() && self.matches(&pod.spec().labels)
    }

    /// Tells where pods of classes that match are and how many of them count; terminating ones
    /// and, with an empty selector, all don't.
    pub(super) fn count(&self, ctx: AttemptContext<'_>, mut tell: impl FnMut(usize, i64)) {
        if self.selector.is_none() || self.is_empty() {
            return;
        }
        let namespace = &ctx.pod.spec().namespace;
        for places in ctx.cache.placements().iter() {
            let other = &places.class.spec;
            if other.namespace == *namespace && self.matches(&other.labels) {
                for (slot, held) in places.nodes.iter() {
                    tell(slot, i64::from(held.staying));
                }
            }
        }
    }
}

/// Whether a node has the keys of all rules.
pub(super) fn has_all_keys(rules: &[Rule], node: &NodeInfo) -> bool {
    has_keys(rules.iter().map(|rule| &rule.key), node)
}

/// Whether a node has labels of these keys.
fn has_keys<'k>(keys: impl IntoIterator<Item = &'k Text>, node: &NodeInfo) -> bool {
    keys.into_iter().all(|key| node.label(key).is_some())
}

impl PodTopologySpread {
    /// Plugin with rules for pods that have none of their own; `None` takes the built-in ones.
    pub fn new(defaults: Option<Vec<TopologySpread>>) -> Self {
        Self {
            is_system: defaults.is_none(),
            defaults: defaults
                .unwrap_or_else(|| vec![built_in(HOSTNAME_LABEL, 3), built_in(ZONE_LABEL, 5)]),
        }
    }

    /// The rules for a pod: those that must hold, or the others.
    fn rules(&self, pod: &PodInfo, objects: &ClusterObjects, hard: bool) -> Vec<Rule> {
        let spec = pod.spec();
        let own = spec.topology_spread.iter().filter(|rule| rule.hard == hard);
        if !spec.topology_spread.is_empty() {
            return own
                .map(|rule| Rule::of(rule, with_own_values(rule, &spec.labels)))
                .collect();
        }
        let mut defaults = self
            .defaults
            .iter()
            .filter(|rule| rule.hard == hard)
            .peekable();
        if defaults.peek().is_none() {
            return Vec::new();
        }
        let selector = selector_of_owners(pod, objects);
        if selector.requirements.is_empty() {
            return Vec::new();
        }
        defaults
            .map(|rule| Rule::of(rule, Some(selector.clone())))
            .collect()
    }
}

/// Whether a node that came, left or changed may change what the rules say.
fn node_may_help(rules: &[Rule], before: Option<&NodeInfo>, after: Option<&NodeInfo>) -> bool {
    let has = |node: Option<&NodeInfo>| node.is_some_and(|node| has_all_keys(rules, node));
    let (Some(old), Some(new)) = (before, after) else {
        return has(before) || has(after);
    };
    let moved = |rule: &Rule| old.label(&rule.key) != new.label(&rule.key);
    has(before) != has(after)
        || has(after) && (rules.iter().any(moved) || old.object.taints != new.object.taints)
}

/// Whether a pod that came, left or changed may change what the rules say to `pod`.
fn pod_may_help(
    rules: &[Rule],
    pod: &PodInfo,
    before: Option<&PodInfo>,
    after: Option<&PodInfo>,
) -> bool {
    let namespace = &pod.spec().namespace;
    let others = before.into_iter().chain(after);
    if others
        .into_iter()
        .any(|other| other.spec().namespace != *namespace)
    {
        return false;
    }
    let matches = |rule: &Rule, other: Option<&PodInfo>| {
        other.is_some_and(|other| rule.matches(&other.spec().labels))
    };
    let (Some(old), Some(new)) = (before, after) else {
        return rules
            .iter()
            .any(|rule| matches(rule, before) || matches(rule, after));
    };
    let tolerates_otherwise = old.spec().tolerations != new.spec().tolerations;
    if new.is(pod) && tolerates_otherwise && rules.iter().any(|rule| rule.honors_taints) {
        return true;
    }
    rules
        .iter()
        .any(|rule| matches(rule, before) != matches(rule, after))
}

fn built_in(key: &str, max_skew: i32) -> TopologySpread {
    TopologySpread {
        max_skew,
        topology_key: key.into(),
        hard: false,
        selector: None,
        min_domains: None,
        honor_node_affinity: true,
        honor_node_taints: false,
        match_label_keys: Vec::new(),
    }
}

fn is_value(key: &Text, value: &Text) -> Requirement {
    Requirement {
        key: key.clone(),
        operator: Operator::In,
        values: vec![value.clone()],
    }
}

/// The rule's selector with the pod's values of its `matchLabelKeys`.
fn with_own_values(rule: &TopologySpread, labels: &Labels) -> Option<LabelSelector> {
    let mut selector = rule.selector.clone()?;
    for key in &rule.match_label_keys {
        if let Some(value) = labels.get(key) {
            selector.requirements.push(is_value(key, value));
        }
    }
    Some(selector)
}

/// Combined selector of the services and the owner of a pod.
fn selector_of_owners(pod: &PodInfo, objects: &ClusterObjects) -> LabelSelector {
    let spec = pod.spec();
    let mut labels = Labels::new();
    let services = objects.services.iter().filter(|service| {
        let has = |(key, value): (&Text, &Text)| spec.labels.get(key) == Some(value);
        service.namespace == spec.namespace
            && !service.selector.is_empty()
            && service.selector.iter().all(has)
    });
    for service in services {
        let pairs = service.selector.iter();
        labels.extend(pairs.map(|(key, value)| (key.clone(), value.clone())));
    }
    let owner = spec.owner.as_ref().and_then(|owner| {
        objects.workloads.iter().find(|workload| {
            workload.namespace == spec.namespace
                && workload.kind == owner.kind
                && workload.name == owner.name
        })
    });
    let owned = owner.and_then(|owner| Some((&*owner.kind, owner.selector.as_ref()?)));
    // The labels that a ReplicationController selects take the place of a service's.
    if let Some(("ReplicationController", own)) = owned {
        let pairs = own.requirements.iter();
        let pairs = pairs.filter_map(|pair| Some((pair.key.clone(), pair.values.first()?.clone())));
        labels.extend(pairs);
    }
    let pairs = labels.iter();
    let mut selector = LabelSelector {
        requirements: pairs.map(|(key, value)| is_value(key, value)).collect(),
    };
    if let Some(("ReplicaSet" | "StatefulSet", own)) = owned {
        selector
            .requirements
            .extend(own.requirements.iter().cloned());
    }
    selector
}

impl KubePlugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
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
            .and(EventKinds::NODE_DELETE)
            .and(EventKinds::NODE_LABEL)
            .and(EventKinds::NODE_TAINT)
            .and(EventKinds::POD_ADD)
            .and(EventKinds::POD_DELETE)
            .and(EventKinds::POD_LABEL)
            .and(EventKinds::POD_TOLERATION)
    }

    fn queueing_hint(&self, pod: &PodInfo, event: &ClusterEvent, objects: &ClusterObjects) -> bool {
        let rules = self.rules(pod, objects, true);
        match (event.node(), event.pod()) {
            (Some((before, after)), _) => node_may_help(&rules, before, after),
            (_, Some((before, after))) => pod_may_help(&rules, pod, before, after),
            _ => true,
        }
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        let rules = self.rules(ctx.pod, &ctx.cache.objects, true);
        if rules.is_empty() {
            return PreFilterResult::Skip;
        }
        PreFilterResult::run_with(SpreadFilter::new(ctx, rules))
    }

    fn scores(&self, ctx: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Scores> {
        let rules = self.rules(ctx.pod, &ctx.cache.objects, false);
        if rules.is_empty() {
            return None;
        }
        let needs_all_keys = !ctx.pod.spec().topology_spread.is_empty() || !self.is_system;
        Some(score::score(ctx, &rules, needs_all_keys, feasible))
    }
}

impl FastPlugin for PodTopologySpread {
    fn reach(&self, ctx: AttemptContext<'_>) -> Reach {
        let (pod, objects) = (ctx.pod, &ctx.cache.objects);
        if self.rules(pod, objects, true).is_empty() && self.rules(pod, objects, false).is_empty() {
            Reach::Nothing
        } else {
            Reach::Cluster
        }
    }

    fn follow(&self, ctx: AttemptContext<'_>) -> Follow {
        let (pod, objects) = (ctx.pod, &ctx.cache.objects);
        // Simulated pods count for an empty selector, pods in place do not.
        if self.rules(pod, objects, true).iter().any(Rule::is_empty) {
            return Follow::Unknown;
        }
        let rules = self.rules(pod, objects, false);
        if rules.is_empty() {
            return Follow::NoPoints;
        }
        let needs_all_keys = !pod.spec().topology_spread.is_empty() || !self.is_system;
        Follow::Points(Box::new(IncrementalSpread::new(
            ctx,
            &rules,
            needs_all_keys,
        )))
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> CacheableFilter {
        let rules = self.rules(ctx.pod, &ctx.cache.objects, true);
        if rules.is_empty() {
            return CacheableFilter::Open;
        }
        CacheableFilter::Rules(cacheable::rules(&rules, ctx.pod))
    }

    fn kept_score(&self, ctx: AttemptContext<'_>) -> CacheableScore {
        let rules = self.rules(ctx.pod, &ctx.cache.objects, false);
        if rules.is_empty() {
            return CacheableScore::Nothing;
        }
        let needs_all_keys = !ctx.pod.spec().topology_spread.is_empty() || !self.is_system;
        CacheableScore::Spread(cacheable::spread(&rules, ctx.pod, needs_all_keys))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use model::objects::{Service, Workload};
    use model::{Owner, PodSpec};
    use scheduler::kube::PodClass;

    #[test]
    fn labels_of_a_replication_controller_take_the_place_of_those_of_a_service() {
        let labels = |value: &str| Labels::from([("app".into(), value.into())]);
        for (kind, expected) in [
            ("ReplicationController", &["b"][..]),
            ("ReplicaSet", &["a", "b"]),
        ] {
            let spec = PodSpec {
                labels: labels("a"),
                owner: Some(Owner {
                    kind: kind.into(),
                    name: "o".into(),
                }),
                ..PodSpec::default()
            };
            let class = PodClass::derive(Arc::new(spec), model::Changes::default())
                .expect("no amounts at all");
            let pod = PodInfo {
                class: Arc::new(class),
                ..PodInfo::default()
            };
            let selector = LabelSelector {
                requirements: vec![is_value(&"app".into(), &"b".into())],
            };
            let objects = ClusterObjects {
                services: vec![Service {
                    namespace: Text::default(),
                    selector: labels("a"),
                }],
                workloads: vec![Workload {
                    kind: kind.into(),
                    namespace: Text::default(),
                    name: "o".into(),
                    selector: Some(selector),
                }],
                ..ClusterObjects::default()
            };
            let selector = selector_of_owners(&pod, &objects);
            let values = selector
                .requirements
                .iter()
                .map(|requirement| &*requirement.values[0]);
            assert_eq!(values.collect::<Vec<_>>(), expected, "{kind}");
        }
    }
}
