//! Pools of nodes: what may be bought for each, when its nodes may go, and how many of them at a time
//! (spec: karpenter.md 1.5.1, 3.4).

use super::candidate::{BudgetWindow, Reason};
use super::{Offering, Provisioner};
use crate::nodes::DeclarationCache;
use cluster::Store;
use control::Outbox;
use model::node_pools::ClaimedAge;
use model::{Node, ResourceList, Text};
use units::{Duration, Instant, NodeId, Quantity, SortedMap, SortedSet};

/// Condition under which nodes are given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConsolidationPolicy {
    /// The nodes are empty.
    WhenEmpty,
    /// The nodes are empty, or their pods fit elsewhere, or on something cheaper.
    #[default]
    WhenEmptyOrUnderutilized,
}

/// Number of nodes that may be on their way out at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisruptionBudget {
    /// A number of nodes.
    Nodes(usize),
    /// A percentage of the nodes, rounded up.
    Percent(usize),
}

/// A pool of nodes.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// The pool's name; nodes bear it as a label, and their names begin with it.
    pub name: Text,
    /// Condition under which nodes are given back.
    pub consolidation: ConsolidationPolicy,
    /// Time for which no pod may have come to or left a node that is consolidated; `None` is forever.
    pub consolidate_after: Option<Duration>,
    /// Numbers of nodes that may be on their way out at a time.
    pub budgets: Vec<BudgetWindow>,
    /// Greatest age of a node; `None` is any age.
    pub expire_after: Option<Duration>,
    /// Most that the nodes have together; what it does not name is not limited.
    pub limits: ResourceList,
    /// Instant from which it is there in this state.
    pub since: Instant,
    /// Instant at which another state of it follows, if one does.
    pub until: Option<Instant>,
    /// Marks the state after its deletion: its nodes go, and it makes no others.
    pub is_deleted: bool,
    /// Number of what its nodes are made of: states of a pool with another number make other nodes.
    pub make: usize,
}

impl Pool {
    /// Whether it is there in this state at an instant.
    pub(super) fn is_there(&self, at: Instant) -> bool {
        self.since <= at && self.until.is_none_or(|until| at < until)
    }
}

/// A node that was there at the start and that the provisioner bought before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialNode {
    /// The pool that it is of, as a place in the list.
    pub pool: usize,
    /// Key and amount of its price per hour, as those of offerings.
    pub price: (Text, i64),
    /// Instant of its creation, before the start of the run; `None` is not known.
    pub created: Option<Instant>,
    /// Marks a node whose claim was being deleted: it goes at once.
    pub is_going: bool,
    /// Greatest age that its claim states; `None` has that of its pool.
    pub expire_after: Option<ClaimedAge>,
    /// Drift by its claim: it is not what a new one would be.
    pub is_drifted: bool,
    /// Pools of its name whose requirements it does not meet, as places in the list.
    pub unmet: SortedSet<usize>,
}

/// Name of the number of nodes among limits.
const NODES: &str = "nodes";

/// Resources that pools with limits may still buy.
#[derive(Clone, Debug, Default)]
pub(super) struct Rooms {
    /// Amounts left, by pool and resource.
    left: Vec<SortedMap<Text, Quantity>>,
    /// Pool and capacity of present nodes, by name.
    held: SortedMap<Text, (usize, ResourceList)>,
}

/// Resources of a node, with itself as one of the pool's nodes.
fn capacity(node: &Node) -> ResourceList {
    let own = &node.capacity;
    let mut capacity = if own.is_empty() {
        node.allocatable.clone()
    } else {
        own.clone()
    };
    capacity.set(NODES, Quantity::from_units(1));
    capacity
}

fn less(left: &mut Quantity, amount: Quantity) {
    if let Ok(rest) = left.checked_sub(amount) {
        *left = rest;
    }
}

impl Rooms {
    /// Resources that pools without nodes may buy.
    pub(super) fn new(pools: &[Pool]) -> Self {
        let limits = pools.iter().map(|pool| {
            let own = pool.limits.iter();
            own.map(|(name, amount)| (name.into(), amount)).collect()
        });
        Self {
            left: limits.collect(),
            held: SortedMap::new(),
        }
    }

    fn are_limited(&self, pool: usize) -> bool {
        self.left.get(pool).is_some_and(|left| !left.is_empty())
    }

    /// A node of a pool is there, or on its way.
    pub(super) fn hold(&mut self, pool: usize, node: &Node, name: &Text) {
        if !self.are_limited(pool) {
            return;
        }
        let has = capacity(node);
        for (name, left) in &mut self.left[pool] {
            less(left, has.get(name));
        }
        self.held.insert(name.clone(), (pool, has));
    }

    /// A node is not there.
    pub(super) fn release(&mut self, name: &Text) {
        if let Some((pool, has)) = self.held.remove(name) {
            for (name, left) in &mut self.left[pool] {
                if let Ok(more) = left.checked_add(has.get(name)) {
                    *left = more;
                }
            }
        }
    }

    /// Whether a node of an offering may be bought.
    pub(super) fn admit(&self, offering: &Offering) -> bool {
        if !self.are_limited(offering.pool) {
            return true;
        }
        let has = capacity(&offering.node);
        let mut left = self.left[offering.pool].iter();
        left.all(|(name, left)| has.get(name) <= *left)
    }

