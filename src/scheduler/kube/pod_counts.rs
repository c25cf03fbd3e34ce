//! Counts of the pods of one class on each node: as a table over all slots where that is worth its
//! memory, and as a map where few nodes have any.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

/// A table begins when one in so many slots, up to the last one in use, has pods.
const DENSE_FROM: usize = 16;
/// It ends when fewer than one in so many have.
const SPARSE_FROM: usize = 64;

/// Number of pods of a class on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCounts {
    /// All.
    pub all: u32,
    /// Number of pods that are not terminating.
    pub staying: u32,
}

/// Number of pods of a class on the nodes, by slot.
#[derive(Clone, Debug, Default)]
pub struct NodePodCounts {
    /// Nodes with pods, while there is no table.
    sparse: IndexMap<usize, PodCounts, FxBuildHasher>,
    /// One for each slot; empty while there is none.
    dense: Vec<PodCounts>,
    /// Number of nodes with pods.
    count: usize,
    /// The last slot that ever had any.
    last: usize,
}

impl NodePodCounts {
    /// Whether no node has any.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Every node that has some, each once, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = (usize, PodCounts)> {
        let dense = self.dense.iter().copied().enumerate();
        let dense = dense.filter(|(_, held)| held.all > 0);
        let sparse = self.sparse.iter().map(|(&slot, &held)| (slot, held));
        dense.chain(sparse)
    }

    /// A node has one more.
    pub(super) fn add(&mut self, slot: usize, is_staying: bool) {
        self.last = self.last.max(slot);
        let held = if self.dense.is_empty() {
            self.sparse.entry(slot).or_default()
        } else {
            if self.dense.len() <= slot {
                self.dense.resize(slot + 1, PodCounts::default());
            }
            &mut self.dense[slot]
        };
        let is_new = held.all == 0;
        held.all += 1;
        held.staying += u32::from(is_staying);
        if is_new {
            self.count += 1;
            if self.dense.is_empty() && self.count > self.last / DENSE_FROM + DENSE_FROM {
                self.dense = vec![PodCounts::default(); self.last + 1];
                for (slot, held) in self.sparse.drain(..) {
                    self.dense[slot] = held;
                }
            }
        }
    }

    /// A node has one less.
    pub(super) fn remove(&mut self, slot: usize, was_staying: bool) {
        let held = if self.dense.is_empty() {
            self.sparse.get_mut(&slot)
        } else {
            self.dense.get_mut(slot).filter(|held| held.all > 0)
        };
        let Some(held) = held else {
            return;
        };
        held.all -= 1;
        held.staying -= u32::from(was_staying);
        if held.all > 0 {
            return;
        }
        self.count -= 1;
        if self.dense.is_empty() {
            self.sparse.swap_remove(&slot);
        } else if self.count < self.dense.len() / SPARSE_FROM {
            let nodes: Vec<(usize, PodCounts)> = self.iter().collect();
            self.sparse.extend(nodes);
            self.dense = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {

    use proptest::prelude::*;

    use super::*;
    use units::SortedMap;

    proptest! {
        #[test]
        fn table_and_map_are_one(
            steps in prop::collection::vec((any::<bool>(), 0_usize..600, any::<bool>()), 0..3_000),
            widths in prop::collection::vec(1_usize..600, 4),
        ) {
            let mut held = NodePodCounts::default();
            let mut model: SortedMap<usize, Vec<bool>> = SortedMap::new();
            let stretch = steps.len() / widths.len() + 1;
            for (number, (comes, slot, is_staying)) in steps.into_iter().enumerate() {
                // Now nearly all slots, now a few: both forms are taken.
                let slot = slot % widths[number / stretch];
                if comes {
                    model.entry(slot).or_default().push(is_staying);
                    held.add(slot, is_staying);
                } else if let Some(pods) = model.get_mut(&slot)
                    && let Some(was_staying) = pods.pop()
                {
                    held.remove(slot, was_staying);
                    if pods.is_empty() {
                        model.remove(&slot);
                    }
                }
                prop_assert_eq!(held.is_empty(), model.is_empty());
            }
            let told: SortedMap<usize, PodCounts> = held.iter().collect();
            let expected: SortedMap<usize, PodCounts> = model
                .iter()
                .map(|(&slot, pods)| {
                    let staying = pods.iter().filter(|&&own| own).count() as u32;
                    (slot, PodCounts { all: pods.len() as u32, staying })
                })
                .collect();
            prop_assert_eq!(told, expected);
        }
    }

    #[test]
    fn many_nodes_get_a_table_and_lose_it_when_most_have_left() {
        let mut held = NodePodCounts::default();
        (0..1_000).for_each(|slot| held.add(slot, true));
        assert_eq!(held.dense.len(), 1_000);
        (0..990).for_each(|slot| held.remove(slot, true));
        assert!(held.dense.is_empty());
        assert_eq!(held.iter().count(), 10);
    }
}
