//! Arrivals as bytes, one record after the other: they take less memory so than as values with names of their own, are
//! written to disk as they stand, and are sorted only if one is out of order.
#![expect(
    clippy::inline_always,
    reason = "values of a record that go from one call to the next through memory cost more than their bytes"
)]

use super::numbers::{
    ABSENT, HEAD, IS_RARE, JOB, MEMBER, NAMES, NUMBERS, Numbers, RARE, SECONDS, TEXT, Times,
    Writing, lengths,
};
use super::sorted_by::Rank;
use super::{Flat, FlatName, NONE, Order, key_of};
use crate::links::Links;
use crate::origin::Origin;
use crate::stream::Arrival;
use model::PodName;
use units::time::NANOS_PER_SECOND;
use units::{Duration, Instant};

/// Records that are held to be sorted.
#[derive(Debug)]
pub(crate) struct Packed {
    order: Order,
    bytes: Vec<u8>,
    count: usize,
    /// Rank of the first record, and of the last one.
    ends: Option<(Rank, Rank)>,
    is_sorted: bool,
    /// Whether an arrival has a place in a graph of precedence.
    pub(super) may_wait: bool,
    /// Whether an arrival is a member of a gang.
    pub(super) has_gangs: bool,
}

impl Packed {
    /// No records yet, which are to be in an order.
    pub(crate) const fn new(order: Order) -> Self {
        Self {
            order,
            bytes: Vec::new(),
            count: 0,
            ends: None,
            is_sorted: true,
            may_wait: false,
            has_gangs: false,
        }
    }

    /// The records of arrivals.
    pub(crate) fn of(order: Order, arrivals: &[Arrival]) -> Self {
        let mut all = Self::new(order);
        for arrival in arrivals {
            all.push(&arrival.into());
        }
        all
    }

    /// Number of records.
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// Adds an arrival.
    #[inline]
    pub(crate) fn push(&mut self, arrival: &Flat<'_>) {
        match &mut self.ends {
            Some((_, last)) => {
                self.is_sorted &= self.order.follow(last, arrival);
            }
            none => {
                let rank = self.order.rank(arrival);
                *none = Some((rank.clone(), rank));
            }
        }
        if let Some(links) = arrival.links {
            self.may_wait |= links.has_precedence();
            self.has_gangs |= links.gang.is_some();
        }
        self.count += 1;
        encode(arrival, &mut self.bytes);
    }

    /// Adds the members of a gang as one record, which is sorted by the first of them: so they stay together.
    pub(crate) fn push_gang(&mut self, members: &[Arrival]) {
        let Some((first, mates)) = members.split_first() else {
            return;
        };
        let start = self.bytes.len();
        self.push(&first.into());
        for mate in mates {
            self.may_wait |= mate.has_precedence();
            self.count += 1;
            encode(&mate.into(), &mut self.bytes);
        }
        let length = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// Whether the records stand in their order.
    pub(super) const fn is_sorted(&self) -> bool {
        self.is_sorted
    }

    /// Takes all records out.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.ends = None;
        self.is_sorted = true;
        self.may_wait = false;
        self.has_gangs = false;
    }

    /// Ranks of the first record and of the last one of all, once they are sorted.
    pub(super) fn ends(&self) -> Option<&(Rank, Rank)> {
        self.ends.as_ref()
    }

    /// Sorts the records; those of equal rank stay as they came.
    pub(super) fn sort(&mut self) {
        if self.is_sorted {
            return;
        }
        let mut places: Vec<(Rank, usize, usize)> = Vec::with_capacity(self.count);
        let mut from = 0;
        while let Some(length) = whole(&self.bytes[from..]) {
            let rank = rank(self.order, &self.bytes[from..]);
            places.extend(rank.map(|rank| (rank, from, from + length)));
            from += length;
        }
        places.sort_by(|one, other| one.0.cmp(&other.0));
        let mut sorted = Vec::with_capacity(self.bytes.len());
        for (_, from, until) in &places {
            sorted.extend_from_slice(&self.bytes[*from..*until]);
        }
        self.bytes = sorted;
        self.is_sorted = true;
        let last = places.pop().map(|last| last.0);
        let first = places.into_iter().next().map(|first| first.0);
        self.ends = last.map(|last| (first.unwrap_or_else(|| last.clone()), last));
    }