    /// A node of one of some offerings is to be bought: the most that it may have is no longer left. As
    /// in the original, nodes are not counted among themselves.
    pub(super) fn take(&mut self, offerings: &[Offering], possible: &[usize]) {
        let Some(&first) = possible.first() else {
            return;
        };
        let pool = offerings[first].pool;
        if !self.are_limited(pool) {
            return;
        }
        for (name, left) in &mut self.left[pool] {
            let amounts = possible.iter().map(|&place| {
                let node = &offerings[place].node;
                capacity(node).get(name)
            });
            if let Some(most) = amounts.max().filter(|_| **name != *NODES) {
                less(left, most);
            }
        }
    }
}

impl Provisioner {
    /// Follows pools that came or changed: what was known of their nodes is looked at again.
    pub(super) fn follow_pools(&mut self, now: Instant, out: &mut Outbox) {
        let pools = self.options.pools.iter().map(|pool| pool.since);
        if let Some(next) = pools.clone().filter(|since| now < *since).min() {
            out.wake_at(next);
        }
        let is_new = |since: Instant| self.pools_at < since && since <= now;
        if pools.into_iter().any(is_new) {
            self.pools_at = now;
            self.declared = DeclarationCache::default();
            self.is_settled = false;
        }
    }

    /// Resources that pools may still buy beside the nodes that stay and those that are on their way.
    pub(super) fn rooms(&mut self, store: &Store) -> Rooms {
        let mut rooms = Rooms::new(&self.options.pools);
        if (0..self.options.pools.len()).all(|pool| !rooms.are_limited(pool)) {
            return rooms;
        }
        for (node, own) in self.pool(store) {
            if let Some(object) = store
                .nodes()
                .object(node)
                .filter(|_| !self.leaving.has(node))
            {
                rooms.hold(own.pool, object, &object.name);
            }
        }
        for (name, own) in &self.ordered {
            let offering = &self.options.offerings[own.offering];
            rooms.hold(offering.pool, &offering.node, name);
        }
        rooms
    }

    /// Numbers of further nodes of each pool that may be on their way out. Those that have started count,
    /// and those of them that are not ready are out already (spec: karpenter.md 3.4).
    pub(super) fn room(&mut self, now: Instant, store: &Store, reason: Reason) -> Vec<usize> {
        let nodes = self.pool(store);
        let unix_secs = self.unix_secs(now);
        let pools = self.options.pools.iter().enumerate();
        let rooms = pools.map(|(number, pool)| {
            let own = nodes.iter().filter(|node| node.1.pool == number);
            let own = own.map(|own| own.0);
            let started: Vec<NodeId> = own.filter(|&node| !self.seen.is_starting(node)).collect();
            let is_out =
                |node: &&NodeId| self.leaving.has(**node) || !store.nodes().is_ready(**node);
            let out = started.iter().filter(is_out).count();
            let windows = pool.budgets.iter();
            let windows = windows.filter(|own| own.holds(reason, unix_secs));
            let limits = windows.map(|own| own.limit.of(started.len()));
            limits.min().unwrap_or(usize::MAX).saturating_sub(out)
        });
        rooms.collect()
    }

    fn unix_secs(&self, now: Instant) -> i64 {
        self.options.zero_unix_secs + now.since(Instant::ZERO).as_nanos() / 1_000_000_000
    }
}

impl DisruptionBudget {
    /// Number of nodes that the budget allows of `nodes`.
    pub const fn of(self, nodes: usize) -> usize {
        match self {
            Self::Nodes(most) => most,
            Self::Percent(percent) => (nodes * percent).div_ceil(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn offering(cores: i64, pool: usize) -> Offering {
        let amounts = [("cpu", Quantity::from_units(cores))];
        Offering {
            instance_type: "t".into(),
            node: Arc::new(Node {
                allocatable: ResourceList::from_pairs(amounts),
                ..Node::default()
            }),
            price: cores,
            priced_as: "t".into(),
            is_spot: false,
            pool,
        }
    }

    fn limited(limits: &[(&str, i64)]) -> Pool {
        let mut pool = Pool::default();
        for (name, amount) in limits {
            pool.limits.set(name, Quantity::from_units(*amount));
        }
        pool
    }

    #[test]
    fn a_pool_has_no_more_than_its_limits() {
        let offerings = [offering(2, 0), offering(8, 0), offering(8, 1)];
        let mut rooms = Rooms::new(&[limited(&[("cpu", 10)]), Pool::default()]);
        let admitted = |rooms: &Rooms| offerings.each_ref().map(|own| rooms.admit(own));
        assert_eq!(admitted(&rooms), [true; 3]);
        rooms.hold(0, &offerings[0].node, &"n".into());
        rooms.hold(1, &offerings[2].node, &"other".into());
        assert_eq!(admitted(&rooms), [true; 3]);
        // A node that may become either has the most that it may become.
        rooms.take(&offerings, &[0, 1]);
        assert_eq!(admitted(&rooms), [false, false, true]);
        rooms.release(&"n".into());
        assert_eq!(admitted(&rooms), [true, false, true]);
    }

    #[test]
    fn nodes_of_one_batch_are_not_counted_among_themselves() {
        let offerings = [offering(2, 0)];
        let mut rooms = Rooms::new(&[limited(&[("nodes", 1)])]);
        rooms.take(&offerings, &[0]);
        assert!(rooms.admit(&offerings[0]));
        rooms.hold(0, &offerings[0].node, &"n".into());
        assert!(!rooms.admit(&offerings[0]));
    }
}
