//! Objects that are alive in a trace, by their keys: a number of them in memory, and those beyond it on disk, from which one
//! comes back when it is asked for. Those that have been asked for least recently go there first, so that a trace of which
//! nothing ever ends takes no more memory than one of which all does.

use std::hash::Hash;
use std::ops::{Index, IndexMut};

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::places::{Key, Places};
use super::{Slots, key_of};
use intake::TraceError;

/// Objects that are held in memory.
const MOST_HELD: usize = 1 << 16;

/// The words of an object that is not on disk any more. No object has them.
const GONE: u64 = u64::MAX;

/// An object that can be written as a number of words, not all of which are [`u64::MAX`].
pub trait Stored<const WORDS: usize> {
    /// Returns the words of the object.
    fn words(&self) -> [u64; WORDS];

    /// Returns the object of words.
    fn of_words(words: [u64; WORDS]) -> Self;
}

/// A key of which there is a hash that no two keys share by chance.
pub trait Hashed: Copy + Hash + Eq {
    /// Returns the hash.
    fn hashed(self) -> Key;
}

impl Hashed for i64 {
    fn hashed(self) -> Key {
        key_of(&self.to_le_bytes())
    }
}

impl Hashed for (i64, i64) {
    fn hashed(self) -> Key {
        let (first, second) = (self.0.to_le_bytes(), self.1.to_le_bytes());
        key_of([first, second].as_flattened())
    }
}

/// Keys that are hashes already.
impl Hashed for Key {
    fn hashed(self) -> Key {
        self
    }
}

/// Objects by their keys. One is used by its index in memory, which holds until another is found or added.
#[derive(Debug)]
pub struct Alive<K, T, const WORDS: usize> {
    held: IndexMap<K, T, FxBuildHasher>,
    most_held: usize,
    apart: Option<Box<Apart<WORDS>>>,
}

/// Objects on disk.
#[derive(Debug)]
struct Apart<const WORDS: usize> {
    places: Places,
    records: Slots<WORDS>,
}

impl<K, T, const WORDS: usize> Default for Alive<K, T, WORDS> {
    fn default() -> Self {
        Self::holding(MOST_HELD)
    }
}

impl<K, T, const WORDS: usize> Alive<K, T, WORDS> {
    /// No objects yet; a number of them is held in memory.
    pub fn holding(most_held: usize) -> Self {
        Self {
            held: IndexMap::default(),
            most_held,
            apart: None,
        }
    }
}

impl<K: Hashed, T: Stored<WORDS>, const WORDS: usize> Alive<K, T, WORDS> {
    /// The index of the object of a key, if there is one.
    ///
    /// # Errors
    /// A temporary file can't be read.
    #[inline]
    pub fn find(&mut self, key: K) -> Result<Option<usize>, TraceError> {
        match (self.held.get_index_of(&key), &self.apart) {
            (None, Some(_)) => self.bring_back(key),
            (found, _) => Ok(found),
        }
    }

    #[cold]
    fn bring_back(&mut self, key: K) -> Result<Option<usize>, TraceError> {
        let found = match &mut self.apart {
            Some(apart) => apart.take(key.hashed())?,
            None => None,
        };
        found
            .map(|words| self.add(key, T::of_words(words)))
            .transpose()
    }

    /// Adds an object of a key that has none; its index.
    ///
    /// # Errors
    /// A temporary file can't be read.
    pub fn add(&mut self, key: K, own: T) -> Result<usize, TraceError> {
        if self.held.len() >= self.most_held {
            let apart = self.apart.get_or_insert_with(|| {
                Box::new(Apart {
                    places: Places::holding(self.most_held),
                    records: Slots::holding(self.most_held),
                })
            });
            // Half of them at once, as the others move to their places.
            let half = (self.held.len() / 2).max(1).min(self.held.len());
            for (key, own) in self.held.drain(..half) {
                apart.put(key.hashed(), own.words())?;
            }
        }
        Ok(self.held.insert_full(key, own).0)
    }

