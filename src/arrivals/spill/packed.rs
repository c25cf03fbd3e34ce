//! Arrivals as bytes, one record after the other: they take less memory so than as values with names of their own, are
//! written to disk as they stand, and are sorted only if one is out of order.

use super::buffer::Buffer;
use super::decode::{decode, each_of, rank};
use super::encode::{encode, is_relative, mark_relative, whole};
use super::numbers::HEAD;
use super::previous::Previous;
use super::sorted_by::Rank;
use super::{Flat, Order};
use crate::stream::Arrival;
use units::Instant;

/// Records that are held to be sorted.
#[derive(Debug)]
pub struct Packed {
    order: Order,
    bytes: Buffer,
    count: usize,
    /// Rank of the first record, and of the last one.
    ends: Option<(Rank, Rank)>,
    standing: Standing,
    /// The last record, against which the next one may be stated.
    previous: Previous,
    /// Whether an arrival has a place in a graph of precedence.
    pub(super) may_wait: bool,
    /// Whether an arrival is a member of a gang.
    pub(super) has_gangs: bool,
}

/// The way in which records stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// In order, and the next one is stated alone.
    Sorted,
    /// In order, and the next one is stated against the last.
    GoingOn,
    /// Out of order, each stated alone.
    Unsorted,
}

impl Packed {
    /// No records yet, which are to be in an order.
    pub const fn new(order: Order) -> Self {
        Self {
            order,
            bytes: Buffer::new(),
            count: 0,
            ends: None,
            standing: Standing::Sorted,
            previous: Previous::none(),
            may_wait: false,
            has_gangs: false,
        }
    }

    /// The records of arrivals.
    pub fn of(order: Order, arrivals: &[Arrival]) -> Self {
        let mut all = Self::new(order);
        for arrival in arrivals {
            all.push(&arrival.into());
        }
        all
    }

    /// Number of records.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Adds an arrival.
    #[inline]
    pub fn push(&mut self, arrival: &Flat<'_>) {
        self.put(arrival);
    }

    /// Adds an arrival; the place of its record.
    #[inline]
    fn put(&mut self, arrival: &Flat<'_>) -> usize {
        match &mut self.ends {
            Some((_, last)) => {
                let follows = self.order.follow(last, arrival);
                if self.is_sorted() && !follows {
                    self.state_each_alone();
                }
            }
            none => {
                let rank = self.order.rank(arrival);
                *none = Some((rank.clone(), rank));
            }
        }
        if let Some(links) = &arrival.links {
            self.may_wait |= links.has_precedence();
            self.has_gangs |= links.gang.is_some();
        }
        self.count += 1;
        let start = self.bytes.records().len();
        if self.standing == Standing::GoingOn {
            encode(arrival, &mut self.previous, &mut self.bytes);
            mark_relative(self.bytes.records_mut(), start);
            return start;
        }
        self.previous = Previous::none();
        encode(arrival, &mut self.previous, &mut self.bytes);
        // Names in order, and keys of gangs, are compared without the records before them.
        let is_by_time = matches!(self.order, Order::Submission | Order::Place);
        if self.is_sorted() && is_by_time {
            self.standing = Standing::GoingOn;
        }
        start
    }

    /// States each record without the one before it, so that they can be moved.
    #[cold]
    fn state_each_alone(&mut self) {
        self.standing = Standing::Unsorted;
        let mut previous = Previous::none();
        let mut alone = Buffer::new();
        let mut rest = self.bytes.records();
        while let Some(length) = whole(rest) {
            let (record, others) = rest.split_at(length);
            match decode(record, &mut previous) {
                Some((own, _)) if is_relative(record) => {
                    encode(&(&own).into(), &mut Previous::none(), &mut alone);
                }
                _ => alone.extend(|bytes| bytes.extend_from_slice(record)),
            }
            rest = others;
        }
        self.bytes = alone;
    }

    /// Adds the members of a gang as one record, which is sorted by the first of them: so they stay together.
    pub fn push_gang(&mut self, members: &[Arrival]) {
        let Some((first, mates)) = members.split_first() else {
            return;
        };
        // The members have one length in common, and are stated alone.
        self.state_next_alone();
        let start = self.put(&first.into());
        self.state_next_alone();
        for mate in mates {
            self.may_wait |= mate.has_precedence();
            self.count += 1;
            encode(&mate.into(), &mut Previous::none(), &mut self.bytes);
        }
        let record = &mut self.bytes.records_mut()[start..];
        let length = record.len() as u32;
        record[..4].copy_from_slice(&length.to_le_bytes());
    }

