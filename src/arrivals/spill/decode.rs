//! Arrivals out of their records.
#![expect(
    clippy::inline_always,
    reason = "values of a record that go from one call to the next through memory cost more than their bytes"
)]

use super::encode::is_relative;
use super::numbers::{ABSENT, IS_RARE, NAMES, SECONDS, TEXT, lengths};
use super::previous::{LastNames, Previous, SHORT, Stated, below};
use super::sorted_by::Rank;
use super::{NONE, Order, key_of};
use crate::links::Links;
use crate::stream::Arrival;
use intake::origin::Origin;
use model::{PodName, Text};
use units::time::NANOS_PER_SECOND;
use units::{Duration, Instant};

/// Bytes that are read one value after the other.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    #[inline(always)]
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    #[inline(always)]
    fn array<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    #[inline]
    fn word(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    #[inline]
    fn half(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number of this length in bytes, eight at most.
    #[inline(always)]
    fn number(&mut self, length: u32) -> Option<u64> {
        let kept = u64::MAX.checked_shr(64_u32.checked_sub(8 * length)?);
        let Some(word) = self.0.first_chunk() else {
            let mut word = [0; 8];
            word[..length as usize].copy_from_slice(self.take(length as usize)?);
            return Some(u64::from_le_bytes(word));
        };
        self.0 = self.0.get(length as usize..)?;
        Some(u64::from_le_bytes(*word) & kept.unwrap_or_default())
    }

    /// The bytes of a short text, with zeros behind them.
    #[inline(always)]
    fn short_text(&mut self, length: usize) -> Option<u128> {
        let Some(chunk) = self.0.first_chunk::<SHORT>() else {
            let mut bytes = [0; SHORT];
            bytes[..length].copy_from_slice(self.take(length)?);
            return Some(u128::from_le_bytes(bytes));
        };
        self.0 = self.0.get(length..)?;
        Some(u128::from_le_bytes(*chunk) & below(length))
    }

    /// A text, which is held once if it is one of those that were met last.
    #[inline]
    fn text(&mut self, length: usize, met: &mut LastNames) -> Option<PodName> {
        let text = self.take(length)?;
        let known = { met.0.iter().flatten() }.find(|own| own.as_bytes() == text);
        if let Some(known) = known {
            return Some(PodName::Text(known.clone()));
        }
        let text: Text = str::from_utf8(text).ok()?.into();
        met.0[1] = Some(text.clone());
        Some(PodName::Text(text))
    }

    fn name(&mut self, met: &mut LastNames) -> Option<PodName> {
        Some(match self.take(1)? {
            [0] => {
                let length = self.half()? as usize;
                self.text(length, met)?
            }
            [1] => PodName::Job(self.word()?),
            _ => PodName::Member(self.word()?, self.half()?),
        })
    }

    /// Passes over a name.
    fn name_bytes(&mut self) -> Option<&'a [u8]> {
        let length = match self.take(1)? {
            [0] => self.half()? as usize,
            [1] => 8,
            _ => 12,
        };
        self.take(length)
    }

    fn links(&mut self, met: &mut LastNames) -> Option<Box<Links>> {
        let has = *self.take(1)?.first()?;
        let gang = if has & 2 > 0 {
            Some(self.name(met)?)
        } else {
            None
        };
        let part_of = if has & 1 > 0 {
            Some(self.name(met)?)
        } else {
            None
        };
        let delay = Duration::from_nanos(self.word()? as i64);
        let count = self.word()?;
        // A name takes a byte at least.
        let mut after = Vec::with_capacity(self.0.len().min(count as usize));
        for _ in 0..count {
            after.push(self.name(met)?);
        }
        Some(Box::new(Links {
            part_of,
            after,
            delay,
            gang,
        }))
    }
}

/// The beginning of a record, decoded.
struct Head {
    kinds: u32,
    submit: Instant,
    origin: Origin,
    part: u16,
    members: u32,
    time_limit: Option<Duration>,
    has_links: bool,
}