    /// Takes the object of an index away.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        self.held.swap_remove_index(index).map(|(_, own)| own)
    }

    /// Takes all objects, in no order.
    ///
    /// # Errors
    /// A temporary file can't be read, or taking an object fails.
    pub fn each(self, mut take: impl FnMut(T) -> Result<(), TraceError>) -> Result<(), TraceError> {
        self.held.into_values().try_for_each(&mut take)?;
        let Some(apart) = self.apart else {
            return Ok(());
        };
        let Apart {
            places,
            mut records,
        } = *apart;
        drop(places);
        for place in 0..records.count() {
            let words = records.get(place)?;
            if words != [GONE; WORDS] {
                take(T::of_words(words))?;
            }
        }
        Ok(())
    }
}

impl<K, T, const WORDS: usize> Index<usize> for Alive<K, T, WORDS> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        &self.held[index]
    }
}

impl<K, T, const WORDS: usize> IndexMut<usize> for Alive<K, T, WORDS> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.held[index]
    }
}

impl<const WORDS: usize> Apart<WORDS> {
    /// Writes the words of an object.
    fn put(&mut self, key: Key, words: [u64; WORDS]) -> Result<(), TraceError> {
        if let Some(place) = self.places.get(key)? {
            return self.records.put(place, words);
        }
        let place = self.records.push(words)?;
        self.places.put(key, place)
    }

    /// Takes the words of an object away; nothing if there are none.
    fn take(&mut self, key: Key) -> Result<Option<[u64; WORDS]>, TraceError> {
        let Some(place) = self.places.get(key)? else {
            return Ok(None);
        };
        let words = self.records.get(place)?;
        if words == [GONE; WORDS] {
            return Ok(None);
        }
        self.records.put(place, [GONE; WORDS])?;
        Ok(Some(words))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use units::SortedMap;

    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Own(i64, u64);

    impl Stored<2> for Own {
        fn words(&self) -> [u64; 2] {
            [self.0 as u64, self.1]
        }

        fn of_words([key, number]: [u64; 2]) -> Self {
            Self(key as i64, number)
        }
    }

    proptest! {
        #[test]
        fn objects_are_those_of_a_map(
            steps in prop::collection::vec((0..3_u8, 0_i64..40), 0..400),
            most_held in 1_usize..50,
        ) {
            let mut alive: Alive<i64, Own, 2> = Alive::holding(most_held);
            let mut plain = SortedMap::new();
            for (number, &(step, key)) in (0..).zip(&steps) {
                let found = alive.find(key).expect("readable");
                let known = found.map(|at| alive[at].1);
                prop_assert_eq!(known, plain.get(&key).copied());
                match (step, found) {
                    (_, None) => {
                        let at = alive.add(key, Own(key, number)).expect("readable");
                        prop_assert_eq!(&alive[at], &Own(key, number));
                        plain.insert(key, number);
                    }
                    (0, Some(at)) => {
                        alive[at].1 = number;
                        plain.insert(key, number);
                    }
                    (_, Some(at)) => {
                        let removed = alive.remove(at).map(|own| own.1);
                        prop_assert_eq!(removed, plain.remove(&key));
                    }
                }
                prop_assert!(alive.held.len() <= most_held);
            }
            let mut left = SortedMap::new();
            let taken = alive.each(|own| {
                left.insert(own.0, own.1);
                Ok(())
            });
            taken.expect("readable");
            prop_assert_eq!(left, plain);
        }
    }

    #[test]
    fn hashes_of_keys_differ() {
        let keys = [(1, 0), (0, 1), (256, 0), (0, 256)].map(Hashed::hashed);
        for (place, key) in keys.iter().enumerate() {
            assert!(!keys[..place].contains(key));
        }
        assert_ne!(1_i64.hashed(), 256_i64.hashed());
        assert_eq!([7, 9].hashed(), [7, 9]);
    }
}
