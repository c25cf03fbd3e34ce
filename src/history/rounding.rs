//! Figures of `report.json` to a hundredth, which is finer than any plot shows, and of traffic to a
//! thousandth: its rates and latencies in milliseconds are often below one.

/// A share in percent; nothing of nothing is undefined.
pub(super) fn percent(part: i128, whole: i128) -> Option<f64> {
    (whole > 0).then(|| rounded(part as f64 / whole as f64 * 100.0))
}

/// A value to a hundredth.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// A value to a thousandth.
pub(super) fn to_thousandth(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
