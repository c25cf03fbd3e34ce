//! Concentration of an amount among its holders, as the trace study of 2019 reports the use of jobs
//! (spec: orchestrators-b.md section 5.5).

use rng::math;

/// Figures of a spread.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Concentration {
    /// Mean amount.
    pub mean: f64,
    /// Population variance over the square of the mean.
    pub squared_variation: f64,
    /// Share of the largest holders in the whole.
    pub top_share: f64,
}

impl Concentration {
    /// The figures of some amounts; the largest holders are one of every `part`, rounded up.
    pub fn of(amounts: &[f64], part: usize) -> Self {
        if amounts.is_empty() {
            return Self::default();
        }
        let count = amounts.len() as f64;
        let sum: f64 = amounts.iter().sum();
        let mean = sum / count;
        let squares = amounts
            .iter()
            .map(|amount| (amount - mean) * (amount - mean));
        let variance = squares.sum::<f64>() / count;
        let mut sorted = amounts.to_vec();
        sorted.sort_by(|one, other| other.total_cmp(one));
        let largest = amounts.len().div_ceil(part.max(1));
        let top: f64 = sorted[..largest].iter().sum();
        let over = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Self {
            mean,
            squared_variation: over(variance, mean * mean),
            top_share: over(top, sum),
        }
    }
}

/// The exponent of the Pareto tail that the largest tenth of some amounts suggests, by Hill's estimator:
/// one over the mean logarithm of these amounts over the largest one that is not among them. `None` for
/// fewer than twenty amounts, or if the largest are all alike.
pub fn tail_index(amounts: &[f64]) -> Option<f64> {
    let largest = amounts.len() / 10;
    let mut sorted = amounts.to_vec();
    sorted.sort_by(|one, other| other.total_cmp(one));
    let bound = *sorted.get(largest).filter(|&&bound| bound > 0.0)?;
    let logarithms = sorted[..largest].iter();
    let sum: f64 = logarithms.map(|amount| math::ln(amount / bound)).sum();
    (largest >= 2 && sum > 0.0).then(|| largest as f64 / sum)
}

/// The quantile of sorted values by the nearest rank: the smallest value that is not below so large
/// a part of them.
pub fn nearest_rank(sorted: &[f64], part: f64) -> Option<f64> {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hog_among_four() {
        let found = Concentration::of(&[1.0, 1.0, 1.0, 97.0], 4);
        assert!((found.mean - 25.0).abs() < 1e-9);
        assert!((found.squared_variation - 2.7648).abs() < 1e-9);
        assert!((found.top_share - 0.97).abs() < 1e-9);
        let sizes: Vec<f64> = (1..=11).map(f64::from).collect();
        assert_eq!(nearest_rank(&sizes, 0.9), Some(10.0));
        assert_eq!(nearest_rank(&[], 0.9), None);
    }

    #[test]
    fn a_pareto_tail_is_known_by_its_index() {
        // Quantiles of a Pareto distribution of index 0.7.
        let count = 10_000;
        let amount = |rank: i32| math::pow(f64::from(rank) / f64::from(count), -1.0 / 0.7);
        let amounts: Vec<f64> = (1..=count).map(amount).collect();
        let found = tail_index(&amounts).expect("a tail");
        assert!((found - 0.7).abs() < 0.01, "{found}");
        assert_eq!(tail_index(&[1.0; 100]), None);
        assert_eq!(tail_index(&amounts[..19]), None);
    }
}
