//! Periods as people write them: `10m` as all durations, or `PT10M` as ISO 8601 has them. Kept in whole seconds.

use std::fmt;
use std::str::FromStr;

use units::Duration;

/// A period of whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    /// Length in seconds.
    pub seconds: i64,
}

/// Letters of ISO 8601 before and after `T`, with the seconds that they stand for.
const DATE: [(char, i64); 2] = [('W', 604_800), ('D', 86_400)];
const TIME: [(char, i64); 3] = [('H', 3_600), ('M', 60), ('S', 1)];

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(iso) = text.trim().strip_prefix('P') {
            return iso_seconds(iso)
                .map(|seconds| Self { seconds })
                .ok_or_else(|| format!("`{text}` is not a period such as `PT10M`"));
        }
        let span: Duration = text.parse().map_err(|why: units::time::DurationError| {
            format!("{why}, or a period such as `PT10M`")
        })?;
        let nanos = span.as_nanos();
        if nanos < 0 || nanos % 1_000_000_000 != 0 {
            return Err(format!("`{text}` is no whole number of seconds, 0 or more"));
        }
        Ok(Self {
            seconds: nanos / 1_000_000_000,
        })
    }
}

/// Seconds of a period after its `P`.
fn iso_seconds(iso: &str) -> Option<i64> {
    let (date, time) = match iso.split_once('T') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (iso, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    summed(date, &DATE)?.checked_add(summed(time, &TIME)?)
}

fn summed(mut rest: &str, letters: &[(char, i64)]) -> Option<i64> {
    let mut sum = 0_i64;
    while !rest.is_empty() {
        let end = rest.find(|one: char| !one.is_ascii_digit())?;
        let (number, tail) = rest.split_at(end);
        let letter = tail.chars().next()?;
        let (_, seconds) = letters.iter().find(|(own, _)| *own == letter)?;
        let part = number.parse::<i64>().ok()?.checked_mul(*seconds)?;
        sum = sum.checked_add(part)?;
        rest = &tail[letter.len_utf8()..];
    }
    Some(sum)
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Duration::from_secs(self.seconds).fmt(f)
    }
}

units::serialize_as_text! { Period }
units::text_type!(
    Period,
    "period",
    ["string", "number"],
    "a duration such as `10m`, or a period such as `PT10M`"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_in_both_forms() {
        for (text, seconds) in [
            ("10m", 600),
            ("0", 0),
            ("PT10M", 600),
            ("P1DT2H3M4S", 93_784),
            ("P2W", 1_209_600),
        ] {
            let period: Period = text.parse().expect(text);
            assert_eq!(period.seconds, seconds, "{text}");
            assert_eq!(period.to_string().parse(), Ok(period), "{text}");
        }
        for wrong in ["", "P", "PT", "PT1.5S", "P1M", "1.5s", "10", "-5s", "PT5"] {
            assert!(wrong.parse::<Period>().is_err(), "{wrong}");
        }
    }
}
