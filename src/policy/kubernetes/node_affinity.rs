//! `NodeAffinity`: node selector and node affinity of the pod, and affinity that the configuration
//! adds to every pod (spec: kubernetes.md 1.5).

use std::sync::Arc;

use model::rules::affinity;
use model::{
    Change, Changes, ClusterObjects, NodeAffinity as Affinity, NodeSelector, NodeSelectorTerm,
    Operator, Text,
};
use scheduler::kube::cacheable::{AnswerScope, CacheableFilter, CacheableScore};
use scheduler::kube::{
    AttemptContext, ClusterEvent, EventKinds, FastPlugin, KubePlugin, KubePoints, NodeInfo,
    Normalization, PodInfo, PreFilterResult, PreScoreResult, Reach, Rejection,
};

use crate::{Constructor, Entry, Kind, KubeConstructor, Parameter, Point};
use units::SortedSet;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "NodeAffinity",
    point: Point::KubePlugin,
    summary: "Rejects nodes that the selector or required terms exclude, and counts preferred terms.",
    source: "kubernetes.md 1.5",
    parameters: &[Parameter {
        name: "addedAffinity",
        kind: Kind::Api { of: "NodeAffinity" },
        doc: "Node affinity that is added to that of every pod.",
    }],
    constructor: Constructor::Kube(KubeConstructor {
        points: &["preFilter", "filter", "score"],
        weight: Some(2),
        build: |arguments, changes| {
            Arc::new(NodeAffinity::new(arguments.added_affinity.clone(), changes))
        },
    }),
};

/// Rejects nodes that the pod's selector or required terms exclude, and counts preferred terms.
pub struct NodeAffinity {
    added: Affinity,
    /// Whether a node helps only where it did not match before (spec: kubernetes-releases.md B).
    heeds_before: bool,
}

impl NodeAffinity {
    /// Plugin with affinity that is added to every pod, and the switches of a release.
    pub fn new(added: Affinity, changes: Changes) -> Self {
        Self {
            added,
            heeds_before: changes.has(Change::NodeAffinityHint),
        }
    }

    /// Whether the affinity that is added to every pod admits a node.
    fn admits_by_configuration(&self, node: &NodeInfo) -> bool {
        affinity::meets(self.added.required.as_ref(), &node.object)
    }

    /// Whether nothing is required of nodes.
    fn requires_nothing(&self, pod: &PodInfo) -> bool {
        let spec = pod.spec();
        spec.affinity.node.required.is_none()
            && self.added.required.is_none()
            && spec.node_selector.is_empty()
    }

    /// Whether nothing is preferred of nodes.
    fn prefers_nothing(&self, pod: &PodInfo) -> bool {
        pod.spec().affinity.node.preferred.is_empty() && self.added.preferred.is_empty()
    }
}

/// The only nodes that terms admit by name: the union over terms, if every term names some.
fn named(selector: &NodeSelector) -> Option<SortedSet<Text>> {
    let mut names = SortedSet::new();
    if selector.terms.is_empty() {
        return None;
    }
    for term in &selector.terms {
        names.append(&mut named_by_term(term)?);
    }
    Some(names)
}

fn named_by_term(term: &NodeSelectorTerm) -> Option<SortedSet<Text>> {
    let mut names: Option<SortedSet<Text>> = None;
    let fields = term.match_fields.iter();
    for field in fields.filter(|field| field.operator == Operator::In) {
        let own: SortedSet<Text> = field.values.iter().cloned().collect();
        names = Some(match names {
            Some(known) => known.intersection(&own).cloned().collect(),
            None => own,
        });
    }
    names
}

impl KubePlugin for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
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
        EventKinds::NODE_ADD.and(EventKinds::NODE_LABEL)
    }

    fn queueing_hint(&self, pod: &PodInfo, event: &ClusterEvent, _: &ClusterObjects) -> bool {
        let Some((before, Some(after))) = event.node() else {
            return false;
        };
        self.admits_by_configuration(after)
            && affinity::admits(pod.spec(), &after.object)
            && before.is_none_or(|before| {
                !self.heeds_before || !affinity::admits(pod.spec(), &before.object)
            })
    }

    fn normalize_score(&self) -> Normalization {
        Normalization::Proportion { reverse: false }
    }

    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        if self.requires_nothing(ctx.pod) {
            return PreFilterResult::Skip;
        }
        let required = ctx.pod.spec().affinity.node.required.as_ref();
        let nodes = required.and_then(named);
        if nodes.as_ref().is_some_and(SortedSet::is_empty) {
            return PreFilterResult::Reject(Rejection::unresolvable("pod affinity terms conflict"));
        }
        PreFilterResult::Run {
            filter: None,
            nodes,
        }
    }

    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        if !self.admits_by_configuration(node) {
            return Err(Rejection::unresolvable(
                "node(s) didn't match scheduler-enforced node affinity",
            ));
        }
        if affinity::admits(pod.spec(), &node.object) {
            return Ok(());
        }
        Err(Rejection::unresolvable(
            "node(s) didn't match Pod's node affinity/selector",
        ))
    }

    fn pre_score(&self, ctx: AttemptContext<'_>) -> PreScoreResult {
        if self.prefers_nothing(ctx.pod) {
            return PreScoreResult::Skip;
        }
        PreScoreResult::Run
    }

    fn score(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        let own = &pod.spec().affinity.node.preferred;
        affinity::preference(self.added.preferred.iter().chain(own), &node.object)
    }
}

impl FastPlugin for NodeAffinity {
    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Nothing
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> CacheableFilter {
        let required = ctx.pod.spec().affinity.node.required.as_ref();
        if required.is_some_and(|required| named(required).is_some()) {
            return CacheableFilter::Unknown;
        }
        if self.requires_nothing(ctx.pod) {
            return CacheableFilter::Open;
        }
        CacheableFilter::Node(AnswerScope::OnDeclaration)
    }

    fn kept_score(&self, ctx: AttemptContext<'_>) -> CacheableScore {
        if self.prefers_nothing(ctx.pod) {
            return CacheableScore::Nothing;
        }
        CacheableScore::Node(AnswerScope::OnDeclaration, self.normalize_score())
    }
}
