//! Number of seeds that a comparison takes.

use rng::math;
use rng::special::{normal_cdf, normal_quantile};

use super::moments::{mean, standard_deviation};

/// Fewer pairs than this can't reach p < 0.05 in the signed-rank test, whose smallest two-sided p
/// is 2/2ⁿ.
pub const SEEDS_MIN: usize = 6;

/// The fewest pairs whose signed-rank test can reach a level once it is corrected for the tests
/// beside it: `corrected` takes the smallest p that the test can have, 2/2ⁿ.
pub fn seeds_to_reach(alpha: f64, corrected: impl Fn(f64) -> f64) -> usize {
    let smallest = |n: usize| 2.0 / (1_u64 << n) as f64;
    (SEEDS_MIN..64)
        .find(|&n| corrected(smallest(n)) <= alpha)
        .unwrap_or(64)
}

/// More seeds than this are not asked for: nobody runs them.
const SEEDS_MAX: f64 = 1e6;

/// The seeds that would decide, n ≈ (1.96·sd/δ)² (metrics.md 5.7): the 95 % interval is then as
/// narrow as the threshold δ. A metric without threshold takes the observed mean difference for δ.
/// `None` where neither tells.
pub fn seeds_to_decide(differences: &[f64], threshold: f64) -> Option<u64> {
    let deviation = standard_deviation(differences)?;
    let mean = mean(differences)?.abs();
    let apart = if threshold > 0.0 { threshold } else { mean };
    let width = 1.96 * deviation / apart;
    let needed = (width * width).ceil();
    let needed = needed.max(SEEDS_MIN as f64);
    (needed <= SEEDS_MAX).then_some(needed as u64)
}

/// The power of a two-sided test of the mean of `n` pairs at level `alpha` to find a shift of
/// `effect` standard deviations, by the normal approximation with the signed-rank test's asymptotic
/// relative efficiency of 3/π.
pub fn power(effect: f64, n: usize, alpha: f64) -> f64 {
    let efficient = n as f64 * 3.0 / std::f64::consts::PI;
    let shift = effect.abs() * math::sqrt(efficient);
    let reach = normal_quantile(1.0 - alpha / 2.0);
    normal_cdf(shift - reach) + normal_cdf(-shift - reach)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds() {
        // sd 1, δ 0.5: (1.96/0.5)² = 15.4.
        assert_eq!(seeds_to_decide(&[1.0, 2.0, 3.0], 0.5), Some(16));
        assert_eq!(seeds_to_decide(&[1.0, 2.0, 3.0], 5.0), Some(6));
        assert_eq!(seeds_to_decide(&[1.0, 2.0, 3.0], 0.0), Some(6));
        assert_eq!(seeds_to_decide(&[-1.0, 1.0], 0.0), None);
        assert_eq!(seeds_to_decide(&[1.0], 0.5), None);
    }

    #[test]
    fn corrections_ask_for_more_pairs() {
        assert_eq!(seeds_to_reach(0.05, |p| p), SEEDS_MIN);
        // 30 tests by Holm: 2/2ⁿ × 30 ≤ 0.05 from n = 11 on.
        assert_eq!(seeds_to_reach(0.05, |p| 30.0 * p), 11);
    }

    #[test]
    fn power_grows_with_effect_and_seeds() {
        assert!((power(0.0, 20, 0.05) - 0.05).abs() < 1e-12);
        assert!((power(0.8, 20, 0.05) - 0.938).abs() < 0.005);
        assert!(power(0.8, 40, 0.05) > power(0.8, 20, 0.05));
    }
}
