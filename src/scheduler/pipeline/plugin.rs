//! Extension points of the pipeline. A plugin implements those it needs and names them in
//! [`Plugin::points`]; the meaning of each point is that of the Kubernetes scheduling framework
//! (spec: kubernetes.md 1.4, 1.14).

use model::{DeviceSet, Event, Pod};
use units::{Duration, NodeId};

use super::{ClassContext, Reason, Ties};

/// A set of extension points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Points(u16);

impl Points {
    /// Prepares or refuses a pod before nodes are looked at.
    pub const PRE_FILTER: Self = Self(1);
    /// Says whether a node can take the pod.
    pub const FILTER: Self = Self(1 << 1);
    /// Makes room when no node can.
    pub const POST_FILTER: Self = Self(1 << 2);
    /// Prepares scoring.
    pub const PRE_SCORE: Self = Self(1 << 3);
    /// Gives a node points.
    pub const SCORE: Self = Self(1 << 4);
    /// Rescales points over the feasible nodes.
    pub const NORMALIZE: Self = Self(1 << 5);
    /// Chooses GPU devices on the chosen node.
    pub const DEVICES: Self = Self(1 << 6);
    /// Claims what belongs to the chosen node.
    pub const RESERVE: Self = Self(1 << 7);
    /// Lets the pod go on, wait, or not.
    pub const PERMIT: Self = Self(1 << 8);
    /// Writes the binding.
    pub const BIND: Self = Self(1 << 9);
    /// Asks a program outside, which may fail.
    pub const EXTERNAL: Self = Self(1 << 10);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all points of `other` are in this set.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Scope of the data that a plugin's answer about a node depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The class and the state of that node alone; an answer stays true until the node changes.
    Node,
    /// Anything in the cluster; asked anew every time.
    Cluster,
}

/// The answer of `PreFilter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreFilter {
    /// Filter is asked for every node.
    Run,
    /// Filter has nothing against any node.
    Skip,
    /// No node can take the pod.
    Reject(Reason),
}

/// The answer of `PreScore`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreScore {
    /// Score is asked for every feasible node.
    Run,
    /// The plugin gives no points.
    Skip,
}

/// The answer of Permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// The pod is bound now.
    Allow,
    /// The pod keeps its place and waits, at most this long.
    Wait(Duration),
    /// The pod gives up its place.
    Reject(Reason),
}

/// A scheduling plugin. Every method but [`Plugin::name`], [`Plugin::points`] and
/// [`Plugin::clone_plugin`] has a neutral default.
///
/// A filter that keeps two cores of every node free:
///
/// ```
/// use std::sync::Arc;
///
/// use cluster::{Conflict, Store};
/// use model::{Node, PodSpec, ResourceList};
/// use scheduler::{ClassContext, Plugin, Points, Reason};
/// use units::{ClassId, Instant, NodeId, Quantity};
///
/// #[derive(Clone, Copy)]
/// struct Headroom;
///
/// impl Plugin for Headroom {
///     fn name(&self) -> &'static str {
///         "headroom"
///     }
///
///     fn points(&self) -> Points {
///         Points::FILTER
///     }
///
///     fn filter(&self, ctx: &ClassContext<'_>, node: NodeId) -> Result<(), Reason> {
///         let free = ctx.store.nodes().free().row(node).cpu_milli;
///         if free - ctx.class.requests.cpu_milli >= 2_000 {
///             Ok(())
///         } else {
///             Err(Reason::Text("node(s) had too little headroom"))
///         }
///     }
///
///     fn clone_plugin(&self) -> Box<dyn Plugin> {
///         Box::new(*self)
///     }
/// }
///
/// let mut store = Store::new();
/// let cpu = |cores| ResourceList::from_pairs([("cpu", Quantity::from_units(cores))]);
/// let node = Node { name: "n1".into(), allocatable: cpu(4), ..Node::default() };
/// store.apply(Instant::ZERO, store.node_added(Arc::new(node)))?;
/// for spec in [cpu(2), cpu(3)].map(|requests| Arc::new(PodSpec::with_requests(requests))) {
///     if let Some(added) = store.class_added(&spec) {
///         store.apply(Instant::ZERO, added)?;
///     }
/// }
/// let asked = |class| Headroom.filter(&ClassContext::new(Instant::ZERO, &store, class), NodeId(0));
/// assert!(asked(ClassId(0)).is_ok());
/// assert!(asked(ClassId(1)).is_err());
/// # Ok::<(), Conflict>(())
/// ```
pub trait Plugin: Send {
    /// The plugin's name in the registry.
    fn name(&self) -> &'static str;

    /// The points it acts at.
    fn points(&self) -> Points;

    /// Scope of the data that the plugin's Filter and Score depend on.
    fn scope(&self) -> Scope {
        Scope::Node
    }

