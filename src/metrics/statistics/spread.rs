//! A multiset of integers that knows, after every change, how spread out its values are: their
//! number, sum, sum of squares, largest value and the sum of all pairwise differences. Values lie in
//! bins by size, and sums over bins, groups and blocks of bins tell what lies below, so that a change
//! costs little and balance over nodes needs no pass over the nodes; all of it is exact, so the order
//! of changes does not matter.

use crate::statistics::integral::product;

/// Bits of a value that its bin does not tell: bins for thousand-millionths of a whole.
const BIN_BITS: u32 = 20;

/// Bins; all larger values are in the last one, and those below zero in the first.
const BINS: usize = 1 << 10;

/// Bins of a group.
const GROUP: usize = 16;

/// Bins of a block, which is a number of groups.
const BLOCK: usize = 8 * GROUP;

/// Words of the set of bins that are in use.
const WORDS: usize = BINS / 64;

/// Values in bins, with what is asked of them.
#[derive(Clone, Debug)]
pub struct Spread {
    /// Distinct values of each bin in ascending order, and how often each is there; empty before
    /// the first value.
    bins: Vec<Vec<(i64, u64)>>,
    /// Content of each bin, of each group of bins, and of each block of groups.
    by_bin: Vec<BinTotals>,
    by_group: [BinTotals; BINS / GROUP],
    by_block: [BinTotals; BINS / BLOCK],
    used: [u64; WORDS],
    count: u64,
    sum: i128,
    squares: i128,
    differences: i128,
}

/// Number of values and their sum. Values that may be too large for the sum are in the last bin,
/// which no one reads: no bin lies above it. So sums wrap.
#[derive(Clone, Copy, Debug, Default)]
struct BinTotals {
    count: i64,
    sum: i64,
}

/// The number of the values below one, and their exact sum.
#[derive(Clone, Copy, Debug)]
struct LowerSum {
    count: i64,
    sum: i128,
}

impl BinTotals {
    /// The content together with that of others. A loop rather than a fold: the latter becomes a
    /// call, and takes twice as long.
    #[inline]
    fn and(mut self, others: &[Self]) -> Self {
        for other in others {
            self.add(other.count, other.sum);
        }
        self
    }

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
            by_group: [BinTotals::default(); BINS / GROUP],
            by_block: [BinTotals::default(); BINS / BLOCK],
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
    /// Number of values.
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
            self.by_bin.resize(BINS, BinTotals::default());
        }
        let bin = bin_of(value);
        let distance = self.distance(value, self.below(value, bin, self.before(bin)));
        self.differences += scaled(distance, times as i64);
        self.put(value, bin, times);
    }

    /// Takes a value out so many times.
    ///
    /// # Panics
    /// If it is not there as often.
    pub fn remove_many(&mut self, value: i64, times: u64) {
        let bin = bin_of(value);
        self.take(value, bin, times);
        let distance = self.distance(value, self.below(value, bin, self.before(bin)));
        self.differences -= scaled(distance, times as i64);
    }

    /// A value becomes another so many times: as taking it out and adding the other, but what lies
    /// below both is looked through once.
    ///
    /// # Panics
    /// If it is not there as often.
    pub fn replace_many(&mut self, before: i64, now: i64, times: u64) {
        let bins = [bin_of(before), bin_of(now)];
        self.take(before, bins[0], times);
        let lower = bins[0].min(bins[1]);
        let below_lower = self.before(lower);
        let below = |value: i64, bin: usize| {
            let below = if bin == lower {
                below_lower
            } else if bin - lower <= GROUP {
                below_lower.and(&self.by_bin[lower..bin])
            } else {
                self.before(bin)
            };
            self.below(value, bin, below)
        };
        let distances = [below(before, bins[0]), below(now, bins[1])];
        let apart = self.distance(now, distances[1]) - self.distance(before, distances[0]);
        self.differences += scaled(apart, times as i64);
        self.put(now, bins[1], times);
    }

    /// Adds a value to what is known of its bin, and to all sums but those of differences.
    fn put(&mut self, value: i64, bin: usize, times: u64) {
        let runs = &mut self.bins[bin];
        match runs.iter().position(|run| run.0 >= value) {
            Some(position) if runs[position].0 == value => runs[position].1 += times,
            Some(position) => runs.insert(position, (value, times)),
            None => runs.push((value, times)),
        }
        self.used[bin / 64] |= 1 << (bin % 64);
        self.total(value, bin, times as i64);
    }

    /// Takes a value out of what is known of its bin, and out of all sums but those of differences.
    fn take(&mut self, value: i64, bin: usize, times: u64) {
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
    }

    fn total(&mut self, value: i64, bin: usize, times: i64) {
        self.count = self.count.wrapping_add_signed(times);
        self.sum += product(value, times);
        self.squares += scaled(product(value, value), times);
        let sum = value.wrapping_mul(times);
        self.by_bin[bin].add(times, sum);
        self.by_group[bin / GROUP].add(times, sum);
        self.by_block[bin / BLOCK].add(times, sum);
    }

    /// Content of the bins before a given one.
    fn before(&self, bin: usize) -> BinTotals {
        let (block, group) = (bin / BLOCK, bin / GROUP);
        BinTotals::default()
            .and(&self.by_block[..block])
            .and(&self.by_group[block * (BLOCK / GROUP)..group])
            .and(&self.by_bin[group * GROUP..bin])
    }

    /// Number of values below a given one, and their sum, by the content of the bins before its
    /// own.
    fn below(&self, value: i64, bin: usize, before: BinTotals) -> LowerSum {
        let (mut count, mut sum) = (before.count, i128::from(before.sum));
        for &(known, times) in &self.bins[bin] {
            if known >= value {
                break;
            }
            count += times as i64;
            sum += product(known, times as i64);
        }
        LowerSum { count, sum }
    }

    /// The sum of the differences between a value and all that are there, by those below it.
    fn distance(&self, value: i64, lower: LowerSum) -> i128 {
        let LowerSum { count, sum } = lower;
        let above = self.count as i64 - count;
        product(value, count - above) + self.sum - 2 * sum
    }
}

/// Multiplies an amount; skips the multiplication for the usual factor 1.
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
        fn replacing_is_taking_out_and_adding(
            first in prop::collection::vec((0_i64..600, 1_u64..4), 1..40),
            steps in prop::collection::vec((any::<prop::sample::Index>(), 0_i64..600), 0..300),
            scale in prop::sample::select(vec![1_i64, 700_000, 1_800_000, 1 << 40]),
        ) {
            let (mut spread, mut plain) = (Spread::default(), Spread::default());
            let mut values = Vec::new();
            for (value, times) in first {
                let value = (value - 20) * scale;
                spread.insert_many(value, times);
                plain.insert_many(value, times);
                values.push((value, times));
            }
            for (index, now) in steps {
                let place = index.index(values.len());
                let (value, times) = &mut values[place];
                let now = (now - 20) * scale;
                spread.replace_many(*value, now, *times);
                plain.remove_many(*value, *times);
                plain.insert_many(now, *times);
                *value = now;
                let told = |own: &Spread| {
                    (own.count(), own.sum(), own.squares(), own.differences(), own.max())
                };
                prop_assert_eq!(told(&spread), told(&plain));
            }
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
