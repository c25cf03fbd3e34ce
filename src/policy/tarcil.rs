//! Tarcil's guarantee of quality by sampling (spec: orchestrators-b.md section 6.5): if the quality of a
//! random node is uniform on [0, 1], the best of R samples is below x with probability x^R.

use rng::math::pow;

/// Difference below which a probability counts as reached.
const ROUNDING: f64 = 1e-12;

/// The most samples that [`samples_needed`] looks at.
const MOST: u32 = 1 << 24;

/// The probability that the best of some samples has a quality below `x`.
///
/// ```
/// assert!((policy::tarcil::below(0.8, 8) - 0.1678).abs() < 1e-4);
/// ```
pub fn below(x: f64, samples: u32) -> f64 {
    pow(x, f64::from(samples))
}

/// The number of samples of which the best has a quality of `x` or more with a probability of `want`
/// or more; `None` if no number is enough.
///
/// ```
/// assert_eq!(policy::tarcil::samples_needed(0.9, 0.8), Some(16));
/// assert_eq!(policy::tarcil::samples_needed(1.0, 0.8), None);
/// ```
pub fn samples_needed(x: f64, want: f64) -> Option<u32> {
    let is_enough = |samples: u32| 1.0 - below(x, samples) >= want - ROUNDING;
    if !is_enough(MOST) {
        return None;
    }
    let (mut too_few, mut enough) = (0, MOST);
    while enough - too_few > 1 {
        let middle = too_few + (enough - too_few) / 2;
        if is_enough(middle) {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    Some(enough)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn one_sample_less_is_not_enough(x in 0.01_f64..0.99, want in 0.01_f64..0.999) {
            let samples = samples_needed(x, want).expect("enough samples");
            prop_assert!(1.0 - below(x, samples) >= want - 1e-9);
            if samples > 1 {
                prop_assert!(1.0 - below(x, samples - 1) < want);
            }
        }
    }
}
