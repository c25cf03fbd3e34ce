//! Records of a fixed number of words, each found and changed by its number: in memory up to a number of them, and beyond it
//! in a temporary file, of which one block is in memory. Facts about each task of a trace take no more memory so for a
//! longer trace.

use std::io;

use intake::{TemporaryFile, TraceError};

/// Bytes of records that are held in memory.
const BYTES_HELD: usize = 4 << 20;

/// Bytes of a word.
const WORD: usize = 8;

/// Records of a block: those of tasks that follow each other are asked for one after the other as a rule.
const BLOCK: usize = 64;

/// Records in memory before those that are added are written.
const MOST_ADDED: usize = 2_048;

/// Records by their numbers.
#[derive(Debug)]
pub struct Slots<const WORDS: usize> {
    /// The records from a number on: all of them, those of one block of the file, or those that were added to it last.
    held: Vec<[u64; WORDS]>,
    from: u64,
    most_held: usize,
    disk: Option<Disk>,
    /// The number of all records.
    count: u64,
}

/// The file of the records.
#[derive(Debug)]
struct Disk {
    file: TemporaryFile,
    /// Whether the block in memory is not that of the file.
    is_changed: bool,
}

impl<const WORDS: usize> Default for Slots<WORDS> {
    fn default() -> Self {
        Self::holding(BYTES_HELD / (WORDS * WORD))
    }
}

impl<const WORDS: usize> Slots<WORDS> {
    /// No records yet; a number of them is held in memory.
    pub const fn holding(most_held: usize) -> Self {
        Self {
            held: Vec::new(),
            from: 0,
            most_held,
            disk: None,
            count: 0,
        }
    }

    /// The number of records.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Adds a record behind all others; its number.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn push(&mut self, record: [u64; WORDS]) -> Result<u64, TraceError> {
        let place = self.count;
        if self.disk.is_none() && self.held.len() >= self.most_held && self.take_out().is_err() {
            // Where nothing can be written, all stay in memory.
            (self.disk, self.most_held) = (None, usize::MAX);
        }
        self.load(place)?;
        self.held.push(record);
        self.count += 1;
        self.change();
        Ok(place)
    }

    /// The record of a number, which is that of one that was added.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn get(&mut self, place: u64) -> Result<[u64; WORDS], TraceError> {
        self.load(place)?;
        Ok(self.held[(place - self.from) as usize])
    }

    /// Puts a record in the place of one that was added.
    ///
    /// # Errors
    /// The temporary file can't be read.
    pub fn put(&mut self, place: u64, record: [u64; WORDS]) -> Result<(), TraceError> {
        self.load(place)?;
        self.held[(place - self.from) as usize] = record;
        self.change();
        Ok(())
    }

    fn change(&mut self) {
        if let Some(disk) = &mut self.disk {
            disk.is_changed = true;
        }
    }

    /// Writes all records to a file, and has the last block in memory.
    fn take_out(&mut self) -> io::Result<()> {
        let file = TemporaryFile::new("slots")?;
        write(&file, 0, &self.held)?;
        self.held = self.held.split_off(self.held.len() / BLOCK * BLOCK);
        self.from = self.count - self.held.len() as u64;
        self.disk = Some(Disk {
            file,
            is_changed: false,
        });
        Ok(())
    }

    /// Has the block in memory in which a number is, or would be the next.
    fn load(&mut self, place: u64) -> Result<(), TraceError> {
        let Some(disk) = &mut self.disk else {
            return Ok(());
        };
        let length = self.held.len();
        let own = place
            .checked_sub(self.from)
            .map_or(usize::MAX, |own| own as usize);
        if own < length || own == length && place == self.count && length < MOST_ADDED {
            return Ok(());
        }
        let from = place / BLOCK as u64 * BLOCK as u64;
        let failed = |error: &io::Error| disk.file.failed(error);
        if disk.is_changed && write(&disk.file, self.from, &self.held).is_err() {
            // The file may end before the block that is in memory.
            let mut all = read(&disk.file, 0, self.from).map_err(|error| failed(&error))?;
            all.append(&mut self.held);
            let (until, count) = (all.len() as u64, self.count);
            let rest = read(&disk.file, until, count - until);
            all.append(&mut rest.map_err(|error| failed(&error))?);
            (self.held, self.from) = (all, 0);
            (self.disk, self.most_held) = (None, usize::MAX);
            return Ok(());
        }
        let length = (self.count - from).min(BLOCK as u64);
        self.held = read(&disk.file, from, length).map_err(|error| failed(&error))?;
        self.from = from;
        disk.is_changed = false;
        Ok(())
    }
}

fn write<const WORDS: usize>(
    file: &TemporaryFile,
    from: u64,
    records: &[[u64; WORDS]],
) -> io::Result<()> {
    let mut at = from * (WORDS * WORD) as u64;
    for block in records.chunks(MOST_ADDED) {
        let words = block.iter().flatten();
        let bytes: Vec<u8> = words.flat_map(|word| word.to_le_bytes()).collect();
        file.write(&bytes, at)?;
        at += bytes.len() as u64;
    }
    Ok(())
}

fn read<const WORDS: usize>(
    file: &TemporaryFile,
    from: u64,
    length: u64,
) -> io::Result<Vec<[u64; WORDS]>> {
    let size = WORDS * WORD;
    let mut bytes = vec![0; length as usize * size];
    file.read(&mut bytes, from * size as u64)?;
    let record = |bytes: &[u8]| {
        let mut words = bytes.as_chunks::<WORD>().0.iter();
        std::array::from_fn(|_| words.next().map_or(0, |word| u64::from_le_bytes(*word)))
    };
    Ok(bytes.chunks_exact(size).map(record).collect())
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::fd::AsRawFd as _;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_are_those_of_a_vector(
            steps in prop::collection::vec((0..3_u8, any::<u64>()), 0..400),
            most_held in 1_usize..200,
            fails_at in 0_usize..800,
        ) {
            let mut slots: Slots<2> = Slots::holding(most_held);
            let mut plain: Vec<[u64; 2]> = Vec::new();
            for (step, &(kind, number)) in steps.iter().enumerate() {
                if step == fails_at {
                    fail(&mut slots);
                }
                let record = [number, u64::MAX - number];
                // Most steps add one, so that there are several blocks.
                if kind < 2 || plain.is_empty() {
                    prop_assert_eq!(slots.push(record), Ok(plain.len() as u64));
                    plain.push(record);
                    continue;
                }
                let place = number as usize % plain.len();
                prop_assert_eq!(slots.get(place as u64), Ok(plain[place]));
                slots.put(place as u64, record).expect("readable");
                plain[place] = record;
            }
            prop_assert_eq!(slots.count(), plain.len() as u64);
            for (place, record) in (0..).zip(plain) {
                prop_assert_eq!(slots.get(place), Ok(record));
            }
        }
    }

    /// Has nothing be written from now on.
    fn fail(slots: &mut Slots<2>) {
        if let Some(disk) = &mut slots.disk {
            let again = format!("/proc/self/fd/{}", disk.file.file.as_raw_fd());
            let only_read = OpenOptions::new().read(true).open(again);
            disk.file.file = only_read.expect("a file that is open");
        }
    }
}
