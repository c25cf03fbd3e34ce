//! Numbers by hashes: in memory up to a number of them, and beyond it in a table on disk, which is read and written in place.
//! What is looked up for each row of a trace takes no more memory so for a longer trace.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::{AHEAD, nameless};
use crate::error::{TraceError, read_error};

/// Numbers that are held in memory.
const MOST_HELD: usize = 1 << 16;

/// The first words of a hash.
pub(crate) type Key = [u64; 2];

/// Words of a slot: the key, and the number plus one, which is 0 where the slot is vacant.
const WORDS: usize = 3;

/// Bytes of a word, and of a slot.
const WORD: usize = 8;
const SLOT: usize = WORDS * WORD;

/// Slots that are read at once: few look-ups need more.
const AT_ONCE: usize = 16;

/// Numbers up to now.
#[derive(Debug)]
pub(crate) struct Places {
    held: IndexMap<Key, u64, FxBuildHasher>,
    most_held: usize,
    disk: Option<Table>,
}

impl Default for Places {
    fn default() -> Self {
        Self::holding(MOST_HELD)
    }
}

impl Places {
    /// No numbers yet; so many are held in memory.
    pub(crate) fn holding(most_held: usize) -> Self {
        Self {
            held: IndexMap::default(),
            most_held,
            disk: None,
        }
    }

    /// The number of a key, if it has one.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub(crate) fn get(&self, key: Key) -> Result<Option<u64>, TraceError> {
        match &self.disk {
            None => Ok(self.held.get(&key).copied()),
            Some(table) => {
                let found = table.find(key).map_err(|error| table.failed(&error))?;
                Ok(found.number)
            }
        }
    }

    /// Gives a key a number, below the largest one.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub(crate) fn put(&mut self, key: Key, number: u64) -> Result<(), TraceError> {
        let is_full = self.held.len() >= self.most_held && !self.held.contains_key(&key);
        if self.disk.is_none() && is_full {
            match Table::of(&self.held, 4 * self.most_held.next_power_of_two()) {
                Ok(table) => {
                    self.disk = Some(table);
                    self.held = IndexMap::default();
                }
                // Where nothing can be written, all stay in memory.
                Err(_) => self.most_held = usize::MAX,
            }
        }
        let Some(table) = &mut self.disk else {
            self.held.insert(key, number);
            return Ok(());
        };
        if table.put(key, number).is_err() {
            let known = table.each().map_err(|error| table.failed(&error))?;
            self.held = known.into_iter().collect();
            self.held.insert(key, number);
            (self.disk, self.most_held) = (None, usize::MAX);
        }
        Ok(())
    }
}

/// Slots on disk, each key in the first vacant one from that of its first bits on; at most half of them are taken.
#[derive(Debug)]
struct Table {
    file: File,
    path: PathBuf,
    slots: u64,
    taken: u64,
}

/// The slot of a key, and its number if the slot is taken.
struct Found {
    slot: u64,
    number: Option<u64>,
}

impl Table {
    fn empty(slots: u64) -> io::Result<Self> {
        let (file, path) = nameless("places")?;
        file.set_len(slots * SLOT as u64)?;
        Ok(Self {
            file,
            path,
            slots,
            taken: 0,
        })
    }

    fn of(known: &IndexMap<Key, u64, FxBuildHasher>, slots: usize) -> io::Result<Self> {
        let mut table = Self::empty(slots as u64)?;
        for (&key, &number) in known {
            table.settle(key, number)?;
        }
        Ok(table)
    }

    /// The slot from which on a key is looked for: those of a table keep their order when it grows.
    fn first(&self, key: Key) -> u64 {
        ((u128::from(key[0]) * u128::from(self.slots)) >> u64::BITS) as u64
    }

