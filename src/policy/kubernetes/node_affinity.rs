//! `NodeAffinity`: node selector and node affinity of the pod, and affinity that the configuration
//! adds to every pod (spec: kubernetes.md 1.5).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ask::Ask;
use model::{
    ClusterObjects, NodeAffinity as Affinity, NodeSelector, NodeSelectorTerm, Operator, Text,
};
use scheduler::kube::keep::{KeptFilter, KeptScore, NodePoints, NodeTest, Rests};
use scheduler::kube::{
    AttemptContext, Cache, ClusterEvent, EventKinds, KubePlugin, KubePoints, NodeInfo,
    Normalization, PodInfo, Prepared, Reach, Rejection, Scores,
};

use crate::{Constructor, Entry, Kind, KubeConstructor, Parameter, Point};

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
        build: |arguments, _| Arc::new(NodeAffinity::new(arguments.added_affinity.clone())),
    }),
};

/// Rejects nodes that the pod's selector or required terms exclude, and counts preferred terms.
pub struct NodeAffinity {
    added: Affinity,
}

impl NodeAffinity {
    /// With affinity that is added to every pod.
    pub fn new(added: Affinity) -> Self {
        Self { added }
    }

    fn admits_by_configuration(&self, node: &NodeInfo) -> bool {
        let added = self.added.required.as_ref();
        added.is_none_or(|added| added.matches(node.name(), &node.object.labels))
    }
}

/// Whether the pod's own selector and required terms admit the node.
pub(super) fn admits(pod: &PodInfo, node: &NodeInfo) -> bool {
    let spec = pod.spec();
    let labels = &node.object.labels;
    let has = |(key, value): (&Text, &Text)| labels.get(key) == Some(value);
    spec.node_selector.iter().all(has)
        && spec
            .affinity
            .node
            .required
            .as_ref()
            .is_none_or(|required| required.matches(node.name(), labels))
}

/// The weights of the preferred terms that a node matches, those that are added included.
fn preferred(added: &Affinity, pod: &PodInfo, node: &NodeInfo) -> i64 {
    let own = &pod.spec().affinity.node.preferred;
    let terms = added.preferred.iter().chain(own);
    terms
        .filter(|(_, term)| term.matches(node.name(), &node.object.labels))
        .map(|&(weight, _)| i64::from(weight))
        .sum()
}

/// The only nodes that terms admit by name: the union over terms, if every term names some.
fn named(selector: &NodeSelector) -> Option<BTreeSet<Text>> {
    let mut names = BTreeSet::new();
    if selector.terms.is_empty() {
        return None;
    }
    for term in &selector.terms {
        names.append(&mut named_by_term(term)?);
    }
    Some(names)
}

fn named_by_term(term: &NodeSelectorTerm) -> Option<BTreeSet<Text>> {
    let mut names: Option<BTreeSet<Text>> = None;
    let fields = term.match_fields.iter();
    for field in fields.filter(|field| field.operator == Operator::In) {
        let own: BTreeSet<Text> = field.values.iter().cloned().collect();
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

    fn listens(&self) -> EventKinds {
        EventKinds::NODE_ADD.and(EventKinds::NODE_LABEL)
    }

    fn may_help(&self, pod: &PodInfo, event: &ClusterEvent, _: &ClusterObjects) -> bool {
        let Some((before, Some(after))) = event.node() else {
            return false;
        };
        self.admits_by_configuration(after)
            && admits(pod, after)
            && before.is_none_or(|before| !admits(pod, before))
    }

    fn reach(&self, _: AttemptContext<'_>) -> Reach {
        Reach::Nothing
    }

    fn normalization(&self) -> Normalization {
        Normalization::Proportion { reverse: false }
    }

    fn kept_filter(&self, ctx: AttemptContext<'_>) -> KeptFilter {
        let spec = ctx.pod.spec();
        let required = spec.affinity.node.required.as_ref();
        if required.is_some_and(|required| named(required).is_some()) {
            return KeptFilter::Unknown;
        }
        if required.is_none() && self.added.required.is_none() && spec.node_selector.is_empty() {
            return KeptFilter::Open;
        }
        KeptFilter::Node(Rests::OnDeclaration)
    }

    fn kept_score(&self, ctx: AttemptContext<'_>) -> KeptScore {
        let own = &ctx.pod.spec().affinity.node.preferred;
        if own.is_empty() && self.added.preferred.is_empty() {
            return KeptScore::Nothing;
        }
        KeptScore::Node(Rests::OnDeclaration, self.normalization())
    }

    fn node_test(&self, pod: &Arc<PodInfo>, _: &Cache) -> NodeTest {
        let (pod, added) = (pod.clone(), self.added.required.clone());
        Arc::new(move |node| {
            let added = added.as_ref();
            added.is_none_or(|added| added.matches(node.name(), &node.object.labels))
                && admits(&pod, node)
        })
    }

    fn node_points(&self, pod: &Arc<PodInfo>, _: &Cache) -> NodePoints {
        let (pod, added) = (pod.clone(), self.added.clone());
        Arc::new(move |node| preferred(&added, &pod, node))
    }

    fn prepare<'a>(&'a self, ctx: AttemptContext<'a>) -> Prepared<'a> {
        let spec = ctx.pod.spec();
        let required = spec.affinity.node.required.as_ref();
        if required.is_none() && self.added.required.is_none() && spec.node_selector.is_empty() {
            return Prepared::Skip;
        }
        let nodes = required.and_then(named);
        if nodes.as_ref().is_some_and(BTreeSet::is_empty) {
            return Prepared::Reject(Rejection::unresolvable("pod affinity terms conflict"));
        }
        let filter = Ask(move |node: &NodeInfo| {
            if !self.admits_by_configuration(node) {
                return Err(Rejection::unresolvable(
                    "node(s) didn't match scheduler-enforced node affinity",
                ));
            }
            if admits(ctx.pod, node) {
                return Ok(());
            }
            Err(Rejection::unresolvable(
                "node(s) didn't match Pod's node affinity/selector",
            ))
        });
        Prepared::Ask {
            filter: Box::new(filter),
            nodes,
        }
    }

    fn score(&self, ctx: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Scores> {
        let own = &ctx.pod.spec().affinity.node.preferred;
        if own.is_empty() && self.added.preferred.is_empty() {
            return None;
        }
        let nodes = feasible.iter();
        let points = nodes.map(|node| preferred(&self.added, ctx.pod, node));
        Some(Scores::in_proportion(points.collect(), false))
    }
}
