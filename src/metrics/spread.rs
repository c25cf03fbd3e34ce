//! A multiset of integers that knows, after every change, how spread out its values are: their
//! number, sum, sum of squares, largest value and the sum of all pairwise differences. A change
//! costs about the square root of the number of distinct values, so balance over nodes needs no
//! pass over the nodes; all of it is exact, so the order of changes does not matter.

use super::integral::product;

/// Distinct values in a block at most.
const BLOCK: usize = 64;

/// Values in ascending order in blocks, with what is asked of them.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    blocks: Vec<Block>,
    count: u64,
    sum: i128,
    squares: i128,
    differences: i128,
}

#[derive(Clone, Debug, Default)]
struct Block {
    /// Distinct values and how often each is there.
    runs: Vec<(i64, u64)>,
    /// The largest of them.
    most: i64,
    count: u64,
    sum: i128,
}

impl Spread {
    /// How many values.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub const fn sum(&self) -> i128 {
        self.sum
    }

    /// The sum of their squares.
    pub const fn squares(&self) -> i128 {
        self.squares
    }

    /// The sum of the differences of all pairs.
    pub const fn differences(&self) -> i128 {
        self.differences
    }

    /// The largest value.
    pub fn max(&self) -> Option<i64> {
        Some(self.blocks.last()?.most)
    }

    /// Adds a value.
    pub fn insert(&mut self, value: i64) {
        self.insert_many(value, 1);
    }

    /// Takes a value out.
    ///
    /// # Panics
    /// If it is not there.
    pub fn remove(&mut self, value: i64) {
        self.remove_many(value, 1);
    }

    /// Adds a value so many times.
    pub fn insert_many(&mut self, value: i64, times: u64) {
        self.differences += self.distance(value) * i128::from(times);
        self.total(value, times as i64);
        let index = self.block_of(value);
        let Some(block) = self.blocks.get_mut(index) else {
            self.blocks.push(Block::default());
            self.insert_into(index, value, times);
            return;
        };
        let is_full = block.runs.len() >= BLOCK;
        if is_full {
            let upper = block.split();
            self.blocks.insert(index + 1, upper);
            let index = self.block_of(value);
            self.insert_into(index.min(self.blocks.len() - 1), value, times);
        } else {
            self.insert_into(index, value, times);
        }
    }

    /// Takes a value out so many times.
    ///
    /// # Panics
    /// If it is not there as often.
    pub fn remove_many(&mut self, value: i64, times: u64) {
        let index = self.block_of(value);
        let block = &mut self.blocks[index];
        let position = block
            .runs
            .binary_search_by_key(&value, |run| run.0)
            .expect("invariant: only values that were put in are taken out");
        block.count -= times;
        block.sum -= product(value, times as i64);
        block.runs[position].1 -= times;
        if block.runs[position].1 == 0 {
            block.runs.remove(position);
        }
        match block.runs.last() {
            Some(last) => block.most = last.0,
            None => {
                self.blocks.remove(index);
            }
        }
        self.total(value, -(times as i64));
        self.differences -= self.distance(value) * i128::from(times);
    }

    fn total(&mut self, value: i64, times: i64) {
        self.count = self.count.wrapping_add_signed(times);
        self.sum += product(value, times);
        let square = product(value, value);
        self.squares += match times {
            1 => square,
            -1 => -square,
            times => square * i128::from(times),
        };
    }

    /// The first block whose largest value is not below; one past the last if there is none and
    /// the last is full or there is no block.
    fn block_of(&self, value: i64) -> usize {
        let found = self.blocks.partition_point(|block| block.most < value);
        found.min(self.blocks.len().saturating_sub(1))
    }

    fn insert_into(&mut self, index: usize, value: i64, times: u64) {
        let block = &mut self.blocks[index];
        match block.runs.binary_search_by_key(&value, |run| run.0) {
            Ok(position) => block.runs[position].1 += times,
            Err(position) => block.runs.insert(position, (value, times)),
        }
        block.most = block.runs.last().map_or(value, |run| run.0);
        block.count += times;
        block.sum += product(value, times as i64);
    }

    /// The sum of the differences between a value and all that are there.
    fn distance(&self, value: i64) -> i128 {
        let (mut below, mut sum_below) = (0_u64, 0_i128);
        for block in &self.blocks {
            if block.most < value {
                below += block.count;
                sum_below += block.sum;
                continue;
            }
            for &(known, count) in block.runs.iter().take_while(|run| run.0 < value) {
                below += count;
                sum_below += product(known, count as i64);
            }
            break;
        }
        let above = self.count - below;
        let above = product(value, above as i64);
        product(value, below as i64) - sum_below + (self.sum - sum_below) - above
    }
}

impl Block {
    /// Takes the upper half out.
    fn split(&mut self) -> Self {
        let runs = self.runs.split_off(self.runs.len() / 2);
        let count = runs.iter().map(|run| run.1).sum();
        let sum = runs
            .iter()
            .map(|&(value, count)| product(value, count as i64))
            .sum();
        self.count -= count;
        self.sum -= sum;
        let most = std::mem::replace(&mut self.most, self.runs.last().map_or(0, |run| run.0));
        Self {
            runs,
            most,
            count,
            sum,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(values: &[i64]) -> (u64, i128, i128, i128, Option<i64>) {
        let wide = |&value: &i64| i128::from(value);
        let pairs = values
            .iter()
            .enumerate()
            .flat_map(|(at, a)| values[..at].iter().map(move |b| (wide(a) - wide(b)).abs()));
        (
            values.len() as u64,
            values.iter().map(wide).sum(),
            values.iter().map(|value| wide(value) * wide(value)).sum(),
            pairs.sum(),
            values.iter().copied().max(),
        )
    }

    proptest! {
        #[test]
        fn it_knows_what_a_pass_over_all_values_would_find(
            steps in prop::collection::vec((0_i64..600, any::<bool>()), 0..900)
        ) {
            let (mut spread, mut values) = (Spread::default(), Vec::new());
            for (value, keeps) in steps {
                if keeps || values.is_empty() {
                    spread.insert(value);
                    values.push(value);
                } else {
                    let gone = values.swap_remove(value as usize % values.len());
                    spread.remove(gone);
                }
            }
            let found = (
                spread.count(), spread.sum(), spread.squares(), spread.differences(), spread.max(),
            );
            prop_assert_eq!(found, plain(&values));
        }

        #[test]
        fn many_at_once_are_as_many_one_by_one(
            steps in prop::collection::vec((0_i64..600, any::<bool>(), 1_u64..4), 0..700)
        ) {
            let (mut spread, mut values) = (Spread::default(), Vec::new());
            for (value, keeps, times) in steps {
                if keeps || values.is_empty() {
                    spread.insert_many(value, times);
                    values.extend(std::iter::repeat_n(value, times as usize));
                } else {
                    let gone = values[value as usize % values.len()];
                    let known = values.iter().filter(|&&known| known == gone).count() as u64;
                    for _ in 0..times.min(known) {
                        let position = values.iter().position(|&known| known == gone);
                        values.swap_remove(position.expect("it is there"));
                    }
                    spread.remove_many(gone, times.min(known));
                }
            }
            let found = (
                spread.count(), spread.sum(), spread.squares(), spread.differences(), spread.max(),
            );
            prop_assert_eq!(found, plain(&values));
        }
    }
}
