//! Events ahead in order of (instant, rank, sequence): a monotone hierarchical timing wheel
//! (Varghese and Lauck 1987). Its cost per event hardly grows with the number of pending ones, as a
//! heap's does.
//!
//! An event lies on the level of the highest 6-bit digit in which its instant differs from the
//! present, in the slot of that digit. Level 0 thus holds single instants, and a slot there has one
//! list for each rank. When the present comes to a slot of a higher level, its events move down, in
//! order: lists are first in, first out, and an event that is pushed later lies on the same level or
//! below. So equal instants keep the order of their pushes and no sequence number is stored.
//!
//! Nothing is taken out of the middle: an event names its target by an identity that is never used
//! again ([`model::PodRef`]), and is void once the target is gone.

use units::Instant;

/// An event that a wheel can hold.
///
/// Ends of pods come before starts at one instant, whatever was pushed first:
///
/// ```
/// use sim::wheel::{WheelEvent, Wheel};
/// use units::Instant;
///
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// enum Change {
///     End,
///     Start,
/// }
///
/// impl WheelEvent for Change {
///     fn rank(self) -> u8 {
///         self as u8
///     }
/// }
///
/// let mut wheel = Wheel::default();
/// wheel.push(Instant::from_secs(5), Change::Start);
/// wheel.push(Instant::from_secs(5), Change::End);
/// assert_eq!(wheel.pop(), Some((Instant::from_secs(5), Change::End)));
/// ```
pub trait WheelEvent: Copy {
    /// Rank of the event among those of an instant: below 8, the smallest goes first.
    fn rank(self) -> u8;

    /// `true` if a run goes on for the event even if nothing else lies ahead.
    fn keeps_going(self) -> bool {
        true
    }
}

/// Bits of a digit.
const DIGIT_BITS: u32 = 6;
/// Slots of a level.
const SLOTS: usize = 1 << DIGIT_BITS;
/// Levels: a nanosecond count has eleven digits.
const LEVELS: usize = 11;
/// Ranks that an instant tells apart.
const RANKS: usize = 8;
/// Entries that lie together; lists are made of such blocks.
const BLOCK: u32 = 64;
/// No entry.
const NONE: u32 = u32::MAX;

/// The rank limit that no event reaches.
pub const EVERY_RANK: u8 = RANKS as u8;

/// Events that lie ahead.
#[derive(Clone, Debug)]
pub struct Wheel<E> {
    /// The instant that levels are counted from: nothing lies before it.
    present: i64,
    /// Levels that have events, by bit.
    levels: u16,
    /// Slots of each level that have events, by bit.
    slots: [u64; LEVELS],
    /// Ranks of which each slot of level 0 has events, by bit.
    ranks: [u8; SLOTS],
    /// Lists of level 0 by slot and rank, then those of the other levels by slot.
    lists: Box<[List]>,
    blocks: Blocks<E>,
    pending: usize,
    /// Number of events that a run need not go on for.
    idle: usize,
}

/// Events of one slot, in order.
#[derive(Clone, Copy, Debug)]
struct List {
    /// Entry of the first event, or [`NONE`].
    first: u32,
    /// One beyond the entry of the last.
    end: u32,
    /// The earliest of them.
    earliest: i64,
}

const EMPTY: List = List {
    first: NONE,
    end: 0,
    earliest: i64::MAX,
};

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    at: i64,
    event: E,
}

/// Entries in blocks, which lists chain together and give back.
#[derive(Clone, Debug)]
struct Blocks<E> {
    entries: Vec<Entry<E>>,
    /// By block, the one that follows it in its list, or in that of the vacant ones.
    next: Vec<u32>,
    vacant: u32,
}

