//! Electric power as people write it: `100W`, `1.5kW`, `250mW`, or a plain number of watts. Kept in
//! whole microwatts.

use std::fmt;
use std::str::FromStr;

use units::Quantity;

/// Electric power in microwatts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watts {
    /// Power in microwatts.
    pub micro: i64,
}

/// Units with their size in microwatts, longest name first.
const UNITS: [(&str, i128); 4] = [
    ("kW", 1_000_000_000),
    ("mW", 1_000),
    ("W", 1_000_000),
    ("", 1_000_000),
];

/// Nano units in one unit of a quantity.
const NANOS: i128 = 1_000_000_000;

impl FromStr for Watts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a power such as `100W` or `1.5kW`");
        let unit = UNITS.iter().find(|(name, _)| text.ends_with(name));
        let (name, micro_per_unit) = unit.ok_or_else(wrong)?;
        let number = text[..text.len() - name.len()].trim_end();
        if !number.chars().all(|c| c.is_ascii_digit() || c == '.') {
            return Err(wrong());
        }
        let number: Quantity = number.parse().map_err(|_| wrong())?;
        let micro = number.nanos().checked_mul(*micro_per_unit);
        let micro = micro.map(|nanos| nanos / NANOS);
        match micro.and_then(|micro| i64::try_from(micro).ok()) {
            Some(micro) => Ok(Self { micro }),
            None => Err(wrong()),
        }
    }
}

impl fmt::Display for Watts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micro = self.micro;
        if micro % 1_000_000 == 0 {
            write!(f, "{}W", micro / 1_000_000)
        } else {
            let digits = format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000);
            write!(f, "{}W", digits.trim_end_matches('0'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_is_read_and_written() {
        for (text, micro, printed) in [
            ("100W", 100_000_000, "100W"),
            ("100", 100_000_000, "100W"),
            ("1.5kW", 1_500_000_000, "1500W"),
            ("250mW", 250_000, "0.25W"),
            ("0.5 W", 500_000, "0.5W"),
        ] {
            let found: Watts = text.parse().expect(text);
            assert_eq!((found.micro, found.to_string().as_str()), (micro, printed));
            assert_eq!(printed.parse(), Ok(found));
        }
        for wrong in [
            "",
            "W",
            "100V",
            "-1W",
            "1e3W",
            "1kkW",
            "99999999999kW",
            "1GiW",
        ] {
            assert!(wrong.parse::<Watts>().is_err(), "{wrong}");
        }
    }
}
