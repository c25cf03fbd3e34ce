//! Dependencies of a plugin's answers, so that the fast form ([`super::fast`]) can keep them and
//! bring them up to date: the node's declaration, the node with its pods, or counts of pods by the
//! values of a label of their nodes. A plugin that says nothing is asked the plain way.

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Cache, NodeInfo, Normalization, PodClass, Reach};
use model::{LabelSelector, Labels, Text};

/// A question about a node.
pub type NodeTest = Arc<dyn Fn(&NodeInfo) -> bool + Send + Sync>;

/// A question about a node that rests on what the node declares.
#[derive(Clone)]
pub struct NamedTest {
    /// The question.
    pub test: NodeTest,
    /// Identity of the question: those of equal names pass the same nodes, and reject the others in the
    /// same words.
    pub name: Text,
}

/// A question about a node of a cache, its pods and the cluster's objects.
pub type CacheTest = Arc<dyn Fn(&Cache, &NodeInfo) -> bool + Send + Sync>;
/// Points of a node.
pub type NodePoints = Arc<dyn Fn(&NodeInfo) -> i64 + Send + Sync>;
/// Points of each kind of nodes among the nodes of a cache, from 0 to 100.
pub type KindPoints = Arc<dyn Fn(&Cache) -> Vec<i64> + Send + Sync>;
/// Contribution of a pod of a class to a count.
pub type ClassCount = Arc<dyn Fn(&PodClass) -> i64 + Send + Sync>;

/// Compact row of the node data that most answers need.
#[derive(Clone, Copy, Debug, Default)]
pub struct NodeRow {
    /// Milli-cores.
    pub cpu: RowAmount,
    /// Bytes.
    pub memory: RowAmount,
    /// Bytes of node-local scratch storage; `non_zero` is as `used`.
    pub storage: RowAmount,
    /// Number of further pods that may come.
    pub pods_left: i64,
}

/// The places of the nodes that declare each image, and the bytes that it takes there.
#[derive(Debug, Default)]
pub struct NodeImages {
    /// Number of nodes.
    nodes: usize,
    /// Looked up, never iterated over.
    by_name: FxHashMap<Text, Vec<(usize, i64)>>,
}

impl NodeImages {
    /// The images of nodes, whose places are those in the order given.
    pub fn of<'n>(nodes: impl Iterator<Item = &'n NodeInfo>) -> Self {
        let mut images = Self::default();
        for node in nodes {
            for (name, bytes) in &node.object.images {
                let places = images.by_name.entry(name.clone()).or_default();
                // Of an image that a node lists twice, the first counts.
                if places.last().is_none_or(|&(last, _)| last != images.nodes) {
                    places.push((images.nodes, *bytes));
                }
            }
            images.nodes += 1;
        }
        images
    }

    /// Number of nodes.
    pub fn node_count(&self) -> usize {
        self.nodes
    }

    /// The places of the nodes that have an image of exactly this name, in ascending order, with its
    /// bytes.
    pub fn with(&self, name: &str) -> &[(usize, i64)] {
        self.by_name.get(name).map_or(&[], |places| places)
    }
}

/// Nodes by what their points for a pod rest on: those of one kind have the same, whichever other
/// nodes there are.
pub struct NodeKinds {
    /// The kind of each node that was asked about, in order.
    pub kinds: Vec<u16>,
    /// Points of the kinds.
    pub points: KindPoints,
}

/// One resource of a node.
#[derive(Clone, Copy, Debug, Default)]
pub struct RowAmount {
    /// Requests of the node's pods.
    pub used: i64,
    /// Requests of the node's pods as counted in scores.
    pub non_zero: i64,
    /// Allocatable amount of the node.
    pub offered: i64,
}