    fn state_next_alone(&mut self) {
        if self.is_sorted() {
            self.standing = Standing::Sorted;
        }
    }

    /// Whether the records stand in their order.
    pub(super) const fn is_sorted(&self) -> bool {
        !matches!(self.standing, Standing::Unsorted)
    }

    /// Takes all records out.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.ends = None;
        self.standing = Standing::Sorted;
        self.may_wait = false;
        self.has_gangs = false;
    }

    /// Ranks of the first record and of the last one of all, once they are sorted.
    pub(super) fn ends(&self) -> Option<&(Rank, Rank)> {
        self.ends.as_ref()
    }

    /// Sorts the records; those of equal rank stay as they came.
    pub(super) fn sort(&mut self) {
        if self.is_sorted() {
            return;
        }
        if self.order != Order::Name {
            return self.sort_by_numbers();
        }
        let mut places: Vec<(Rank, usize, usize)> = Vec::with_capacity(self.count);
        let mut from = 0;
        let records = self.bytes.records();
        while let Some(length) = whole(&records[from..]) {
            let rank = rank(self.order, &records[from..], &Previous::none());
            places.extend(rank.map(|rank| (rank, from, from + length)));
            from += length;
        }
        places.sort_by(|one, other| one.0.cmp(&other.0));
        let mut sorted = Vec::with_capacity(records.len());
        for (_, from, until) in &places {
            sorted.extend_from_slice(&records[*from..*until]);
        }
        self.bytes = sorted.into();
        self.standing = Standing::Sorted;
        let last = places.pop().map(|last| last.0);
        let first = places.into_iter().next().map(|first| first.0);
        self.ends = last.map(|last| (first.unwrap_or_else(|| last.clone()), last));
    }

    /// Sorts the records by ranks without a name: by numbers alone.
    fn sort_by_numbers(&mut self) {
        let mut places: Vec<(Instant, u64, usize)> = Vec::with_capacity(self.count);
        let mut from = 0;
        let records = self.bytes.records();
        while let Some(length) = whole(&records[from..]) {
            let rank = rank(self.order, &records[from..], &Previous::none());
            places.extend(rank.map(|(_, first, second)| (first, second, from)));
            from += length;
        }
        // Those of equal rank are told apart by their places.
        places.sort_unstable();
        let mut sorted = Vec::with_capacity(records.len());
        for &(.., from) in &places {
            let length = whole(&records[from..]).unwrap_or_default();
            sorted.extend_from_slice(&records[from..from + length]);
        }
        self.bytes = sorted.into();
        self.standing = Standing::Sorted;
        let of = |&(first, second, _): &_| (None, first, second);
        let (first, last) = (places.first().map(of), places.last().map(of));
        self.ends = first.zip(last);
    }

    /// The records as they stand.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.records()
    }

    /// The records as they stand, alone.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_records()
    }

    /// The arrivals in their order.
    pub fn into_arrivals(mut self) -> Vec<Arrival> {
        self.sort();
        let mut arrivals = Vec::with_capacity(self.count);
        let mut previous = Previous::none();
        let mut rest = self.bytes.records();
        while let Some(length) = whole(rest) {
            let (record, others) = rest.split_at(length);
            each_of(record, &mut previous, |arrival| arrivals.push(arrival));
            rest = others;
        }
        arrivals
    }
}

/// Records one behind the other, as the arrivals came.
#[derive(Debug)]
pub(crate) struct Sequence {
    bytes: Buffer,
    previous: Previous,
}

impl Default for Sequence {
    fn default() -> Self {
        Self {
            bytes: Buffer::new(),
            previous: Previous::none(),
        }
    }
}

impl Sequence {
    /// Adds an arrival.
    pub(crate) fn push(&mut self, arrival: &Arrival) {
        let start = self.bytes.records().len();
        encode(&arrival.into(), &mut self.previous, &mut self.bytes);
        if start > 0 {
            mark_relative(self.bytes.records_mut(), start);
        }
    }

    /// Takes all records out.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self).bytes.into_records()
    }

    /// A number of arrivals out of their records; `None` if these are damaged, or others.
    pub(crate) fn arrivals(mut records: &[u8], count: usize) -> Option<Vec<Arrival>> {
        // A record has a head at least.
        let mut arrivals = Vec::with_capacity(count.min(records.len() / HEAD));
        let mut previous = Previous::none();
        while !records.is_empty() {
            whole(records)?;
            let (arrival, others) = decode(records, &mut previous)?;
            arrivals.push(arrival);
            records = others;
        }
        (arrivals.len() == count).then_some(arrivals)
    }
}
