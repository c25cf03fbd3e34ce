//! Instances by the number of tasks of a group on them: a set for each number, so that the instances
//! with the fewest are found without a look at the others.

use fixedbitset::FixedBitSet;

/// Numbers of tasks with a set of their own; the last set holds all instances with more, too.
const LEVELS: usize = 64;

/// The sets of instances, by number of tasks.
#[derive(Clone, Debug, Default)]
pub(super) struct Levels {
    sets: Vec<FixedBitSet>,
    instances: usize,
}

/// The instances with a number of tasks.
pub(super) struct Level<'a> {
    /// The instances.
    pub(super) set: &'a FixedBitSet,
    /// `true` if their numbers differ.
    pub(super) is_last: bool,
}

impl Levels {
    /// Takes in instances without tasks, up to this number of instances.
    pub(super) fn grow(&mut self, instances: usize) {
        if self.sets.is_empty() {
            self.sets.push(FixedBitSet::default());
        }
        for set in &mut self.sets {
            set.grow(instances);
        }
        self.sets[0].insert_range(self.instances..instances.max(self.instances));
        self.instances = instances.max(self.instances);
    }

    /// An instance has another number of tasks.
    pub(super) fn change(&mut self, index: usize, before: u32, after: u32) {
        let level = |count: u32| (count as usize).min(LEVELS - 1);
        let (before, after) = (level(before), level(after));
        while self.sets.len() <= after {
            self.sets.push(FixedBitSet::with_capacity(self.instances));
        }
        self.sets[before].set(index, false);
        self.sets[after].insert(index);
    }

    /// The instances with each number of tasks, the smallest number first.
    pub(super) fn each(&self) -> impl Iterator<Item = Level<'_>> {
        let levels = self.sets.iter().enumerate();
        levels.map(|(number, set)| Level {
            set,
            is_last: number == LEVELS - 1,
        })
    }
}

/// The members that several sets have in common, in ascending order.
pub(super) struct Ones<'a, const N: usize> {
    sets: [Option<&'a FixedBitSet>; N],
    block: usize,
    left: usize,
    blocks: usize,
}

impl<'a, const N: usize> Ones<'a, N> {
    /// The members of all sets that are given; none without a set.
    pub(super) fn of(sets: [Option<&'a FixedBitSet>; N]) -> Self {
        let given = sets.iter().flatten();
        let blocks = given.map(|set| set.as_slice().len()).min();
        Self {
            sets,
            block: 0,
            left: 0,
            blocks: blocks.unwrap_or(0),
        }
    }
}

impl<const N: usize> Iterator for Ones<'_, N> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.left == 0 {
            if self.block == self.blocks {
                return None;
            }
            let given = self.sets.iter().flatten();
            let words = given.map(|set| set.as_slice()[self.block]);
            self.left = words.fold(usize::MAX, |all, word| all & word);
            self.block += 1;
        }
        let bit = self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some((self.block - 1) * usize::BITS as usize + bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_move_between_levels_and_share_the_last() {
        let mut levels = Levels::default();
        levels.grow(3);
        levels.change(1, 0, 2);
        levels.change(2, 0, 500);
        levels.grow(70);
        let first = |level: Level<'_>| -> (Vec<usize>, bool) {
            (level.set.ones().take(3).collect(), level.is_last)
        };
        let each: Vec<(Vec<usize>, bool)> = levels
            .each()
            .map(first)
            .filter(|(members, _)| !members.is_empty())
            .collect();
        let expected = [(vec![0, 3, 4], false), (vec![1], false), (vec![2], true)];
        assert_eq!(each, expected);
    }

    #[test]
    fn ones_are_what_all_sets_have() {
        let set = |members: &[usize]| members.iter().copied().collect::<FixedBitSet>();
        let (one, other) = (set(&[0, 5, 64, 130]), set(&[5, 64, 65]));
        let common: Vec<usize> = Ones::of([Some(&one), None, Some(&other)]).collect();
        assert_eq!(common, [5, 64]);
        assert_eq!(Ones::<1>::of([None]).count(), 0);
    }
}
