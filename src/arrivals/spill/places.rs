//! Numbers by hashes: in memory up to a number of hashes, and beyond it in a table on disk, which is read and written in place.
//! What is looked up for each row of a trace takes no more memory so for a longer trace.

use std::io;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::key_of;
use super::runs::AHEAD;
use intake::{TemporaryFile, TraceError};

/// Hashes that are held in memory.
const MOST_HELD: usize = 1 << 16;

/// The first words of a hash.
pub type Key = [u64; 2];

/// Words of a key.
const KEY: usize = 2;

/// Bytes of a word.
const WORD: usize = 8;

/// Slots that are read at once: few look-ups need more.
const AT_ONCE: usize = 16;

/// Numbers up to now, the same number of them by each key.
#[derive(Debug)]
pub struct Places<const NUMBERS: usize = 1> {
    held: IndexMap<Key, [u64; NUMBERS], FxBuildHasher>,
    most_held: usize,
    disk: Option<Table<NUMBERS>>,
}

impl<const NUMBERS: usize> Default for Places<NUMBERS> {
    fn default() -> Self {
        Self::holding(MOST_HELD)
    }
}

impl Places {
    /// The key of texts, one after the other.
    pub fn key<'t>(texts: impl IntoIterator<Item = &'t str>) -> Key {
        let mut all: SmallVec<[u8; 128]> = SmallVec::new();
        for text in texts {
            // The length keeps neighbors apart.
            all.extend_from_slice(&(text.len() as u64).to_le_bytes());
            all.extend_from_slice(text.as_bytes());
        }
        key_of(&all)
    }

    /// The number of a key, if it has one.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn get(&self, key: Key) -> Result<Option<u64>, TraceError> {
        Ok(self.all(key)?.map(|[number]| number))
    }

    /// Gives a key a number, below the largest one.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn put(&mut self, key: Key, number: u64) -> Result<(), TraceError> {
        self.put_all(key, [number])
    }
}

impl<const NUMBERS: usize> Places<NUMBERS> {
    /// No numbers yet; those of so many keys are held in memory.
    pub fn holding(most_held: usize) -> Self {
        Self {
            held: IndexMap::default(),
            most_held,
            disk: None,
        }
    }

    /// A copy of the numbers, to go on with others.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn copy(&self) -> Result<Self, TraceError> {
        let mut copy = Self {
            held: self.held.clone(),
            most_held: self.most_held,
            disk: None,
        };
        if let Some(table) = &self.disk {
            if let Ok(table) = Table::copy_of(table) {
                copy.disk = Some(table);
            } else {
                let known = table.each().map_err(|error| table.file.failed(&error))?;
                (copy.held, copy.most_held) = (known.into_iter().collect(), usize::MAX);
            }
        }
        Ok(copy)
    }

    /// Whether no key has numbers.
    pub fn is_empty(&self) -> bool {
        self.disk.is_none() && self.held.is_empty()
    }

    /// The numbers of a key, if it has some.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn all(&self, key: Key) -> Result<Option<[u64; NUMBERS]>, TraceError> {
        match &self.disk {
            None => Ok(self.held.get(&key).copied()),
            Some(table) => {
                let found = table.find(key).map_err(|error| table.file.failed(&error))?;
                Ok(found.numbers)
            }
        }
    }

    /// Gives a key numbers, of which the first is below the largest one.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn put_all(&mut self, key: Key, numbers: [u64; NUMBERS]) -> Result<(), TraceError> {
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
            self.held.insert(key, numbers);
            return Ok(());
        };
        if table.put(key, numbers).is_err() {
            let known = table.each().map_err(|error| table.file.failed(&error))?;
            self.held = known.into_iter().collect();
            self.held.insert(key, numbers);
            (self.disk, self.most_held) = (None, usize::MAX);
        }
        Ok(())
    }
}

/// Slots on disk, each key in the first vacant one from that of its first bits on; at most half of them are taken. A slot has
/// the key and the numbers, the first of them plus one, so that it is 0 where the slot is vacant.
#[derive(Debug)]
struct Table<const NUMBERS: usize> {
    file: TemporaryFile,
    slots: u64,
    taken: u64,
}

/// The slot of a key, and its numbers if the slot is taken.
struct Found<const NUMBERS: usize> {
    slot: u64,
    numbers: Option<[u64; NUMBERS]>,
}

