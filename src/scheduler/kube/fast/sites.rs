//! Nodes as the fast form numbers them: by their places in the scheduler's order at the time when it
//! began to follow. A node that leaves keeps its number, closed to all pods, until it is back, so that
//! a loss that is tried and taken back costs none of the answers about other nodes. Where the
//! scheduler's order has become another one, a [`SchedulerOrder`] leads from one numbering to the other.

use super::bits::{self, Set};
use crate::kube::change_log::NodeChange;
use crate::kube::{Cache, NodeInfo};
use units::SortedMap;

/// Number of no node.
pub(super) const NOWHERE: u32 = u32::MAX;

/// The scheduler's order where it is not that of the places.
#[derive(Default)]
pub(super) struct SchedulerOrder {
    /// By rank in the scheduler's order: the node's place.
    pub(super) place_of: Vec<u32>,
    /// By place: the node's rank in the scheduler's order, or [`NOWHERE`].
    pub(super) rank_of: Vec<u32>,
}

/// The nodes by place.
#[derive(Default)]
pub(super) struct Sites {
    /// By slot: the node's place.
    places: Vec<u32>,
    /// By place: the node's slot.
    slots: Vec<usize>,
    /// By place: nodes that left, without pods.
    left: SortedMap<usize, NodeInfo>,
    /// Places of these.
    absent: Set,
    turn: Option<SchedulerOrder>,
}

impl Sites {
    /// The nodes of a cache in the scheduler's order.
    pub(super) fn of(cache: &Cache) -> Self {
        let slots = cache.order().to_vec();
        let mut places = vec![NOWHERE; cache.slot_count()];
        for (place, &slot) in (0..).zip(&slots) {
            places[slot] = place;
        }
        Self {
            absent: bits::empty(slots.len()),
            places,
            slots,
            left: SortedMap::new(),
            turn: None,
        }
    }

    /// Takes in nodes that left and came back; `false` where that is not all that happened, or where
    /// so many left that it is better to begin again.
    pub(super) fn follow(&mut self, cache: &Cache, changes: &[NodeChange]) -> bool {
        changes.iter().all(|change| self.take_in(change).is_some()) && {
            self.turn_to(cache);
            2 * self.left.len() <= self.slots.len()
        }
    }

    fn take_in(&mut self, change: &NodeChange) -> Option<()> {
        match change {
            NodeChange::Left { slot, object } => {
                let place = self.place_of(*slot)?;
                let mut info = NodeInfo::new(object.clone()).ok()?;
                info.slot = *slot;
                self.left.insert(place, info);
                bits::put(&mut self.absent, place, true);
            }
            NodeChange::Back(slot) => {
                let place = self.place_of(*slot)?;
                self.left.remove(&place)?;
                bits::put(&mut self.absent, place, false);
            }
            NodeChange::Order => {}
            NodeChange::Other => return None,
        }
        Some(())
    }

    fn turn_to(&mut self, cache: &Cache) {
        let order = cache.order();
        if order == self.slots {
            self.turn = None;
            return;
        }
        let mut turn = self.turn.take().unwrap_or_default();
        turn.place_of.clear();
        turn.rank_of.clear();
        turn.rank_of.resize(self.slots.len(), NOWHERE);
        for (rank, &slot) in (0..).zip(order) {
            let place = self.places[slot];
            turn.place_of.push(place);
            turn.rank_of[place as usize] = rank;
        }
        self.turn = Some(turn);
    }

    /// The scheduler's order, if it is not that of the places.
    pub(super) fn turn(&self) -> Option<&SchedulerOrder> {
        self.turn.as_ref()
    }

    /// Number of places.
    pub(super) fn count(&self) -> usize {
        self.slots.len()
    }

    /// The place of a slot's node.
    pub(super) fn place_of(&self, slot: usize) -> Option<usize> {
        let place = *self.places.get(slot)?;
        (place != NOWHERE).then_some(place as usize)
    }

    /// Whether the node of a place left.
    pub(super) fn is_absent(&self, place: usize) -> bool {
        bits::has(&self.absent, place)
    }

    /// The node at a place, unless it left.
    pub(super) fn node<'c>(&self, cache: &'c Cache, place: usize) -> Option<&'c NodeInfo> {
        cache.node_in(*self.slots.get(place)?)
    }

    /// What each node declares or declared, by place. Pods are only on those that are there.
    pub(super) fn declared<'c>(&'c self, cache: &'c Cache) -> impl Iterator<Item = &'c NodeInfo> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(place, &slot)| cache.node_in(slot).or_else(|| self.left.get(&place)))
    }

    /// The node's rank in the scheduler's order.
    pub(super) fn rank(&self, place: usize) -> usize {
        let turn = self.turn.as_ref();
        turn.map_or(place, |turn| turn.rank_of[place] as usize)
    }
}