impl<E: WheelEvent> Default for Wheel<E> {
    fn default() -> Self {
        Self {
            present: 0,
            levels: 0,
            slots: [0; LEVELS],
            ranks: [0; SLOTS],
            lists: vec![EMPTY; SLOTS * (RANKS + LEVELS - 1)].into_boxed_slice(),
            blocks: Blocks {
                entries: Vec::new(),
                next: Vec::new(),
                vacant: NONE,
            },
            pending: 0,
            idle: 0,
        }
    }
}

impl<E: WheelEvent> Wheel<E> {
    /// Adds an event.
    ///
    /// # Panics
    /// If it lies before an event that was taken out already, or before zero.
    #[inline]
    pub fn push(&mut self, at: Instant, event: E) {
        let at = at.as_nanos();
        assert!(
            at >= self.present,
            "invariant: nothing is scheduled for the past"
        );
        self.pending += 1;
        self.idle += usize::from(!event.keeps_going());
        self.place(Entry { at, event });
    }

    /// Instant of the next event.
    #[inline]
    pub fn next(&self) -> Option<Instant> {
        if self.levels == 0 {
            return None;
        }
        let (level, slot) = self.lowest();
        Some(Instant::from_nanos(if level == 0 {
            self.present & !(SLOTS as i64 - 1) | slot as i64
        } else {
            self.lists[upper(level, slot)].earliest
        }))
    }

    /// Takes the next event out if it is due at an instant and of a rank below a limit. From then
    /// on nothing can be pushed before that instant.
    #[inline]
    pub fn pop_due(&mut self, at: Instant, below: u8) -> Option<E> {
        if self.next()? != at {
            return None;
        }
        if self.levels & 1 == 0 {
            let (level, slot) = self.lowest();
            let list = &self.lists[upper(level, slot)];
            if list.first + 1 == list.end {
                return self.take_alone(at.as_nanos(), below, level, slot);
            }
            self.descend(at.as_nanos(), level, slot);
        }
        self.present = at.as_nanos();
        let slot = self.present as usize % SLOTS;
        let rank = self.ranks[slot].trailing_zeros();
        if rank >= u32::from(below) {
            return None;
        }
        let list = &mut self.lists[slot * RANKS + rank as usize % RANKS];
        let event = self.blocks.take(list).event;
        if list.first == NONE {
            self.ranks[slot] &= !(1 << rank);
            if self.ranks[slot] == 0 {
                self.vacate(0, slot);
            }
        }
        self.count_out(event);
        Some(event)
    }

    /// Takes the next event out.
    pub fn pop(&mut self) -> Option<(Instant, E)> {
        let at = self.next()?;
        Some((at, self.pop_due(at, EVERY_RANK)?))
    }

    /// Whether what lies ahead is nothing that a run need go on for.
    pub fn is_idle(&self) -> bool {
        self.pending == self.idle
    }

    /// Number of events ahead.
    pub fn len(&self) -> usize {
        self.pending
    }

    /// Whether nothing lies ahead.
    pub fn is_empty(&self) -> bool {
        self.pending == 0
    }

    /// Puts an entry in its slot, as seen from the present.
    #[inline]
    fn place(&mut self, entry: Entry<E>) {
        let differs = (entry.at ^ self.present) as u64;
        let (level, slot, list) = if differs < SLOTS as u64 {
            let slot = entry.at as usize % SLOTS;
            let rank = usize::from(entry.event.rank()) % RANKS;
            self.ranks[slot] |= 1 << rank;
            (0, slot, slot * RANKS + rank)
        } else {
            let digit = differs.ilog2() / DIGIT_BITS;
            let slot = (entry.at >> (digit * DIGIT_BITS)) as usize % SLOTS;
            (digit as usize, slot, upper(digit as usize, slot))
        };
        self.slots[level] |= 1 << slot;
        self.levels |= 1 << level;
        self.blocks.put(&mut self.lists[list], entry);
    }

    /// The level and slot of the next event; some event lies ahead.
    #[inline]
    fn lowest(&self) -> (usize, usize) {
        let level = self.levels.trailing_zeros() as usize % LEVELS;
        (level, self.slots[level].trailing_zeros() as usize)
    }

