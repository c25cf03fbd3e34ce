//! Mean, variance and what is made of them.

use rng::math;

use super::quantile;

/// The arithmetic mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The sample variance, with n − 1; `None` below two values.
pub fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    (values.len() > 1).then(|| squares / (values.len() - 1) as f64)
}

/// The sample standard deviation, with n − 1; `None` below two values.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    variance(values).map(math::sqrt)
}

/// The standard error of the mean; `None` below two values.
pub fn standard_error(values: &[f64]) -> Option<f64> {
    standard_deviation(values).map(|deviation| deviation / math::sqrt(values.len() as f64))
}

/// The median; `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_few_values() {
        let check = |values: &[f64], expected: (Option<f64>, Option<f64>)| {
            assert_eq!((mean(values), variance(values)), expected, "{values:?}");
        };
        check(&[], (None, None));
        check(&[3.0], (Some(3.0), None));
        check(&[1.0, 3.0], (Some(2.0), Some(2.0)));
        check(&[2.0, 4.0, 4.0, 4.0, 6.0], (Some(4.0), Some(2.0)));
        assert_eq!(median(&[5.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(standard_error(&[1.0, 3.0]), Some(1.0));
    }
}
