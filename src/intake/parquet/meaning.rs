//! Logical types of columns: what stored numbers stand for. Times, decimals and numbers without a sign are written as
//! what they mean, not as they are stored; what has no text is refused. Source: the specification of Parquet, "Logical
//! Type Definitions".

use std::fmt::Write;

use super::encoding::Physical;
use super::thrift::Struct;

/// What the numbers of a column stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Themselves.
    Plain,
    /// Instants since 1970 or spans of time, in units of so many nanoseconds.
    Time(i64),
    /// Numbers without a sign.
    Unsigned,
    /// Numbers with so many digits behind the point.
    Decimal(usize),
    /// Values that are not read, with what to do.
    Unread(&'static str),
}

/// Nanoseconds of the units of times.
const MILLI: i64 = 1_000_000;
const MICRO: i64 = 1_000;
const DAY: i64 = 86_400_000_000_000;

const TIME_OF_DAY: &str = "times of a day are not read; write them as whole numbers";
const BYTES: &str = "values of fixed bytes are not read; write them as numbers or texts";
/// The most digits behind the point of a decimal that is read.
const SCALE_MAX: i64 = 18;

/// The form of the times of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm {
    /// Seconds, with a fraction where there is one; nanoseconds in columns whose names end with `_ns`.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
}

impl TimeForm {
    /// The digits behind the point of a nanosecond in a column.
    pub(super) fn digits(self, column: &str) -> usize {
        match self {
            Self::Seconds if column.ends_with("_ns") => 0,
            Self::Seconds => 9,
            Self::Millis => 6,
            Self::Micros => 3,
        }
    }
}

/// The meaning of an element of the schema.
pub(super) fn meaning(element: &Struct<'_>, physical: Physical) -> Meaning {
    let is_number = matches!(physical, Physical::Int32 | Physical::Int64);
    let logical = element.inner(10);
    let of = |number: i16| logical.and_then(|own| own.inner(number));
    if let Some(time) = of(8) {
        let unit = |number: i16| {
            time.inner(2)
                .is_some_and(|unit| unit.inner(number).is_some())
        };
        return match [unit(1), unit(2), unit(3)] {
            [true, ..] => Meaning::Time(MILLI),
            [_, true, _] => Meaning::Time(MICRO),
            [.., true] => Meaning::Time(1),
            _ => Meaning::Unread("times of an unknown unit are not read"),
        };
    }
    let converted = element.integer(6);
    let scale = of(5).and_then(|own| own.integer(1)).or(element.integer(7));
    let is_decimal = of(5).is_some() || converted == Some(5);
    let is_unsigned = of(10).and_then(|own| own.bool(2)) == Some(false);
    match converted {
        _ if is_decimal && !is_number => Meaning::Unread(BYTES),
        _ if is_decimal => match scale.unwrap_or(0) {
            scale @ 0..=SCALE_MAX => Meaning::Decimal(scale as usize),
            _ => Meaning::Unread("decimals of more than 18 digits behind the point are not read"),
        },
        Some(6) => Meaning::Time(DAY),
        Some(7 | 8) => Meaning::Unread(TIME_OF_DAY),
        Some(9) => Meaning::Time(MILLI),
        Some(10) => Meaning::Time(MICRO),
        Some(11..=14) => Meaning::Unsigned,
        Some(21) => Meaning::Unread(BYTES),
        _ if of(6).is_some() => Meaning::Time(DAY),
        _ if of(7).is_some() => Meaning::Unread(TIME_OF_DAY),
        _ if is_unsigned => Meaning::Unsigned,
        _ if of(14).is_some() || of(15).is_some() => Meaning::Unread(BYTES),
        _ => Meaning::Plain,
    }
}