    /// A slot has no events any more.
    #[inline]
    fn vacate(&mut self, level: usize, slot: usize) {
        self.slots[level] &= !(1 << slot);
        self.levels &= !(u16::from(self.slots[level] == 0) << level);
    }

    #[inline]
    fn count_out(&mut self, event: E) {
        self.pending -= 1;
        self.idle -= usize::from(!event.keeps_going());
    }

    /// Takes the next event out of its slot above level 0, where it is alone.
    #[inline]
    fn take_alone(&mut self, at: i64, below: u8, level: usize, slot: usize) -> Option<E> {
        let list = &mut self.lists[upper(level, slot)];
        let event = self.blocks.entries[list.first as usize].event;
        if event.rank() >= below {
            return None;
        }
        self.blocks.take(list);
        self.present = at;
        self.vacate(level, slot);
        self.count_out(event);
        Some(event)
    }

    /// The present comes to the next event, which lies above level 0: what shares its slot moves
    /// down.
    fn descend(&mut self, at: i64, level: usize, slot: usize) {
        self.present = at;
        self.vacate(level, slot);
        let position = upper(level, slot);
        let mut list = std::mem::replace(&mut self.lists[position], EMPTY);
        while list.first != NONE {
            let entry = self.blocks.take(&mut list);
            self.place(entry);
        }
    }
}

/// The list of a slot above level 0.
#[inline]
const fn upper(level: usize, slot: usize) -> usize {
    (RANKS + level - 1) * SLOTS + slot
}

impl<E: Copy> Blocks<E> {
    /// Adds an entry at the end of a list.
    #[inline]
    fn put(&mut self, list: &mut List, entry: Entry<E>) {
        if list.first == NONE {
            list.first = self.block(entry);
            list.end = list.first;
            list.earliest = entry.at;
        } else {
            list.earliest = list.earliest.min(entry.at);
            if list.end.is_multiple_of(BLOCK) {
                let block = self.block(entry);
                self.next[(list.end - 1) as usize / BLOCK as usize] = block / BLOCK;
                list.end = block;
            }
        }
        self.entries[list.end as usize] = entry;
        list.end += 1;
    }

    /// Takes the first entry of a list that has one.
    #[inline]
    fn take(&mut self, list: &mut List) -> Entry<E> {
        let entry = self.entries[list.first as usize];
        let block = list.first / BLOCK;
        list.first += 1;
        if list.first == list.end {
            list.first = NONE;
            self.free(block);
        } else if list.first.is_multiple_of(BLOCK) {
            list.first = self.next[block as usize] * BLOCK;
            self.free(block);
        }
        entry
    }

    #[inline]
    fn free(&mut self, block: u32) {
        self.next[block as usize] = self.vacant;
        self.vacant = block;
    }

    /// The first entry of a vacant block.
    fn block(&mut self, filling: Entry<E>) -> u32 {
        let block = self.vacant;
        if block != NONE {
            self.vacant = self.next[block as usize];
            return block * BLOCK;
        }
        let first = u32::try_from(self.entries.len())
            .ok()
            .filter(|&first| first < NONE - BLOCK)
            .expect("invariant: fewer than 2^32 events lie ahead");
        self.entries
            .resize(self.entries.len() + BLOCK as usize, filling);
        self.next.push(NONE);
        first
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct TestEvent {
        rank: u8,
        number: u32,
    }

    impl WheelEvent for TestEvent {
        fn rank(self) -> u8 {
            self.rank
        }

        fn keeps_going(self) -> bool {
            !self.number.is_multiple_of(3)
        }
    }

    /// Step taken with a wheel and a heap alike.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// Something is scheduled this far ahead, with this rank.
        Push(i64, u8),
        /// The next event happens, if its rank is below this.
        Pop(u8),
        /// Time passes up to the next event at most, as for an arrival: in parts of 8.
        Pass(i64),
    }

