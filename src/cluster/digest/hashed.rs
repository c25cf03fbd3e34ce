//! Whole objects in canonical bytes, by their derived `Hash`: every field is in it, in written order,
//! and integers are little-endian and of fixed width on every machine.

use std::hash::{Hash, Hasher};

use super::Digest;

/// Takes what a `Hash` writes into a digest.
pub(super) struct Canonical<'d>(pub(super) &'d mut Digest);

impl Canonical<'_> {
    /// Adds a value.
    pub(super) fn add(mut self, value: &impl Hash) {
        value.hash(&mut self);
    }
}

impl Hasher for Canonical<'_> {
    /// Nobody asks: the digest is what counts.
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.bytes(bytes);
    }

    fn write_u16(&mut self, number: u16) {
        self.write(&number.to_le_bytes());
    }

    fn write_u32(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
    }

    fn write_u128(&mut self, number: u128) {
        self.write(&number.to_le_bytes());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_i16(&mut self, number: i16) {
        self.write(&number.to_le_bytes());
    }

    fn write_i32(&mut self, number: i32) {
        self.write(&number.to_le_bytes());
    }

    fn write_i64(&mut self, number: i64) {
        self.write(&number.to_le_bytes());
    }

    fn write_i128(&mut self, number: i128) {
        self.write(&number.to_le_bytes());
    }

    fn write_isize(&mut self, number: isize) {
        self.write_i64(number as i64);
    }
}
