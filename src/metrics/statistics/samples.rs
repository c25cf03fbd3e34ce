//! Exact samples in little memory: sorted runs of (value, count), so that memory follows the number
//! of distinct values and repeating a log does not grow it. Beyond a million distinct values each is
//! kept as the middle of a logarithmic bucket, and the result says that it is approximate.
//!
//! Percentiles are Hyndman–Fan type 7 (metrics.md 5.5): linear at h = (n - 1) p, the default of
//! `NumPy` and R. Order of insertion never matters, before or after the switch to buckets.

/// Distinct values kept exactly.
pub const EXACT_DISTINCT: usize = 1_000_000;

/// Bits of a value kept in a bucket: 128 buckets an octave, so that a bucket's middle is within
/// 1/256 (0.4 %) of every value in it.
const BUCKET_BITS: u32 = 7;

/// The largest relative error of an approximate percentile.
pub const BUCKET_RELATIVE_ERROR: f64 = 1.0 / 256.0;

/// Values waiting to be merged into the runs at least; more as the runs grow, so that a merge is
/// cheap per value.
const BUFFER_LEAST: usize = 1 << 10;

/// A share as a fraction of integers, so that ranks are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentile {
    /// Per mille below the percentile.
    pub per_mille: u32,
}

impl Percentile {
    /// The median.
    pub const P50: Self = Self { per_mille: 500 };
    /// The 90th percentile.
    pub const P90: Self = Self { per_mille: 900 };
    /// The 99th percentile.
    pub const P99: Self = Self { per_mille: 990 };

    /// Whether `n (1 - p) < 1`: so few values that the percentile leans on the largest one.
    pub const fn leans_on_max(self, n: u64) -> bool {
        (n as u128) * ((1_000 - self.per_mille) as u128) < 1_000
    }
}

/// A multiset of integers.
#[derive(Clone, Debug)]
pub struct Samples {
    runs: Vec<(i64, u64)>,
    /// The last value and how often it was added since another one was: not taken in yet.
    last: (i64, u64),
    /// Values not merged yet, and how often each was added.
    buffer: Vec<(i64, u64)>,
    /// Beyond the limit, how many values there are in the bucket of each size; `runs` has the negative
    /// ones alone then.
    buckets: Vec<u64>,
    count: u64,
    sum: i128,
    limit: usize,
    approx: bool,
    range: Option<(i64, i64)>,
}

impl Default for Samples {
    fn default() -> Self {
        Self::with_limit(EXACT_DISTINCT)
    }
}

impl Samples {
    /// Samples that are exact up to `limit` distinct values.
    pub const fn with_limit(limit: usize) -> Self {
        Self {
            runs: Vec::new(),
            last: (0, 0),
            buffer: Vec::new(),
            buckets: Vec::new(),
            count: 0,
            sum: 0,
            limit,
            approx: false,
            range: None,
        }
    }

    /// Adds a value.
    #[inline]
    pub fn add(&mut self, value: i64) {
        if self.last.0 == value {
            self.last.1 += 1;
        } else {
            self.add_other(value);
        }
    }

    /// Adds a value that is not the last one.
    fn add_other(&mut self, value: i64) {
        self.take_last();
        self.last = (value, 1);
    }

    /// Takes in how often the last value was added.
    fn take_last(&mut self) {
        let (value, count) = (self.last.0, std::mem::take(&mut self.last.1));
        if count == 0 {
            return;
        }
        self.count += count;
        self.sum += i128::from(value) * i128::from(count);
        let (least, most) = self.range.unwrap_or((value, value));
        self.range = Some((least.min(value), most.max(value)));
        if self.approx && value >= 0 {
            self.buckets[bucket(value as u64)] += count;
            return;
        }
        self.buffer.push((value, count));
        if self.buffer.len() >= BUFFER_LEAST.max(self.runs.len() / 4) {
            self.merge();
        }
    }

    /// Adds all values of another one; approximate ones as they are there.
    pub fn join(&mut self, other: &Self) {
        for (value, count) in other.sorted().runs {
            for _ in 0..count {
                self.add(value);
            }
        }
    }

    /// Number of values added.
    pub const fn count(&self) -> u64 {
        self.count + self.last.1
    }

    /// Their exact sum.
    pub const fn sum(&self) -> i128 {
        self.sum + self.last.0 as i128 * self.last.1 as i128
    }

    /// The largest value, always exact.
    pub fn max(&self) -> Option<i64> {
        let last = (self.last.1 > 0).then_some(self.last.0);
        self.range.map(|(_, most)| most).max(last)
    }

