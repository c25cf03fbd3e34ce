//! The nodes that a search keeps: from the start on, cyclic, until one more than wanted is met.

use super::bits::{self, Set, WORD};
use super::sites::SchedulerOrder;

/// Nodes found by a search.
#[derive(Default)]
pub(super) struct Window {
    /// The feasible nodes, by place.
    pub(super) words: Set,
    /// Number of nodes in the window.
    pub(super) count: usize,
    /// Number of nodes examined.
    pub(super) looked_at: usize,
    /// The words with nodes that were looked at, from and to, in the scheduler's order.
    ranges: [(usize, usize); 2],
    /// The nodes in the order of the search, where that is not the order of places.
    turned: Option<Vec<u32>>,
    /// By word: the feasible nodes, where a search in another order asked for them.
    asked: Vec<Option<u64>>,
}

impl Window {
    /// Searches, as [`crate::kube::Attempt::search`] does. `word_at` gives the
    /// feasible ones of 64 nodes.
    pub(super) fn search(
        &mut self,
        nodes: usize,
        start: usize,
        wanted: usize,
        mut word_at: impl FnMut(usize) -> u64,
    ) {
        let words = nodes.div_ceil(WORD);
        self.clear(words);
        self.turned = None;
        let (first, shift) = (start / WORD, start % WORD);
        for step in 0..=words {
            let index = if first + step < words {
                first + step
            } else {
                first + step - words
            };
            let mut word = word_at(index);
            if step == 0 {
                word &= u64::MAX << shift;
            } else if step == words {
                word &= !(u64::MAX << shift);
            }
            let here = word.count_ones() as usize;
            if self.count + here > wanted {
                let bit = bits::nth_bit(word, wanted - self.count);
                self.words[index] |= word & !(u64::MAX << bit);
                self.count = wanted;
                self.looked_at = (index * WORD + bit + nodes - start) % nodes;
                self.ranges = if step == words {
                    [(0, words), (0, 0)]
                } else if index >= first {
                    [(first, index + 1), (0, 0)]
                } else {
                    [(0, index + 1), (first, words)]
                };
                return;
            }
            self.words[index] |= word;
            self.count += here;
        }
        self.looked_at = nodes;
        self.ranges = [(0, words), (0, 0)];
    }

    /// Searches in the scheduler's order where that is not the order of the places.
    pub(super) fn search_turned(
        &mut self,
        turn: &SchedulerOrder,
        words: usize,
        start: usize,
        wanted: usize,
        mut word_at: impl FnMut(usize) -> u64,
    ) {
        self.clear(words);
        let mut turned = self.turned.take().unwrap_or_default();
        turned.clear();
        self.asked.clear();
        self.asked.resize(words, None);
        let (before, after) = turn.place_of.split_at(start);
        self.looked_at = turn.place_of.len();
        for (step, &place) in after.iter().chain(before).enumerate() {
            let (index, bit) = (place as usize / WORD, place as usize % WORD);
            let word = *self.asked[index].get_or_insert_with(|| word_at(index));
            if word >> bit & 1 == 0 {
                continue;
            }
            if self.count == wanted {
                self.looked_at = step;
                break;
            }
            self.words[index] |= 1 << bit;
            self.count += 1;
            turned.push(place);
        }
        self.turned = Some(turned);
    }

    /// Forgets the last search, also one that was given up in its midst.
    fn clear(&mut self, words: usize) {
        for index in self.indexes() {
            self.words[index] = 0;
        }
        self.words.resize(words, 0);
        self.count = 0;
        self.ranges = [(0, words), (0, 0)];
    }

    /// The words that may have nodes, in the order of places.
    pub(super) fn indexes(&self) -> impl Iterator<Item = usize> + Clone + use<> {
        let [one, other] = self.ranges;
        (one.0..one.1).chain(other.0..other.1)
    }

    /// The place of the first node in the scheduler's order.
    pub(super) fn first(&self) -> Option<usize> {
        let mut indexes = self.indexes();
        let index = indexes.find(|&index| self.words[index] != 0)?;
        Some(index * WORD + self.words[index].trailing_zeros() as usize)
    }

    /// Calls with the place of every node.
    pub(super) fn each(&self, mut call: impl FnMut(usize)) {
        for index in self.indexes() {
            bits::each(self.words[index], index * WORD, &mut call);
        }
    }

    /// Calls with the place of every node, in the order of the search.
    pub(super) fn each_from(&self, start: usize, mut call: impl FnMut(usize)) {
        if let Some(turned) = &self.turned {
            for &place in turned {
                call(place as usize);
            }
            return;
        }
        self.each(|place| {
            if place >= start {
                call(place);
            }
        });
        self.each(|place| {
            if place < start {
                call(place);
            }
        });
    }

    /// Whether a node is in both.
    pub(super) fn meets(&self, set: &[u64]) -> bool {
        self.indexes()
            .any(|index| self.words[index] & set[index] != 0)
    }

    /// Whether a node is not in the set.
    pub(super) fn leaves(&self, set: &[u64]) -> bool {
        self.indexes()
            .any(|index| self.words[index] & !set[index] != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_ends_before_the_first_node_beyond_those_wanted() {
        let nodes = 200;
        let is_feasible = |place: usize| place < nodes && !place.is_multiple_of(3);
        let word_at = |index: usize| {
            let places = (0..WORD).filter(|bit| is_feasible(index * WORD + bit));
            places.fold(0_u64, |word, bit| word | 1 << bit)
        };
        let mut window = Window::default();
        for start in 0..nodes {
            for wanted in [1, 2, 50, 99, 132, 133, 134, 200] {
                let (mut found, mut looked_at) = (Vec::new(), 0);
                for place in (0..nodes).map(|place| (start + place) % nodes) {
                    if is_feasible(place) {
                        if found.len() == wanted {
                            break;
                        }
                        found.push(place);
                    }
                    looked_at += 1;
                }
                window.search(nodes, start, wanted, word_at);
                let mut places = Vec::new();
                window.each_from(start, |place| places.push(place));
                assert_eq!((window.count, window.looked_at), (found.len(), looked_at));
                assert_eq!(places, found, "from {start}, {wanted} wanted");
            }
        }
    }
}
