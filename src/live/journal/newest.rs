//! The number and the hash of a journal's newest record, in a file beside it. A database that finds its newest
//! commit damaged goes on from the one before, and what was acknowledged since would be gone without a word.
//!
//! The file has two places that are written in turn, so that one is whole at any instant. It may lag behind the
//! journal after a loss of power, which is no harm: a journal that has more is as good.

#![expect(clippy::disallowed_methods, reason = "the journal keeps its own files")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Name of the file in the folder of the state.
pub(super) const FILE: &str = "newest";

/// Length of a place in the file: a number, a hash, a sum and a line feed.
const PLACE: usize = 20 + 1 + 32 + 1 + 16 + 1;

/// The newest record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewestRecord {
    pub(super) number: u64,
    pub(super) hash: String,
}

impl NewestRecord {
    pub(super) fn of(number: u64, record: &[u8]) -> Self {
        Self {
            number,
            hash: digits(record, 32),
        }
    }

    fn line(&self) -> String {
        let claim = format!("{:020} {}", self.number, self.hash);
        let sum = digits(claim.as_bytes(), 16);
        format!("{claim} {sum}\n")
    }

    fn read(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        let (number, rest) = text.split_once(' ')?;
        let own = Self {
            number: number.parse().ok()?,
            hash: rest.split(' ').next()?.to_owned(),
        };
        (own.line() == text).then_some(own)
    }
}

fn digits(bytes: &[u8], count: usize) -> String {
    blake3::hash(bytes).to_hex().chars().take(count).collect()
}

/// The file.
pub(super) struct NewestFile {
    file: File,
    turn: u64,
}

impl NewestFile {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).mode(0o600);
        let file = options.truncate(false).open(folder.join(FILE))?;
        Ok(Self { file, turn: 0 })
    }

    /// The record that the file of a folder names; `None` without a file, or where no place in it is whole.
    pub(super) fn read(folder: &Path) -> Option<NewestRecord> {
        let bytes = std::fs::read(folder.join(FILE)).ok()?;
        let places = bytes.chunks(PLACE).filter_map(NewestRecord::read);
        places.max_by_key(|own| own.number)
    }

    /// Says which record is the newest.
    pub(super) fn write(&mut self, newest: &NewestRecord) -> io::Result<()> {
        self.turn += 1;
        let place = (self.turn % 2) * PLACE as u64;
        self.file.write_all_at(newest.line().as_bytes(), place)
    }

    /// Says nothing from now on.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_torn_leaves_the_other() {
        let folder = std::env::temp_dir().join(format!("wt-newest-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let mut file = NewestFile::open(&folder).expect("a file");
        assert_eq!(NewestFile::read(&folder), None);
        let newest = |number| NewestRecord::of(number, b"record");
        for number in 0..4 {
            file.write(&newest(number)).expect("room");
            assert_eq!(NewestFile::read(&folder), Some(newest(number)));
        }
        let path = folder.join(FILE);
        let mut bytes = std::fs::read(&path).expect("a file");
        for place in [0, PLACE] {
            let mut torn = bytes.clone();
            torn[place + 30] ^= 1;
            std::fs::write(&path, &torn).expect("a file");
            let left = NewestFile::read(&folder).expect("the other place");
            assert!(left == newest(2) || left == newest(3));
        }
        bytes.truncate(PLACE / 2);
        std::fs::write(&path, &bytes).expect("a file");
        assert_eq!(NewestFile::read(&folder), None);
        std::fs::remove_dir_all(&folder).expect("a folder to remove");
    }
}
