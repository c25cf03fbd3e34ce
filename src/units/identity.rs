//! Stable identities. An entity (a pod, a node, a workload) is identified by its name and its place
//! among the others of its kind, never by the time of its creation, so that paired runs draw the
//! same random numbers for the same entity, whatever happened before.

use serde::{Deserialize, Serialize};

/// Stable identity of an entity, equal in every run that has the entity.
///
/// ```
/// use units::Identity;
///
/// let pod = Identity::of("Job").with("nightly").nth(3);
/// assert_eq!(pod, Identity::of("Job").with("nightly").nth(3));
/// assert_ne!(pod, Identity::of("Job").with("nightly").nth(4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity(u64);

/// Start value and factor of the hash FNV-1a.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FACTOR: u64 = 0x0000_0100_0000_01b3;

impl Identity {
    /// Identity of an entity with a name.
    pub const fn of(name: &str) -> Self {
        Self(OFFSET).with(name)
    }

    /// Identity of an entity with a name within this one.
    #[must_use]
    pub const fn with(self, name: &str) -> Self {
        let bytes = name.as_bytes();
        let (mut hash, mut place) = (self.0, 0);
        while place < bytes.len() {
            hash = (hash ^ bytes[place] as u64).wrapping_mul(FACTOR);
            place += 1;
        }
        // The length separates ("a", "bc") from ("ab", "c").
        Self(mixed(hash ^ bytes.len() as u64))
    }

    /// Identity of the entity with a number within this one.
    #[must_use]
    pub const fn nth(self, number: u64) -> Self {
        Self(mixed(
            self.0 ^ mixed(number.wrapping_add(0x9e37_79b9_7f4a_7c15)),
        ))
    }

    /// The identity as the number of a random stream.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// The finalizer of `SplitMix64`, which maps numbers one to one.
const fn mixed(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::SortedSet;

    #[test]
    fn identities_of_names_and_numbers_differ() {
        let mut seen = SortedSet::new();
        for name in ["", "a", "b", "ab", "job-1", "job-2"] {
            let own = Identity::of(name);
            assert!(seen.insert(own), "{name}");
            for number in (0..1_000).chain([u64::MAX]) {
                assert!(seen.insert(own.nth(number)), "{name} {number}");
                assert!(seen.insert(own.with("x").nth(number)), "{name} x {number}");
            }
        }
        let split = |first, second| Identity::of(first).with(second);
        assert_ne!(split("a", "bc"), split("ab", "c"));
    }

    #[test]
    fn golden_numbers() {
        assert_eq!(Identity::of("node-1").number(), GOLDEN[0]);
        assert_eq!(Identity::of("node-1").nth(1).number(), GOLDEN[1]);
    }

    /// Changing one of these changes every digest of a scenario with draws.
    const GOLDEN: [u64; 2] = [0xf466_36af_5fbc_5540, 0x2e7d_a23a_8387_e9a4];
}
