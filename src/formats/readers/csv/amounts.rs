//! Values of foreign tables as whole numbers of the own units.

use arrivals::column_mapping::ColumnUnit;
use intake::calendar::{Zone, zoned};
use intake::number::without_exponent;
use units::Duration;

/// Most decimals of a number that count.
const DECIMALS: usize = 18;

/// A value in whole nanoseconds, thousandths of processors or bytes; amounts are rounded up, times down.
pub(super) fn amount(text: &str, unit: ColumnUnit, zone: &Zone) -> Option<i128> {
    match unit {
        ColumnUnit::Time(factor) | ColumnUnit::Unix(factor) => scaled(text, factor, false),
        ColumnUnit::Cores(factor) => scaled(text, factor, true),
        ColumnUnit::Bytes(factor) => scaled(text, factor, true).or_else(|| size(text)),
        ColumnUnit::Clock => clock(text),
        ColumnUnit::DateTime => {
            let at = zone.instant(text).or_else(|| zoned(text))?;
            Some(i128::from(at.as_nanos()))
        }
    }
}

/// Values that a cell of a unit may have, in words.
pub(super) fn expected(unit: ColumnUnit, is_span: bool) -> String {
    match unit {
        ColumnUnit::Time(_) if is_span => {
            format!("a number of {unit}, or a time such as `1:30:00` or `90s`")
        }
        ColumnUnit::Time(_) | ColumnUnit::Cores(_) | ColumnUnit::Unix(_) => {
            format!("a number of {unit}")
        }
        ColumnUnit::Bytes(_) => {
            format!("a number of {unit}, or one with its unit such as `512mb` or `4G`")
        }
        ColumnUnit::Clock => "a time such as `1-02:30:00` or `1:30:00`".to_owned(),
        ColumnUnit::DateTime => "a date with a time, such as `2024-03-01 10:00:00`".to_owned(),
    }
}

/// Nanoseconds of a span that says its unit: a clock's, or such as `90s` and `2h30m`.
pub(super) fn with_unit(text: &str) -> Option<i128> {
    clock(text).or_else(|| {
        let span: Duration = text.parse().ok()?;
        Some(i128::from(span.as_nanos()))
    })
}

/// Bytes of an amount that says its unit as batch systems do, in powers of 1,024: `8gb`, `4G`, `1.5 GiB`. A small letter
/// alone is none: it is 1,000 in one of them and 1,024 in another.
fn size(text: &str) -> Option<i128> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let first = unit.bytes().next()?;
    let factor = b"KMGTP"
        .iter()
        .position(|own| *own == first.to_ascii_uppercase());
    let rest = &unit[usize::from(factor.is_some())..];
    let is_unit = match rest.to_ascii_lowercase().as_str() {
        "" => first.is_ascii_uppercase() && factor.is_some(),
        "b" => true,
        "ib" | "i" => factor.is_some(),
        _ => false,
    };
    let power = factor.map_or(0, |place| 10 * (place + 1));
    if is_unit {
        scaled(number.trim(), 1 << power, true)
    } else {
        None
    }
}

/// A decimal number times a factor, without a rounding on the way.
fn scaled(text: &str, factor: i64, is_up: bool) -> Option<i128> {
    let plain = without_exponent(text);
    let text = plain.as_deref().unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let fraction = fraction.get(..DECIMALS.min(fraction.len()))?;
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = whole.trim_start_matches('-');
    if unsigned.len() + fraction.len() == 0 || !is_number(unsigned) || !is_number(fraction) {
        return None;
    }
    let number: i128 = format!("{whole}{fraction}").parse().ok()?;
    let product = number.checked_mul(i128::from(factor))?;
    let ten = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let rounded = product.div_euclid(ten);
    Some(rounded + i128::from(is_up && product.rem_euclid(ten) > 0))
}

/// Nanoseconds of `D-HH:MM:SS`, `D-HH:MM`, `D-HH`, `HH:MM:SS`, `MM:SS` or `D days, HH:MM:SS`, with decimals.
fn clock(text: &str) -> Option<i128> {
    let worded = ["days, ", "day, ", "days ", "day "].into_iter();
    let (days, rest) = match { worded }.find_map(|word| text.split_once(word)) {
        Some((days, rest)) => (days.trim().parse::<i128>().ok()?, rest.to_owned()),
        None => match text.split_once('-') {
            // Behind days Slurm has hours first.
            Some((days, rest)) => {
                let rest = match rest.matches(':').count() {
                    0 => format!("{rest}:00:00"),
                    1 => format!("{rest}:00"),
                    _ => rest.to_owned(),
                };
                (days.parse::<i128>().ok()?, rest)
            }
            None => (0, text.to_owned()),
        },
    };
    let mut parts = rest.rsplit(':');
    let seconds = scaled(parts.next()?, 1_000_000_000, false)?;
    let minutes: i128 = parts.next()?.trim().parse().ok()?;
    let hours: i128 = parts
        .next()
        .map_or(Some(0), |own| own.trim().parse().ok())?;
    let is_clock = parts.next().is_none() && days >= 0 && hours >= 0 && (0..60).contains(&minutes);
    is_clock.then(|| seconds + (minutes + 60 * (hours + 24 * days)) * 60_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_scaled_without_a_rounding_on_the_way() {
        assert_eq!(scaled("0.1", 1_000_000_000, false), Some(100_000_000));
        assert_eq!(scaled("1.7e9", 1, false), Some(1_700_000_000));
        assert_eq!(scaled("2.5", 1, true), Some(3));
        assert_eq!(scaled("2.5", 1, false), Some(2));
        assert_eq!(
            [
                scaled("", 1, false),
                scaled("1.2.3", 1, false),
                scaled("x", 1, false)
            ],
            [None; 3]
        );
        assert_eq!(clock("1-02:03:04.5"), Some(93_784_500_000_000));
        assert_eq!(clock("1-02:30"), Some(95_400_000_000_000));
        assert_eq!(clock("1-02"), Some(93_600_000_000_000));
        assert_eq!(clock("0 days 00:05:00"), Some(300_000_000_000));
        assert_eq!(clock("2 days, 0:00:01"), Some(172_801_000_000_000));
        assert_eq!([clock("12"), clock("1:2:3:4"), clock("1:70:00")], [None; 3]);
    }
}
