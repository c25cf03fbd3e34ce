//! Pools and claims of nodes: the objects by which Karpenter knows which nodes to make and which of those
//! that are there are its own.

use super::{Labels, Requirement, ResourceList, Taint, Text};
use units::{Duration, Instant, SortedMap};

/// The label of a node with the name of its pool.
pub const NODE_POOL_LABEL: &str = "karpenter.sh/nodepool";
/// The label of a node that has started once: before, its pool leaves it alone.
pub const INITIALIZED_LABEL: &str = "karpenter.sh/initialized";

/// Pools and claims of nodes, and what is known of nodes beside their declarations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePoolObjects {
    /// Pools, by name.
    pub pools: SortedMap<Text, NodePool>,
    /// Pools that come or change while a cluster runs, by the order of their instants.
    pub later: Vec<(Instant, NodePool)>,
    /// Claims, by the names of their nodes.
    pub claims: SortedMap<Text, NodeClaim>,
    /// Times at which nodes of pools were created, by name, in seconds since 1970-01-01T00:00:00Z.
    pub created_unix_secs: SortedMap<Text, i64>,
}

/// A pool: which nodes may be made, and when they go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePool {
    /// The pool's name.
    pub name: Text,
    /// Pools of more weight are tried first.
    pub weight: i64,
    /// Conditions that labels of its nodes meet.
    pub requirements: Vec<Requirement>,
    /// Labels of its nodes.
    pub labels: Labels,
    /// Taints of its nodes.
    pub taints: Vec<Taint>,
    /// Most that its nodes have together, `nodes` included.
    pub limits: ResourceList,
    /// Whether nodes with pods may go, beside empty ones.
    pub is_consolidated: bool,
    /// Time after which a node that no pod came to or left may go; `None` is never.
    pub consolidate_after: Option<Duration>,
    /// Numbers of nodes that may be on their way out at a time.
    pub budgets: Vec<NodePoolBudget>,
    /// Greatest age of a node; `None` is any.
    pub expire_after: Option<Duration>,
    /// Longest time that a node on its way out keeps pods; `None` is for as long as it takes.
    pub termination_grace: Option<Duration>,
    /// Marks a pool whose nodes have the annotation not to be disrupted.
    pub do_not_disrupt: bool,
    /// Number of nodes of a pool that always has so many.
    pub replicas: Option<i64>,
    /// Kind and name of the object that says how its machines are made; nothing of it is read.
    pub node_class: (Text, Text),
}

/// A number of nodes of a pool that may be on their way out at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodePoolBudget {
    /// The number, or a share such as `10%`.
    pub nodes: Text,
    /// Times at which it begins to hold, in cron notation, and for how long; `None` is always.
    pub times: Option<(Text, Duration)>,
    /// Reasons that it limits; empty is all.
    pub reasons: Vec<Text>,
}

/// A claim of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeClaim {
    /// The pool that it is of; `None` of none.
    pub pool: Option<Text>,
    /// Marks a claim with the annotation not to be disrupted, which its node got when it joined and which
    /// counts there from then on.
    pub do_not_disrupt: bool,
    /// Greatest age of its node, where it states one.
    pub expire_after: Option<ClaimedAge>,
    /// Time of its creation, in seconds since 1970-01-01T00:00:00Z.
    pub created_unix_secs: Option<i64>,
    /// Marks a claim whose node is not what a new one would be.
    pub is_drifted: bool,
    /// Marks a claim that is being deleted.
    pub is_terminating: bool,
}

/// The greatest age that a claim states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimedAge {
    /// Any age.
    Never,
    /// So much.
    After(Duration),
}

impl ClaimedAge {
    /// The age; `None` is any.
    pub const fn limit(self) -> Option<Duration> {
        match self {
            Self::Never => None,
            Self::After(age) => Some(age),
        }
    }
}

impl NodePool {
    /// Whether nodes of another state of the pool are what new ones would be, but for its requirements, which
    /// nodes are held against one by one (Karpenter's `NodePool.Hash`).
    pub fn makes_same_nodes(&self, other: &Self) -> bool {
        self.labels == other.labels
            && self.taints == other.taints
            && self.do_not_disrupt == other.do_not_disrupt
            && self.expire_after == other.expire_after
            && self.termination_grace == other.termination_grace
            && self.node_class == other.node_class
    }
}

impl NodePoolObjects {
    /// Lets the pools be there from an instant on only.
    pub fn delay(&mut self, at: Instant) {
        let pools = std::mem::take(&mut self.pools).into_values();
        self.later.extend(pools.map(|pool| (at, pool)));
    }

    /// Takes in the objects of another file.
    pub fn merge(&mut self, other: Self) {
        self.pools.extend(other.pools);
        self.later.extend(other.later);
        self.claims.extend(other.claims);
        self.created_unix_secs.extend(other.created_unix_secs);
    }
}
