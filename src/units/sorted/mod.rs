//! Maps and sets in the order of their keys, as `BTreeMap` and `BTreeSet` of the standard library, for
//! a fraction of the machine code: hundreds of kinds of map were half of what the compiler had to
//! translate. Entries stand in a list of short sorted lists (as in Python's `sortedcontainers`): a
//! search is two binary searches, an insertion moves the entries of one list. Nearly all maps here are
//! small and have one list.

mod entry;
mod iter;
mod map;
mod set;
mod traits;

#[cfg(test)]
mod tests;

pub use entry::{Entry, OccupiedEntry, VacantEntry};
pub use iter::{IntoIter, Iter, IterMut};
pub use map::SortedMap;
pub use set::SortedSet;
