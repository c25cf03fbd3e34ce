//! Reading quantities. The digits of a number are kept as text and turned into nano units without
//! any float; every loop is bounded by the length of the text, whatever the exponent says.

use thiserror::Error;

use crate::line::brief;

use super::{BINARY_CAP_NANOS, NANOS_PER_UNIT, Quantity, SuffixFamily};

/// Error of a text that is not a quantity, or of an amount that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// An empty text.
    #[error("a quantity is expected, such as `500m`, `4` or `16Gi`")]
    Empty,
    /// No number at the front.
    #[error(
        "`{0}` is not a quantity: expected a number and an optional suffix, such as `500m`, `4` \
         or `16Gi`"
    )]
    NoNumber(String),
    /// Digits, but not one decimal number.
    #[error("`{0}` is not a number: expected digits with at most one decimal point, such as `1.5`")]
    Number(String),
    /// A blank before, in or after the quantity; the second text is the quantity without it.
    #[error("`{0}` has a blank: write it as `{1}`")]
    Blank(String, String),
    /// A suffix outside the grammar.
    #[error(
        "unknown quantity suffix `{suffix}`: expected none, one of n u m k M G T P E Ki Mi Gi Ti \
         Pi Ei, or an exponent such as e3{}",
        did_you_mean(suggestions)
    )]
    Suffix {
        /// The text after the number.
        suffix: String,
        /// Whole quantities that may have been meant, the likeliest first.
        suggestions: Vec<String>,
    },
    /// An exponent that is not a whole number.
    #[error("`{0}` is not an exponent: expected a whole number after it, such as e3 or e-6")]
    Exponent(String),
    /// Beyond what a quantity can hold.
    #[error("`{0}` is too large for a quantity: at most 1.7e29 is expected")]
    TooLarge(String),
    /// An amount beyond the 64-bit integers a use needs.
    #[error("{0} does not fit: at most 2^63 - 1 (9.2e18) after scaling is expected")]
    DoesNotFit(String),
    /// A sum, difference or product beyond what a quantity can hold.
    #[error("the result is too large for a quantity: at most 1.7e29 is expected")]
    Overflow,
}

impl QuantityError {
    /// Quantities that may have been meant, the likeliest first.
    pub fn suggestions(&self) -> &[String] {
        match self {
            Self::Suffix { suggestions, .. } => suggestions,
            Self::Blank(_, suggestion) => std::slice::from_ref(suggestion),
            _ => &[],
        }
    }
}

fn did_you_mean(suggestions: &[String]) -> String {
    match suggestions {
        [] => String::new(),
        list => format!("; did you mean `{}`?", list.join("` or `")),
    }
}

/// Nano units in one unit, as the magnitude of a number.
const UNIT: u128 = NANOS_PER_UNIT.unsigned_abs();
/// The cap on amounts with a binary suffix, in nano units.
const CAP: u128 = BINARY_CAP_NANOS.unsigned_abs();

/// Scale after the number.
enum Scale {
    /// A power of ten.
    Ten { exponent: i64, family: SuffixFamily },
    /// A power of two.
    Two { exponent: u32 },
}

