//! Extension of [`KubePlugin`] for forms that keep a plugin's answers: the fast form
//! ([`super::fast`]) and autoscalers that simulate.
//!
//! Nothing here changes a decision. Each answer is the one of a method of [`KubePlugin`], and
//! property tests hold both to each other.

use std::sync::Arc;

use super::cacheable::{
    CacheableFilter, CacheableScore, NodeImages, NodeKinds, NodePoints, NodeTest, RowPoints,
    RowTest,
};
use super::plugin::{AttemptContext, KubePlugin, PostFilter};
use super::{Attempt, NodeInfo, PodClass, PodInfo};

/// Reach of a plugin's answers for a given pod: the part of them that can change when more pods
/// just like it are placed. What [`Reach::Nothing`] and [`Reach::Node`] promise lets a caller ask
/// once and keep the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nothing changes: the answers rest on what is declared.
    Nothing,
    /// The answers about a node rest on that node and what is on it.
    Node,
    /// A pod on one node can change the answers about others.
    Cluster,
}

/// Whether a plugin whose answers reach over the cluster can follow the placing of more pods just
/// like the one that is placed, without counting anew each time.
pub enum Follow {
    /// It can't, or does not know.
    Unknown,
    /// The plugin's filter follows placings through [`super::NodeFilter::add_pod`], and it gives no
    /// points.
    NoPoints,
    /// The plugin's filter follows placings in the same way, and its points through this follower.
    Points(Box<dyn Follower>),
}

/// Points of nodes while pods just like the one that is placed take their places.
///
/// A follower by which every further pod on a node costs the node ten points:
///
/// ```
/// use units::SortedMap;
///
/// use scheduler::kube::{Follower, NodeInfo};
///
/// #[derive(Default)]
/// struct Spread {
///     placed: SortedMap<usize, i64>,
/// }
///
/// impl Follower for Spread {
///     fn add_pod(&mut self, node: &NodeInfo) {
///         *self.placed.entry(node.slot).or_default() += 1;
///     }
///
///     fn score(&mut self, feasible: &[usize], points: &mut Vec<i64>) {
///         let of_slot = |slot: &usize| 100 - 10 * self.placed.get(slot).copied().unwrap_or(0);
///         points.clear();
///         points.extend(feasible.iter().map(of_slot));
///     }
/// }
///
/// let mut points = Vec::new();
/// Spread::default().score(&[0, 4], &mut points);
/// assert_eq!(points, [100, 100]);
/// ```
pub trait Follower {
    /// One more took its place on a node.
    fn add_pod(&mut self, node: &NodeInfo);

    /// Writes the points on the scale of the feasible nodes, given by their slots.
    fn score(&mut self, feasible: &[usize], points: &mut Vec<i64>);
}

/// Cacheable part of a plugin's answers, and its validity. Every method has a default that keeps
/// nothing.
///
/// A filter by a label of the node. Its verdicts rest on the node's declaration, so the fast form asks
/// each node once and keeps the answer:
///
/// ```
/// use std::sync::Arc;
///
/// use scheduler::kube::cacheable::{AnswerScope, CacheableFilter, CacheableScore};
/// use scheduler::kube::{
///     AttemptContext, FastPlugin, KubePlugin, KubePoints, NodeInfo, PodInfo, Reach, Rejection,
/// };
///
/// struct SolidState;
///
/// impl KubePlugin for SolidState {
///     fn name(&self) -> &'static str {
///         "SolidState"
///     }
///
///     fn points(&self) -> KubePoints {
///         KubePoints::FILTER
///     }
///
///     fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
///         Some(self)
///     }
///
///     fn filter(&self, _pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
///         match node.label("disk") {
///             Some(disk) if **disk == *"ssd" => Ok(()),
///             _ => Err(Rejection::unresolvable("node(s) had no solid-state disk")),
///         }
///     }
/// }
///
/// impl FastPlugin for SolidState {
///     fn reach(&self, _ctx: AttemptContext<'_>) -> Reach {
///         Reach::Nothing
///     }
///
///     fn kept_filter(&self, _ctx: AttemptContext<'_>) -> CacheableFilter {
///         CacheableFilter::Node(AnswerScope::OnDeclaration)
///     }
///
///     fn kept_score(&self, _ctx: AttemptContext<'_>) -> CacheableScore {
///         CacheableScore::Nothing
///     }
/// }
///
/// assert!(Arc::new(SolidState).fast().is_some());
/// ```
pub trait FastPlugin: KubePlugin {
    /// Reach of the plugin's verdicts and points for this pod.
    fn reach(&self, ctx: AttemptContext<'_>) -> Reach {
        let _ = ctx;
        Reach::Cluster
    }