    /// The records as they stand.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The records as they stand, alone.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The arrivals in their order.
    pub(crate) fn into_arrivals(mut self) -> Vec<Arrival> {
        self.sort();
        let mut arrivals = Vec::with_capacity(self.count);
        let mut rest = &self.bytes[..];
        while let Some(length) = whole(rest) {
            let (record, others) = rest.split_at(length);
            each_of(record, |arrival| arrivals.push(arrival));
            rest = others;
        }
        arrivals
    }
}

/// Adds the record of an arrival. Numbers take as many bytes as they need, and nothing if they are what they mostly
/// are: what is held in memory and written to disk is half of what it would be.
#[inline]
fn encode(own: &Flat<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    // As many bytes each time, so that no loop copies them.
    out.extend_from_slice(&[0; NUMBERS]);
    let Some(bytes) = out[start..].first_chunk_mut() else {
        return;
    };
    let mut record = Writing {
        bytes,
        length: HEAD,
        kinds: 0,
    };
    let is_rare = own.members != 1
        || own.origin.file != 0
        || own.part != 0
        || own.time_limit.is_some()
        || own.links.is_some();
    if is_rare {
        record.kinds |= IS_RARE;
        encode_rare(own, record.bytes);
        record.length += RARE;
    }
    let times = Times::of(own);
    record.kinds |= times.unit;
    record.number(times.submit as u64, lengths::SUBMIT);
    record.number(own.origin.line.into(), lengths::LINE);
    let (kind, number, member) = match own.name {
        FlatName::Text(text) => (TEXT, text.len() as u64, 0),
        FlatName::Job(job) => (JOB, job, 0),
        FlatName::Member(job, member) => (MEMBER, job, member),
    };
    record.kinds |= kind;
    record.number(number, lengths::NUMBER);
    record.number(member.into(), lengths::MEMBER);
    record.time(times.run, lengths::RUN);
    record.time(times.start_after, lengths::START);
    record.number(own.class.into(), lengths::CLASS);
    record.number(own.tenant.into(), lengths::TENANT);
    let (length, kinds) = (record.length, record.kinds);
    out.truncate(start + length);
    if let FlatName::Text(text) = own.name {
        out.extend_from_slice(text);
    }
    if let Some(links) = own.links {
        encode_links(links, out);
    }
    let length = (out.len() - start) as u32;
    let head = u64::from(kinds) << 32 | u64::from(length);
    out[start..start + HEAD].copy_from_slice(&head.to_le_bytes());
}

/// Writes what most records don't have behind the head of one.
fn encode_rare(own: &Flat<'_>, bytes: &mut Numbers) {
    let limit = own.time_limit.map_or(NONE, Duration::as_nanos);
    let rare = &mut bytes[HEAD..HEAD + RARE];
    rare[..2].copy_from_slice(&own.origin.file.to_le_bytes());
    rare[2..4].copy_from_slice(&own.part.to_le_bytes());
    rare[4..8].copy_from_slice(&own.members.to_le_bytes());
    rare[8..16].copy_from_slice(&limit.to_le_bytes());
    rare[16] = own.links.is_some().into();
}

#[inline]
fn encode_name(name: FlatName<'_>, out: &mut Vec<u8>) {
    match name {
        FlatName::Text(text) => {
            out.push(0);
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text);
        }
        FlatName::Job(job) => {
            out.push(1);
            out.extend_from_slice(&job.to_le_bytes());
        }
        FlatName::Member(job, member) => {
            out.push(2);
            out.extend_from_slice(&job.to_le_bytes());
            out.extend_from_slice(&member.to_le_bytes());
        }
    }
}

