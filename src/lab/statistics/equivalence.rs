//! Two one-sided tests (TOST; Schuirmann, 1987): whether a mean difference is shown to be smaller
//! than what matters.

use super::moments::{mean, standard_error};
use super::skew::{skewness, unskewed};
use super::student::student_cdf;

/// Result of the two tests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Equivalence {
    /// Student's t against the lower bound.
    pub t_lower: f64,
    /// Student's t against the upper bound.
    pub t_upper: f64,
    /// The larger p of the two: at most 0.05 if the 90 % interval lies within the bounds.
    pub p: f64,
}

/// Tests paired differences against the bounds ± `margin`; `None` below two differences. Without
/// any spread the answer is certain either way.
pub fn equivalence(differences: &[f64], margin: f64) -> Option<Equivalence> {
    let (mean, error) = (mean(differences)?, standard_error(differences)?);
    let degrees = (differences.len() - 1) as f64;
    let (t_lower, t_upper) = ((mean + margin) / error, (mean - margin) / error);
    if error <= 0.0 {
        // 0/0 where the mean is on a bound, which is not within.
        let is_within = mean.abs() < margin || (mean.abs() <= 0.0 && margin >= 0.0);
        return Some(Equivalence {
            t_lower,
            t_upper,
            p: if is_within { 0.0 } else { 1.0 },
        });
    }
    // Of a t far above, the upper tail from its mirror keeps its digits.
    let lower = student_cdf(-t_lower, degrees);
    let upper = student_cdf(t_upper, degrees);
    Some(Equivalence {
        t_lower,
        t_upper,
        p: lower.max(upper),
    })
}

/// The one-sided p of a mean difference of at least `margin` (non-inferiority), by Student's t without
/// the skewness of the differences: a long tail towards the margin shows itself late. `None` below two differences. Without any
/// spread the answer is certain either way.
pub fn not_above(differences: &[f64], margin: f64) -> Option<f64> {
    let (mean, error) = (mean(differences)?, standard_error(differences)?);
    if error <= 0.0 {
        let is_below = mean < margin || (mean <= 0.0 && margin >= 0.0);
        return Some(if is_below { 0.0 } else { 1.0 });
    }
    let degrees = (differences.len() - 1) as f64;
    let t = unskewed(
        (mean - margin) / error,
        skewness(differences),
        differences.len(),
    );
    Some(student_cdf(t, degrees))
}

/// The one-sided p of a mean difference of at most `margin` (superiority by a margin): at most 0.05 if
/// the lower end of the 90 % interval lies above the margin. `None` below two differences. Without
/// any spread the answer is certain either way.
pub fn above(differences: &[f64], margin: f64) -> Option<f64> {
    let (mean, error) = (mean(differences)?, standard_error(differences)?);
    if error <= 0.0 {
        return Some(if mean > margin { 0.0 } else { 1.0 });
    }
    let degrees = (differences.len() - 1) as f64;
    Some(student_cdf((margin - mean) / error, degrees))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_side_alone_is_decided_earlier() {
        // −25 % on average, wide: not shown equal within 5 %, and shown not to be worse.
        let differences = [-0.60, -0.02, -0.31, -0.05, -0.47, -0.11, -0.28, -0.20];
        assert!(equivalence(&differences, 0.05).expect("a test").p > 0.9);
        assert!(not_above(&differences, 0.05).expect("a test") < 0.01);
        assert_eq!(not_above(&[1.0, 1.0], 1.0), Some(1.0));
        assert_eq!(not_above(&[0.0, 0.0], 0.0), Some(0.0));
        assert_eq!(not_above(&[1.0], 2.0), None);
    }

    /// Student's sleep data, paired, with bounds ± 0.5: the manual of the R package TOSTER prints
    /// t = −2.777 (p 0.989) against the lower bound and −5.348 (p < 0.001) against the upper.
    #[test]
    fn the_published_example() {
        let first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
        let found = equivalence(&differences, 0.5).expect("a test");
        assert!((found.t_lower + 2.777).abs() < 0.0005, "{found:?}");
        assert!((found.t_upper + 5.348).abs() < 0.0005, "{found:?}");
        assert!((found.p - 0.989).abs() < 0.0005, "{found:?}");
    }

    #[test]
    fn without_spread() {
        let p = |values: &[f64], margin| equivalence(values, margin).map(|found| found.p);
        assert_eq!(p(&[0.0, 0.0], 0.0), Some(0.0));
        assert_eq!(p(&[0.5, 0.5], 1.0), Some(0.0));
        assert_eq!(p(&[1.0, 1.0], 1.0), Some(1.0));
        assert_eq!(p(&[1.0], 1.0), None);
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
            assert!(
                (60..=130).contains(&normal),
                "{normal} of 2,000 with {n} pairs"
            );
            let skewed = found(&|stream| rng::math::exp(stream.standard_normal() - 0.5));
            assert!(skewed <= 130, "{skewed} of 2,000 with {n} pairs");
        }
    }
}
