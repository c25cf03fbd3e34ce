//! Arrivals as bytes, one record after the other: they take less memory so than as values with names of their own, are
//! written to disk as they stand, and are sorted only if one is out of order.

use super::sorted_by::Rank;
use super::{NONE, Order};
use crate::links::Links;
use crate::origin::Origin;
use crate::stream::Arrival;
use model::PodName;
use units::{Duration, Instant};

/// Bytes of a record before its times: its length, what it is sorted by, numbers, and the kinds of what follows.
const HEAD: usize = 33;

/// Bytes of all times that a record may have.
const TIMES: usize = 24;

/// An arrival whose texts stand elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flat<'a> {
    pub(crate) submit: Instant,
    pub(crate) name: FlatName<'a>,
    pub(crate) class: u32,
    pub(crate) members: u32,
    pub(crate) tenant: u32,
    pub(crate) run_time: Option<Duration>,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) historic_start: Option<Instant>,
    pub(crate) links: Option<&'a Links>,
    pub(crate) part: u16,
    pub(crate) origin: Origin,
}

/// A name whose text stands elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FlatName<'a> {
    Text(&'a str),
    Job(u64),
    Member(u64, u32),
}

impl<'a> From<&'a PodName> for FlatName<'a> {
    fn from(name: &'a PodName) -> Self {
        match name {
            PodName::Text(text) => Self::Text(text),
            PodName::Job(job) => Self::Job(*job),
            PodName::Member(job, member) => Self::Member(*job, *member),
        }
    }
}

impl From<FlatName<'_>> for PodName {
    fn from(name: FlatName<'_>) -> Self {
        match name {
            FlatName::Text(text) => Self::Text(text.into()),
            FlatName::Job(job) => Self::Job(job),
            FlatName::Member(job, member) => Self::Member(job, member),
        }
    }
}

impl<'a> From<&'a Arrival> for Flat<'a> {
    fn from(own: &'a Arrival) -> Self {
        Self {
            submit: own.submit,
            name: (&own.name).into(),
            class: own.class,
            members: own.members,
            tenant: own.tenant,
            run_time: own.run_time,
            time_limit: own.time_limit,
            historic_start: own.historic_start,
            links: own.links.as_deref(),
            part: own.part,
            origin: own.origin,
        }
    }
}

/// Records that are held to be sorted.
#[derive(Debug)]
pub(crate) struct Packed {
    order: Order,
    bytes: Vec<u8>,
    count: usize,
    /// Rank of the first record, and of the last one.
    ends: Option<(Rank, Rank)>,
    is_sorted: bool,
    /// Whether an arrival has links.
    pub(super) may_wait: bool,
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
        self.may_wait |= arrival.links.is_some();
        self.count += 1;
        encode(arrival, &mut self.bytes);
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
            arrivals.extend(decode(record));
            rest = others;
        }
        arrivals
    }
}

