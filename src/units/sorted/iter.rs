//! Iterators over the entries of a map, in the order of the keys.

use std::iter::FusedIterator;
use std::{slice, vec};

use super::map::SortedMap;

/// Iterator over borrowed entries.
pub struct Iter<'a, K, V> {
    pub(super) front: slice::Iter<'a, (K, V)>,
    pub(super) blocks: slice::Iter<'a, Vec<(K, V)>>,
    pub(super) back: slice::Iter<'a, (K, V)>,
}

/// Iterator over entries whose values can be changed.
pub struct IterMut<'a, K, V> {
    pub(super) front: slice::IterMut<'a, (K, V)>,
    pub(super) blocks: slice::IterMut<'a, Vec<(K, V)>>,
    pub(super) back: slice::IterMut<'a, (K, V)>,
}

/// Iterator over owned entries.
pub struct IntoIter<K, V> {
    front: vec::IntoIter<(K, V)>,
    blocks: vec::IntoIter<Vec<(K, V)>>,
    back: vec::IntoIter<(K, V)>,
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            front: self.front.clone(),
            blocks: self.blocks.clone(),
            back: self.back.clone(),
        }
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    fn into_iter(self) -> IntoIter<K, V> {
        IntoIter {
            front: self.first.into_iter(),
            blocks: self.rest.into_iter(),
            back: Vec::new().into_iter(),
        }
    }
}

impl<'a, K, V> IntoIterator for &'a SortedMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

impl<'a, K, V> IntoIterator for &'a mut SortedMap<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V>;

    fn into_iter(self) -> IterMut<'a, K, V> {
        self.iter_mut()
    }
}

/// Walks the front, then block after block, then the back; from the other end the other way round.
macro_rules! iterates {
    ([$($generics:tt)*] $name:ty => $item:ty, |$entry:ident| $told:expr, $inner:ident) => {
        impl<$($generics)*> Iterator for $name {
            type Item = $item;

            fn next(&mut self) -> Option<Self::Item> {
                loop {
                    if let Some($entry) = self.front.next() {
                        return Some($told);
                    }
                    match self.blocks.next() {
                        Some(block) => self.front = block.$inner(),
                        None => return self.back.next().map(|$entry| $told),
                    }
                }
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                let blocks = self.blocks.as_slice().iter();
                let inside: usize = blocks.map(Vec::len).sum();
                let left = self.front.len() + inside + self.back.len();
                (left, Some(left))
            }
        }

        impl<$($generics)*> DoubleEndedIterator for $name {
            fn next_back(&mut self) -> Option<Self::Item> {
                loop {
                    if let Some($entry) = self.back.next_back() {
                        return Some($told);
                    }
                    match self.blocks.next_back() {
                        Some(block) => self.back = block.$inner(),
                        None => return self.front.next_back().map(|$entry| $told),
                    }
                }
            }
        }

        impl<$($generics)*> ExactSizeIterator for $name {}

        impl<$($generics)*> FusedIterator for $name {}
    };
}

iterates!(['a, K, V] Iter<'a, K, V> => (&'a K, &'a V), |entry| (&entry.0, &entry.1), iter);
iterates!(['a, K, V] IterMut<'a, K, V> => (&'a K, &'a mut V), |entry| (&entry.0, &mut entry.1), iter_mut);
iterates!([K, V] IntoIter<K, V> => (K, V), |entry| entry, into_iter);
