//! Friedman's test of ranks (1937), with the F of Iman and Davenport (1980), as Demšar writes both (2006, Journal of
//! Machine Learning Research 7, section 3.2.2).
//!
//! Both approximations call too much of few blocks: of three treatments over three blocks, ranks that chance gives in
//! 19 of 100 cases have 0.05 by F. So the p that decisions stand on is that of the permutations, which holds its level
//! over any number of blocks and with ties.

use rng::Stream;
use rng::special::gamma_cdf;
use serde::{Deserialize, Serialize};

use super::student::incomplete_beta;

/// Result of the test that all treatments rank alike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Friedman {
    /// Friedman's statistic, without a correction for ties.
    pub chi_square: f64,
    /// p of that by the chi-square distribution with k − 1 degrees of freedom.
    pub chi_square_p: f64,
    /// Iman and Davenport's statistic; none where it is infinite, as every block ranks alike.
    pub f: Option<f64>,
    /// p of that by the F distribution with k − 1 and (k − 1)(n − 1) degrees of freedom.
    pub f_p: f64,
    /// p by permutations of the ranks within each block.
    pub p: f64,
}

/// Ranks of values, 1 for the least. Values that are no further apart than `noise` share their mean rank.
pub fn mid_ranks(values: &[f64], noise: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tie in order.chunk_by(|&a, &b| values[b] - values[a] <= noise) {
        let last = before + tie.len();
        for &place in tie {
            ranks[place] = f64::midpoint((before + 1) as f64, last as f64);
        }
        before = last;
    }
    ranks
}

/// Tests whether treatments rank alike over blocks, each of which is a list of their ranks. `None` below two blocks
/// or two treatments, and where blocks have other numbers of them.
pub fn friedman(blocks: &[Vec<f64>], seed: u64, shuffles: usize) -> Option<Friedman> {
    let treatments = blocks.first()?.len();
    let is_table = blocks.iter().all(|own| own.len() == treatments);
    if treatments < 2 || blocks.len() < 2 || !is_table {
        return None;
    }
    let (k, n) = (treatments as f64, blocks.len() as f64);
    let squares: f64 = (0..treatments)
        .map(|at| blocks.iter().map(|own| own[at]).sum::<f64>() / n)
        .map(|mean| mean * mean)
        .sum();
    let chi_square = 12.0 * n / (k * (k + 1.0)) * (squares - k * (k + 1.0) * (k + 1.0) / 4.0);
    // Rounding leaves less than nothing of equal ranks.
    let chi_square = chi_square.max(0.0);
    let most = n * (k - 1.0);
    let is_perfect = most - chi_square <= 1e-9 * most;
    let f = (!is_perfect).then(|| (n - 1.0) * chi_square / (most - chi_square));
    Some(Friedman {
        chi_square,
        chi_square_p: 1.0 - gamma_cdf((k - 1.0) / 2.0, chi_square / 2.0),
        f,
        f_p: f.map_or(0.0, |f| f_tail(f, k - 1.0, (k - 1.0) * (n - 1.0))),
        p: permutation_p(blocks, seed, shuffles),
    })
}

/// Probability that an F-distributed number is above `f`.
fn f_tail(f: f64, upper: f64, lower: f64) -> f64 {
    incomplete_beta(lower / 2.0, upper / 2.0, lower / (lower + upper * f))
}

