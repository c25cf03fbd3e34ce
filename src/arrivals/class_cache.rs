//! Values that were made of the latest classes, by the numbers of these. A trace may have as many classes as tasks, so that of
//! two whose places are the same, the later one stays.

use std::hash::Hash;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

/// The number of classes that are remembered where nothing else is said.
pub const MOST: usize = 1 << 14;

/// Values by class; each is there as long as no class with the same place comes.
#[derive(Clone, Debug)]
pub struct ByClass<T> {
    most: usize,
    /// Classes with their values, by the remainder of the class.
    places: Vec<Option<(u32, T)>>,
}

impl<T> Default for ByClass<T> {
    fn default() -> Self {
        Self::of(MOST)
    }
}

impl<T> ByClass<T> {
    /// No values yet; there will be a number of them at most.
    pub const fn of(most: usize) -> Self {
        Self {
            most,
            places: Vec::new(),
        }
    }

    /// The value of a class, if it is there.
    pub fn get(&self, class: u32) -> Option<&T> {
        let (own, value) = self.places.get(class as usize % self.most)?.as_ref()?;
        (*own == class).then_some(value)
    }

    /// Keeps the value of a class.
    pub fn put(&mut self, class: u32, value: T) {
        let place = class as usize % self.most;
        if self.places.len() <= place {
            self.places.resize_with(place + 1, || None);
        }
        self.places[place] = Some((class, value));
    }
}

/// Values by keys of which there may be as many as rows: where there are too many, all are forgotten.
#[derive(Clone, Debug)]
pub struct Lately<K, V>(IndexMap<K, V, FxBuildHasher>);

impl<K, V> Default for Lately<K, V> {
    fn default() -> Self {
        Self(IndexMap::default())
    }
}

impl<K: Hash + Eq, V> Lately<K, V> {
    /// The value of a key, if it is there.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    /// Keeps the value of a key.
    pub fn insert(&mut self, key: K, value: V) {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_class_of_a_place_is_there() {
        let mut values = ByClass::of(3);
        for class in 0..5 {
            values.put(class, 10 * class);
        }
        let found = [0, 1, 2, 3, 4, 5].map(|class| values.get(class).copied());
        assert_eq!(found, [None, None, Some(20), Some(30), Some(40), None]);
    }
}