/// Reads a whole text as a quantity.
pub(super) fn quantity(text: &str) -> Result<Quantity, QuantityError> {
    if text.trim().is_empty() {
        return Err(QuantityError::Empty);
    }
    if text.contains(char::is_whitespace) {
        let joined: String = text.split_whitespace().collect();
        return Err(match quantity(&joined) {
            Ok(_) => QuantityError::Blank(brief(text), brief(&joined)),
            Err(_) => QuantityError::NoNumber(brief(text)),
        });
    }
    let (negative, unsigned) = match text.as_bytes()[0] {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let number_end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(number_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if !number.contains(|c: char| c.is_ascii_digit()) {
        return Err(QuantityError::NoNumber(brief(text)));
    }
    if fraction.contains('.') || suffix.starts_with([',', '+', '-', '_']) {
        return Err(QuantityError::Number(brief(text)));
    }
    let signed_number = &text[..text.len() - suffix.len()];
    let (magnitude, family) = match scale(signed_number, suffix)? {
        Scale::Ten { exponent, family } => (decimal_nanos(whole, fraction, exponent), family),
        Scale::Two { exponent } => {
            let nanos = binary_nanos(whole, fraction, exponent);
            // Below one unit no binary suffix exists, so the original changes the family as well.
            let fractional = 0 < nanos && nanos < UNIT;
            let family = if fractional {
                SuffixFamily::Decimal
            } else {
                SuffixFamily::Binary
            };
            (Some(nanos), family)
        }
    };
    let signed = |nanos| {
        if negative {
            0_i128.checked_sub_unsigned(nanos)
        } else {
            i128::try_from(nanos).ok()
        }
    };
    let nanos = magnitude
        .and_then(signed)
        .ok_or_else(|| QuantityError::TooLarge(brief(text)))?;
    Ok(Quantity { nanos, family })
}

/// Scale that `suffix` multiplies by; `number` is for the message.
fn scale(number: &str, suffix: &str) -> Result<Scale, QuantityError> {
    let ten = |exponent| Scale::Ten {
        exponent,
        family: SuffixFamily::Decimal,
    };
    Ok(match suffix {
        "n" => ten(-9),
        "u" => ten(-6),
        "m" => ten(-3),
        "" => ten(0),
        "k" => ten(3),
        "M" => ten(6),
        "G" => ten(9),
        "T" => ten(12),
        "P" => ten(15),
        "E" => ten(18),
        "Ki" => Scale::Two { exponent: 10 },
        "Mi" => Scale::Two { exponent: 20 },
        "Gi" => Scale::Two { exponent: 30 },
        "Ti" => Scale::Two { exponent: 40 },
        "Pi" => Scale::Two { exponent: 50 },
        "Ei" => Scale::Two { exponent: 60 },
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E']);
            match exponent {
                Some(digits) if digits.is_empty() || digits.starts_with(is_exponent_start) => {
                    let exponent = exponent_value(digits)
                        .ok_or_else(|| QuantityError::Exponent(brief(suffix)))?;
                    Scale::Ten {
                        exponent,
                        family: SuffixFamily::Exponent,
                    }
                }
                _ => {
                    return Err(QuantityError::Suffix {
                        suffix: brief(suffix),
                        suggestions: suggestions(number, suffix),
                    });
                }
            }
        }
    })
}

fn is_exponent_start(c: char) -> bool {
    c.is_ascii_digit() || c == '+' || c == '-'
}

/// The value of a signed whole number; beyond 18 digits the sign decides, as every such exponent
/// is equally far out of range.
fn exponent_value(signed: &str) -> Option<i64> {
    let (sign, digits) = match signed.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, signed.strip_prefix('+').unwrap_or(signed)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    match significant.len() {
        0 => Some(0),
        1..=18 => significant.parse::<i64>().ok().map(|value| sign * value),
        _ => Some(sign * 1_000_000_000_000_000_000),
    }
}

/// `whole.fraction × 10^exponent` in nano units, rounded up; `None` beyond the range of `u128`.
fn decimal_nanos(whole: &str, fraction: &str, exponent: i64) -> Option<u128> {
    let digits = format!("{whole}{fraction}");
    let without_tail = digits.trim_end_matches('0');
    // The amount is `significant × 10^power` nano units.
    let power = exponent - fraction.len() as i64 + 9 + (digits.len() - without_tail.len()) as i64;
    let significant = without_tail.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let places = significant.len() as i64 + power;
    if places <= 0 {
        return Some(1);
    }
    if places > 39 {
        return None;
    }
    if power >= 0 {
        let scale = 10_u128.checked_pow(u32::try_from(power).ok()?)?;
        return significant.parse::<u128>().ok()?.checked_mul(scale);
    }
    // What is cut off ends in a digit other than 0.
    significant[..places as usize]
        .parse::<u128>()
        .ok()?
        .checked_add(1)
}

/// `whole.fraction × 2^exponent` in nano units, rounded up, at most the cap.
fn binary_nanos(whole: &str, fraction: &str, exponent: u32) -> u128 {
    let unit_nanos = UNIT << exponent;
    let whole = whole.trim_start_matches('0');
    let whole_nanos = match whole.len() {
        0 => Some(0),
        1..=19 => whole
            .parse::<u128>()
            .ok()
            .and_then(|units| units.checked_mul(unit_nanos)),
        _ => None,
    };
    // 0.d1d2d3… × unit from the last digit to the first: each step adds the digit's share to what
    // the later digits left and divides by ten. Taking the floor at each step gives the floor of
    // the whole; `exact` says whether anything was dropped on the way.
    let mut fraction_nanos = 0;
    let mut exact = true;
    for digit in fraction.bytes().rev() {
        let sum = u128::from(digit - b'0') * unit_nanos + fraction_nanos;
        fraction_nanos = sum / 10;
        exact &= sum.is_multiple_of(10);
    }
    fraction_nanos += u128::from(!exact);
    whole_nanos
        .and_then(|nanos| nanos.checked_add(fraction_nanos))
        .map_or(CAP, |nanos| nanos.min(CAP))
}

/// Quantities that may have been meant by `number` followed by the unknown `suffix`: other
/// capitals (`gi`, `K`) and bytes spelled out (`Gb`, `MiB`).
fn suggestions(number: &str, suffix: &str) -> Vec<String> {
    let lower = suffix.to_lowercase();
    let letters = lower
        .trim_end_matches("bytes")
        .trim_end_matches("byte")
        .trim_end_matches('b');
    let endings: &[&str] = match letters {
        "" => &[""],
        "k" => &["Ki", "k"],
        "m" => &["Mi", "M"],
        "g" => &["Gi", "G"],
        "t" => &["Ti", "T"],
        "p" => &["Pi", "P"],
        "e" => &["Ei", "E"],
        "ki" => &["Ki"],
        "mi" => &["Mi"],
        "gi" => &["Gi"],
        "ti" => &["Ti"],
        "pi" => &["Pi"],
        "ei" => &["Ei"],
        "n" => &["n"],
        "u" | "µ" | "μ" => &["u"],
        _ => &[],
    };
    if number.len() > 20 {
        return Vec::new();
    }
    endings
        .iter()
        .map(|ending| format!("{number}{ending}"))
        .collect()
}
