//! Records that come in the order of their keys and are found by them: in memory up to a number of records, and beyond it in
//! a temporary file, of which some keys are in memory, at equal distances.

use super::Slots;
use intake::TraceError;

/// Words of a key.
const KEY: usize = 2;

/// Words of what is known by a key.
const FACTS: usize = 2;

/// A key.
pub(super) type Key = [u64; KEY];

/// Records from one key in memory to the next at first: those of a block of [`Slots`].
const STRIDE: u64 = 64;

/// Keys in memory; of more, every other one is forgotten.
const MOST_KEYS: usize = 1 << 18;

/// Two numbers by each key, in the order of keys.
#[derive(Debug)]
pub struct Ascending {
    records: Slots<{ KEY + FACTS }>,
    /// The key of each record whose number is a multiple of the stride.
    keys: Vec<Key>,
    stride: u64,
    most_keys: usize,
}

impl Default for Ascending {
    fn default() -> Self {
        Self {
            records: Slots::default(),
            keys: Vec::new(),
            stride: STRIDE,
            most_keys: MOST_KEYS,
        }
    }
}

impl Ascending {
    /// The number of keys.
    pub const fn count(&self) -> u64 {
        self.records.count()
    }

    /// Adds a key that is above all others.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn push(&mut self, key: Key, facts: [u64; FACTS]) -> Result<(), TraceError> {
        if self.keys.len() >= self.most_keys && self.count().is_multiple_of(self.stride) {
            let mut place = 0;
            self.keys.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.stride *= 2;
        }
        if self.count().is_multiple_of(self.stride) {
            self.keys.push(key);
        }
        let ([one, other], [first, second]) = (key, facts);
        self.records.push([one, other, first, second])?;
        Ok(())
    }

    /// The place of a key among all, and what is known by it, if the key is there.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn get(&mut self, key: Key) -> Result<Option<(u64, [u64; FACTS])>, TraceError> {
        let behind = self.keys.partition_point(|own| *own <= key) as u64;
        let Some(before) = behind.checked_sub(1) else {
            return Ok(None);
        };
        // The key, if it is there, is at the lower end or above it.
        let mut from = before * self.stride;
        let mut until = (from + self.stride).min(self.count());
        while until - from > 1 {
            let middle = from.midpoint(until);
            let [one, other, ..] = self.records.get(middle)?;
            if [one, other] <= key {
                from = middle;
            } else {
                until = middle;
            }
        }
        let [one, other, first, second] = self.records.get(from)?;
        Ok(([one, other] == key).then_some((from, [first, second])))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_found_is_what_a_map_has(
            keys in prop::collection::btree_map(0_u64..900, any::<u64>(), 0..300),
            most_held in 1_usize..200,
            most_keys in 1_usize..9,
            stride in 1_u64..70,
        ) {
            let mut all = Ascending {
                records: Slots::holding(most_held),
                most_keys,
                stride,
                ..Ascending::default()
            };
            for (&key, &fact) in &keys {
                all.push([7, key], [fact, key]).expect("readable");
            }
            prop_assert_eq!(all.count(), keys.len() as u64);
            prop_assert!(all.keys.len() <= most_keys);
            for key in 0..900 {
                let place = keys.range(..key).count() as u64;
                let expected = keys.get(&key).map(|&fact| (place, [fact, key]));
                prop_assert_eq!(all.get([7, key]).expect("readable"), expected);
            }
            prop_assert_eq!(all.get([6, u64::MAX]).expect("readable"), None);
            prop_assert_eq!(all.get([8, 0]).expect("readable"), None);
        }
    }
}
