//! A number of pods, or a part of them in percent: `maxSurge: 25%`, `minAvailable: 2`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A number of pods, or a percentage of a number known later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Count {
    /// An absolute number.
    Number(i32),
    /// A percentage.
    Percent(i32),
}

/// Error of a text that is no count.
#[derive(Clone, Debug, PartialEq, Eq, Error, Hash)]
#[error("`{0}` is neither a whole number nor a percentage such as `25%`")]
pub struct CountError(pub String);

impl Count {
    /// The number of `total`, a percentage rounded up.
    pub fn rounded_up(self, total: i32) -> i32 {
        self.resolved(total, libm::ceil)
    }

    /// The number of `total`, a percentage rounded down.
    pub fn rounded_down(self, total: i32) -> i32 {
        self.resolved(total, libm::floor)
    }

    /// Surge and unavailable of a rolling update as they count: were both 0, nothing could ever be
    /// replaced, so one may be unavailable.
    pub(super) const fn able_to_move(surge: i32, unavailable: i32) -> (i32, i32) {
        if surge == 0 && unavailable == 0 {
            (0, 1)
        } else {
            (surge, unavailable)
        }
    }

    fn resolved(self, total: i32, round: fn(f64) -> f64) -> i32 {
        match self {
            Self::Number(number) => number,
            // The original multiplies and divides as floats, in this order.
            Self::Percent(percent) => round(f64::from(percent) * f64::from(total) / 100.0) as i32,
        }
    }

    /// `true` if the count is nothing of any total.
    pub const fn is_zero(self) -> bool {
        matches!(self, Self::Number(0) | Self::Percent(0))
    }
}

impl FromStr for Count {
    type Err = CountError;

    fn from_str(text: &str) -> Result<Self, CountError> {
        let wrong = || CountError(text.to_owned());
        match text.strip_suffix('%') {
            Some(percent) => percent.parse().map(Self::Percent).map_err(|_| wrong()),
            None => text.parse().map(Self::Number).map_err(|_| wrong()),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_round_as_asked() {
        for (text, total, up, down) in [
            ("25%", 10, 3, 2),
            ("10%", 25, 3, 2),
            ("30%", 5, 2, 1),
            ("100%", 7, 7, 7),
            ("0%", 7, 0, 0),
            ("4", 1, 4, 4),
        ] {
            let count: Count = text.parse().expect(text);
            assert_eq!(count.rounded_up(total), up, "{text} of {total}");
            assert_eq!(count.rounded_down(total), down, "{text} of {total}");
            assert_eq!(count.to_string(), text);
        }
        for text in ["", "%", "5.5%", "many", "99999999999"] {
            assert!(text.parse::<Count>().is_err(), "{text}");
        }
    }
}
