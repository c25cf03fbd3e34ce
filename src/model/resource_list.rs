//! Named exact quantities, as objects state them. Every system derives its integer columns from
//! these with its own rounding.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::Text;
use units::{Quantity, QuantityError, SortedMap};

/// Exact quantities by resource name (`cpu`, `memory`, `ephemeral-storage`, `pods`,
/// `example.com/device` …), sorted by name. Copies share their memory until one of them is changed:
/// there may be as many as nodes, and most are alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceList(
    /// `None` if nothing is listed, and only then.
    Option<Arc<SortedMap<Text, Quantity>>>,
);

/// Processor cores.
pub const CPU: &str = "cpu";
/// Bytes of memory.
pub const MEMORY: &str = "memory";
/// Bytes of node-local scratch storage.
pub const EPHEMERAL_STORAGE: &str = "ephemeral-storage";
/// Pod slots.
pub const PODS: &str = "pods";

impl Hash for ResourceList {
    /// Hashes the list as a map of all amounts: object hashes are part of a digest, the memory
    /// layout of a list is not.
    fn hash<H: Hasher>(&self, state: &mut H) {
        static NOTHING: SortedMap<Text, Quantity> = SortedMap::new();
        self.0.as_deref().unwrap_or(&NOTHING).hash(state);
    }
}

impl Serialize for ResourceList {
    /// Writes amounts as texts, so that they are read as what they are in every format.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let amounts = self.iter();
        serializer.collect_map(amounts.map(|(name, amount)| (name, amount.to_string())))
    }
}

impl<'de> Deserialize<'de> for ResourceList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let amounts = SortedMap::<Text, Text>::deserialize(deserializer)?;
        let mut list = Self::default();
        for (name, amount) in amounts {
            list.insert(name, amount.parse().map_err(D::Error::custom)?);
        }
        Ok(list)
    }
}

impl ResourceList {
    /// The list of these amounts.
    pub fn from_pairs<const N: usize>(pairs: [(&str, Quantity); N]) -> Self {
        let mut list = Self::default();
        for (name, amount) in pairs {
            list.set(name, amount);
        }
        list
    }

    /// The amount of a resource; zero if it is not listed.
    pub fn get(&self, name: &str) -> Quantity {
        self.stated(name).unwrap_or(Quantity::ZERO)
    }

    /// The amount of a resource, if it is listed.
    pub fn stated(&self, name: &str) -> Option<Quantity> {
        self.0.as_ref()?.get(name).copied()
    }

    /// Whether a resource is listed.
    pub fn contains(&self, name: &str) -> bool {
        self.stated(name).is_some()
    }

    /// Number of resources listed.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |amounts| amounts.len())
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Sets the amount of a resource.
    pub fn set(&mut self, name: &str, amount: Quantity) {
        self.insert(name.into(), amount);
    }

    /// Sets the amount of a resource whose name is to be shared.
    pub fn insert(&mut self, name: Text, amount: Quantity) {
        self.amounts_mut().insert(name, amount);
    }

    /// Sets the amount of a resource that is not listed yet.
    pub fn insert_if_absent(&mut self, name: &Text, amount: Quantity) {
        if !self.contains(name) {
            self.insert(name.clone(), amount);
        }
    }

    /// Takes a resource off the list; its amount.
    pub fn remove(&mut self, name: &str) -> Option<Quantity> {
        let amount = self.stated(name)?;
        self.amounts_mut().remove(name);
        if self.0.as_ref().is_some_and(|amounts| amounts.is_empty()) {
            self.0 = None;
        }
        Some(amount)
    }

    /// Takes everything off the list.
    pub fn clear(&mut self) {
        self.0 = None;
    }

    /// Adds every amount of `other`.
    pub fn add(&mut self, other: &Self) -> Result<(), QuantityError> {
        if self.is_empty() {
            self.clone_from(other);
            return Ok(());
        }
        for (name, amount) in other.named() {
            let sum = self.get(name).checked_add(amount)?;
            self.insert(name.clone(), sum);
        }
        Ok(())
    }

    /// Raises every amount to at least that of `other`.
    pub fn raise_to(&mut self, other: &Self) {
        for (name, amount) in other.named() {
            let known = self.stated(name);
            if known.is_none_or(|known| known <= amount) {
                self.insert(name.clone(), amount);
            }
        }
    }

    /// The resources in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Quantity)> {
        self.named().map(|(name, amount)| (&**name, amount))
    }

    /// The resources in order of name, with names to be shared.
    pub fn named(&self) -> impl Iterator<Item = (&Text, Quantity)> {
        let amounts = self.0.iter().flat_map(|amounts| amounts.iter());
        amounts.map(|(name, &amount)| (name, amount))
    }

    fn amounts_mut(&mut self) -> &mut SortedMap<Text, Quantity> {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::short_name;

    #[test]
    fn a_list_is_hashed_as_the_map_of_its_amounts() {
        let (mut list, mut map) = (ResourceList::default(), SortedMap::<Text, Quantity>::new());
        assert_eq!(short_name(&list), short_name(&map));
        for (name, amount) in [("memory", 5), ("cpu", 2), ("cpu", 3)] {
            let shared = list.clone();
            list.set(name, Quantity::from_units(amount));
            map.insert(name.into(), Quantity::from_units(amount));
            assert_eq!(short_name(&list), short_name(&map));
            assert_ne!(list, shared);
        }
        assert_eq!(list.remove("cpu"), Some(Quantity::from_units(3)));
        assert_eq!(list.remove("cpu"), None);
        assert_eq!(list.remove("memory"), Some(Quantity::from_units(5)));
        assert_eq!(list, ResourceList::default());
    }
}
