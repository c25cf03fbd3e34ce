//! Agreement of samples: how far apart two are, and how what is paired goes together.

use super::math;

/// Distance of Kolmogorov and Smirnov between two samples in ascending order, from 0 to 1: the greatest
/// difference of the shares that a value doesn't exceed. `None` if a sample is empty.
///
/// ```
/// use rng::agreement::kolmogorov;
///
/// assert_eq!(kolmogorov(&[1, 2, 3, 4], &[1, 2, 5, 6]), Some(0.5));
/// ```
pub fn kolmogorov(one: &[i64], other: &[i64]) -> Option<f64> {
    if one.is_empty() || other.is_empty() {
        return None;
    }
    let share = |values: &[i64], limit: i64| {
        values.partition_point(|&value| value <= limit) as f64 / values.len() as f64
    };
    let limits = one.iter().chain(other);
    let distances = limits.map(|&limit| (share(one, limit) - share(other, limit)).abs());
    distances.max_by(f64::total_cmp)
}

/// Ranks of values from 1, equal values with the mean of theirs.
pub fn ranks(values: &[i64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by_key(|&place| values[place]);
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    while first < order.len() {
        let value = values[order[first]];
        let equal = order[first..].iter();
        let count = equal.take_while(|&&place| values[place] == value).count();
        let rank = first as f64 + f64::midpoint(count as f64, 1.0);
        for &place in &order[first..first + count] {
            ranks[place] = rank;
        }
        first += count;
    }
    ranks
}

/// Rank correlation of Spearman between two columns of equal length; `None` where one has no spread.
pub fn spearman(one: &[i64], other: &[i64]) -> Option<f64> {
    correlation(&ranks(one), &ranks(other))
}

/// Correlation between each value and the one after it, by ranks; `None` for fewer than three values, or
/// without spread.
pub fn serial(values: &[i64]) -> Option<f64> {
    if values.len() < 3 {
        return None;
    }
    spearman(&values[1..], &values[..values.len() - 1])
}

/// Correlation of Pearson.
fn correlation(one: &[f64], other: &[f64]) -> Option<f64> {
    let count = one.len().min(other.len()) as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let (mean_one, mean_other) = (mean(one), mean(other));
    let (mut both, mut of_one, mut of_other) = (0.0, 0.0, 0.0);
    for (a, b) in one.iter().zip(other) {
        let (a, b) = (a - mean_one, b - mean_other);
        both += a * b;
        of_one += a * a;
        of_other += b * b;
    }
    let spread = math::sqrt(of_one * of_other);
    (spread > 0.0).then(|| both / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_shares() {
        assert_eq!(kolmogorov(&[1, 2, 3], &[1, 2, 3]), Some(0.0));
        assert_eq!(kolmogorov(&[1, 2], &[3, 4]), Some(1.0));
        assert_eq!(kolmogorov(&[], &[1]), None);
    }

    #[test]
    fn ranks_of_equal_values_are_their_mean() {
        assert_eq!(ranks(&[30, 10, 10, 20]), [4.0, 1.5, 1.5, 3.0]);
        assert_eq!(spearman(&[1, 2, 3], &[1, 4, 9]), Some(1.0));
        assert_eq!(spearman(&[1, 2, 3], &[9, 4, 1]), Some(-1.0));
        assert_eq!(spearman(&[1, 2, 3], &[5, 5, 5]), None);
        // Each value is followed by the next greater one.
        assert_eq!(serial(&[1, 2, 3, 4]), Some(1.0));
        assert_eq!(serial(&[1, 2]), None);
    }
}