    fn delay() -> impl Strategy<Value = i64> {
        prop_oneof![
            2 => Just(0),
            4 => 0..3_i64,
            4 => 0..70_i64,
            4 => (0..45_u32, 0..4_i64).prop_map(|(bits, more)| (1 << bits) + more),
            2 => 0..1_000_000_000_i64,
            1 => Just(i64::MAX),
        ]
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            5 => (delay(), 0..6_u8).prop_map(|(delay, rank)| Step::Push(delay, rank)),
            4 => prop_oneof![4 => Just(EVERY_RANK), 1 => 0..6_u8].prop_map(Step::Pop),
            1 => (0..=8_i64).prop_map(Step::Pass),
        ];
        proptest::collection::vec(step, 1..600)
    }

    proptest! {
        #[test]
        fn a_wheel_is_a_heap_of_instant_rank_and_sequence(steps in steps()) {
            let mut wheel = Wheel::default();
            let mut heap = BinaryHeap::new();
            let mut now = 0_i64;
            let mut number = 0_u32;
            for step in steps {
                match step {
                    Step::Push(delay, rank) => {
                        let at = now.saturating_add(delay);
                        wheel.push(Instant::from_nanos(at), TestEvent { rank, number });
                        heap.push(Reverse((at, rank, number)));
                        number += 1;
                    }
                    Step::Pop(below) => {
                        let due = heap.peek().map(|Reverse((at, _, _))| *at);
                        prop_assert_eq!(wheel.next().map(Instant::as_nanos), due);
                        let Some(at) = due else { continue };
                        now = at;
                        let expected = heap.peek().is_some_and(|Reverse(next)| next.1 < below)
                            .then(|| heap.pop()).flatten();
                        let popped = wheel.pop_due(Instant::from_nanos(at), below);
                        prop_assert_eq!(
                            popped.map(|event| (event.rank, event.number)),
                            expected.map(|Reverse((_, rank, number))| (rank, number))
                        );
                    }
                    Step::Pass(eighths) => {
                        let due = heap.peek().map_or(now, |Reverse((at, _, _))| *at);
                        now += (due - now) / 8 * eighths;
                        if now < due {
                            let nothing = wheel.pop_due(Instant::from_nanos(now), EVERY_RANK);
                            prop_assert_eq!(nothing, None);
                        }
                    }
                }
                prop_assert_eq!(wheel.len(), heap.len());
                let idle = heap.iter().all(|Reverse((_, _, number))| number.is_multiple_of(3));
                prop_assert_eq!(wheel.is_idle(), idle);
            }
            while let Some(Reverse((at, rank, number))) = heap.pop() {
                let event = TestEvent { rank, number };
                prop_assert_eq!(wheel.pop(), Some((Instant::from_nanos(at), event)));
            }
            prop_assert_eq!(wheel.pop(), None);
            prop_assert!(wheel.is_empty());
        }
    }

    #[test]
    fn blocks_are_used_again_once_their_events_are_gone() {
        let mut wheel = Wheel::default();
        let event = TestEvent { rank: 0, number: 1 };
        let mut rooms = Vec::new();
        for round in 0..50_i64 {
            for number in 0..1_000 {
                let at = round * 1_000_000_007 + number * 7_919 % 1_000_003;
                wheel.push(Instant::from_nanos(at), event);
            }
            while wheel.pop().is_some() {}
            rooms.push(wheel.blocks.entries.len());
        }
        // Bound: a thousand events and a block begun in every list.
        assert!(rooms.iter().all(|&room| room <= rooms[0] * 2), "{rooms:?}");
    }

    #[test]
    #[should_panic(expected = "the past")]
    fn a_push_into_the_past_is_an_error() {
        let mut wheel = Wheel::default();
        let event = TestEvent { rank: 0, number: 1 };
        wheel.push(Instant::from_nanos(10), event);
        wheel.pop();
        wheel.push(Instant::from_nanos(9), event);
    }
}
