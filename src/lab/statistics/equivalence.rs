//! One-sided tests of a mean difference against what matters. Both together show equivalence (TOST;
//! Schuirmann, 1987).

use super::moments::{mean, standard_error};
use super::skew::evidence;
use super::student::student_cdf;

/// The one-sided p of a mean difference of at least `margin` (non-inferiority), by Student's t corrected for
/// the skewness that the differences may have: a long tail towards the margin shows itself late. `None` below
/// two differences. Without any spread the answer is certain either way.
pub fn not_above(differences: &[f64], margin: f64) -> Option<f64> {
    let (mean, error) = (mean(differences)?, standard_error(differences)?);
    if error <= 0.0 {
        let is_below = mean < margin || (mean <= 0.0 && margin >= 0.0);
        return Some(if is_below { 0.0 } else { 1.0 });
    }
    Some(below(differences, margin, 1.0, (mean - margin) / error))
}

/// The one-sided p of a mean difference of at most `margin` (superiority by a margin), by the same rule as
/// [`not_above`]. `None` below two differences. Without any spread the answer is certain either way.
pub fn above(differences: &[f64], margin: f64) -> Option<f64> {
    let (mean, error) = (mean(differences)?, standard_error(differences)?);
    if error <= 0.0 {
        return Some(if mean > margin { 0.0 } else { 1.0 });
    }
    Some(below(differences, margin, -1.0, (margin - mean) / error))
}

/// The p of a Student's t, as evidence that the mean of differences less a margin, times a sign, is below zero.
fn below(differences: &[f64], margin: f64, sign: f64, t: f64) -> f64 {
    let beyond: Vec<f64> = differences.iter().map(|own| own - margin).collect();
    student_cdf(evidence(t, &beyond, sign), (beyond.len() - 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_side_alone_is_decided_earlier() {
        // −25 % on average, wide: not shown equal within 5 %, and shown not to be worse.
        let differences = [-0.60, -0.02, -0.31, -0.05, -0.47, -0.11, -0.28, -0.20];
        let less: Vec<f64> = differences.iter().map(|own| -own).collect();
        assert!(not_above(&less, 0.05).expect("a test") > 0.9);
        assert!(not_above(&differences, 0.05).expect("a test") < 0.05);
        assert_eq!(not_above(&[1.0, 1.0], 1.0), Some(1.0));
        assert_eq!(not_above(&[0.0, 0.0], 0.0), Some(0.0));
        assert_eq!(not_above(&[1.0], 2.0), None);
    }

    /// A worsening of just the margin, 2,000 times: normal differences, and skewed ones (log-normal, which
    /// a change of waits often is).
    #[test]
    fn a_worsening_of_the_margin_is_seldom_above_it() {
        for n in [6, 20, 50] {
            let found = |draw: &dyn Fn(&mut rng::Stream) -> f64| {
                let is_above = |number: &u64| {
                    let mut stream = rng::Stream::new(7, "test-above", *number);
                    let values: Vec<f64> = (0..n).map(|_| draw(&mut stream)).collect();
                    above(&values, 1.0).is_some_and(|p| p <= 0.05)
                };
                (0..2_000).filter(is_above).count()
            };
            let normal = found(&|stream| 1.0 + stream.standard_normal());
            assert!(normal <= 100, "{normal} of 2,000 with {n} pairs");
            let skewed = found(&|stream| rng::math::exp(stream.standard_normal() - 0.5));
            assert!(skewed <= 100, "{skewed} of 2,000 with {n} pairs");
        }
    }
}