fn encode_links(links: &Links, out: &mut Vec<u8>) {
    out.push(u8::from(links.part_of.is_some()) | u8::from(links.gang.is_some()) << 1);
    for name in links.gang.iter().chain(&links.part_of) {
        encode_name(name.into(), out);
    }
    out.extend(links.delay.as_nanos().to_le_bytes());
    out.extend((links.after.len() as u64).to_le_bytes());
    for name in &links.after {
        encode_name(name.into(), out);
    }
}

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

    #[inline]
    fn text(&mut self, length: usize) -> Option<PodName> {
        Some(PodName::Text(
            str::from_utf8(self.take(length)?).ok()?.into(),
        ))
    }

    fn name(&mut self) -> Option<PodName> {
        Some(match self.take(1)? {
            [0] => {
                let length = self.half()? as usize;
                self.text(length)?
            }
            [1] => PodName::Job(self.word()?),
            _ => PodName::Member(self.word()?, self.half()?),
        })
    }

    fn links(&mut self) -> Option<Box<Links>> {
        let has = *self.take(1)?.first()?;
        let gang = if has & 2 > 0 {
            Some(self.name()?)
        } else {
            None
        };
        let part_of = if has & 1 > 0 {
            Some(self.name()?)
        } else {
            None
        };
        let delay = Duration::from_nanos(self.word()? as i64);
        let mut after = Vec::new();
        for _ in 0..self.word()? {
            after.push(self.name()?);
        }
        Some(Box::new(Links {
            part_of,
            after,
            delay,
            gang,
        }))
    }
}

/// The key by which members of a gang come together; nothing is the key of none.
pub(super) fn gang_key(own: &Flat<'_>) -> [u64; 2] {
    let gang = own.links.and_then(|links| links.gang.as_ref());
    gang.map_or([0; 2], |gang| {
        let mut name = Vec::new();
        encode_name(gang.into(), &mut name);
        key_of(&blake3::hash(&name))
    })
}

/// The length of the first record of these bytes; `None` if it goes on beyond them.
#[inline]
pub(super) fn whole(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    (length <= bytes.len()).then_some(length)
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
    fn of(record: &[u8]) -> Option<(Self, Bytes<'_>)> {
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
        own.submit = Instant::from_nanos(own.nanos(own.number(lengths::SUBMIT, &mut rest)?));
        own.origin.line = own.number(lengths::LINE, &mut rest)? as u32;
        Some((own, rest))
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

/// The rank of a record among others.
#[inline]
pub(super) fn rank(order: Order, record: &[u8]) -> Option<Rank> {
    Some(match order {
        Order::Name => {
            let (own, _) = decode(record)?;
            order.rank_of(Some(own.name), own.submit, own.origin)
        }
        Order::Gang => {
            let (own, _) = decode(record)?;
            Order::rank_of_gang(gang_key(&(&own).into()))
        }
        Order::Submission | Order::Place => {
            let (head, _) = Head::of(record)?;
            order.rank_of(None, head.submit, head.origin)
        }
    })
}

/// Takes each arrival of a record: one, or the members of a gang. `None` if it is none.
#[inline]
pub(super) fn each_of(record: &[u8], mut take: impl FnMut(Arrival)) -> Option<()> {
    let mut rest = record;
    while !rest.is_empty() {
        let (arrival, others) = decode(rest)?;
        take(arrival);
        rest = others;
    }
    Some(())
}

/// The first arrival of a record, and the bytes behind it.
#[inline]
pub(super) fn decode(record: &[u8]) -> Option<(Arrival, &[u8])> {
    let (head, mut rest) = Head::of(record)?;
    let number = head.number(lengths::NUMBER, &mut rest)?;
    let member = head.number(lengths::MEMBER, &mut rest)?;
    let stated = |nanos: i64| (nanos != NONE).then_some(nanos);
    let run_time = stated(head.time(lengths::RUN, &mut rest)?);
    let start_after = stated(head.time(lengths::START, &mut rest)?);
    let start = |after: i64| Instant::from_nanos(head.submit.as_nanos().wrapping_add(after));
    let arrival = Arrival {
        submit: head.submit,
        class: head.number(lengths::CLASS, &mut rest)? as u32,
        members: head.members,
        tenant: head.number(lengths::TENANT, &mut rest)? as u32,
        run_time: run_time.map(Duration::from_nanos),
        time_limit: head.time_limit,
        historic_start: start_after.map(start),
        name: match head.kinds & NAMES {
            TEXT => rest.text(number as usize)?,
            JOB => PodName::Job(number),
            _ => PodName::Member(number, member as u32),
        },
        links: if head.has_links {
            Some(rest.links()?)
        } else {
            None
        },
        part: head.part,
        origin: head.origin,
    };
    Some((arrival, rest.0))
}
