//! What a plugin of the Kubernetes scheduler implements (spec: kubernetes.md 1.4, 1.14).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::keep::{KeptFilter, KeptScore, NodePoints, NodeTest, RowPoints, RowTest};
use super::{
    Attempt, Cache, ClusterEvent, EventKinds, KubePoints, NodeInfo, PodClass, PodInfo, Preemption,
    Rejection, Status, VolumeChoice,
};
use model::{ClusterObjects, DeviceSet, Text};
use units::Duration;

/// Input of the plugins in one attempt.
#[derive(Clone, Copy)]
pub struct AttemptContext<'a> {
    /// The cluster.
    pub cache: &'a Cache,
    /// The pod that is being placed.
    pub pod: &'a PodInfo,
}

/// The answer of `PreFilter`.
pub enum Prepared<'a> {
    /// The plugin does not apply to this pod.
    Skip,
    /// No node can take the pod.
    Reject(Rejection),
    /// Nodes are to be asked.
    Ask {
        /// The question, with what was prepared for it.
        filter: Box<dyn NodeFilter<'a> + 'a>,
        /// The only nodes that can take the pod; `None` is no such limit.
        nodes: Option<BTreeSet<Text>>,
    },
}

impl<'a> Prepared<'a> {
    /// Every node is to be asked.
    pub fn ask(filter: impl NodeFilter<'a> + 'a) -> Self {
        Self::Ask {
            filter: Box::new(filter),
            nodes: None,
        }
    }
}

/// A plugin's question to nodes within one attempt. Simulated evictions change it and work on
/// copies.
pub trait NodeFilter<'a> {
    /// Whether the node can take the pod.
    fn filter(&self, node: &NodeInfo) -> Result<(), Rejection>;

    /// A pod was added to the node, in a simulation.
    fn add_pod(&mut self, pod: &PodInfo, node: &NodeInfo) {
        let _ = (pod, node);
    }

    /// A pod was removed from the node, in a simulation.
    fn remove_pod(&mut self, pod: &PodInfo, node: &NodeInfo) {
        let _ = (pod, node);
    }

    /// An equal question.
    fn clone_filter(&self) -> Box<dyn NodeFilter<'a> + 'a>;
}

/// Points of the feasible nodes, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scores {
    /// Raw scores of the plugin.
    pub raw: Vec<i64>,
    /// After normalisation: 0–100.
    pub normalized: Vec<i64>,
}

impl Scores {
    /// Points that need no normalisation.
    pub fn plain(raw: Vec<i64>) -> Self {
        Self {
            normalized: raw.clone(),
            raw,
        }
    }

    /// Points in proportion to the largest, which becomes 100; `reverse` turns them round.
    pub fn in_proportion(raw: Vec<i64>, reverse: bool) -> Self {
        let largest = raw.iter().copied().max().unwrap_or(0);
        let normalize = |&points: &i64| proportion(points, largest, reverse);
        Self {
            normalized: raw.iter().map(normalize).collect(),
            raw,
        }
    }
}

/// Points in proportion to the largest ones, which become 100.
pub fn proportion(points: i64, largest: i64, reverse: bool) -> i64 {
    let share = if largest == 0 {
        0
    } else {
        100 * points / largest
    };
    if reverse { 100 - share } else { share }
}

/// Points between the least ones, which become 0, and the largest, which become 100. The quotient
/// is taken first, as in the original.
pub fn in_span(points: i64, least: i64, most: i64) -> i64 {
    if most == least {
        return 0;
    }
    let share = (points - least) as f64 / (most - least) as f64;
    (100.0 * share) as i64
}

/// Points in whole numbers between the least ones, which become 0, and the largest, which become
/// 100; rounded down. If all are equal, all become 0.
pub fn in_whole_span(points: i64, least: i64, most: i64) -> i64 {
    let width = i128::from(most) - i128::from(least);
    if width <= 0 {
        return 0;
    }
    let above = (i128::from(points) - i128::from(least)).clamp(0, width);
    (100 * above / width) as i64
}

