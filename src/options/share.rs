//! Shares as people write them: `5%`, or `0.05`.

use std::fmt;
use std::str::FromStr;

/// Share of a whole, 1 being all; finite and not negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl Share {
    /// Share of 1, the whole.
    pub const ALL: Self = Self(1.0);
    /// Creates a share from millionths.
    pub const fn from_millionths(millionths: u32) -> Self {
        Self(millionths as f64 / 1_000_000.0)
    }

    /// Creates a share from a number, which is not negative.
    pub const fn of(share: f64) -> Self {
        Self(share)
    }

    /// Share as a number, 1 being all.
    pub const fn as_f64(self) -> f64 {
        self.0
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a share such as `5%` or `0.05`");
        let (number, divisor) = match text.trim().strip_suffix('%') {
            Some(number) => (number.trim_end(), 100.0),
            None => (text.trim(), 1.0),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        if number.is_finite() && number >= 0.0 {
            Ok(Self(number / divisor))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

units::serialize_as_text! { Share }
units::text_type!(
    Share,
    "share",
    ["string", "number"],
    "a share such as `5%` or `0.05`"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        let check = |text: &str, expected: Option<f64>| {
            assert_eq!(
                text.parse::<Share>().ok().map(Share::as_f64),
                expected,
                "{text}"
            );
        };
        check("5%", Some(0.05));
        check("5 %", Some(0.05));
        check("0.05", Some(0.05));
        check("0", Some(0.0));
        check("-1%", None);
        check("NaN", None);
        check("five", None);
        check("", None);
    }
}