impl<const NUMBERS: usize> Table<NUMBERS> {
    /// Bytes of a slot.
    const SLOT: usize = (KEY + NUMBERS) * WORD;

    fn empty(slots: u64) -> io::Result<Self> {
        let file = TemporaryFile::new("places")?;
        file.file.set_len(slots * Self::SLOT as u64)?;
        Ok(Self {
            file,
            slots,
            taken: 0,
        })
    }

    fn of(known: &IndexMap<Key, [u64; NUMBERS], FxBuildHasher>, slots: usize) -> io::Result<Self> {
        let mut table = Self::empty(slots as u64)?;
        for (&key, &numbers) in known {
            table.settle(key, numbers)?;
        }
        Ok(table)
    }

    fn copy_of(other: &Self) -> io::Result<Self> {
        let mut table = Self::empty(other.slots)?;
        other.each_of(|key, numbers| table.settle(key, numbers))?;
        Ok(table)
    }

    /// The slot from which on a key is looked for: those of a table keep their order when it grows.
    fn first(&self, key: Key) -> u64 {
        ((u128::from(key[0]) * u128::from(self.slots)) >> u64::BITS) as u64
    }

    fn find(&self, key: Key) -> io::Result<Found<NUMBERS>> {
        let mut slot = self.first(key);
        let mut bytes = vec![0; AT_ONCE * Self::SLOT];
        loop {
            let ahead = (self.slots - slot).min(AT_ONCE as u64) as usize;
            let own = &mut bytes[..ahead * Self::SLOT];
            self.file.read(own, slot * Self::SLOT as u64)?;
            for (place, own) in (slot..).zip(own.chunks_exact(Self::SLOT)) {
                let taken = taken(own);
                if taken.is_none_or(|(known, _)| known == key) {
                    return Ok(Found {
                        slot: place,
                        numbers: taken.map(|(_, numbers)| numbers),
                    });
                }
            }
            slot = (slot + ahead as u64) % self.slots;
        }
    }

    fn put(&mut self, key: Key, numbers: [u64; NUMBERS]) -> io::Result<()> {
        if 2 * self.taken >= self.slots {
            *self = self.grown()?;
        }
        self.settle(key, numbers)
    }

    /// A table of twice as many slots, which is written from its beginning to its end: keys that follow each other here
    /// do so there.
    fn grown(&self) -> io::Result<Self> {
        let mut larger = Self::empty(2 * self.slots)?;
        let mut written = Written {
            bytes: Vec::new(),
            from: 0,
        };
        // Slots next to each other that are taken; within them keys have no order, and the next to come is below none.
        let (mut together, mut last) = (Vec::new(), 0);
        let mut others = Vec::new();
        let mut settle = |together: &mut Vec<(Key, [u64; NUMBERS])>| -> io::Result<()> {
            together.sort_unstable();
            for (key, numbers) in together.drain(..) {
                let slot = larger.first(key).max(written.next::<NUMBERS>());
                if slot < larger.slots {
                    written.put(&larger.file, slot, key, numbers)?;
                    larger.taken += 1;
                } else {
                    others.push((key, numbers));
                }
            }
            Ok(())
        };
        let mut beginning = Vec::new();
        self.each_slot(|slot, key, numbers| {
            if slot > last + 1 {
                settle(&mut together)?;
            }
            last = slot;
            // Keys of the last slots that found them taken stand in the first ones.
            if self.first(key) > slot {
                beginning.push((key, numbers));
            } else {
                together.push((key, numbers));
            }
            Ok(())
        })?;
        settle(&mut together)?;
        written.end(&larger.file)?;
        for (key, numbers) in others.into_iter().chain(beginning) {
            larger.settle(key, numbers)?;
        }
        Ok(larger)
    }

    fn settle(&mut self, key: Key, numbers: [u64; NUMBERS]) -> io::Result<()> {
        let found = self.find(key)?;
        let slot: Vec<u8> = slot_of(key, numbers).collect();
        self.file.write(&slot, found.slot * Self::SLOT as u64)?;
        self.taken += u64::from(found.numbers.is_none());
        Ok(())
    }

