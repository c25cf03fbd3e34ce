//! Bytes of records with room behind them, into which the next record is written without a look at its length.

use super::numbers::{NUMBERS, Numbers};

/// Bytes by which the room grows.
const STEP: usize = 1 << 10;

/// Records, and zeros or remains of others behind them.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    used: usize,
}

impl Buffer {
    /// No records.
    pub(super) const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            used: 0,
        }
    }

    /// The records.
    #[inline]
    pub(super) fn records(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    /// The bytes of the records, to be changed.
    #[inline]
    pub(super) fn records_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.used]
    }

    /// The records alone.
    pub(super) fn into_records(mut self) -> Vec<u8> {
        self.bytes.truncate(self.used);
        self.bytes
    }

    /// Takes all records out.
    pub(super) const fn clear(&mut self) {
        self.used = 0;
    }

    /// Room behind the records; `None` never.
    #[inline]
    pub(super) fn room(&mut self) -> Option<&mut Numbers> {
        if self.bytes.len() < self.used + NUMBERS {
            self.bytes.resize(self.used + NUMBERS + STEP, 0);
        }
        self.bytes[self.used..].first_chunk_mut()
    }

    /// Adds bytes that stand in the room.
    #[inline]
    pub(super) const fn add(&mut self, bytes: usize) {
        self.used += bytes;
    }

    /// Adds bytes by what writes them to the end of others.
    pub(super) fn extend(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.truncate(self.used);
        write(&mut self.bytes);
        self.used = self.bytes.len();
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        let used = bytes.len();
        Self { bytes, used }
    }
}
