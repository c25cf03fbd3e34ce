//! The numbers of a record in as few bytes as they take, and the kinds of a record, in which their lengths stand.
#![expect(
    clippy::inline_always,
    reason = "values of a record that go from one call to the next through memory cost more than their bytes"
)]

use super::Flat;
use super::previous::SHORT;
use units::time::NANOS_PER_SECOND;
use units::{Duration, Instant};

/// Bytes of a record's head: its length, and the kinds and lengths of what follows.
pub(super) const HEAD: usize = 8;

/// Bytes of what most records don't have: file, part, members, limit of time, links.
pub(super) const RARE: usize = 17;

/// Bytes of all numbers that a record may have, eight of eight bytes at most behind its head, and of a short name.
pub(super) const NUMBERS: usize = HEAD + RARE + 8 * 8 + SHORT;

/// The numbers of a record, and its name if that is short.
pub(super) type Numbers = [u8; NUMBERS];

/// The length of a time that is absent.
pub(super) const ABSENT: u32 = 15;

/// The place in the kinds of a record of the length that each of its numbers has, in the order of the numbers.
pub(super) mod lengths {
    pub(in super::super) const SUBMIT: u32 = 0;
    pub(in super::super) const RUN: u32 = 4;
    pub(in super::super) const START: u32 = 8;
    pub(in super::super) const NUMBER: u32 = 12;
    pub(in super::super) const MEMBER: u32 = 16;
    pub(in super::super) const TENANT: u32 = 19;
    pub(in super::super) const LINE: u32 = 22;
    pub(in super::super) const CLASS: u32 = 25;
}

/// The kind of the name, and the bits of the other kinds.
const NAME: u32 = 28;
pub(super) const TEXT: u32 = 0;
pub(super) const JOB: u32 = 1 << NAME;
pub(super) const MEMBER: u32 = 2 << NAME;
pub(super) const NAMES: u32 = 3 << NAME;
/// Times of whole seconds; of nanoseconds otherwise.
pub(super) const SECONDS: u32 = 1 << 30;
/// Something that most records don't have.
pub(super) const IS_RARE: u32 = 1 << 31;

/// A record that is put together.
pub(super) struct Writing<'a> {
    pub(super) bytes: &'a mut Numbers,
    pub(super) length: usize,
    pub(super) kinds: u32,
}

impl Writing<'_> {
    /// Adds a number in as few bytes as it takes, and their number to the kinds.
    #[inline(always)]
    pub(super) fn number(&mut self, number: u64, place: u32) {
        let length = (71 - (number | 1).leading_zeros()) / 8;
        let length = if number == 0 { 0 } else { length };
        if let Some(bytes) = self.bytes[self.length..].first_chunk_mut() {
            *bytes = number.to_le_bytes();
        }
        self.length += length as usize;
        self.kinds |= length << place;
    }

    /// Adds a number of bytes of a short text.
    #[inline(always)]
    pub(super) fn short_text(&mut self, text: u128, bytes: usize) {
        if let Some(room) = self.bytes[self.length..].first_chunk_mut() {
            *room = text.to_le_bytes();
        }
        self.length += bytes;
    }

    /// Adds a time, unless it is absent.
    #[inline(always)]
    pub(super) fn time(&mut self, time: Option<i64>, place: u32) {
        match time {
            Some(time) => self.number(time as u64, place),
            None => self.kinds |= ABSENT << place,
        }
    }
}

/// The times of a record.
pub(super) struct Times {
    /// [`SECONDS`], or nothing if they are nanoseconds.
    pub(super) unit: u32,
    pub(super) submit: i64,
    pub(super) run: Option<i64>,
    /// The time from the submission to the start in the origin.
    pub(super) start_after: Option<i64>,
}

impl Times {
    /// The times of an arrival, its submission from an instant in nanoseconds; in seconds if all of them are whole
    /// ones.
    #[inline(always)]
    pub(super) fn of(own: &Flat<'_>, since: i64) -> Self {
        let submit = own.submit.as_nanos().wrapping_sub(since);
        let start = own.historic_start.map(Instant::as_nanos);
        let nanos = Self {
            unit: 0,
            submit,
            run: own.run_time.map(Duration::as_nanos),
            start_after: start.map(|start| start.wrapping_sub(own.submit.as_nanos())),
        };
        let whole = Self {
            unit: SECONDS,
            submit: submit / NANOS_PER_SECOND,
            run: nanos.run.map(|nanos| nanos / NANOS_PER_SECOND),
            start_after: nanos.start_after.map(|nanos| nanos / NANOS_PER_SECOND),
        };
        let is_whole = |nanos: i64, seconds: i64| nanos == seconds * NANOS_PER_SECOND;
        let are_whole = is_whole(submit, whole.submit)
            && is_whole(nanos.run.unwrap_or(0), whole.run.unwrap_or(0))
            && is_whole(
                nanos.start_after.unwrap_or(0),
                whole.start_after.unwrap_or(0),
            );
        if are_whole { whole } else { nanos }
    }
}
