//! A map in the order of its keys.

use std::borrow::Borrow;
use std::ops::{Bound, RangeBounds};

use super::entry::{Entry, OccupiedEntry, VacantEntry};
use super::iter::{Iter, IterMut};

/// A map in the order of its keys. Every operation finds its place in O(log n); an insertion or a
/// removal moves at most one block of entries.
pub struct SortedMap<K, V> {
    /// The block with the smallest keys; empty in an empty map alone.
    pub(super) first: Vec<(K, V)>,
    /// Further blocks, in order; none of them is empty.
    pub(super) rest: Vec<Vec<(K, V)>>,
    pub(super) len: usize,
}

/// Place of an entry, or where it would stand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Number of the block; 0 is the first.
    pub(super) block: usize,
    pub(super) index: usize,
}

/// Place of a key that was looked for.
pub(super) enum KeyPosition {
    At(Place),
    /// The place where the key belongs.
    Missing(Place),
}

impl<K, V> SortedMap<K, V> {
    /// Number of entries that a block holds at most: two kilobytes of them, in bounds.
    pub(super) const MOST: usize = {
        match 2048_usize.checked_div(size_of::<(K, V)>()) {
            Some(fit @ 16..=64) => fit,
            Some(0..16) => 16,
            _ => 64,
        }
    };

    /// An empty map.
    pub const fn new() -> Self {
        Self {
            first: Vec::new(),
            rest: Vec::new(),
            len: 0,
        }
    }

    /// Number of entries.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the map has no entry.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes all entries and keeps the memory of the first block.
    pub fn clear(&mut self) {
        self.first.clear();
        self.rest.clear();
        self.len = 0;
    }

