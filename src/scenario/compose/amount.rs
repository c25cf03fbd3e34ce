//! Amounts of compose files: bytes in powers of 1024, processors, and durations (compose-spec
//! `11-extension.md`).

use units::{Duration, Quantity};

/// Expectation of a size.
pub(super) const BYTES: &str = "a size such as `512m` or `1.5gb` (b, k, m, g; powers of 1024)";
/// Expectation of a number of processors.
pub(super) const CPUS: &str = "a number of processors such as `0.5`";
/// Expectation of a duration.
pub(super) const DURATION: &str = "a duration such as `1m30s` or `500ms`";

/// Units of sizes, longest names first, with their bytes.
const SIZES: &[(&str, i128)] = &[
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1 << 10),
    ("mb", 1 << 20),
    ("gb", 1 << 30),
    ("tb", 1 << 40),
    ("b", 1),
    ("k", 1 << 10),
    ("m", 1 << 20),
    ("g", 1 << 30),
    ("t", 1 << 40),
];

/// Units of durations, longest names first, in nanoseconds.
const SPANS: &[(&str, i128)] = &[
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("ns", 1),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
];

/// A plain decimal number of 0 or more, in billionths.
fn decimal(text: &str) -> Option<i128> {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_number = is_plain && text.bytes().any(|byte| byte.is_ascii_digit());
    let number: Quantity = text.parse().ok().filter(|_| is_number)?;
    Some(number.nanos())
}

/// A size in bytes.
pub(super) fn bytes(text: &str) -> Option<i64> {
    let lower = text.trim().to_ascii_lowercase();
    let unit = SIZES.iter().find(|(unit, _)| lower.ends_with(unit));
    let (digits, factor) = match unit {
        Some((unit, factor)) => (&lower[..lower.len() - unit.len()], *factor),
        None => (&*lower, 1),
    };
    let nanos = decimal(digits.trim())?.checked_mul(factor)?;
    i64::try_from(nanos / 1_000_000_000).ok()
}

/// Processors in billionths.
pub(super) fn nano_cpus(text: &str) -> Option<i64> {
    i64::try_from(decimal(text.trim())?).ok()
}

/// A duration: numbers, each with its unit.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut nanos = 0_i128;
    let mut parts = 0;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number = decimal(&rest[..end])?;
        rest = &rest[end..];
        let (unit, factor) = SPANS.iter().find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        nanos = nanos.checked_add(number.checked_mul(*factor)? / 1_000_000_000)?;
        parts += 1;
    }
    let nanos = i64::try_from(nanos).ok().filter(|_| parts > 0)?;
    Some(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, expected) in [
            ("50M", Some(52_428_800)),
            ("20mb", Some(20_971_520)),
            ("1.5G", Some(1_610_612_736)),
            ("300kb", Some(307_200)),
            ("2gib", Some(2 << 30)),
            ("7b", Some(7)),
            ("1024", Some(1_024)),
            ("0", Some(0)),
            ("", None),
            ("m", None),
            ("-5m", None),
            ("5x", None),
            ("1e3m", None),
            ("9999999999g", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn processors_and_durations_are_exact() {
        assert_eq!(nano_cpus("0.50"), Some(500_000_000));
        assert_eq!(nano_cpus("0.001"), Some(1_000_000));
        assert_eq!(nano_cpus("half"), None);
        let millis = |text: &str| duration(text).map(|span| span.as_nanos() / 1_000_000);
        for (text, expected) in [
            ("1m30s", Some(90_000)),
            ("500ms", Some(500)),
            ("1.5s", Some(1_500)),
            ("2h", Some(7_200_000)),
            ("0", Some(0)),
            ("10", None),
            ("s", None),
            ("", None),
            ("-1s", None),
            ("1s 2", None),
        ] {
            assert_eq!(millis(text), expected, "{text}");
        }
    }
}