impl NodeRow {
    /// The row of a node.
    pub fn of(node: &NodeInfo) -> Self {
        let (used, offered) = (&node.requested, &*node.allocatable);
        let amount = |used, non_zero, offered| RowAmount {
            used,
            non_zero,
            offered,
        };
        let cpu = node.non_zero.cpu_milli;
        Self {
            cpu: amount(used.cpu_milli, cpu, offered.cpu_milli),
            memory: amount(used.memory, node.non_zero.memory, offered.memory),
            storage: amount(used.storage, used.storage, offered.storage),
            pods_left: offered.pods - node.pods.len() as i64,
        }
    }
}

/// A question about a row.
pub type RowTest = Box<dyn Fn(&NodeRow) -> bool + Send + Sync>;
/// Points of a row.
pub type RowPoints = Box<dyn Fn(&NodeRow) -> i64 + Send + Sync>;

/// Scope of the data that an answer about a node depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnswerScope {
    /// It rests on what the node declares, and of the pod on nothing but its wishes about nodes, its
    /// tolerations and its devices.
    OnDeclaration,
    /// It rests on what the node declares and on which other nodes there are. Points alone may, those
    /// that [`super::FastPlugin::node_kinds`] gives.
    OnNodes,
    /// It rests on the node and what is on it.
    OnNode,
}

/// Cacheable part of a plugin's verdicts for pods of a class.
#[derive(Debug)]
pub enum CacheableFilter {
    /// Nothing can be cached: such pods use the plain form.
    Unknown,
    /// Every node passes.
    Open,
    /// Answers about single nodes, given by [`super::FastPlugin::admits`].
    Node(AnswerScope),
    /// Rules over more than single nodes: counts of pods, or the cluster's objects. Those of pods
    /// with volumes hold until the objects change.
    Rules(Vec<CacheableRule>),
}

impl CacheableFilter {
    /// Reach of the verdicts where no rule is about counts of pods.
    pub fn reach(&self) -> Reach {
        let of_rule = |rule: &CacheableRule| match rule {
            CacheableRule::Within(_) => Reach::Nothing,
            CacheableRule::Asked(_) => Reach::Node,
            _ => Reach::Cluster,
        };
        match self {
            Self::Open | Self::Node(AnswerScope::OnDeclaration) => Reach::Nothing,
            Self::Node(AnswerScope::OnNode) => Reach::Node,
            Self::Unknown | Self::Node(AnswerScope::OnNodes) => Reach::Cluster,
            Self::Rules(rules) => rules.iter().map(of_rule).max().unwrap_or(Reach::Nothing),
        }
    }
}

/// A rule over more than single nodes that nodes have to keep.
pub enum CacheableRule {
    /// The node passes the test.
    Within(NamedTest),
    /// The node passes a test that is asked each time a search comes to it.
    Asked(CacheTest),
    /// In the node's domain there are at most `max_skew` more, the pod included, than where there
    /// are fewest. Nodes without the label don't pass.
    Skew {
        /// The counted pods.
        pods: PodCount,
        /// Greatest number of pods above those of the domain with the fewest.
        max_skew: i64,
        /// Contribution of the pod itself.
        own: i64,
        /// With fewer domains the fewest are taken to be none.
        min_domains: i64,
    },
    /// There are none in the node's domain.
    Without(PodCount),
    /// There are some of each in the node's domains; nodes without one of the labels don't pass.
    With {
        /// The counted pods.
        pods: Vec<PodCount>,
        /// Whether nodes with the labels pass where there are none at all.
        or_nowhere: bool,
    },
}

impl fmt::Debug for CacheableRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(test) => write!(formatter, "Within({})", test.name),
            Self::Asked(_) => formatter.write_str("Asked"),
            Self::Skew { pods, max_skew, .. } => write!(formatter, "Skew({pods:?}, {max_skew})"),
            Self::Without(pods) => write!(formatter, "Without({pods:?})"),
            Self::With { pods, .. } => write!(formatter, "With({pods:?})"),
        }
    }
}

/// A label by which classes of pods are found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClassLabel {
    /// Namespace of the pods.
    pub namespace: Text,
    /// Key of the label.
    pub key: Text,
    /// Value of the label.
    pub value: Text,
}