    /// Entries in the order of their keys.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter {
            front: self.first.iter(),
            blocks: self.rest.iter(),
            back: [].iter(),
        }
    }

    /// Entries in the order of their keys, with values to change.
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        IterMut {
            front: self.first.iter_mut(),
            blocks: self.rest.iter_mut(),
            back: [].iter_mut(),
        }
    }

    /// Keys in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> + ExactSizeIterator + Clone {
        self.iter().map(|(key, _)| key)
    }

    /// Values in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + ExactSizeIterator + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// Values in the order of their keys, to change.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> {
        self.iter_mut().map(|(_, value)| value)
    }

    /// The values alone, in the order of their keys.
    pub fn into_values(self) -> impl DoubleEndedIterator<Item = V> {
        self.into_iter().map(|(_, value)| value)
    }

    /// The entry with the smallest key.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.first.first().map(|(key, value)| (key, value))
    }

    /// The entry with the greatest key.
    pub fn last_key_value(&self) -> Option<(&K, &V)> {
        let last = self.rest.last().unwrap_or(&self.first).last();
        last.map(|(key, value)| (key, value))
    }

    /// Removes the entry with the smallest key.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        (self.len > 0).then(|| self.remove_at(Place { block: 0, index: 0 }))
    }

    /// Removes the entry with the greatest key.
    pub fn pop_last(&mut self) -> Option<(K, V)> {
        let block = self.rest.len();
        let index = self.block(block).len().checked_sub(1)?;
        Some(self.remove_at(Place { block, index }))
    }

    /// Keeps the entries that a condition holds for, which is asked in the order of the keys.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        let keep: &mut dyn FnMut(&K, &mut V) -> bool = &mut keep;
        self.first.retain_mut(|(key, value)| keep(key, value));
        self.rest.retain_mut(|block| {
            block.retain_mut(|(key, value)| keep(key, value));
            !block.is_empty()
        });
        self.settle();
    }

    /// Removes the entries that a condition holds for, and returns them in the order of the keys.
    pub fn extract_all(&mut self, mut take: impl FnMut(&K, &mut V) -> bool) -> Vec<(K, V)> {
        let take: &mut dyn FnMut(&K, &mut V) -> bool = &mut take;
        let mut taken = Vec::new();
        taken.extend((self.first).extract_if(.., |(key, value)| take(key, value)));
        for block in &mut self.rest {
            taken.extend(block.extract_if(.., |(key, value)| take(key, value)));
        }
        self.rest.retain(|block| !block.is_empty());
        self.settle();
        taken
    }

    /// The block of a number.
    pub(super) fn block(&self, number: usize) -> &[(K, V)] {
        match number {
            0 => &self.first,
            _ => &self.rest[number - 1],
        }
    }

    fn block_mut(&mut self, number: usize) -> &mut Vec<(K, V)> {
        match number {
            0 => &mut self.first,
            _ => &mut self.rest[number - 1],
        }
    }

    pub(super) fn at(&self, place: Place) -> &(K, V) {
        &self.block(place.block)[place.index]
    }

    pub(super) fn at_mut(&mut self, place: Place) -> &mut (K, V) {
        &mut self.block_mut(place.block)[place.index]
    }

    /// Puts an entry where its key belongs, and returns where it stands then.
    pub(super) fn insert_at(&mut self, place: Place, entry: (K, V)) -> Place {
        let Place { block, index } = place;
        let is_last = block == self.rest.len();
        let items = self.block_mut(block);
        items.insert(index, entry);
        let mut at = place;
        if items.len() > Self::MOST {
            // Keys that arrive in order leave full blocks behind.
            let stay = if is_last && index == Self::MOST {
                Self::MOST
            } else {
                Self::MOST / 2
            };
            let moved = items.split_off(stay);
            self.rest.insert(block, moved);
            if index >= stay {
                at = Place {
                    block: block + 1,
                    index: index - stay,
                };
            }
        }
        self.len += 1;
        at
    }

    /// Removes the entry at a place.
    pub(super) fn remove_at(&mut self, place: Place) -> (K, V) {
        let Place { block, index } = place;
        let items = self.block_mut(block);
        let entry = items.remove(index);
        let left = items.len();
        self.len -= 1;
        if left < Self::MOST / 4 && !self.rest.is_empty() {
            self.shrink(block);
        }
        entry
    }

    /// Joins a block of few entries with the next one, where both are small.
    #[cold]
    fn shrink(&mut self, block: usize) {
        if self.block(block).is_empty() {
            if block == 0 {
                self.first = self.rest.remove(0);
            } else {
                self.rest.remove(block - 1);
            }
        } else if block < self.rest.len() && self.rest[block].len() < Self::MOST / 2 {
            let mut next = self.rest.remove(block);
            self.block_mut(block).append(&mut next);
        }
    }

    /// Brings the first block and the length in order after entries were removed from anywhere.
    fn settle(&mut self) {
        if self.first.is_empty() && !self.rest.is_empty() {
            self.first = self.rest.remove(0);
        }
        self.len = self.first.len() + self.rest.iter().map(Vec::len).sum::<usize>();
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    /// Place of a key.
    pub(super) fn find<Q: Ord + ?Sized>(&self, key: &Q) -> KeyPosition
    where
        K: Borrow<Q>,
    {
        let mut block = 0;
        if !self.rest.is_empty() {
            block = (self.rest).partition_point(|items| items[0].0.borrow() <= key);
        }
        let items = self.block(block);
        match items.binary_search_by(|(known, _)| known.borrow().cmp(key)) {
            Ok(index) => KeyPosition::At(Place { block, index }),
            Err(index) => KeyPosition::Missing(Place { block, index }),
        }
    }

    /// The value of a key.
    #[inline]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        if self.is_empty() {
            return None;
        }
        match self.find(key) {
            KeyPosition::At(place) => Some(&self.at(place).1),
            KeyPosition::Missing(_) => None,
        }
    }

    /// The stored key that equals a key, and its value.
    pub fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        match self.find(key) {
            KeyPosition::At(place) => {
                let (key, value) = self.at(place);
                Some((key, value))
            }
            KeyPosition::Missing(_) => None,
        }
    }

    /// The value of a key, to change.
    #[inline]
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        if self.is_empty() {
            return None;
        }
        match self.find(key) {
            KeyPosition::At(place) => Some(&mut self.at_mut(place).1),
            KeyPosition::Missing(_) => None,
        }
    }

    /// Whether the map has a key.
    #[inline]
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        if self.is_empty() {
            return false;
        }
        matches!(self.find(key), KeyPosition::At(_))
    }

    /// Gives a key a value, and returns the one that it had. A key that is there stays as it is.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            KeyPosition::At(place) => Some(std::mem::replace(&mut self.at_mut(place).1, value)),
            KeyPosition::Missing(place) => {
                self.insert_at(place, (key, value));
                None
            }
        }
    }

    /// Removes a key, and returns its value.
    #[inline]
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        if self.is_empty() {
            return None;
        }
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Removes a key, and returns it with its value.
    pub fn remove_entry<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
    {
        match self.find(key) {
            KeyPosition::At(place) => Some(self.remove_at(place)),
            KeyPosition::Missing(_) => None,
        }
    }

    /// The entry of a key, which is there or not yet.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        match self.find(&key) {
            KeyPosition::At(place) => Entry::Occupied(OccupiedEntry { map: self, place }),
            KeyPosition::Missing(place) => Entry::Vacant(VacantEntry {
                map: self,
                place,
                key,
            }),
        }
    }

    /// The entry with the smallest key.
    pub fn first_entry(&mut self) -> Option<OccupiedEntry<'_, K, V>> {
        let place = Place { block: 0, index: 0 };
        (!self.is_empty()).then_some(OccupiedEntry { map: self, place })
    }

    /// Entries whose keys are in a range; none if it ends before it starts.
    #[inline]
    pub fn range<Q: Ord + ?Sized>(&self, range: impl RangeBounds<Q>) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        if self.is_empty() {
            return self.iter();
        }
        let start = self.start_of(range.start_bound());
        let end = self.end_of(range.end_bound());
        self.between(start, end)
    }

    /// Moves the entries from a key on into a map of their own.
    #[must_use]
    pub fn split_off<Q: Ord + ?Sized>(&mut self, key: &Q) -> Self
    where
        K: Borrow<Q>,
    {
        let (KeyPosition::At(place) | KeyPosition::Missing(place)) = self.find(key);
        let mut tail = Self {
            first: self.block_mut(place.block).split_off(place.index),
            rest: self.rest.split_off(place.block),
            len: 0,
        };
        if place.block > 0 && place.index == 0 {
            self.rest.pop();
        }
        self.settle();
        tail.settle();
        tail
    }

    /// Moves all entries of another map into this one; its values win.
    pub fn append(&mut self, other: &mut Self) {
        self.extend(std::mem::take(other));
    }

    fn start_of<Q: Ord + ?Sized>(&self, bound: Bound<&Q>) -> Place
    where
        K: Borrow<Q>,
    {
        let (key, after) = match bound {
            Bound::Unbounded => return Place { block: 0, index: 0 },
            Bound::Included(key) => (key, 0),
            Bound::Excluded(key) => (key, 1),
        };
        match self.find(key) {
            KeyPosition::At(Place { block, index }) => Place {
                block,
                index: index + after,
            },
            KeyPosition::Missing(place) => place,
        }
    }

    fn end_of<Q: Ord + ?Sized>(&self, bound: Bound<&Q>) -> Place
    where
        K: Borrow<Q>,
    {
        match bound {
            Bound::Unbounded => {
                let block = self.rest.len();
                let index = self.block(block).len();
                Place { block, index }
            }
            Bound::Included(key) => self.start_of(Bound::Excluded(key)),
            Bound::Excluded(key) => self.start_of(Bound::Included(key)),
        }
    }

    fn between(&self, start: Place, end: Place) -> Iter<'_, K, V> {
        if start >= end {
            return Iter {
                front: [].iter(),
                blocks: [].iter(),
                back: [].iter(),
            };
        }
        if start.block == end.block {
            return Iter {
                front: self.block(start.block)[start.index..end.index].iter(),
                blocks: [].iter(),
                back: [].iter(),
            };
        }
        Iter {
            front: self.block(start.block)[start.index..].iter(),
            blocks: self.rest[start.block..end.block - 1].iter(),
            back: self.block(end.block)[..end.index].iter(),
        }
    }
}