    /// The values in ascending order with their counts, and whether they are approximate.
    pub fn sorted(&self) -> SortedSamples {
        let mut copy = self.clone();
        copy.take_last();
        copy.merge();
        for (bucket, &count) in copy.buckets.iter().enumerate() {
            if count > 0 {
                copy.runs.push((middle_of(bucket), count));
            }
        }
        SortedSamples {
            runs: copy.runs,
            count: copy.count,
            range: copy.range,
            approx: copy.approx,
        }
    }

    fn merge(&mut self) {
        if self.approx {
            for (value, _) in &mut self.buffer {
                *value = bucket_middle(*value);
            }
        }
        self.buffer.sort_unstable_by_key(|run| run.0);
        merge_sorted(&mut self.runs, &self.buffer);
        self.buffer.clear();
        if !self.approx && self.runs.len() > self.limit {
            self.approx = true;
            self.buckets = vec![0; BUCKETS];
            self.runs.retain_mut(|(value, count)| {
                if *value >= 0 {
                    self.buckets[bucket(*value as u64)] += *count;
                    return false;
                }
                *value = bucket_middle(*value);
                true
            });
            self.runs.dedup_by(|next, kept| {
                let equal = next.0 == kept.0;
                kept.1 += if equal { next.1 } else { 0 };
                equal
            });
            self.runs.shrink_to_fit();
            self.buffer.shrink_to_fit();
        }
    }
}

/// Merges sorted values with their counts into sorted runs in place, from the back.
fn merge_sorted(runs: &mut Vec<(i64, u64)>, values: &[(i64, u64)]) {
    let mut fresh: Vec<(i64, u64)> = Vec::new();
    let mut position = 0;
    for &(value, count) in values {
        if let Some(last) = fresh.last_mut().filter(|last| last.0 == value) {
            last.1 += count;
            continue;
        }
        position += runs[position..].partition_point(|&(known, _)| known < value);
        match runs.get_mut(position) {
            Some(known) if known.0 == value => known.1 += count,
            _ => fresh.push((value, count)),
        }
    }
    let mut read = runs.len();
    let mut write = read + fresh.len();
    runs.resize(write, (0, 0));
    while let Some(&run) = fresh.last() {
        write -= 1;
        if read > 0 && runs[read - 1].0 > run.0 {
            read -= 1;
            runs[write] = runs[read];
        } else {
            runs[write] = run;
            fresh.pop();
        }
    }
}

/// Sizes that are their own bucket: those of no more bits than are kept, and one.
const OWN: usize = 1 << (BUCKET_BITS + 1);

/// Buckets of all sizes.
const BUCKETS: usize = OWN + ((64 - BUCKET_BITS as usize - 1) << BUCKET_BITS);

/// The number of the bucket of a size, in ascending order.
#[inline]
fn bucket(size: u64) -> usize {
    if size < OWN as u64 {
        return size as usize;
    }
    let dropped = size.ilog2() - BUCKET_BITS;
    ((dropped as usize) << BUCKET_BITS) + (size >> dropped) as usize
}

/// The middle of a bucket, as [`bucket_middle`] gives it.
fn middle_of(bucket: usize) -> i64 {
    if bucket < OWN {
        return bucket as i64;
    }
    let dropped = (bucket >> BUCKET_BITS) as u32 - 1;
    let leading = (bucket - ((dropped as usize) << BUCKET_BITS)) as u64;
    bucket_middle(i64::try_from(leading << dropped).unwrap_or(i64::MAX))
}

/// The middle of the logarithmic bucket of a value; small values are their own.
pub(crate) fn bucket_middle(value: i64) -> i64 {
    let size = value.unsigned_abs();
    let Some(octave) = size.checked_ilog2() else {
        return 0;
    };
    let Some(dropped) = octave.checked_sub(BUCKET_BITS).filter(|&bits| bits > 0) else {
        return value;
    };
    let middle = ((size >> dropped) << dropped) + (1 << (dropped - 1));
    let middle = i64::try_from(middle).unwrap_or(i64::MAX);
    if value < 0 { -middle } else { middle }
}

/// Samples in ascending order.
#[derive(Clone, Debug)]
pub struct SortedSamples {
    /// Distinct values and their counts, ascending.
    pub runs: Vec<(i64, u64)>,
    count: u64,
    range: Option<(i64, i64)>,
    /// Whether values stand for buckets.
    pub approx: bool,
}

