//! Concentration of an amount among its holders, as the trace study of 2019 reports the use of jobs
//! (spec: orchestrators-b.md section 5.5).

use arrivals::amounts::{Descending, Kept};
use intake::TraceError;
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
        let mut kept = Kept::holding(amounts.len());
        for &amount in amounts {
            kept.push([amount]);
        }
        let found = kept
            .descending(0)
            .and_then(|sorted| Self::of_kept(&kept, 0, part, sorted));
        found.expect("invariant: all are in memory")
    }

    /// The figures of the amounts at a place of all groups, which are there in their order, too.
    ///
    /// # Errors
    /// A temporary file can't be read.
    pub fn of_kept<const AMOUNTS: usize>(
        kept: &Kept<AMOUNTS>,
        place: usize,
        part: usize,
        mut sorted: Descending,
    ) -> Result<Self, TraceError> {
        if kept.is_empty() {
            return Ok(Self::default());
        }
        let count = kept.len() as f64;
        let (mut sum, mut squares, mut top) = (0.0, 0.0, 0.0);
        kept.each(|group| sum += group[place])?;
        let mean = sum / count;
        kept.each(|group| squares += (group[place] - mean) * (group[place] - mean))?;
        let variance = squares / count;
        for _ in 0..kept.len().div_ceil(part.max(1)) {
            top += sorted.next_largest()?.unwrap_or_default();
        }
        let over = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Ok(Self {
            mean,
            squared_variation: over(variance, mean * mean),
            top_share: over(top, sum),
        })
    }
}

/// The exponent of the Pareto tail that the largest tenth of a number of amounts suggests, by Hill's estimator:
/// one over the mean logarithm of these amounts over the largest one that is not among them. `None` for
/// fewer than twenty amounts, or if the largest are all alike.
///
/// # Errors
/// A temporary file can't be read.
pub fn tail_index(count: usize, mut sorted: Descending) -> Result<Option<f64>, TraceError> {
    let largest = count / 10;
    let mut below = sorted.clone();
    for _ in 0..largest {
        below.next_largest()?;
    }
    let Some(bound) = below.next_largest()?.filter(|&bound| bound > 0.0) else {
        return Ok(None);
    };
    let mut sum = 0.0;
    for _ in 0..largest {
        sum += math::ln(sorted.next_largest()?.unwrap_or_default() / bound);
    }
    Ok((largest >= 2 && sum > 0.0).then(|| largest as f64 / sum))
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
        let index = |amounts: &[f64]| {
            let mut kept = Kept::holding(1_000);
            for &amount in amounts {
                kept.push([amount]);
            }
            let sorted = kept.descending(0).expect("a readable file");
            tail_index(amounts.len(), sorted).expect("a readable file")
        };
        let found = index(&amounts).expect("a tail");
        assert!((found - 0.7).abs() < 0.01, "{found}");
        assert_eq!(index(&[1.0; 100]), None);
        assert_eq!(index(&amounts[..19]), None);
        assert_eq!(index(&[]), None);
    }
}
