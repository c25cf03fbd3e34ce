//! The exact sign-flip permutation test of a mean, for samples too small for resampling.

/// More differences than this have too many signs to go through.
pub const SIGN_FLIP_MAX: usize = 16;

/// The two-sided probability of a mean at least so far from zero when every sign falls by chance,
/// over all 2ⁿ signs; `None` of nothing and above [`SIGN_FLIP_MAX`].
pub fn sign_flip(differences: &[f64]) -> Option<f64> {
    let n = differences.len();
    if n == 0 || n > SIGN_FLIP_MAX || differences.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let observed = differences.iter().sum::<f64>().abs();
    // Sums of the same numbers in another grouping differ in the last bits.
    let least = observed - 1e-12 * differences.iter().map(|value| value.abs()).sum::<f64>();
    let signs = 0..1_u32 << n;
    let extreme = signs.filter(|signs| {
        let flipped = differences.iter().enumerate();
        let sum: f64 = flipped
            .map(|(at, value)| if signs >> at & 1 == 1 { -value } else { *value })
            .sum();
        sum.abs() >= least
    });
    Some(extreme.count() as f64 / f64::from(1_u32 << n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_signs() {
        let check = |values: &[f64], expected: Option<f64>| {
            assert_eq!(sign_flip(values), expected, "{values:?}");
        };
        check(&[], None);
        check(&[1.0; 17], None);
        check(&[0.0, 0.0], Some(1.0));
        check(&[1.0, 2.0, 3.0], Some(0.25));
        check(&[0.1, 0.2, -0.3], Some(1.0));
        check(&[-1.0, 2.0, 3.0, 4.0], Some(0.25));
    }
}