    /// `true` if the plugin's Filter rejects every node without room for the amounts that a class
    /// asks for, as [`cluster::Nodes::has_room`] has it.
    fn needs_room(&self) -> bool {
        false
    }

    /// Prepares for a class.
    fn pre_filter(&mut self, ctx: &ClassContext<'_>) -> PreFilter {
        let _ = ctx;
        PreFilter::Run
    }

    /// Whether the node can take a pod of the class.
    fn filter(&self, ctx: &ClassContext<'_>, node: NodeId) -> Result<(), Reason> {
        let _ = (ctx, node);
        Ok(())
    }

    /// No node can take the pod: makes room on one, if it can, by changes it hands back.
    fn post_filter(&mut self, ctx: &ClassContext<'_>, pod: &Pod) -> Vec<Event> {
        let _ = (ctx, pod);
        Vec::new()
    }

    /// Prepares scoring over the feasible nodes.
    fn pre_score(&mut self, ctx: &ClassContext<'_>, feasible: &[NodeId]) -> PreScore {
        let _ = (ctx, feasible);
        PreScore::Run
    }

    /// Points of a feasible node; larger is better.
    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        let _ = (ctx, node);
        0
    }

    /// Rescales the points of the feasible nodes, given in the order of nodes.
    fn normalize(&self, ctx: &ClassContext<'_>, scores: &mut [i64]) {
        let _ = (ctx, scores);
    }

    /// Chooses the devices for a pod of the class on a node that was found feasible.
    fn devices(&mut self, ctx: &ClassContext<'_>, node: NodeId) -> Option<DeviceSet> {
        let _ = (ctx, node);
        None
    }

    /// Claims what belongs to the chosen node.
    fn reserve(&mut self, ctx: &ClassContext<'_>, pod: &Pod, node: NodeId) -> Result<(), Reason> {
        let _ = (ctx, pod, node);
        Ok(())
    }

    /// Gives up what [`Plugin::reserve`] claimed.
    fn unreserve(&mut self, ctx: &ClassContext<'_>, pod: &Pod, node: NodeId) {
        let _ = (ctx, pod, node);
    }

    /// Lets the pod go on; asked again for waiting pods whenever something changed.
    fn permit(&mut self, ctx: &ClassContext<'_>, pod: &Pod, node: NodeId) -> Permit {
        let _ = (ctx, pod, node);
        Permit::Allow
    }

    /// The change that binds the pod; `None` leaves it to the next binder.
    fn bind(&mut self, pod: &Pod, node: NodeId, devices: DeviceSet) -> Option<Event> {
        let _ = (pod, node, devices);
        None
    }

    /// Reason why the plugin can't go on; asked of those that act at [`Points::EXTERNAL`].
    fn failure(&self) -> Option<&str> {
        None
    }

    /// An equal plugin that goes its own way from here.
    fn clone_plugin(&self) -> Box<dyn Plugin>;
}

impl Clone for Box<dyn Plugin> {
    fn clone(&self) -> Self {
        self.clone_plugin()
    }
}

/// Chooses among the nodes with the highest total.
///
/// A rule that takes the last of the tied nodes:
///
/// ```
/// use std::sync::Arc;
///
/// use cluster::{Conflict, Store};
/// use model::PodSpec;
/// use scheduler::{ClassContext, Select, Ties};
/// use units::{ClassId, Instant, NodeId};
///
/// #[derive(Clone, Copy)]
/// struct Last;
///
/// impl Select for Last {
///     fn name(&self) -> &'static str {
///         "last"
///     }
///
///     fn select(&mut self, _ctx: &ClassContext<'_>, tied: Ties<'_>) -> NodeId {
///         tied.nth(tied.count() - 1)
///     }
///
///     fn clone_select(&self) -> Box<dyn Select> {
///         Box::new(*self)
///     }
/// }
///
/// let mut store = Store::new();
/// if let Some(added) = store.class_added(&Arc::new(PodSpec::default())) {
///     store.apply(Instant::ZERO, added)?;
/// }
/// let ctx = ClassContext::new(Instant::ZERO, &store, ClassId(0));
/// let chosen = Last.select(&ctx, Ties::Listed(&[NodeId(3), NodeId(7)]));
/// assert_eq!(chosen, NodeId(7));
/// # Ok::<(), Conflict>(())
/// ```
pub trait Select: Send {
    /// The rule's name in the registry.
    fn name(&self) -> &'static str;

    /// `true` if the plugin takes the first of the tied nodes, whichever they are.
    fn takes_first(&self) -> bool {
        false
    }

    /// The chosen one of the tied nodes.
    fn select(&mut self, ctx: &ClassContext<'_>, tied: Ties<'_>) -> NodeId;

    /// An equal chooser that goes its own way from here.
    fn clone_select(&self) -> Box<dyn Select>;
}

impl Clone for Box<dyn Select> {
    fn clone(&self) -> Self {
        self.clone_select()
    }
}