    fn find(&self, key: Key) -> io::Result<Found> {
        let mut slot = self.first(key);
        let mut bytes = [0; AT_ONCE * SLOT];
        loop {
            let ahead = (self.slots - slot).min(AT_ONCE as u64) as usize;
            let own = &mut bytes[..ahead * SLOT];
            self.file.read_exact_at(own, slot * SLOT as u64)?;
            for (place, own) in (slot..).zip(own.chunks_exact(SLOT)) {
                let [first, second, number] = words(own);
                if number == 0 || [first, second] == key {
                    return Ok(Found {
                        slot: place,
                        number: number.checked_sub(1),
                    });
                }
            }
            slot = (slot + ahead as u64) % self.slots;
        }
    }

    fn put(&mut self, key: Key, number: u64) -> io::Result<()> {
        if 2 * self.taken >= self.slots {
            let mut larger = Self::empty(2 * self.slots)?;
            self.each_of(|key, number| larger.settle(key, number))?;
            *self = larger;
        }
        self.settle(key, number)
    }

    fn settle(&mut self, key: Key, number: u64) -> io::Result<()> {
        let found = self.find(key)?;
        let slot = [key[0], key[1], number + 1].map(u64::to_le_bytes);
        let at = found.slot * SLOT as u64;
        self.file.write_all_at(slot.as_flattened(), at)?;
        self.taken += u64::from(found.number.is_none());
        Ok(())
    }

    /// Takes every key with its number.
    fn each_of(&self, mut take: impl FnMut(Key, u64) -> io::Result<()>) -> io::Result<()> {
        let mut bytes = vec![0; AHEAD / SLOT * SLOT];
        let (mut at, end) = (0, self.slots * SLOT as u64);
        while at < end {
            let length = bytes.len().min((end - at) as usize);
            self.file.read_exact_at(&mut bytes[..length], at)?;
            for own in bytes[..length].chunks_exact(SLOT) {
                let [first, second, number] = words(own);
                if let Some(number) = number.checked_sub(1) {
                    take([first, second], number)?;
                }
            }
            at += length as u64;
        }
        Ok(())
    }

    fn each(&self) -> io::Result<Vec<(Key, u64)>> {
        let mut all = Vec::new();
        self.each_of(|key, number| {
            all.push((key, number));
            Ok(())
        })?;
        Ok(all)
    }

    fn failed(&self, error: &io::Error) -> TraceError {
        read_error(&self.path.display().to_string(), error)
    }
}

fn words(slot: &[u8]) -> [u64; WORDS] {
    let mut words = slot.as_chunks::<WORD>().0.iter();
    std::array::from_fn(|_| words.next().map_or(0, |word| u64::from_le_bytes(*word)))
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::fd::AsRawFd as _;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_found_wherever_they_are_held(
            // Keys at the end of the table go on at its beginning.
            keys in prop::collection::vec((prop_oneof![0..9_u64, Just(u64::MAX), any::<u64>()], 0..3_u64), 0..150),
            most_held in 1_usize..40,
        ) {
            let mut places = Places::holding(most_held);
            let mut plain: IndexMap<Key, u64> = IndexMap::new();
            for (number, &(first, second)) in (0..).zip(&keys) {
                let key = [first, second];
                prop_assert_eq!(places.get(key).expect("readable"), plain.get(&key).copied());
                places.put(key, number).expect("readable");
                plain.insert(key, number);
            }
            for (&key, &number) in &plain {
                prop_assert_eq!(places.get(key).expect("readable"), Some(number));
            }
            prop_assert_eq!(places.get([7, 7]).expect("readable"), None);
            prop_assert_eq!(places.disk.is_some(), plain.len() > most_held);
        }
    }

    #[test]
    fn where_the_table_cannot_be_written_all_are_in_memory() {
        let mut places = Places::holding(1);
        for number in 0..3 {
            places.put([number << 60, 0], number).expect("readable");
        }
        let table = places.disk.as_mut().expect("a table");
        let again = format!("/proc/self/fd/{}", table.file.as_raw_fd());
        let only_read = OpenOptions::new().read(true).open(again);
        table.file = only_read.expect("a file that is open");
        places.put([9 << 60, 0], 9).expect("in memory");
        assert!(places.disk.is_none());
        for number in [0, 1, 2, 9] {
            assert_eq!(places.get([number << 60, 0]), Ok(Some(number)));
        }
    }
}