impl SortedSamples {
    /// The type-7 percentile; `None` of nothing, the value itself of one.
    pub fn percentile(&self, percentile: Percentile) -> Option<f64> {
        let (least, most) = self.range?;
        let rank = u128::from(self.count - 1) * u128::from(percentile.per_mille);
        let (below, part) = ((rank / 1_000) as u64, (rank % 1_000) as f64 / 1_000.0);
        let low = self.at(below)?.clamp(least, most);
        let high = self.at((below + 1).min(self.count - 1))?.clamp(least, most);
        let step = i128::from(high) - i128::from(low);
        Some(low as f64 + step as f64 * part)
    }

    /// The value of a rank, 0 being the smallest.
    fn at(&self, rank: u64) -> Option<i64> {
        let mut passed = 0;
        self.runs
            .iter()
            .find(|&&(_, count)| {
                passed += count;
                passed > rank
            })
            .map(|&(value, _)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_are_type_7() {
        for (values, percentile, expected) in [
            (&[][..], Percentile::P50, None),
            (&[7], Percentile::P99, Some(7.0)),
            (&[1, 2], Percentile::P50, Some(1.5)),
            (&[4, 1, 3, 2], Percentile::P50, Some(2.5)),
            (&[10, 20, 30, 40, 50], Percentile::P90, Some(46.0)),
            (&[0, 0, 0, 100], Percentile::P99, Some(97.0)),
            (&[i64::MIN, i64::MAX], Percentile::P50, Some(0.0)),
        ] {
            let mut samples = Samples::default();
            for &value in values {
                samples.add(value);
            }
            let found = samples.sorted().percentile(percentile);
            assert_eq!(found, expected, "{values:?} {percentile:?}");
        }
        assert!(Percentile::P99.leans_on_max(99) && !Percentile::P99.leans_on_max(100));
    }

    #[test]
    fn repeating_the_values_does_not_grow_the_runs() {
        let mut samples = Samples::default();
        for _ in 0..50 {
            for value in 0..1_000 {
                samples.add(value * 7);
            }
        }
        assert_eq!(samples.sorted().runs.len(), 1_000);
        assert!(samples.runs.capacity() <= 4_000);
        assert_eq!(samples.count(), 50_000);
        assert_eq!(samples.sum(), 50 * 7 * 999 * 500);
    }

    #[test]
    fn beyond_the_limit_percentiles_stay_within_the_stated_error() {
        let mut samples = Samples::with_limit(5_000);
        let mut exact = Samples::default();
        for n in 0_i64..200_000 {
            let value = (n * 7_919 % 200_003) * 1_000_003;
            samples.add(value);
            exact.add(value);
        }
        let (found, expected) = (samples.sorted(), exact.sorted());
        assert!(found.approx && !expected.approx);
        assert!(found.runs.len() <= 5_000);
        assert_eq!(samples.sum(), exact.sum());
        assert_eq!(samples.max(), exact.max());
        for per_mille in [1, 10, 250, 500, 900, 990, 999] {
            let percentile = Percentile { per_mille };
            let (found, expected) = (
                found.percentile(percentile).expect("values"),
                expected.percentile(percentile).expect("values"),
            );
            let error = (found - expected).abs() / expected;
            // Twice: both neighbours of an interpolated rank may be off.
            assert!(
                error <= BUCKET_RELATIVE_ERROR * 1.01,
                "{per_mille}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn runs_equal_a_plain_sort(values in prop::collection::vec(-50_i64..50, 0..6_000)) {
            let mut samples = Samples::default();
            for &value in &values {
                samples.add(value);
            }
            let mut plain = values.clone();
            plain.sort_unstable();
            let unrolled: Vec<i64> = samples
                .sorted()
                .runs
                .iter()
                .flat_map(|&(value, count)| std::iter::repeat_n(value, count as usize))
                .collect();
            prop_assert_eq!(unrolled, plain);
        }

        #[test]
        fn buckets_are_in_order_and_have_the_same_middle(
            value in 0..=i64::MAX, shift in 0_u32..63
        ) {
            let value = value >> shift;
            let number = bucket(value as u64);
            prop_assert!(number < BUCKETS);
            prop_assert_eq!(middle_of(number), bucket_middle(value));
            let next = bucket(value as u64 + 1);
            prop_assert!(next == number || next == number + 1);
        }

        #[test]
        fn a_bucket_is_idempotent_and_near(value in any::<i64>()) {
            let middle = bucket_middle(value);
            prop_assert_eq!(bucket_middle(middle), middle);
            let error = (i128::from(middle) - i128::from(value)).unsigned_abs() as f64;
            prop_assert!(error <= BUCKET_RELATIVE_ERROR * value.unsigned_abs() as f64 + 0.5);
        }
    }
}
