//! The waiting jobs in the order of their turns, in blocks that know the shortest time requested in
//! them: when a backfilling rule says how long a job may take, the blocks where none is so short are
//! passed over as a whole.

use std::ops::Bound;

use units::Duration;

use super::job::JobFacts;
use super::waiting_jobs::QueuePosition;

/// Bounds that a job has to keep to be worth a look: its width, and either its length or its width
/// again. [`Bounds::ANY`] keeps every job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most members of any job.
    pub members: u64,
    /// Longest requested time of a job of any width.
    pub longest: Duration,
    /// Most members of a job that requests more than `longest`.
    pub spare: u64,
}

impl Bounds {
    /// Bounds that every job keeps.
    pub const ANY: Self = Self {
        members: u64::MAX,
        longest: Duration::MAX,
        spare: u64::MAX,
    };

    fn allow(&self, fewest: u32, shortest: Duration) -> bool {
        let fewest = u64::from(fewest);
        fewest <= self.members && (shortest <= self.longest || fewest <= self.spare)
    }
}

/// Turns of a block that is full: it is parted in two.
const FULL: usize = 64;

/// Turns, with what a rule looks at.
#[derive(Clone, Debug, Default)]
pub(super) struct QueueIndex {
    /// In order; none is empty.
    blocks: Vec<Block>,
}

#[derive(Clone, Debug)]
struct Block {
    turns: Vec<(QueuePosition, JobFacts)>,
    shortest: Duration,
    fewest: u32,
}

impl Block {
    fn new(turns: Vec<(QueuePosition, JobFacts)>) -> Self {
        let shortest = turns.iter().map(|(_, facts)| facts.requested).min();
        let fewest = turns.iter().map(|(_, facts)| facts.members).min();
        Self {
            shortest: shortest.unwrap_or(Duration::MAX),
            fewest: fewest.unwrap_or(u32::MAX),
            turns,
        }
    }

    fn ends_before(&self, turn: QueuePosition) -> bool {
        self.turns.last().is_some_and(|&(last, _)| last < turn)
    }

    fn position(&self, turn: QueuePosition) -> Result<usize, usize> {
        self.turns.binary_search_by(|(known, _)| known.cmp(&turn))
    }
}

impl QueueIndex {
    /// Adds a turn, or replaces what is known of it.
    pub(super) fn insert(&mut self, turn: QueuePosition, facts: JobFacts) {
        let after = self.blocks.partition_point(|block| block.ends_before(turn));
        // Behind all: into the last block.
        let at = after.min(self.blocks.len().saturating_sub(1));
        let Some(block) = self.blocks.get_mut(at) else {
            self.blocks.push(Block::new(vec![(turn, facts)]));
            return;
        };
        match block.position(turn) {
            Ok(position) => {
                block.turns[position].1 = facts;
                *block = Block::new(std::mem::take(&mut block.turns));
            }
            Err(position) => {
                block.turns.insert(position, (turn, facts));
                block.shortest = block.shortest.min(facts.requested);
                block.fewest = block.fewest.min(facts.members);
            }
        }
        if block.turns.len() > FULL {
            let second = block.turns.split_off(FULL / 2);
            *block = Block::new(std::mem::take(&mut block.turns));
            self.blocks.insert(at + 1, Block::new(second));
        }
    }

    /// Takes a turn out, if it is there.
    pub(super) fn remove(&mut self, turn: QueuePosition) {
        let at = self.blocks.partition_point(|block| block.ends_before(turn));
        let Some(block) = self.blocks.get_mut(at) else {
            return;
        };
        let Ok(position) = block.position(turn) else {
            return;
        };
        let (_, facts) = block.turns.remove(position);
        if block.turns.is_empty() {
            self.blocks.remove(at);
        } else if facts.requested == block.shortest || facts.members == block.fewest {
            *block = Block::new(std::mem::take(&mut block.turns));
        }
    }