/// Share of permutations within the blocks whose sums of ranks are as far apart as those found. The ranks found are
/// one of the permutations, so that p is never zero (Phipson and Smyth, 2010).
fn permutation_p(blocks: &[Vec<f64>], seed: u64, shuffles: usize) -> f64 {
    // Twice a mean rank is a whole number, and sums of these are exact.
    let doubled = |block: &Vec<f64>| block.iter().map(|rank| (2.0 * rank) as u64).collect();
    let mut blocks: Vec<Vec<u64>> = blocks.iter().map(doubled).collect();
    let spread = |blocks: &[Vec<u64>]| -> u64 {
        let sums = (0..blocks[0].len()).map(|at| blocks.iter().map(|own| own[at]).sum::<u64>());
        sums.map(|sum| sum * sum).sum()
    };
    let found = spread(&blocks);
    // In order, so that draws do not depend on that of the treatments.
    for block in &mut blocks {
        block.sort_unstable();
    }
    let mut stream = Stream::new(seed, "statistics/friedman", blocks.len() as u64);
    let mut as_far = 1;
    for _ in 0..shuffles {
        // The order of the first block is the names of the treatments.
        for block in blocks.iter_mut().skip(1) {
            stream.shuffle(block);
        }
        as_far += usize::from(spread(&blocks) >= found);
    }
    as_far as f64 / (shuffles + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::critical_difference;

    /// Areas under the curve of four kinds of decision trees on fourteen data sets (Demšar, 2006, table 6). The two
    /// last of `voting` are printed as 0.975 and ranked 2 and 3.
    const AREAS: [[f64; 4]; 14] = [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.975, 0.974],
        [0.957, 0.978, 0.946, 0.970],
    ];

    fn blocks_of(rows: &[[f64; 4]]) -> Vec<Vec<f64>> {
        let worse = |row: &[f64; 4]| row.map(|value| -value);
        rows.iter().map(|row| mid_ranks(&worse(row), 0.0)).collect()
    }

    fn mean_ranks(blocks: &[Vec<f64>]) -> Vec<f64> {
        let sum = |at: usize| blocks.iter().map(|own| own[at]).sum::<f64>();
        (0..blocks[0].len())
            .map(|at| sum(at) / blocks.len() as f64)
            .collect()
    }

    /// Demšar's example: mean ranks 3.143, 2.000, 2.893 and 1.964, chi-square 9.28, F 3.69 with 3 and 39 degrees of
    /// freedom (critical value 2.85 at 0.05), critical difference 1.25 at 0.05 and 1.12 at 0.10.
    #[test]
    fn the_published_example() {
        let blocks = blocks_of(&AREAS);
        for (found, expected) in mean_ranks(&blocks).iter().zip([3.143, 2.0, 2.893, 1.964]) {
            assert!((found - expected).abs() < 5e-4, "{found} {expected}");
        }
        let found = friedman(&blocks, 1, 10_000).expect("a test");
        assert!((found.chi_square - 9.28).abs() < 0.005, "{found:?}");
        assert!((found.f.expect("finite") - 3.69).abs() < 0.005, "{found:?}");
        // Above the critical values, 7.815 and 2.85.
        assert!((f_tail(2.845, 3.0, 39.0) - 0.05).abs() < 5e-5);
        assert!((1.0 - gamma_cdf(1.5, 7.814_728 / 2.0) - 0.05).abs() < 1e-6);
        assert!(found.f_p < 0.05 && found.chi_square_p < 0.05 && found.p < 0.05);
        assert!((found.p - found.f_p).abs() < 0.01, "{found:?}");
        assert!((critical_difference(4, 14, 0.05) - 1.25).abs() < 0.005);
        assert!((critical_difference(4, 14, 0.10) - 1.12).abs() < 0.005);
    }

    /// Tables of the exact distribution (Hollander and Wolfe, 1973, table A.15): three treatments over three blocks
    /// with a chi-square of 6 have p 0.028, with one of 4.667 p 0.194, where F says 0.049.
    #[test]
    fn few_blocks_have_the_exact_p() {
        let block = |ranks: [f64; 3]| ranks.to_vec();
        let same = vec![block([1.0, 2.0, 3.0]); 3];
        let found = friedman(&same, 1, 100_000).expect("a test");
        assert!((found.chi_square - 6.0).abs() < 1e-12 && found.f.is_none());
        assert!((found.p - 0.0278).abs() < 0.002, "{found:?}");
        let mut other = same.clone();
        other[2] = block([1.0, 3.0, 2.0]);
        let found = friedman(&other, 1, 100_000).expect("a test");
        assert!((found.chi_square - 4.6667).abs() < 1e-4, "{found:?}");
        assert!((found.p - 0.194).abs() < 0.005, "{found:?}");
        assert!((found.f_p - 0.0494).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn edge_cases() {
        assert_eq!(mid_ranks(&[3.0, 1.0, 2.0, 1.0], 0.0), [4.0, 1.5, 3.0, 1.5]);
        assert_eq!(mid_ranks(&[1.0, 1.0 + 1e-13, 2.0], 1e-12), [1.5, 1.5, 3.0]);
        assert_eq!(mid_ranks(&[], 0.0), [] as [f64; 0]);
        assert_eq!(friedman(&[], 1, 10), None);
        assert_eq!(friedman(&[vec![1.0, 2.0]], 1, 10), None);
        assert_eq!(friedman(&[vec![1.0, 2.0], vec![1.0]], 1, 10), None);
        let tied = friedman(&[vec![2.0; 3], vec![2.0; 3]], 1, 100).expect("a test");
        assert!((tied.p - 1.0).abs() < 1e-12 && tied.chi_square.abs() < 1e-12);
        assert!((tied.f_p - 1.0).abs() < 1e-12, "{tied:?}");
    }
}
