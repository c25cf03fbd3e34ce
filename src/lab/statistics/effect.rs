//! Effect sizes: how large a difference is against its spread.

use super::moments::{mean, standard_deviation};

/// The standardized mean difference of pairs, `d_z = mean(d)/sd(d)`; `None` below two differences and
/// without spread.
pub fn standardized_mean(differences: &[f64]) -> Option<f64> {
    let deviation = standard_deviation(differences).filter(|deviation| *deviation > 0.0)?;
    Some(mean(differences)? / deviation)
}

/// Cliff's δ: the probability that a value of `second` is above one of `first`, less that of the
/// contrary; from −1 to 1. `None` where one side has no value.
pub fn cliffs_delta(first: &[f64], second: &[f64]) -> Option<f64> {
    let mut balance: i64 = 0;
    for a in first {
        for b in second {
            balance += i64::from(b > a) - i64::from(b < a);
        }
    }
    let pairs = first.len() * second.len();
    (pairs > 0).then(|| balance as f64 / pairs as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(standardized_mean(&[1.0, 3.0, 2.0]), Some(2.0));
        assert_eq!(standardized_mean(&[1.0, 1.0]), None);
        assert_eq!(standardized_mean(&[]), None);
        assert_eq!(cliffs_delta(&[1.0, 2.0], &[3.0, 4.0]), Some(1.0));
        assert_eq!(cliffs_delta(&[1.0, 2.0], &[1.0, 2.0]), Some(0.0));
        assert_eq!(cliffs_delta(&[2.0], &[1.0, 2.0, 3.0, 1.0]), Some(-0.25));
        assert_eq!(cliffs_delta(&[], &[1.0]), None);
    }
}