impl Meaning {
    /// Writes a whole number of a column, whose times have so many digits behind the point.
    pub(super) fn write(self, value: i64, physical: Physical, digits: usize, text: &mut String) {
        match (self, physical) {
            (Self::Time(unit), _) => decimal(i128::from(value) * i128::from(unit), digits, text),
            (Self::Decimal(scale), _) => decimal(value.into(), scale, text),
            (Self::Unsigned, Physical::Int32) => decimal((value as u32).into(), 0, text),
            (Self::Unsigned, _) => decimal((value as u64).into(), 0, text),
            _ => decimal(value.into(), 0, text),
        }
    }
}

/// Writes a number of which the last digits are behind the point; zeros at the end are left out.
fn decimal(value: i128, digits: usize, text: &mut String) {
    let one = 10_u128.pow(digits as u32);
    let (whole, rest) = (value.unsigned_abs() / one, value.unsigned_abs() % one);
    let sign = if value < 0 { "-" } else { "" };
    // To write into a text never fails.
    let _ = write!(text, "{sign}{whole}");
    if rest > 0 {
        let rest = format!("{rest:0digits$}");
        let _ = write!(text, ".{}", rest.trim_end_matches('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::super::fields::Fields;
    use super::super::thrift::read;
    use super::*;

    fn meaning_of(element: Fields, physical: Physical) -> Meaning {
        let bytes = element.end();
        let (element, _) = read(&bytes).expect("a structure");
        meaning(&element, physical)
    }

    #[test]
    fn units_of_times_are_read_from_both_kinds_of_types() {
        let logical = |unit: i16| {
            let unit = Fields::default().inner(unit, Fields::default());
            let time = Fields::default().inner(2, unit);
            let union = Fields::default().inner(8, time);
            Fields::default().half(1, 2).inner(10, union)
        };
        for (unit, nanos) in [(1, MILLI), (2, MICRO), (3, 1)] {
            assert_eq!(
                meaning_of(logical(unit), Physical::Int64),
                Meaning::Time(nanos)
            );
        }
        let converted = |kind| Fields::default().half(1, 2).half(6, kind);
        for (kind, expected) in [
            (9, Meaning::Time(MILLI)),
            (10, Meaning::Time(MICRO)),
            (6, Meaning::Time(DAY)),
            (7, Meaning::Unread(TIME_OF_DAY)),
            (14, Meaning::Unsigned),
            (0, Meaning::Plain),
        ] {
            assert_eq!(meaning_of(converted(kind), Physical::Int64), expected);
        }
        let decimal = converted(5).half(7, 2);
        assert_eq!(meaning_of(decimal, Physical::Int32), Meaning::Decimal(2));
        let bytes = meaning_of(converted(5), Physical::FixedBytes(9));
        assert_eq!(bytes, Meaning::Unread(BYTES));
    }

    #[test]
    fn numbers_are_written_as_what_they_mean() {
        for (meaning, physical, form, value, expected) in [
            (
                Meaning::Time(MICRO),
                Physical::Int64,
                TimeForm::Seconds,
                1_500_000,
                "1.5",
            ),
            (
                Meaning::Time(MICRO),
                Physical::Int64,
                TimeForm::Millis,
                1_500_000,
                "1500",
            ),
            (
                Meaning::Time(1),
                Physical::Int64,
                TimeForm::Millis,
                1_500,
                "0.0015",
            ),
            (
                Meaning::Time(MILLI),
                Physical::Int64,
                TimeForm::Micros,
                -7,
                "-7000",
            ),
            (
                Meaning::Time(DAY),
                Physical::Int32,
                TimeForm::Seconds,
                2,
                "172800",
            ),
            (
                Meaning::Decimal(2),
                Physical::Int32,
                TimeForm::Seconds,
                -105,
                "-1.05",
            ),
            (
                Meaning::Unsigned,
                Physical::Int32,
                TimeForm::Seconds,
                -1,
                "4294967295",
            ),
            (Meaning::Plain, Physical::Int64, TimeForm::Seconds, -1, "-1"),
        ] {
            let mut text = String::new();
            meaning.write(value, physical, form.digits("at"), &mut text);
            assert_eq!(text, expected, "{meaning:?}");
        }
        assert_eq!(TimeForm::Seconds.digits("submit_ns"), 0);
    }
}
