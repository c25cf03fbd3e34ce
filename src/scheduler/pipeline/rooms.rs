//! The first node with enough room, by an index instead of a scan: a tree over all nodes that knows
//! how much of each amount the nodes below a point have left at most. It leaves out only nodes that
//! [`cluster::Nodes::has_room`] would say no to, and is the same for every class: a change of
//! a node is followed once, however many classes wait.

use cluster::Store;
use model::rules::room::usable;
use units::{NodeId, Resources, Revision};

/// Children of a group: few enough to be looked through one by one.
const FAN_OUT: usize = 8;

/// Free amounts of the resources that nearly every pod requests; never below 0.
type Room = [i64; 4];

/// All nodes by what they have left.
#[derive(Clone, Debug, Default)]
pub struct Rooms {
    /// The nodes first, then groups of them, then groups of groups, up to a single one.
    levels: Vec<Vec<Room>>,
    /// Revision up to which the store was followed; `None` before the first time.
    cursor: Option<Revision>,
}

impl Rooms {
    /// Follows the store.
    pub fn refresh(&mut self, store: &Store) {
        let changed = self.cursor.and_then(|cursor| store.ring().since(cursor));
        match changed {
            Some(changed) if self.len() == store.nodes().len() => {
                changed.for_each(|node| self.set(node, left(store, node)));
            }
            _ => self.reset(store),
        }
        self.cursor = Some(store.revision());
    }

    /// The first row from `row` on where the amounts are left; extended resources aside.
    pub fn next(&self, row: usize, amounts: &Resources) -> Option<usize> {
        let asked = asked(amounts);
        let (mut level, mut index) = (0, row);
        loop {
            // What is left of the group that the search stands in, then the group's successors.
            let rooms = self.levels.get(level)?;
            let end = rooms.len().min((index / FAN_OUT + 1) * FAN_OUT);
            while index < end && !has_room(&rooms[index], &asked) {
                index += 1;
            }
            if index == end {
                (level, index) = (level + 1, end.div_ceil(FAN_OUT));
            } else if level == 0 {
                return Some(index);
            } else {
                // Some node below may have room, or several nodes have a part of it each.
                (level, index) = (level - 1, index * FAN_OUT);
            }
        }
    }

    /// Number of nodes.
    fn len(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }

    fn reset(&mut self, store: &Store) {
        self.levels.clear();
        let leaves = store.nodes().ids().map(|node| left(store, node));
        self.levels.push(leaves.collect());
        while let Some(below) = self.levels.last().filter(|level| level.len() > 1) {
            let groups = below.chunks(FAN_OUT).map(most_of).collect();
            self.levels.push(groups);
        }
    }

    fn set(&mut self, node: NodeId, room: Room) {
        let mut index = node.index();
        let mut new = room;
        let mut old = std::mem::replace(&mut self.levels[0][index], new);
        for level in 1..self.levels.len() {
            if old == new {
                return;
            }
            index /= FAN_OUT;
            let before = self.levels[level][index];
            // Where a child had the most and has less now, the others are looked at.
            let after = if falls(&before, &old, &new) {
                most_of(self.children(level, index))
            } else {
                most(before, &new)
            };
            self.levels[level][index] = after;
            (old, new) = (before, after);
        }
    }

    fn children(&self, level: usize, index: usize) -> &[Room] {
        let below = &self.levels[level - 1];
        let first = index * FAN_OUT;
        &below[first..below.len().min(first + FAN_OUT)]
    }
}

/// Free amounts on a node; 0 for overcommitted resources.
fn left(store: &Store, node: NodeId) -> Room {
    let (free, row) = (store.nodes().free(), node.index());
    [
        usable(free.cpu_milli[row]),
        usable(free.memory_bytes[row]),
        usable(free.storage_bytes[row]),
        usable(free.pods[row]),
    ]
}

/// The corresponding amounts of a request.
const fn asked(amounts: &Resources) -> Room {
    [
        amounts.cpu_milli,
        amounts.memory_bytes,
        amounts.storage_bytes,
        amounts.pods,
    ]
}

// These are written out: they are all that the search and the changes consist of.

#[inline]
fn has_room(room: &Room, asked: &Room) -> bool {
    room[0] >= asked[0] && room[1] >= asked[1] && room[2] >= asked[2] && room[3] >= asked[3]
}

/// Whether a child that had the most of a group has less now.
#[inline]
fn falls(most: &Room, old: &Room, new: &Room) -> bool {
    (old[0] == most[0] && new[0] < old[0])
        || (old[1] == most[1] && new[1] < old[1])
        || (old[2] == most[2] && new[2] < old[2])
        || (old[3] == most[3] && new[3] < old[3])
}

#[inline]
fn most(room: Room, other: &Room) -> Room {
    [
        room[0].max(other[0]),
        room[1].max(other[1]),
        room[2].max(other[2]),
        room[3].max(other[3]),
    ]
}

fn most_of(rooms: &[Room]) -> Room {
    let mut all = [0; 4];
    for room in rooms {
        all = most(all, room);
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use model::rules::room::fits;

    fn request(asked: Room) -> Resources {
        Resources {
            cpu_milli: asked[0],
            memory_bytes: asked[1],
            storage_bytes: asked[2],
            pods: asked[3],
            ..Resources::default()
        }
    }

    proptest! {
        #[test]
        fn rooms_are_a_scan_over_all_nodes(
            nodes in 1..700_usize,
            sets in proptest::collection::vec(
                (any::<usize>(), [0..6_i64, 0..6_i64, 0..2_i64, 0..6_i64]), 0..900),
            asks in proptest::collection::vec(
                (any::<usize>(), [0..7_i64, 0..7_i64, 0..2_i64, 0..7_i64]), 1..20),
        ) {
            let mut leaves = vec![[0; 4]; nodes];
            let mut rooms = Rooms { levels: vec![leaves.clone()], cursor: None };
            while rooms.levels[rooms.levels.len() - 1].len() > 1 {
                let below = rooms.levels[rooms.levels.len() - 1].len();
                rooms.levels.push(vec![[0; 4]; below.div_ceil(FAN_OUT)]);
            }
            for (count, (node, room)) in sets.into_iter().enumerate() {
                let node = NodeId::from_index(node % nodes);
                leaves[node.index()] = room;
                rooms.set(node, room);
                let (from, asked) = asks[count % asks.len()];
                let from = from % (nodes + 1);
                let scanned = (from..nodes)
                    .find(|&row| leaves[row].iter().zip(&asked).all(|(&room, &ask)| fits(ask, room)));
                prop_assert_eq!(rooms.next(from, &request(asked)), scanned);
            }
        }
    }
}
