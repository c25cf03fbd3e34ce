//! Named exact quantities, as objects state them. Every system derives its integer columns from
//! these with its own rounding.

use std::collections::BTreeMap;

use super::Text;
use crate::units::{Quantity, QuantityError};

/// Exact quantities by resource name (`cpu`, `memory`, `ephemeral-storage`, `pods`,
/// `example.com/device` …), sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceList(pub BTreeMap<Text, Quantity>);

/// Processor cores.
pub const CPU: &str = "cpu";
/// Bytes of memory.
pub const MEMORY: &str = "memory";
/// Bytes of node-local scratch storage.
pub const EPHEMERAL_STORAGE: &str = "ephemeral-storage";
/// Pod slots.
pub const PODS: &str = "pods";

impl ResourceList {
    /// The list of these amounts.
    pub fn from_pairs<const N: usize>(pairs: [(&str, Quantity); N]) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, amount)| (name.into(), amount))
                .collect(),
        )
    }

    /// The amount of a resource; zero if it is not listed.
    pub fn get(&self, name: &str) -> Quantity {
        self.0.get(name).copied().unwrap_or(Quantity::ZERO)
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets the amount of a resource.
    pub fn set(&mut self, name: &str, amount: Quantity) {
        self.0.insert(name.into(), amount);
    }

    /// Adds every amount of `other`.
    pub fn add(&mut self, other: &Self) -> Result<(), QuantityError> {
        for (name, &amount) in &other.0 {
            let sum = self.get(name).checked_add(amount)?;
            self.0.insert(name.clone(), sum);
        }
        Ok(())
    }

    /// Raises every amount to at least that of `other`.
    pub fn raise_to(&mut self, other: &Self) {
        for (name, &amount) in &other.0 {
            let known = self.0.entry(name.clone()).or_insert(amount);
            *known = (*known).max(amount);
        }
    }

    /// The resources in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Quantity)> {
        self.0.iter().map(|(name, &amount)| (&**name, amount))
    }
}