    /// Rule by which the plugin's answers for this pod follow the placing of pods just like it;
    /// asked only where they reach over the cluster.
    fn follow(&self, ctx: AttemptContext<'_>) -> Follow {
        let _ = ctx;
        Follow::Unknown
    }

    /// Part of the plugin's verdicts that can be kept for pods of this one's class: equal verdicts
    /// on equal clusters, whatever else tells the pods of the class apart. Pods with a node, a
    /// nominated node or a group are not asked about. Plugins that never reject say
    /// [`CacheableFilter::Open`].
    fn kept_filter(&self, ctx: AttemptContext<'_>) -> CacheableFilter {
        let _ = ctx;
        CacheableFilter::Unknown
    }

    /// Part of the plugin's points that can be kept, in the same way.
    fn kept_score(&self, ctx: AttemptContext<'_>) -> CacheableScore {
        let _ = ctx;
        CacheableScore::Unknown
    }

    /// Whether pods of another class can change what is kept for this one, beyond its counts.
    fn is_meant_by(&self, ctx: AttemptContext<'_>, other: &PodClass) -> bool {
        let _ = (ctx, other);
        false
    }

    /// Whether questions about single nodes need the pod's whole spec. Answers are then shared only
    /// by classes of equal specs. Otherwise the pod is bare: it has nothing but its containers,
    /// resources, devices, wishes about nodes, and tolerations.
    fn needs_whole_spec(&self) -> bool {
        false
    }

    /// Whether [`KubePlugin::filter`] lets the pod onto the node; a plugin whose rejections are
    /// costly to word answers without one.
    fn admits(&self, pod: &PodInfo, node: &NodeInfo) -> bool {
        self.filter(pod, node).is_ok()
    }

    /// The kinds of nodes by the points of [`KubePlugin::score`], for points that rest on which other
    /// nodes there are; `None` if there are too many. All that they may rest on is which images nodes
    /// declare.
    fn node_kinds(&self, pod: &PodInfo, images: &NodeImages) -> Option<NodeKinds> {
        let _ = (pod, images);
        None
    }

    /// The question of [`FastPlugin::admits`] where a row answers it.
    fn row_test(&self, pod: &Arc<PodInfo>) -> Option<RowTest> {
        let _ = pod;
        None
    }

    /// The points of [`KubePlugin::score`] where a row has them.
    fn row_points(&self, pod: &Arc<PodInfo>) -> Option<RowPoints> {
        let _ = pod;
        None
    }

    /// The answer of [`KubePlugin::post_filter`] where no node has a pod of lower priority, and
    /// `open` nodes have a verdict of [`super::Code::Unschedulable`]; `None` if that does not tell.
    fn post_filter_of_nobody(&self, attempt: &Attempt<'_>, open: usize) -> Option<PostFilter> {
        let _ = (attempt, open);
        None
    }
}

/// The question of a plugin to single nodes about a pod.
pub fn node_test(plugin: &Arc<dyn FastPlugin>, pod: &Arc<PodInfo>) -> NodeTest {
    let (plugin, pod) = (plugin.clone(), pod.clone());
    Arc::new(move |node| plugin.admits(&pod, node))
}

/// The points of a plugin for single nodes and a pod.
pub fn node_points(plugin: &Arc<dyn FastPlugin>, pod: &Arc<PodInfo>) -> NodePoints {
    let (plugin, pod) = (plugin.clone(), pod.clone());
    Arc::new(move |node| plugin.score(&pod, node))
}
