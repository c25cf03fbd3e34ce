//! Trait of a plugin of the Kubernetes scheduler (spec: kubernetes.md 1.4, 1.14).

use std::sync::Arc;

use super::{
    Attempt, Cache, ClusterEvent, EventKinds, Extension, FastPlugin, KubePoints, NodeInfo, PodInfo,
    Preemption, Rejection, Status, VolumeChoice,
};
use model::dra::{Allocation, ClaimKey};
use model::{ClusterObjects, DeviceSet, Text};
use units::{Duration, Instant, SortedSet};

/// Input of the plugins in one attempt.
#[derive(Clone, Copy)]
pub struct AttemptContext<'a> {
    /// The cluster.
    pub cache: &'a Cache,
    /// The pod that is being placed.
    pub pod: &'a PodInfo,
}

/// The answer of `PreFilter`.
pub enum PreFilterResult<'a> {
    /// The plugin does not apply to this pod.
    Skip,
    /// No node can take the pod.
    Reject(Rejection),
    /// Nodes are asked.
    Run {
        /// The question with the state that was prepared for it; `None` asks
        /// [`KubePlugin::filter`].
        filter: Option<Box<dyn NodeFilter<'a> + 'a>>,
        /// The only nodes that can take the pod; `None` is no such limit.
        nodes: Option<SortedSet<Text>>,
    },
}

impl<'a> PreFilterResult<'a> {
    /// Every node is asked by [`KubePlugin::filter`].
    pub const RUN: Self = Self::Run {
        filter: None,
        nodes: None,
    };

    /// Every node is asked by a question with state of its own: a closure, or a [`NodeFilter`] that
    /// follows simulated evictions.
    pub fn run_with(filter: impl NodeFilter<'a> + 'a) -> Self {
        Self::Run {
            filter: Some(Box::new(filter)),
            nodes: None,
        }
    }
}

/// The answer of `PreScore`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreScoreResult {
    /// The plugin gives no points to this pod's nodes.
    Skip,
    /// Nodes get points.
    Run,
}

/// A plugin's question to nodes within one attempt. Simulated evictions change it and work on
/// copies.
///
/// A question with state: the cluster owns a number of licences, of which every pod takes one.
///
/// ```
/// use std::sync::Arc;
///
/// use model::Node;
/// use scheduler::kube::{NodeFilter, NodeInfo, PodInfo, Rejection};
///
/// #[derive(Clone, Copy)]
/// struct Licences {
///     left: i64,
/// }
///
/// impl<'a> NodeFilter<'a> for Licences {
///     fn filter(&self, _node: &NodeInfo) -> Result<(), Rejection> {
///         if self.left > 0 {
///             Ok(())
///         } else {
///             Err(Rejection::unschedulable("no licence was free"))
///         }
///     }
///
///     fn add_pod(&mut self, _pod: &PodInfo, _node: &NodeInfo) {
///         self.left -= 1;
///     }
///
///     fn remove_pod(&mut self, _pod: &PodInfo, _node: &NodeInfo) {
///         self.left += 1;
///     }
///
///     fn clone_filter(&self) -> Box<dyn NodeFilter<'a> + 'a> {
///         Box::new(*self)
///     }
/// }
///
/// let node = NodeInfo::new(Arc::new(Node::default()))?;
/// let mut licences = Licences { left: 0 };
/// assert!(licences.filter(&node).is_err());
/// // A simulated eviction gives a licence back.
/// licences.remove_pod(&PodInfo::default(), &node);
/// assert!(licences.filter(&node).is_ok());
/// # Ok::<(), units::QuantityError>(())
/// ```
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

/// A closure is a question that no simulation changes.
impl<'a, F> NodeFilter<'a> for F
where
    F: Fn(&NodeInfo) -> Result<(), Rejection> + Clone + 'a,
{
    fn filter(&self, node: &NodeInfo) -> Result<(), Rejection> {
        self(node)
    }

    fn clone_filter(&self) -> Box<dyn NodeFilter<'a> + 'a> {
        Box::new(self.clone())
    }
}

/// The question of a plugin that prepares no state: [`KubePlugin::filter`].
#[derive(Clone, Copy)]
pub(super) struct StatelessFilter<'a> {
    pub(super) plugin: &'a dyn KubePlugin,
    pub(super) pod: &'a PodInfo,
}

impl<'a> NodeFilter<'a> for StatelessFilter<'a> {
    fn filter(&self, node: &NodeInfo) -> Result<(), Rejection> {
        self.plugin.filter(self.pod, node)
    }

    fn clone_filter(&self) -> Box<dyn NodeFilter<'a> + 'a> {
        Box::new(*self)
    }
}

