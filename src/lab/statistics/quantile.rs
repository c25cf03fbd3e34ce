//! Sample quantiles after Hyndman and Fan, type 7 (metrics.md 5.5): linear interpolation at
//! h = (n − 1)p, as NumPy and R do by default.

/// The quantile of a probability from 0 to 1; `None` of nothing.
pub fn quantile(values: &[f64], probability: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    of_sorted(&sorted, probability)
}

/// The quantile of values in ascending order.
pub(super) fn of_sorted(sorted: &[f64], probability: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = last as f64 * probability.clamp(0.0, 1.0);
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let part = place - below as f64;
    let (low, high) = (sorted[below], sorted[above]);
    // From the nearer end, as NumPy does it.
    Some(if part < 0.5 {
        low + (high - low) * part
    } else {
        high - (high - low) * (1.0 - part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_7() {
        let check = |values: &[f64], probability: f64, expected: Option<f64>| {
            assert_eq!(
                quantile(values, probability),
                expected,
                "{values:?} {probability}"
            );
        };
        check(&[], 0.5, None);
        check(&[7.0], 0.99, Some(7.0));
        check(&[4.0, 1.0, 3.0, 2.0], 0.25, Some(1.75));
        check(&[4.0, 1.0, 3.0, 2.0], 0.5, Some(2.5));
        check(&[4.0, 1.0, 3.0, 2.0], 1.0, Some(4.0));
    }
}