/// Scope of a plugin's answers for a given pod: which of them can change when more pods just like
/// it are placed. With [`Reach::Nothing`] and [`Reach::Node`], a caller may ask once and keep the
/// answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// No answer changes: all depend only on declarations.
    Nothing,
    /// The answers about a node rest on that node and what is on it.
    Node,
    /// A pod on one node can change the answers about others.
    Cluster,
}

impl Reach {
    /// That of a plugin that looks at nothing but the pod's volumes and who else has them.
    pub fn of_volumes(pod: &PodInfo) -> Self {
        if pod.spec().volumes.is_empty() {
            Self::Nothing
        } else {
            Self::Cluster
        }
    }
}

/// Whether a plugin whose answers reach over the cluster can follow the placing of more pods just
/// like the one that is placed, without counting anew each time.
pub enum Follow<'a> {
    /// It can't, or does not know.
    Unknown,
    /// The filter follows changes reported by [`NodeFilter::add_pod`]; the plugin gives no scores.
    NoPoints,
    /// The filter follows changes reported by [`NodeFilter::add_pod`]; the scores follow in this
    /// way.
    Points(Box<dyn Follower + 'a>),
}

/// Points of nodes while pods just like the one that is placed take their places.
pub trait Follower {
    /// One more took its place on a node.
    fn add_pod(&mut self, node: &NodeInfo);

    /// Writes the points on the scale of the feasible nodes, given by their slots.
    fn score(&mut self, feasible: &[usize], points: &mut Vec<i64>);
}

/// How raw points become those of the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Normalization {
    /// They are on it already.
    Plain,
    /// Normalization by [`Scores::in_proportion`].
    Proportion {
        /// Whether few are good.
        reverse: bool,
    },
    /// The least become 0, the largest 100 ([`in_span`]).
    Span,
    /// Normalization by [`in_whole_span`]: like [`Normalization::Span`], in whole numbers of any
    /// size.
    WholeSpan,
    /// In a way of the plugin's own.
    Own,
}

/// Result of a plugin's `PostFilter`, called when no node can take the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostFilter {
    /// Evictions make room on a node.
    Nominate(Preemption),
    /// No room was made: the reason, and the findings of the search.
    Nothing(String, Preemption),
    /// The plugin failed.
    Failed(String),
}

/// A plugin's verdict on the binding of a pod that has a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KubePermit {
    /// Yes.
    Allow,
    /// Yes, and to the waiting pods of its group.
    AllowGroup,
    /// It is to wait, this long at most.
    Wait(Duration),
    /// No.
    Reject(Rejection),
}

/// A plugin. Every method but [`KubePlugin::name`] and [`KubePlugin::points`] has a neutral
/// default.
pub trait KubePlugin: Send + Sync {
    /// The plugin's name in the original.
    fn name(&self) -> &'static str;

    /// The points it acts at.
    fn points(&self) -> KubePoints;

    /// Scope of the plugin's verdicts and scores for this pod.
    fn reach(&self, ctx: AttemptContext<'_>) -> Reach {
        let _ = ctx;
        Reach::Cluster
    }

    /// How its answers for this pod follow the placing of pods just like it; asked only where they
    /// reach over the cluster.
    fn follow<'a>(&'a self, ctx: AttemptContext<'a>) -> Follow<'a> {
        let _ = ctx;
        Follow::Unknown
    }

    /// How its raw points become those of the scale.
    fn normalization(&self) -> Normalization {
        Normalization::Own
    }

    /// Cacheable part of the plugin's verdicts for pods of this class: equal verdicts on equal
    /// clusters for all pods of the class. Never called for pods with a node, a nominated node or a
    /// group.
    fn kept_filter(&self, ctx: AttemptContext<'_>) -> KeptFilter {
        let _ = ctx;
        KeptFilter::Unknown
    }

    /// Cacheable part of the plugin's scores, in the same way.
    fn kept_score(&self, ctx: AttemptContext<'_>) -> KeptScore {
        let _ = ctx;
        KeptScore::Unknown
    }

