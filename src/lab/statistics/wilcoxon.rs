//! Wilcoxon's signed-rank test and the shift of Hodges and Lehmann.
//!
//! Zeros are left out, and equal sizes share their mid-rank, as SciPy does by default. Up to 200
//! differences p is exact: that of the ranks that are there, over all signs. Beyond, it is the normal
//! approximation with correction for ties and without one for continuity.

use rng::math;
use rng::special::normal_cdf;

use super::moments::median;

/// Result of the test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignedRank {
    /// The smaller of the two sums of ranks.
    pub statistic: f64,
    /// The two-sided probability of so extreme a sum when signs fall by chance.
    pub p: f64,
}

/// More differences than this are approximated.
const EXACT_MAX: usize = 200;

/// Tests whether differences are symmetric around zero; `None` of none. Differences that are all
/// zero have p = 1.
pub fn signed_rank(differences: &[f64]) -> Option<SignedRank> {
    if differences.is_empty() || differences.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mut apart: Vec<f64> = differences.to_vec();
    apart.retain(|value| value.abs() > 0.0);
    apart.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let (ranks, ties) = doubled_ranks(&apart);
    let positive: u64 = apart
        .iter()
        .zip(&ranks)
        .filter(|(value, _)| **value > 0.0)
        .map(|(_, rank)| rank)
        .sum();
    let all: u64 = ranks.iter().sum();
    let statistic = positive.min(all - positive) as f64 / 2.0;
    let p = if apart.is_empty() {
        1.0
    } else if apart.len() <= EXACT_MAX {
        exact_p(&ranks, positive.min(all - positive))
    } else {
        normal_p(apart.len() as f64, positive as f64 / 2.0, &ties)
    };
    Some(SignedRank { statistic, p })
}

/// Twice the mid-rank of each value by size, and how many values share each size.
fn doubled_ranks(ascending: &[f64]) -> (Vec<u64>, Vec<usize>) {
    let mut ranks = Vec::with_capacity(ascending.len());
    let mut ties = Vec::new();
    let is_same = |a: &f64, b: &f64| a.abs().total_cmp(&b.abs()).is_eq();
    for group in ascending.chunk_by(is_same) {
        let first = ranks.len() as u64 + 1;
        let last = first + group.len() as u64 - 1;
        ranks.extend(std::iter::repeat_n(first + last, group.len()));
        ties.push(group.len());
    }
    (ranks, ties)
}

/// The two-sided p over all signs, by counting how many reach each sum of doubled ranks up to the
/// smaller one.
fn exact_p(ranks: &[u64], smaller: u64) -> f64 {
    let mut shares = vec![0.0; smaller as usize + 1];
    shares[0] = 1.0;
    for &rank in ranks {
        // Halving is exact, so every share is a count over a power of two.
        for sum in (0..shares.len()).rev() {
            let with = sum
                .checked_sub(rank as usize)
                .map_or(0.0, |rest| shares[rest]);
            shares[sum] = f64::midpoint(shares[sum], with);
        }
    }
    (2.0 * shares.iter().sum::<f64>()).min(1.0)
}

fn normal_p(n: f64, positive: f64, ties: &[usize]) -> f64 {
    let ties: f64 = ties
        .iter()
        .map(|&length| length as f64)
        .map(|length| length * length * length - length)
        .sum();
    let variance = (n * (n + 1.0) * (2.0 * n + 1.0) - ties / 2.0) / 24.0;
    let z = (positive - n * (n + 1.0) / 4.0) / math::sqrt(variance);
    2.0 * normal_cdf(-z.abs())
}

/// The shift of Hodges and Lehmann: the median of the means of all pairs of differences, each with
/// itself too; `None` of nothing.
pub fn hodges_lehmann(differences: &[f64]) -> Option<f64> {
    let mut means = Vec::with_capacity(differences.len() * (differences.len() + 1) / 2);
    for (index, first) in differences.iter().enumerate() {
        let others = differences[index..].iter();
        means.extend(others.map(|second| f64::midpoint(*first, *second)));
    }
    median(&means)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples() {
        let check = |values: &[f64], statistic: f64, p: f64| {
            let found = signed_rank(values).expect("a test");
            assert!((found.statistic - statistic).abs() < 1e-12, "{found:?}");
            assert!((found.p - p).abs() < 1e-12, "{found:?}");
        };
        // Darwin's plants, in the form that SciPy's manual shows: 24 and 0.041259765625.
        let plants = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75];
        check(&plants.map(f64::from), 24.0, 0.041_259_765_625);
        // Hollander and Wolfe (1973), table 3.1, as in the manual of R's wilcox.test: V = 40, one
        // side 0.01953.
        let before = [1830, 500, 1620, 2480, 1680, 1880, 1550, 3060, 1300];
        let after = [878, 647, 598, 2050, 1060, 1290, 1060, 3140, 1290];
        let falls = before
            .iter()
            .zip(after)
            .map(|(before, after)| before - after);
        let fall: Vec<f64> = falls
            .map(|thousandths| f64::from(thousandths) / 1e3)
            .collect();
        check(&fall, 5.0, 2.0 * 0.019_531_25);
    }

    #[test]
    fn edge_cases() {
        assert_eq!(signed_rank(&[]), None);
        assert_eq!(signed_rank(&[f64::NAN]), None);
        let p = |values: &[f64]| signed_rank(values).expect("a test").p;
        assert!((p(&[0.0; 20]) - 1.0).abs() < 1e-15);
        // The smallest p of n differences is 2/2^n.
        assert!((p(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) - 2.0 / 64.0).abs() < 1e-15);
        assert!((p(&[1.0; 6]) - 2.0 / 64.0).abs() < 1e-15);
        assert!((p(&[1.0]) - 1.0).abs() < 1e-15);
        assert_eq!(hodges_lehmann(&[1.0, 5.0, 2.0]), Some(2.5));
        assert_eq!(hodges_lehmann(&[]), None);
    }
}
