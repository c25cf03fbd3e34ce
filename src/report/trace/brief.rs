//! Times for people.

use units::Duration;

/// A time as precise as it is read: from a minute on to the second, from a second on to the millisecond, and below to the
/// microsecond; `--json` has it as it is.
pub(super) fn brief(nanos: i64) -> String {
    const SECOND: i64 = 1_000_000_000;
    let unit = match nanos {
        ..1_000_000 => 1,
        1_000_000..SECOND => 1_000,
        SECOND..60_000_000_000 => SECOND / 1_000,
        _ => SECOND,
    };
    let rounded = nanos.saturating_add(unit / 2) / unit * unit;
    Duration::from_nanos(rounded).to_string()
}

#[cfg(test)]
mod tests {
    use super::brief;

    #[test]
    fn times_are_as_precise_as_they_are_read() {
        for (nanos, expected) in [
            (0, "0s"),
            (999_999, "999.999us"),
            (36_033_564, "36.034ms"),
            (999_999_999, "1s"),
            (13_733_547_215, "13.734s"),
            (59_999_999_999, "1m"),
            (11_221_662_030_539, "3h7m2s"),
            (4_614_032_406_447_783, "53d9h40m32s"),
            (i64::MAX, "106751d23h47m16s"),
        ] {
            assert_eq!(brief(nanos), expected);
        }
    }
}