    /// Whether pods of another class can change what is kept for this one, beyond its counts.
    fn is_meant_by(&self, ctx: AttemptContext<'_>, other: &PodClass) -> bool {
        let _ = (ctx, other);
        false
    }

    /// Whether [`KubePlugin::node_test`] and [`KubePlugin::node_points`] are given the pod's whole
    /// spec. Answers are then shared only by classes of equal specs.
    fn needs_whole_spec(&self) -> bool {
        false
    }

    /// The question to single nodes that is kept. `pod` is bare: it has nothing but what tells of
    /// containers, resources, devices, nodes and tolerations.
    fn node_test(&self, pod: &Arc<PodInfo>, cache: &Cache) -> NodeTest {
        let _ = (pod, cache);
        Arc::new(|_| true)
    }

    /// The points of single nodes that are kept, before normalisation. `pod` is bare.
    fn node_points(&self, pod: &Arc<PodInfo>, cache: &Cache) -> NodePoints {
        let _ = (pod, cache);
        Arc::new(|_| 0)
    }

    /// Answers [`KubePlugin::node_test`] from a node row, where possible.
    fn row_test(&self, pod: &Arc<PodInfo>) -> Option<RowTest> {
        let _ = pod;
        None
    }

    /// Computes the scores of [`KubePlugin::node_points`] from a node row, where possible.
    fn row_points(&self, pod: &Arc<PodInfo>) -> Option<RowPoints> {
        let _ = pod;
        None
    }

    /// Whether the pod may enter the queue.
    fn pre_enqueue(&self, pod: &PodInfo) -> Result<(), Rejection> {
        let _ = pod;
        Ok(())
    }

    /// The kinds of event that may make a pod schedulable that this plugin rejected.
    fn listens(&self) -> EventKinds {
        EventKinds::NONE
    }

    /// Whether an event of one of these kinds may make the pod schedulable (the queueing hint).
    fn may_help(&self, pod: &PodInfo, event: &ClusterEvent, objects: &ClusterObjects) -> bool {
        let _ = (pod, event, objects);
        true
    }

    /// Prepares for a pod (`PreFilter`); plugins that only filter just ask.
    fn prepare<'a>(&'a self, ctx: AttemptContext<'a>) -> Prepared<'a> {
        let _ = ctx;
        Prepared::Skip
    }

    /// No node can take the pod. `verdicts` are those of the nodes looked at.
    fn post_filter(&self, attempt: &Attempt<'_>, verdicts: &[(Text, Status)]) -> PostFilter {
        let _ = (attempt, verdicts);
        PostFilter::Nothing(String::new(), Preemption::default())
    }

    /// Runs `PostFilter` for the case that no node has a pod of lower priority and `open` nodes
    /// have a verdict of [`super::Code::Unschedulable`]; `None` if that is not enough information.
    fn post_filter_of_nobody(&self, attempt: &Attempt<'_>, open: usize) -> Option<PostFilter> {
        let _ = (attempt, open);
        None
    }

    /// The storage that the pod takes on the node it goes to (`Reserve`).
    fn reserve(&self, ctx: AttemptContext<'_>, node: &NodeInfo) -> Vec<VolumeChoice> {
        let _ = (ctx, node);
        Vec::new()
    }

    /// GPU devices for the pod on the node it goes to; `None` leaves the choice to the next plugin,
    /// and after the last one to [`NodeInfo::devices_for`].
    fn devices(&self, ctx: AttemptContext<'_>, node: &NodeInfo) -> Option<DeviceSet> {
        let _ = (ctx, node);
        None
    }

    /// Whether a pod that has a place, and counts there, may be bound.
    fn permit(&self, ctx: AttemptContext<'_>) -> KubePermit {
        let _ = ctx;
        KubePermit::Allow
    }

    /// The pod found no place: whether waiting pods of its group give theirs back.
    fn gives_up_group(&self, ctx: AttemptContext<'_>) -> bool {
        let _ = ctx;
        false
    }

    /// Points of the feasible nodes; `None` gives none at all (`PreScore` says Skip).
    fn score(&self, ctx: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Scores> {
        let _ = (ctx, feasible);
        None
    }
}
