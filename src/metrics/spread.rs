//! A multiset of integers that knows, after every change, how spread out its values are: their
//! number, sum, sum of squares, largest value and the sum of all pairwise differences. Values lie in
//! bins by size, and sums over bins and over groups of bins tell what lies below, so that a change
//! costs little and balance over nodes needs no pass over the nodes; all of it is exact, so the order
//! of changes does not matter.

use super::integral::product;

/// Bits of a value that its bin does not tell: bins for thousand-millionths of a whole.
const BIN_BITS: u32 = 20;

/// Bins; all larger values are in the last one, and those below zero in the first.
const BINS: usize = 1 << 10;

/// Bins of a group.
const GROUP: usize = 32;

/// Words of the set of bins that are in use.
const WORDS: usize = BINS / 64;

/// Values in bins, with what is asked of them.
#[derive(Clone, Debug)]
pub struct Spread {
    /// Distinct values of each bin in ascending order, and how often each is there; empty before
    /// the first value.
    bins: Vec<Vec<(i64, u64)>>,
    /// What is in each bin, and in each group of bins.
    by_bin: Vec<Below>,
    by_group: [Below; BINS / GROUP],
    used: [u64; WORDS],
    count: u64,
    sum: i128,
    squares: i128,
    differences: i128,
}

/// How many values there are, and their sum. What may be too large for it is in the last bin, of which
/// nobody asks: no bin lies above it. So sums wrap.
#[derive(Clone, Copy, Debug, Default)]
struct Below {
    count: i64,
    sum: i64,
}

impl Below {
    #[inline]
    fn add(&mut self, count: i64, sum: i64) {
        self.count = self.count.wrapping_add(count);
        self.sum = self.sum.wrapping_add(sum);
    }
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            bins: Vec::new(),
            by_bin: Vec::new(),
            by_group: [Below::default(); BINS / GROUP],
            used: [0; WORDS],
            count: 0,
            sum: 0,
            squares: 0,
            differences: 0,
        }
    }
}

/// The bin of a value.
#[inline]
fn bin_of(value: i64) -> usize {
    (value.max(0) as usize >> BIN_BITS).min(BINS - 1)
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
        let word = self.used.iter().rposition(|&word| word != 0)?;
        let bin = 64 * word + self.used[word].ilog2() as usize;
        self.bins[bin].last().map(|run| run.0)
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
        if self.bins.is_empty() {
            self.bins.resize(BINS, Vec::new());
            self.by_bin.resize(BINS, Below::default());
        }
        let bin = bin_of(value);
        let distance = self.distance(value, bin);
        self.differences += scaled(distance, times as i64);
        let runs = &mut self.bins[bin];
        match runs.iter().position(|run| run.0 >= value) {
            Some(position) if runs[position].0 == value => runs[position].1 += times,
            Some(position) => runs.insert(position, (value, times)),
            None => runs.push((value, times)),
        }
        self.used[bin / 64] |= 1 << (bin % 64);
        self.total(value, bin, times as i64);
    }

    /// Takes a value out so many times.
    ///
    /// # Panics
    /// If it is not there as often.
    pub fn remove_many(&mut self, value: i64, times: u64) {
        let bin = bin_of(value);
        let runs = self.bins.get_mut(bin);
        let found = runs.and_then(|runs| {
            let position = runs.iter().position(|run| run.0 == value)?;
            Some((runs, position))
        });
        let (runs, position) = found.expect("invariant: what was put in is taken out");
        runs[position].1 -= times;
        if runs[position].1 == 0 {
            runs.remove(position);
            if runs.is_empty() {
                self.used[bin / 64] &= !(1 << (bin % 64));
            }
        }
        self.total(value, bin, -(times as i64));
        let distance = self.distance(value, bin);
        self.differences -= scaled(distance, times as i64);
    }

    fn total(&mut self, value: i64, bin: usize, times: i64) {
        self.count = self.count.wrapping_add_signed(times);
        self.sum += product(value, times);
        self.squares += scaled(product(value, value), times);
        let sum = value.wrapping_mul(times);
        self.by_bin[bin].add(times, sum);
        self.by_group[bin / GROUP].add(times, sum);
    }

    /// The sum of the differences between a value and all that are there.
    fn distance(&self, value: i64, bin: usize) -> i128 {
        let group = bin / GROUP;
        let mut below = Below::default();
        for each in &self.by_group[..group] {
            below.add(each.count, each.sum);
        }
        for each in &self.by_bin[group * GROUP..bin] {
            below.add(each.count, each.sum);
        }
        let (mut count, mut sum) = (below.count, i128::from(below.sum));
        for &(known, times) in &self.bins[bin] {
            if known >= value {
                break;
            }
            count += times as i64;
            sum += product(known, times as i64);
        }
        let above = self.count as i64 - count;
        product(value, count - above) + self.sum - 2 * sum
    }
}

/// So many times an amount; once, as nearly always, is no multiplication.
#[inline]
fn scaled(amount: i128, times: i64) -> i128 {
    match times {
        1 => amount,
        -1 => -amount,
        times => amount * i128::from(times),
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
            steps in prop::collection::vec((0_i64..600, any::<bool>()), 0..900),
            scale in prop::sample::select(vec![1_i64, 700_000, 1 << 40]),
        ) {
            let (mut spread, mut values) = (Spread::default(), Vec::new());
            for (value, keeps) in steps {
                let value = (value - 20) * scale;
                if keeps || values.is_empty() {
                    spread.insert(value);
                    values.push(value);
                } else {
                    let gone = values.swap_remove(value.unsigned_abs() as usize % values.len());
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
