//! Entries of a map, looked up once and then read, changed or filled.

use super::map::{Place, SortedMap};

/// The entry of a key.
pub enum Entry<'a, K, V> {
    /// The key is there.
    Occupied(OccupiedEntry<'a, K, V>),
    /// The key is not there.
    Vacant(VacantEntry<'a, K, V>),
}

/// The entry of a key that is there.
pub struct OccupiedEntry<'a, K, V> {
    pub(super) map: &'a mut SortedMap<K, V>,
    pub(super) place: Place,
}

/// The place of a key that is not there.
pub struct VacantEntry<'a, K, V> {
    pub(super) map: &'a mut SortedMap<K, V>,
    pub(super) place: Place,
    pub(super) key: K,
}

impl<'a, K, V> Entry<'a, K, V> {
    /// The value, after one was put where none was.
    pub fn or_insert(self, value: V) -> &'a mut V {
        match self {
            Self::Occupied(entry) => entry.into_mut(),
            Self::Vacant(entry) => entry.insert(value),
        }
    }

    /// The value, after one was made where none was.
    pub fn or_insert_with(self, value: impl FnOnce() -> V) -> &'a mut V {
        match self {
            Self::Occupied(entry) => entry.into_mut(),
            Self::Vacant(entry) => entry.insert(value()),
        }
    }

    /// The value, after one was made of the key where none was.
    pub fn or_insert_with_key(self, value: impl FnOnce(&K) -> V) -> &'a mut V {
        match self {
            Self::Occupied(entry) => entry.into_mut(),
            Self::Vacant(entry) => {
                let value = value(&entry.key);
                entry.insert(value)
            }
        }
    }

    /// The value, after the default one was put where none was.
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        match self {
            Self::Occupied(entry) => entry.into_mut(),
            Self::Vacant(entry) => entry.insert(V::default()),
        }
    }
}

impl<'a, K, V> OccupiedEntry<'a, K, V> {
    /// The key.
    pub fn key(&self) -> &K {
        &self.map.at(self.place).0
    }

    /// The value.
    pub fn get(&self) -> &V {
        &self.map.at(self.place).1
    }

    /// The value, to change while the entry is borrowed.
    pub fn get_mut(&mut self) -> &mut V {
        &mut self.map.at_mut(self.place).1
    }

    /// The value, to change while the map is borrowed.
    pub fn into_mut(self) -> &'a mut V {
        &mut self.map.at_mut(self.place).1
    }

    /// Replaces the value, and returns the former one.
    pub fn insert(&mut self, value: V) -> V {
        std::mem::replace(self.get_mut(), value)
    }

    /// Removes the entry, and returns its value.
    pub fn remove(self) -> V {
        self.remove_entry().1
    }

    /// Removes the entry, and returns it.
    pub fn remove_entry(self) -> (K, V) {
        self.map.remove_at(self.place)
    }
}

impl<'a, K, V> VacantEntry<'a, K, V> {
    /// The key that is not there.
    pub const fn key(&self) -> &K {
        &self.key
    }

    /// Gives the key a value.
    pub fn insert(self, value: V) -> &'a mut V {
        let place = self.map.insert_at(self.place, (self.key, value));
        &mut self.map.at_mut(place).1
    }
}
