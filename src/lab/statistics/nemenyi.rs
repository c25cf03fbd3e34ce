//! The critical difference of Nemenyi (1963): how far apart mean ranks of any two of k treatments are beyond chance, as
//! Demšar writes it (2006, Journal of Machine Learning Research 7, section 3.2.2).

use rng::math;
use rng::special::normal_cdf;

/// Half of the stretch over which the density of the greatest of normal numbers is not nothing.
const REACH: f64 = 9.0;
/// Even number of steps of Simpson's rule over that stretch; twice as many change no value by 1e-10.
const STEPS: u32 = 720;

/// Difference of mean ranks over `n` blocks from which on two of `k` treatments differ, at a level over all pairs.
pub fn critical_difference(k: usize, n: usize, level: f64) -> f64 {
    let (count, blocks) = (k as f64, n as f64);
    nemenyi_quantile(k, level) * math::sqrt(count * (count + 1.0) / (6.0 * blocks))
}

/// Nemenyi's q: the range of `k` normal numbers that is exceeded with a probability, over the root of two.
pub fn nemenyi_quantile(k: usize, level: f64) -> f64 {
    if k < 2 || !(level > 0.0 && level < 1.0) {
        return f64::NAN;
    }
    let (mut low, mut high) = (0.0, 4.0 * REACH);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if range_cdf(middle, k) < 1.0 - level {
            low = middle;
        } else {
            high = middle;
        }
    }
    high / math::sqrt(2.0)
}

/// Probability that `k` standard normal numbers lie within a range of `width`: the studentized range with infinite
/// degrees of freedom. The greatest is anywhere, and all others lie within the width below it.
fn range_cdf(width: f64, k: usize) -> f64 {
    let step = 2.0 * REACH / f64::from(STEPS);
    let density = |greatest: f64| {
        let normal = math::exp(-greatest * greatest / 2.0) / math::sqrt(2.0 * std::f64::consts::PI);
        let within = normal_cdf(greatest) - normal_cdf(greatest - width);
        normal * (1..k).fold(1.0, |product, _| product * within)
    };
    let weighted = (0..=STEPS).map(|at| {
        let weight = match at {
            0 | STEPS => 1.0,
            at if at % 2 == 1 => 4.0,
            _ => 2.0,
        };
        weight * density(f64::from(at) * step - REACH)
    });
    k as f64 * weighted.sum::<f64>() * step / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Demšar (2006), table 5(a): two to ten classifiers.
    #[test]
    fn published_quantiles() {
        let at_5 = [
            1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164,
        ];
        let at_10 = [
            1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920,
        ];
        for (k, (five, ten)) in (2..).zip(at_5.into_iter().zip(at_10)) {
            for (level, expected) in [(0.05, five), (0.10, ten)] {
                let found = nemenyi_quantile(k, level);
                assert!((found - expected).abs() < 1.1e-3, "{k}: {found} {expected}");
            }
        }
    }

    /// The studentized range of twenty normal numbers at 0.05 is 5.012 (tables of Harter, 1960). That of two is the
    /// normal quantile, and all but nothing lies within a range of nothing.
    #[test]
    fn many_treatments_and_closed_forms() {
        let twenty = nemenyi_quantile(20, 0.05) * math::sqrt(2.0);
        assert!((twenty - 5.012).abs() < 1e-3, "{twenty}");
        assert!((nemenyi_quantile(2, 0.05) - 1.959_963_985).abs() < 1e-8);
        assert!(range_cdf(0.0, 5).abs() < 1e-12 && (range_cdf(30.0, 5) - 1.0).abs() < 1e-9);
        assert!(nemenyi_quantile(1, 0.05).is_nan());
    }
}