/// Adds the record of an arrival.
#[inline]
fn encode(own: &Flat<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let mut head = [0; HEAD + TIMES];
    head[4..12].copy_from_slice(&own.submit.as_nanos().to_le_bytes());
    head[12..14].copy_from_slice(&own.origin.file.to_le_bytes());
    head[14..16].copy_from_slice(&own.part.to_le_bytes());
    head[16..20].copy_from_slice(&own.origin.line.to_le_bytes());
    head[20..24].copy_from_slice(&own.class.to_le_bytes());
    head[24..28].copy_from_slice(&own.members.to_le_bytes());
    head[28..32].copy_from_slice(&own.tenant.to_le_bytes());
    let times = [
        own.run_time.map(Duration::as_nanos),
        own.time_limit.map(Duration::as_nanos),
        own.historic_start.map(Instant::as_nanos),
    ];
    let (mut kinds, mut length) = (u8::from(own.links.is_some()) << 3, HEAD);
    for (bit, time) in times.into_iter().enumerate() {
        if let Some(nanos) = time {
            kinds |= 1 << bit;
            head[length..length + 8].copy_from_slice(&nanos.to_le_bytes());
            length += 8;
        }
    }
    head[32] = kinds;
    // As many bytes each time, so that no loop copies them.
    out.extend_from_slice(&head);
    out.truncate(start + length);
    encode_name(own.name, out);
    if let Some(links) = own.links {
        encode_links(links, out);
    }
    let length = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

#[inline]
fn encode_name(name: FlatName<'_>, out: &mut Vec<u8>) {
    match name {
        FlatName::Text(text) => {
            out.push(0);
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
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
    out.push(links.part_of.is_some().into());
    if let Some(name) = &links.part_of {
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
    #[inline]
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    #[inline]
    fn word(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    #[inline]
    fn half(&mut self) -> Option<u32> {
        let (half, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*half))
    }

    /// A time; that of one that was not stated takes no bytes.
    #[inline]
    fn nanos(&mut self, is_stated: bool) -> Option<i64> {
        if !is_stated {
            return Some(NONE);
        }
        Some(self.word()? as i64)
    }

    #[inline]
    fn name(&mut self) -> Option<PodName> {
        Some(match self.take(1)? {
            [0] => {
                let length = self.half()? as usize;
                PodName::Text(str::from_utf8(self.take(length)?).ok()?.into())
            }
            [1] => PodName::Job(self.word()?),
            _ => PodName::Member(self.word()?, self.half()?),
        })
    }

    fn links(&mut self) -> Option<Box<Links>> {
        let part_of = match self.take(1)? {
            [0] => None,
            _ => Some(self.name()?),
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
        }))
    }
}

/// The number at a place of a record's head.
#[inline]
fn half(head: &[u8; HEAD], place: usize) -> u32 {
    let bytes = &head[place..place + 4];
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// The submission and the origin in a record's head.
#[inline]
fn place_of(head: &[u8; HEAD]) -> (Instant, Origin) {
    let submit = u64::from(half(head, 8)) << 32 | u64::from(half(head, 4));
    let origin = Origin {
        file: half(head, 12) as u16,
        line: half(head, 16),
    };
    (Instant::from_nanos(submit as i64), origin)
}

/// The length of the first record of these bytes; `None` if it goes on beyond them.
#[inline]
pub(super) fn whole(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    (length <= bytes.len()).then_some(length)
}

/// The rank of a record among others.
#[inline]
pub(super) fn rank(order: Order, record: &[u8]) -> Option<Rank> {
    let head = record.first_chunk::<HEAD>()?;
    let (submit, origin) = place_of(head);
    let name = if order == Order::Name {
        let times = 8 * (head[32] & 7).count_ones() as usize;
        Some(Bytes(record.get(HEAD + times..)?).name()?)
    } else {
        None
    };
    Some(order.rank_of(name, submit, origin))
}

/// The arrival of a record.
#[inline]
pub(super) fn decode(record: &[u8]) -> Option<Arrival> {
    let (head, rest) = record.split_first_chunk::<HEAD>()?;
    let (submit, origin) = place_of(head);
    let (kinds, mut rest) = (head[32], Bytes(rest));
    let stated = |nanos: i64| (nanos != NONE).then_some(nanos);
    Some(Arrival {
        submit,
        class: half(head, 20),
        members: half(head, 24),
        tenant: half(head, 28),
        run_time: stated(rest.nanos(kinds & 1 != 0)?).map(Duration::from_nanos),
        time_limit: stated(rest.nanos(kinds & 2 != 0)?).map(Duration::from_nanos),
        historic_start: stated(rest.nanos(kinds & 4 != 0)?).map(Instant::from_nanos),
        name: rest.name()?,
        links: match kinds & 8 {
            0 => None,
            _ => Some(rest.links()?),
        },
        part: (half(head, 12) >> 16) as u16,
        origin,
    })
}