/// Points of the feasible nodes, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scores {
    /// Raw scores of the plugin.
    pub raw: Vec<i64>,
    /// Points after normalisation: 0–100.
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

    /// Points that a rule puts on the scale.
    pub fn normalized(raw: Vec<i64>, rule: Normalization) -> Self {
        let least = raw.iter().copied().min().unwrap_or(0);
        let most = raw.iter().copied().max().unwrap_or(0);
        let on_scale = raw.iter().map(|&points| rule.apply(points, least, most));
        Self {
            normalized: on_scale.collect(),
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

/// Rule that brings raw points to the scale (`NormalizeScore`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Normalization {
    /// They are on it already.
    Plain,
    /// Normalization in proportion to the largest, which becomes 100.
    Proportion {
        /// Whether few are good.
        reverse: bool,
    },
    /// The least become 0, the largest 100 ([`in_span`]).
    Span,
    /// Normalization by [`in_whole_span`]: like [`Normalization::Span`], in whole numbers of any
    /// size.
    WholeSpan,
}

impl Normalization {
    /// Raw points on the scale, given the least and the most of the feasible nodes.
    #[inline]
    pub fn apply(self, points: i64, least: i64, most: i64) -> i64 {
        match self {
            Self::Plain => points,
            Self::Proportion { reverse } => proportion(points, most, reverse),
            Self::Span => in_span(points, least, most),
            Self::WholeSpan => in_whole_span(points, least, most),
        }
    }
}

/// Result of a plugin's `PostFilter`, called when no node can take the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostFilter {
    /// Evictions make room on a node.
    Nominate(Preemption),
    /// No room was made: the reason, and the findings of the search.
    Nothing(String, Preemption),
    /// No room was made, but a claim has its devices no longer: the claim, and the reason in words.
    Deallocate(ClaimKey, String),
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

/// A plugin that asks a program outside, which sees the time and may fail.
pub trait Outside {
    /// Takes note of the time.
    fn at(&self, now: Instant);

    /// Reason why the program can't go on.
    fn failure(&self) -> Option<Text>;

    /// An equal plugin that asks a program of its own, which begins anew.
    fn again(&self) -> Arc<dyn KubePlugin>;

    /// A plugin that gives the last answers again and asks nobody, for explanations.
    fn kept(&self) -> Arc<dyn KubePlugin>;

    /// The extenders, if the plugin stands for them.
    fn extenders(&self) -> Option<&dyn Extension> {
        None
    }
}

/// A plugin. The methods are the extension points of the original's framework, under its names;
/// every one but [`KubePlugin::name`] and [`KubePlugin::points`] has a neutral default, so that a
/// plugin writes only the points at which it acts.
///
/// These methods alone define a plugin's decisions. A plugin may add [`FastPlugin`], reached by
/// [`KubePlugin::fast`], to have the fast form keep its answers; the fast form decides pods plainly
/// where a plugin without it takes part.
///
/// A score that prefers nodes with few pods:
///
/// ```
/// use std::sync::Arc;
///
/// use model::Node;
/// use scheduler::kube::{
///     AttemptContext, Cache, KubePlugin, KubePoints, NodeInfo, Normalization, PodInfo,
/// };
///
/// struct FewPods;
///
/// impl KubePlugin for FewPods {
///     fn name(&self) -> &'static str {
///         "FewPods"
///     }
///
///     fn points(&self) -> KubePoints {
///         KubePoints::SCORE
///     }
///
///     fn score(&self, _pod: &PodInfo, node: &NodeInfo) -> i64 {
///         node.pods.len() as i64
///     }
///
///     fn normalize_score(&self) -> Normalization {
///         Normalization::Proportion { reverse: true }
///     }
/// }
///
/// let empty = NodeInfo::new(Arc::new(Node::default()))?;
/// let mut full = empty.clone();
/// full.add_pod(Arc::new(PodInfo::default()));
/// let (cache, pod) = (Cache::default(), PodInfo::default());
/// let ctx = AttemptContext { cache: &cache, pod: &pod };
/// let scores = FewPods.scores(ctx, &[&empty, &full]);
/// assert_eq!(scores.map(|scores| scores.normalized), Some(vec![100, 0]));
/// # Ok::<(), units::QuantityError>(())
/// ```
pub trait KubePlugin: Send + Sync {
    /// The plugin's name in the original.
    fn name(&self) -> &'static str;

    /// The points at which the plugin acts.
    fn points(&self) -> KubePoints;

    /// Extension for the fast form, if the plugin has one.
    fn fast(self: Arc<Self>) -> Option<Arc<dyn FastPlugin>> {
        None
    }

    /// Whether the pod may enter the queue (`PreEnqueue`).
    fn pre_enqueue(&self, pod: &PodInfo, objects: &ClusterObjects) -> Result<(), Rejection> {
        let _ = (pod, objects);
        Ok(())
    }

    /// The kinds of event that may make a pod schedulable that this plugin rejected
    /// (`EventsToRegister`).
    fn events_to_register(&self) -> EventKinds {
        EventKinds::NONE
    }

    /// Whether an event of one of these kinds may make the pod schedulable (the `QueueingHintFn` of
    /// an event).
    fn queueing_hint(&self, pod: &PodInfo, event: &ClusterEvent, objects: &ClusterObjects) -> bool {
        let _ = (pod, event, objects);
        true
    }

    /// Prepares for a pod (`PreFilter`). Plugins that only filter are asked, too, and may skip pods
    /// that they let pass everywhere.
    fn pre_filter<'a>(&'a self, ctx: AttemptContext<'a>) -> PreFilterResult<'a> {
        let _ = ctx;
        PreFilterResult::RUN
    }

    /// Whether the node can take the pod (`Filter`), for plugins whose question needs nothing that
    /// [`KubePlugin::pre_filter`] prepares.
    fn filter(&self, pod: &PodInfo, node: &NodeInfo) -> Result<(), Rejection> {
        let _ = (pod, node);
        Ok(())
    }

    /// No node can take the pod (`PostFilter`). `verdicts` are those of the nodes looked at.
    fn post_filter(&self, attempt: &Attempt<'_>, verdicts: &[(Text, Status)]) -> PostFilter {
        let _ = (attempt, verdicts);
        PostFilter::Nothing(String::new(), Preemption::default())
    }

    /// Whether the plugin gives points to the nodes of this pod at all (`PreScore`).
    fn pre_score(&self, ctx: AttemptContext<'_>) -> PreScoreResult {
        let _ = ctx;
        PreScoreResult::Run
    }

    /// Points of a node (`Score`), for plugins whose points need nothing but pod and node.
    fn score(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        let _ = (pod, node);
        0
    }

    /// Rule that brings raw points to the scale (`NormalizeScore`).
    fn normalize_score(&self) -> Normalization {
        Normalization::Plain
    }

    /// Points of the feasible nodes: `PreScore`, `Score` and `NormalizeScore` in one; `None` gives
    /// none at all. A plugin that looks at several nodes at once writes this method instead of the
    /// three.
    fn scores(&self, ctx: AttemptContext<'_>, feasible: &[&NodeInfo]) -> Option<Scores> {
        if self.pre_score(ctx) == PreScoreResult::Skip {
            return None;
        }
        let raw = feasible.iter().map(|node| self.score(ctx.pod, node));
        Some(Scores::normalized(raw.collect(), self.normalize_score()))
    }

    /// The storage that the pod takes on the node it goes to (`Reserve`).
    fn reserve(&self, ctx: AttemptContext<'_>, node: &NodeInfo) -> Vec<VolumeChoice> {
        let _ = (ctx, node);
        Vec::new()
    }

    /// The devices that claims of the pod get on the node it goes to (`Reserve`).
    fn reserve_devices(
        &self,
        ctx: AttemptContext<'_>,
        node: &NodeInfo,
    ) -> Vec<(ClaimKey, Allocation)> {
        let _ = (ctx, node);
        Vec::new()
    }

    /// Whether a pod that has a place, and counts there, may be bound (`Permit`).
    fn permit(&self, ctx: AttemptContext<'_>) -> KubePermit {
        let _ = ctx;
        KubePermit::Allow
    }

    /// Whether waiting pods of the pod's group give their places back, as the pod found none. The
    /// original's coscheduling plugin does so in its `PostFilter`.
    fn gives_up_group(&self, ctx: AttemptContext<'_>) -> bool {
        let _ = ctx;
        false
    }

    /// The plugin's side towards a program outside, if it asks one.
    fn outside(&self) -> Option<&dyn Outside> {
        None
    }

    /// GPU devices for the pod on the node it goes to; `None` leaves the choice to the next plugin,
    /// and after the last one to [`NodeInfo::devices_for`]. Not a point of the original.
    fn devices(&self, ctx: AttemptContext<'_>, node: &NodeInfo) -> Option<DeviceSet> {
        let _ = (ctx, node);
        None
    }
}
