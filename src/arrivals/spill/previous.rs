//! The record before another, where arrivals stand in their order: the other states only how it differs.
#![expect(
    clippy::inline_always,
    reason = "values of a record that go from one call to the next through memory cost more than their bytes"
)]

use super::numbers::{JOB, MEMBER, TEXT};
use super::{Flat, FlatName};
use model::{PodName, Text};
use units::Instant;

/// The bytes of a short name.
pub(super) const SHORT: usize = 16;

/// The fields of a record from which those of the next one are counted.
#[derive(Clone, Debug)]
pub(super) struct Previous {
    /// Nanoseconds.
    submit: i64,
    line: u32,
    /// The number of the job.
    job: u64,
    /// The bytes of a short name, with zeros behind them.
    name: u128,
    /// The number of these bytes.
    length: usize,
    /// The names that were met last by who reads records with links.
    last_names: LastNames,
}

/// The name of the last arrival with links, and the last name in these that was another: tasks that follow each other
/// wait for each other, or are parts of one, so that memory holds a name once.
#[derive(Clone, Debug, Default)]
pub(super) struct LastNames(pub(super) [Option<Text>; 2]);

/// The name of a record as it states it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stated<'a> {
    /// The kind of the name.
    pub(super) kind: u32,
    /// The number of the job, or of the bytes of the text.
    pub(super) number: u64,
    /// The member, or the number of bytes that the name begins with as the one before does.
    pub(super) member: u64,
    /// The bytes behind those of a short name, with zeros behind them.
    pub(super) short: u128,
    /// A long name.
    pub(super) long: &'a [u8],
}

impl Previous {
    /// The fields from which those of a record are counted that has none before it.
    pub(super) const fn none() -> Self {
        Self {
            submit: 0,
            line: u32::MAX,
            job: 0,
            name: 0,
            length: 0,
            last_names: LastNames([None, None]),
        }
    }

    /// The names that were met last.
    #[inline(always)]
    pub(super) const fn last_names(&mut self) -> &mut LastNames {
        &mut self.last_names
    }

    /// The instant of submission, in nanoseconds.
    #[inline(always)]
    pub(super) const fn submit(&self) -> i64 {
        self.submit
    }

    /// The line of an arrival behind this one, as it states it.
    #[inline(always)]
    pub(super) const fn line_of(&self, own: &Flat<'_>) -> u32 {
        own.origin.line.wrapping_sub(self.line).wrapping_sub(1)
    }

    /// The instant and the line of the arrival behind this one, as it states them.
    #[inline(always)]
    pub(super) const fn moved(&self, submit: i64, line: u32) -> (Instant, u32) {
        let submit = self.submit.wrapping_add(submit);
        let line = self.line.wrapping_add(1).wrapping_add(line);
        (Instant::from_nanos(submit), line)
    }

    /// Makes the instant and the line of an arrival those before the next.
    #[inline(always)]
    pub(super) const fn pass(&mut self, submit: Instant, line: u32) {
        (self.submit, self.line) = (submit.as_nanos(), line);
    }

    /// The name of the arrival behind this one as it states it; the name takes the place of this one's.
    #[inline(always)]
    pub(super) fn state<'a>(&mut self, name: FlatName<'a>) -> Stated<'a> {
        let (kind, job, member) = match name {
            FlatName::Text(text) => return self.state_text(text),
            FlatName::Job(job) => (JOB, job, 0),
            FlatName::Member(job, member) => (MEMBER, job, member),
        };
        let step = job.wrapping_sub(self.job) as i64;
        self.job = job;
        Stated {
            kind,
            // Small steps in either direction are small numbers.
            number: (step << 1 ^ step >> 63) as u64,
            member: member.into(),
            short: 0,
            long: &[],
        }
    }

    #[inline(always)]
    fn state_text<'a>(&mut self, text: &'a [u8]) -> Stated<'a> {
        let mut stated = Stated {
            kind: TEXT,
            number: text.len() as u64,
            member: 0,
            short: 0,
            long: text,
        };
        let before = (self.name, self.length);
        (self.name, self.length) = (0, 0);
        if let Some(name) = padded(text) {
            let alike = (name ^ before.0).trailing_zeros() / 8;
            let shared = (alike as usize).min(before.1).min(text.len());
            stated.number -= shared as u64;
            stated.member = shared as u64;
            stated.short = name.checked_shr(8 * shared as u32).unwrap_or(0);
            stated.long = &[];
            (self.name, self.length) = (name, text.len());
        }
        stated
    }

    /// The name that the arrival behind this one states; it takes the place of this one's. `None` if it is none.
    #[inline(always)]
    pub(super) fn name(&mut self, stated: &Stated<'_>) -> Option<PodName> {
        if stated.kind != TEXT {
            let step = (stated.number >> 1) as i64 ^ -((stated.number & 1) as i64);
            self.job = self.job.wrapping_add(step as u64);
            return Some(match stated.kind {
                JOB => PodName::Job(self.job),
                _ => PodName::Member(self.job, stated.member as u32),
            });
        }
        if !stated.long.is_empty() {
            (self.name, self.length) = (0, 0);
            return Some(PodName::Text(str::from_utf8(stated.long).ok()?.into()));
        }
        let shared = stated.member as usize;
        let length = shared.checked_add(stated.number as usize)?;
        if shared > self.length || length > SHORT {
            return None;
        }
        let behind = stated.short.checked_shl(8 * shared as u32).unwrap_or(0);
        (self.name, self.length) = (self.name & below(shared) | behind, length);
        let bytes = self.name.to_le_bytes();
        let name = str::from_utf8(&bytes[..length]).ok()?;
        Some(PodName::Text(name.into()))
    }
}

/// The bits of the first bytes, sixteen at most.
#[inline(always)]
pub(super) fn below(bytes: usize) -> u128 {
    u128::MAX
        .checked_shr(128 - 8 * bytes as u32)
        .unwrap_or_default()
}

/// The bytes of a short text, with zeros behind them; `None` if it is long.
#[inline(always)]
pub fn padded(text: &[u8]) -> Option<u128> {
    if let Some(all) = text.as_array::<SHORT>() {
        return Some(u128::from_le_bytes(*all));
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        // They overlap where the text is shorter than both.
        let behind = text.len() - 8;
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        return (text.len() < SHORT).then(|| u128::from(first) | u128::from(last) << (8 * behind));
    }
    let mut bytes = [0; SHORT];
    bytes[..text.len()].copy_from_slice(text);
    Some(u128::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_come_back_as_they_were_stated(names in prop::collection::vec("[ab\0]{0,20}", 0..20)) {
            let (mut stating, mut reading) = (Previous::none(), Previous::none());
            for name in &names {
                let stated = stating.state(FlatName::Text(name.as_bytes()));
                prop_assert_eq!(reading.name(&stated), Some(PodName::from(name.as_str())));
            }
        }

        #[test]
        fn a_short_text_is_its_bytes_and_zeros(text in prop::collection::vec(any::<u8>(), 0..20)) {
            let expected = (text.len() <= SHORT).then(|| {
                let mut bytes = [0; SHORT];
                bytes[..text.len()].copy_from_slice(&text);
                u128::from_le_bytes(bytes)
            });
            prop_assert_eq!(padded(&text), expected);
        }
    }
}
