//! A multiset of integers that knows, after every change, how spread out its values are: their
//! number, sum, sum of squares, largest value and the sum of all pairwise differences. A change
//! costs about the square root of the number of distinct values, so balance over nodes needs no
//! pass over the nodes; all of it is exact, so the order of changes does not matter.

/// Distinct values in a block at most.
const BLOCK: usize = 128;

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
        Some(self.blocks.last()?.runs.last()?.0)
    }

    /// Adds a value.
    pub fn insert(&mut self, value: i64) {
        self.differences += self.distance(value);
        self.total(value, 1);
        let index = self.block_of(value);
        let Some(block) = self.blocks.get_mut(index) else {
            self.blocks.push(Block::default());
            self.insert_into(index, value);
            return;
        };
        let is_full = block.runs.len() >= BLOCK;
        if is_full {
            let upper = block.split();
            self.blocks.insert(index + 1, upper);
            let index = self.block_of(value);
            self.insert_into(index.min(self.blocks.len() - 1), value);
        } else {
            self.insert_into(index, value);
        }
    }

    /// Takes a value out.
    ///
    /// # Panics
    /// If it is not there.
    pub fn remove(&mut self, value: i64) {
        let index = self.block_of(value);
        let block = &mut self.blocks[index];
        let position = block
            .runs
            .binary_search_by_key(&value, |run| run.0)
            .expect("invariant: only values that were put in are taken out");
        block.count -= 1;
        block.sum -= i128::from(value);
        block.runs[position].1 -= 1;
        if block.runs[position].1 == 0 {
            block.runs.remove(position);
        }
        if block.runs.is_empty() {
            self.blocks.remove(index);
        }
        self.total(value, -1);
        self.differences -= self.distance(value);
    }

    fn total(&mut self, value: i64, sign: i64) {
        self.count = self.count.wrapping_add_signed(sign);
        let (sign, value) = (i128::from(sign), i128::from(value));
        self.sum += sign * value;
        self.squares += sign * value * value;
    }

    /// The first block whose largest value is not below; one past the last if there is none and
    /// the last is full or there is no block.
    fn block_of(&self, value: i64) -> usize {
        let found = self
            .blocks
            .partition_point(|block| block.runs.last().is_some_and(|run| run.0 < value));
        found.min(self.blocks.len().saturating_sub(1))
    }

    fn insert_into(&mut self, index: usize, value: i64) {
        let block = &mut self.blocks[index];
        match block.runs.binary_search_by_key(&value, |run| run.0) {
            Ok(position) => block.runs[position].1 += 1,
            Err(position) => block.runs.insert(position, (value, 1)),
        }
        block.count += 1;
        block.sum += i128::from(value);
    }

    /// The sum of the differences between a value and all that are there.
    fn distance(&self, value: i64) -> i128 {
        let (mut below, mut sum_below) = (0_u64, 0_i128);
        for block in &self.blocks {
            if block.runs.last().is_some_and(|run| run.0 < value) {
                below += block.count;
                sum_below += block.sum;
                continue;
            }
            for &(known, count) in block.runs.iter().take_while(|run| run.0 < value) {
                below += count;
                sum_below += i128::from(known) * i128::from(count);
            }
            break;
        }
        let above = i128::from(self.count) - i128::from(below);
        let (value, below) = (i128::from(value), i128::from(below));
        value * below - sum_below + (self.sum - sum_below) - value * above
    }
}

impl Block {
    /// Takes the upper half out.
    fn split(&mut self) -> Self {
        let runs = self.runs.split_off(self.runs.len() / 2);
        let count = runs.iter().map(|run| run.1).sum();
        let sum = runs
            .iter()
            .map(|&(value, count)| i128::from(value) * i128::from(count))
            .sum();
        self.count -= count;
        self.sum -= sum;
        Self { runs, count, sum }
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
    }
}