    /// The turns after one (`None`: all), in order; those of jobs that request more than `longest`
    /// may be left out.
    pub(super) fn after(
        &self,
        turn: Option<QueuePosition>,
        longest: Duration,
    ) -> impl Iterator<Item = (QueuePosition, &JobFacts)> {
        let is_past = move |known: QueuePosition| turn.is_some_and(|turn| known <= turn);
        let first = self.blocks.partition_point(|block| {
            let last = block.turns.last();
            last.is_some_and(|&(last, _)| is_past(last))
        });
        let blocks = self.blocks[first..].iter();
        blocks
            .filter(move |block| block.shortest <= longest)
            .flat_map(move |block| {
                let past = block.turns.partition_point(|&(known, _)| is_past(known));
                block.turns[past..].iter()
            })
            .map(|(turn, facts)| (*turn, facts))
    }

    /// The first turn from a bound on whose job keeps to bounds.
    pub(super) fn next(
        &self,
        from: Bound<QueuePosition>,
        bounds: &Bounds,
    ) -> Option<(QueuePosition, &JobFacts)> {
        let is_past = |known: QueuePosition| match from {
            Bound::Unbounded => false,
            Bound::Included(turn) => known < turn,
            Bound::Excluded(turn) => known <= turn,
        };
        let first = self.blocks.partition_point(|block| {
            let last = block.turns.last();
            last.is_some_and(|&(last, _)| is_past(last))
        });
        let mut blocks = self.blocks[first..].iter();
        blocks
            .by_ref()
            .filter(|block| bounds.allow(block.fewest, block.shortest))
            .find_map(|block| {
                let past = block.turns.partition_point(|&(known, _)| is_past(known));
                let mut turns = block.turns[past..].iter();
                turns.find(|(_, facts)| bounds.allow(facts.members, facts.requested))
            })
            .map(|(turn, facts)| (*turn, facts))
    }

    /// The last turn.
    pub(super) fn last(&self) -> Option<QueuePosition> {
        Some(self.blocks.last()?.turns.last()?.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::job::{JobNumber, PartitionNumber, Score};
    use super::*;
    use units::{Instant, SortedMap, TenantId};

    proptest! {
        #[test]
        fn blocks_are_a_sorted_list_of_all(
            steps in prop::collection::vec((0..40_i64, 0..3_i64, 0..20_u64, 0..30_i64, 0..3_u8), 0..900),
        ) {
            let mut turns = QueueIndex::default();
            let mut plain: SortedMap<QueuePosition, JobFacts> = SortedMap::new();
            for (submitted, score, number, requested, what) in steps {
                let turn = (Instant::from_secs(submitted), Score::whole(score), JobNumber(number));
                let facts = JobFacts {
                    number: JobNumber::default(),
                    submitted: turn.0,
                    requested: Duration::from_secs(requested),
                    processors: 1,
                    members: 1 + u32::from(what),
                    tenant: TenantId(0),
                    partition: PartitionNumber::default(),
                    memory: 0,
                    gpu_milli: 0,
                };
                if what == 0 {
                    turns.remove(turn);
                    plain.remove(&turn);
                } else {
                    turns.insert(turn, facts);
                    plain.insert(turn, facts);
                }
                prop_assert_eq!(turns.last(), plain.keys().next_back().copied());
                let longest = Duration::from_secs(29 - requested);
                for from in [None, Some(turn)] {
                    let bound = from.map_or(Bound::Unbounded, Bound::Excluded);
                    let is_short = |facts: &JobFacts| facts.requested <= longest;
                    let all = plain.range((bound, Bound::Unbounded));
                    let expected = all.map(|(&turn, facts)| (turn, facts));
                    let expected = expected.filter(|(_, facts)| is_short(facts));
                    let found = turns.after(from, longest).filter(|(_, facts)| is_short(facts));
                    prop_assert!(found.eq(expected));
                    let bounds = Bounds { members: 2, longest, spare: 1 };
                    let keeps = |facts: &JobFacts| {
                        facts.members <= 2 && (facts.requested <= longest || facts.members <= 1)
                    };
                    let first = plain.range((bound, Bound::Unbounded));
                    let first = first.map(|(&turn, facts)| (turn, facts)).find(|(_, facts)| keeps(facts));
                    prop_assert_eq!(turns.next(bound, &bounds), first);
                }
            }
        }
    }
}