/// The classes that may contribute to a count; all others contribute nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassScope {
    /// Any class.
    All,
    /// Classes that have one of some labels, and those with terms about other pods that may mean a pod.
    Some {
        /// The labels.
        labels: Vec<ClassLabel>,
        /// Labels of the pod that terms may mean; `None` if terms of others don't count.
        meaning: Option<Labels>,
    },
}

impl ClassScope {
    /// Classes of a namespace that a selector may match; `None` as the selector matches none.
    pub fn selected(namespace: &Text, selector: Option<&LabelSelector>) -> Self {
        let Some(selector) = selector else {
            return Self::none();
        };
        let Some((key, values)) = selector.demanded() else {
            return Self::All;
        };
        let labels = values.iter().map(|value| ClassLabel {
            namespace: namespace.clone(),
            key: key.clone(),
            value: value.clone(),
        });
        Self::Some {
            labels: labels.collect(),
            meaning: None,
        }
    }

    /// No class.
    pub fn none() -> Self {
        Self::Some {
            labels: Vec::new(),
            meaning: None,
        }
    }

    /// Classes with terms about other pods that may mean a pod with some labels.
    pub fn meaning(labels: &Labels) -> Self {
        Self::Some {
            labels: Vec::new(),
            meaning: Some(labels.clone()),
        }
    }

    /// The classes of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let (
            Self::Some {
                mut labels,
                meaning,
            },
            Self::Some {
                labels: more,
                meaning: other,
            },
        ) = (self, other)
        else {
            return Self::All;
        };
        if meaning.is_some() && other.is_some() && meaning != other {
            return Self::All;
        }
        labels.extend(more);
        Self::Some {
            labels,
            meaning: meaning.or(other),
        }
    }
}

/// Pods that are counted by a label of their nodes.
#[derive(Clone)]
pub struct PodCount {
    /// The label. Its values are the domains.
    pub key: Text,
    /// Whether every node is a domain of its own instead.
    pub is_per_node: bool,
    /// Contribution of pods of a class.
    pub of_class: ClassCount,
    /// The classes whose contribution may differ from 0.
    pub among: ClassScope,
    /// The nodes whose pods count; `None` are all.
    pub on_node: Option<NamedTest>,
    /// Identity of what `of_class`, `among` and `only_staying` say: counts of equal names by equal
    /// labels on the same nodes are equal. `None` is like no other.
    pub name: Option<Text>,
    /// Whether pods that have been asked to terminate don't count.
    pub only_staying: bool,
}

impl fmt::Debug for PodCount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PodCount({})", self.key)
    }
}

/// Cacheable part of a plugin's scores for pods of a class.
#[derive(Debug)]
pub enum CacheableScore {
    /// Nothing can be cached: such pods use the plain form.
    Unknown,
    /// It gives none, or the same to every node.
    Nothing,
    /// Points of single nodes, given by [`super::fast_plugin::node_points`].
    Node(AnswerScope, Normalization),
    /// The sum of counts in the node's domains, as in [`super::plugin::in_span`].
    Span(Vec<PodCount>),
    /// Spreading.
    Spread(CacheableSpread),
}

/// Points for spreading: a node has the sum over rules of `count · weight(domains) + excess`,
/// rounded, and by `scale` the fewer the better. Without the label of a rule it adds nothing.
pub struct CacheableSpread {
    /// The counted pods and the tolerated excess of each rule.
    pub rules: Vec<(PodCount, i64)>,
    /// Nodes that are left out and have no points; `None` are none.
    pub is_ignored: Option<NamedTest>,
    /// Weight of a pod for a number of domains.
    pub weight: fn(usize) -> f64,
    /// Points on the scale, given the least and the most.
    pub scale: fn(i64, i64, i64) -> i64,
}

impl fmt::Debug for CacheableSpread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeptSpread({:?})", self.rules)
    }
}