impl Head {
    /// The head of a record, and its other bytes.
    #[inline(always)]
    fn of<'record>(record: &'record [u8], previous: &Previous) -> Option<(Self, Bytes<'record>)> {
        let mut rest = Bytes(record);
        let mut own = Self {
            kinds: (rest.word()? >> 32) as u32,
            submit: Instant::ZERO,
            origin: Origin::NONE,
            part: 0,
            members: 1,
            time_limit: None,
            has_links: false,
        };
        if own.kinds & IS_RARE != 0 {
            own.origin.file = u16::from_le_bytes(rest.array()?);
            own.part = u16::from_le_bytes(rest.array()?);
            own.members = rest.half()?;
            let limit = rest.word()? as i64;
            own.time_limit = (limit != NONE).then(|| Duration::from_nanos(limit));
            own.has_links = rest.take(1)? != [0];
        }
        let submit = own.nanos(own.number(lengths::SUBMIT, &mut rest)?);
        let line = own.number(lengths::LINE, &mut rest)? as u32;
        (own.submit, own.origin.line) = previous.moved(submit, line);
        Some((own, rest))
    }

    /// The name of the arrival, which becomes the one before the next.
    #[inline(always)]
    fn name(
        &self,
        number: u64,
        member: u64,
        previous: &mut Previous,
        rest: &mut Bytes<'_>,
    ) -> Option<PodName> {
        let mut stated = Stated {
            kind: self.kinds & NAMES,
            number,
            member,
            short: 0,
            long: &[],
        };
        if stated.kind == TEXT {
            let length = usize::try_from(number).ok()?;
            if length.checked_add(usize::try_from(member).ok()?)? > SHORT {
                stated.long = rest.take(length)?;
            } else {
                stated.short = rest.short_text(length)?;
            }
        }
        previous.pass(self.submit, self.origin.line);
        previous.name(&stated)
    }

    /// The number whose length stands at a place of the kinds.
    #[inline(always)]
    fn number(&self, place: u32, rest: &mut Bytes<'_>) -> Option<u64> {
        let most = if place < lengths::MEMBER { 15 } else { 7 };
        rest.number(self.kinds >> place & most)
    }

    /// The time whose length stands at a place of the kinds; [`NONE`] if it is absent.
    #[inline(always)]
    fn time(&self, place: u32, rest: &mut Bytes<'_>) -> Option<i64> {
        if self.kinds >> place & ABSENT == ABSENT {
            return Some(NONE);
        }
        let time = self.number(place, rest)?;
        Some(self.nanos(time))
    }

    /// The nanoseconds of a time.
    #[inline(always)]
    fn nanos(&self, time: u64) -> i64 {
        let unit = if self.kinds & SECONDS != 0 {
            NANOS_PER_SECOND
        } else {
            1
        };
        (time as i64).wrapping_mul(unit)
    }
}

/// The rank of a record among others, behind the one before it.
#[inline]
pub(super) fn rank(order: Order, record: &[u8], previous: &Previous) -> Option<Rank> {
    Some(match order {
        Order::Name => {
            let (own, _) = decode(record, &mut Previous::none())?;
            order.rank_of(Some(own.name), own.submit, own.origin)
        }
        Order::Gang => {
            let gang = gang(record)?;
            Order::rank_of_gang(if gang.is_empty() {
                [0; 2]
            } else {
                key_of(gang)
            })
        }
        Order::Submission | Order::Place => {
            let none = Previous::none();
            let previous = if is_relative(record) { previous } else { &none };
            let (head, _) = Head::of(record, previous)?;
            order.rank_of(None, head.submit, head.origin)
        }
    })
}

/// The gang of which a record that is stated alone is a member, as it states it; no bytes if there is none.
fn gang(record: &[u8]) -> Option<&[u8]> {
    let (head, mut rest) = Head::of(record, &Previous::none())?;
    let length = head.number(lengths::NUMBER, &mut rest)?;
    head.number(lengths::MEMBER, &mut rest)?;
    head.time(lengths::RUN, &mut rest)?;
    head.time(lengths::START, &mut rest)?;
    head.number(lengths::CLASS, &mut rest)?;
    head.number(lengths::TENANT, &mut rest)?;
    if head.kinds & NAMES == TEXT {
        // None of its bytes are those of a name before it.
        rest.take(length as usize)?;
    }
    if !head.has_links || rest.take(1)?.first()? & 2 == 0 {
        return Some(&[]);
    }
    let name = rest.0;
    rest.name_bytes()?;
    Some(&name[..name.len() - rest.0.len()])
}

/// Takes each arrival of a record: one, or the members of a gang. `None` if it is none.
#[inline]
pub(super) fn each_of(
    record: &[u8],
    previous: &mut Previous,
    mut take: impl FnMut(Arrival),
) -> Option<()> {
    let mut rest = record;
    while !rest.is_empty() {
        let (arrival, others) = decode(rest, previous)?;
        take(arrival);
        rest = others;
    }
    Some(())
}

/// The first arrival of a record, and the bytes behind it. The record becomes the one before the next.
#[inline(always)]
pub(super) fn decode<'record>(
    record: &'record [u8],
    previous: &mut Previous,
) -> Option<(Arrival, &'record [u8])> {
    if !is_relative(record) {
        *previous = Previous::none();
    }
    let (head, mut rest) = Head::of(record, previous)?;
    let number = head.number(lengths::NUMBER, &mut rest)?;
    let member = head.number(lengths::MEMBER, &mut rest)?;
    let stated = |nanos: i64| (nanos != NONE).then_some(nanos);
    let run_time = stated(head.time(lengths::RUN, &mut rest)?).map(Duration::from_nanos);
    let start_after = stated(head.time(lengths::START, &mut rest)?);
    let start = |after: i64| Instant::from_nanos(head.submit.as_nanos().wrapping_add(after));
    let class = head.number(lengths::CLASS, &mut rest)? as u32;
    let tenant = head.number(lengths::TENANT, &mut rest)? as u32;
    let name = head.name(number, member, previous, &mut rest)?;
    let links = if head.has_links {
        let links = rest.links(previous.last_names())?;
        if let PodName::Text(name) = &name {
            // What comes next may wait for it.
            previous.last_names().0[0] = Some(name.clone());
        }
        Some(links)
    } else {
        None
    };
    let arrival = Arrival {
        submit: head.submit,
        name,
        class,
        members: head.members,
        tenant,
        run_time,
        time_limit: head.time_limit,
        historic_start: start_after.map(start),
        links,
        part: head.part,
        origin: head.origin,
    };
    Some((arrival, rest.0))
}