    /// Takes every key with its numbers.
    fn each_of(
        &self,
        mut take: impl FnMut(Key, [u64; NUMBERS]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.each_slot(|_, key, numbers| take(key, numbers))
    }

    /// Takes every slot that is taken, with its key and its numbers.
    fn each_slot(
        &self,
        mut take: impl FnMut(u64, Key, [u64; NUMBERS]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut bytes = vec![0; AHEAD / Self::SLOT * Self::SLOT];
        let (mut at, end) = (0, self.slots * Self::SLOT as u64);
        let mut slot = 0;
        while at < end {
            let length = bytes.len().min((end - at) as usize);
            self.file.read(&mut bytes[..length], at)?;
            for own in bytes[..length].chunks_exact(Self::SLOT) {
                if let Some((key, numbers)) = taken(own) {
                    take(slot, key, numbers)?;
                }
                slot += 1;
            }
            at += length as u64;
        }
        Ok(())
    }

    fn each(&self) -> io::Result<Vec<(Key, [u64; NUMBERS])>> {
        let mut all = Vec::new();
        self.each_of(|key, numbers| {
            all.push((key, numbers));
            Ok(())
        })?;
        Ok(all)
    }
}

/// Slots that are written one after the other.
struct Written {
    bytes: Vec<u8>,
    /// The byte of the file at which they begin.
    from: u64,
}

impl Written {
    /// The slot behind them.
    fn next<const NUMBERS: usize>(&self) -> u64 {
        (self.from + self.bytes.len() as u64) / Table::<NUMBERS>::SLOT as u64
    }

    /// Puts a key into a slot behind all others; those between stay vacant.
    fn put<const NUMBERS: usize>(
        &mut self,
        file: &TemporaryFile,
        slot: u64,
        key: Key,
        numbers: [u64; NUMBERS],
    ) -> io::Result<()> {
        let at = slot * Table::<NUMBERS>::SLOT as u64;
        let vacant = at - self.from - self.bytes.len() as u64;
        if self.bytes.len() as u64 + vacant >= AHEAD as u64 {
            file.write(&self.bytes, self.from)?;
            self.bytes.clear();
            self.from = at;
        } else {
            self.bytes.resize(self.bytes.len() + vacant as usize, 0);
        }
        self.bytes.extend(slot_of(key, numbers));
        Ok(())
    }

    fn end(self, file: &TemporaryFile) -> io::Result<()> {
        file.write(&self.bytes, self.from)
    }
}

/// The bytes of a slot that is taken.
fn slot_of<const NUMBERS: usize>(
    key: Key,
    mut numbers: [u64; NUMBERS],
) -> impl Iterator<Item = u8> {
    numbers[0] += 1;
    key.into_iter().chain(numbers).flat_map(u64::to_le_bytes)
}

/// The key of a slot and its numbers, unless it is vacant.
fn taken<const NUMBERS: usize>(slot: &[u8]) -> Option<(Key, [u64; NUMBERS])> {
    let mut words = slot.as_chunks::<WORD>().0.iter();
    let mut word = || words.next().map_or(0, |word| u64::from_le_bytes(*word));
    let key = [word(), word()];
    let mut numbers = std::array::from_fn(|_| word());
    numbers[0] = u64::checked_sub(numbers[0], 1)?;
    Some((key, numbers))
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
            let mut places: Places<2> = Places::holding(most_held);
            let mut plain: IndexMap<Key, [u64; 2]> = IndexMap::new();
            for (number, &(first, second)) in (0..).zip(&keys) {
                let key = [first, second];
                prop_assert_eq!(places.all(key).expect("readable"), plain.get(&key).copied());
                let numbers = [number, u64::MAX - number];
                places.put_all(key, numbers).expect("readable");
                plain.insert(key, numbers);
            }
            let copy = places.copy().expect("readable");
            for (&key, &numbers) in &plain {
                prop_assert_eq!(places.all(key).expect("readable"), Some(numbers));
                prop_assert_eq!(copy.all(key).expect("readable"), Some(numbers));
            }
            prop_assert_eq!(places.all([7, 7]).expect("readable"), None);
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
        let again = format!("/proc/self/fd/{}", table.file.file.as_raw_fd());
        let only_read = OpenOptions::new().read(true).open(again);
        table.file.file = only_read.expect("a file that is open");
        places.put([9 << 60, 0], 9).expect("in memory");
        assert!(places.disk.is_none());
        for number in [0, 1, 2, 9] {
            assert_eq!(places.get([number << 60, 0]), Ok(Some(number)));
        }
    }
}
