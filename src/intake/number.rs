//! Whole numbers out of bytes: nearly every cell of a trace is one, so the plain case is short and
//! anything else is left to the parsers that know signs, fractions and words.

/// The greatest amount of one resource of a pod or a node, in thousandths of a core or in bytes: a run takes no more.
pub const MOST_OF_A_RESOURCE: i64 = 1 << 53;

/// The whole number that a text of digits alone states; `None` of any other text, and of more than 18 digits.
#[inline]
pub fn digits(text: &[u8]) -> Option<i64> {
    match text.len() {
        1..4 => few_digits(text),
        4..=8 => eight_digits(right_aligned(text)?),
        9..=16 => {
            let (high, low) = text.split_at(text.len() - 8);
            let high = if high.len() < 4 {
                few_digits(high)?
            } else {
                eight_digits(right_aligned(high)?)?
            };
            Some(100_000_000 * high + eight_digits(right_aligned(low)?)?)
        }
        17 | 18 => many_digits(text),
        _ => None,
    }
}

/// A decimal number of digits alone with at most one point among or behind them, so few that the number is the
/// one that the standard library parses: a whole number below 2^53 divided by a power of ten that has no
/// rounding of its own is rounded once.
#[inline]
pub fn decimal(text: &[u8]) -> Option<f64> {
    let Some(point) = text.iter().position(|&byte| byte == b'.') else {
        return digits(text)
            .filter(|_| text.len() <= DECIMALS_MAX)
            .map(|own| own as f64);
    };
    let (whole, fraction) = (&text[..point], &text[point + 1..]);
    if text.len() > DECIMALS_MAX {
        return None;
    }
    let scale = *TENS.get(fraction.len())?;
    let number = digits(whole)? * scale + digits(fraction)?;
    Some(number as f64 / scale as f64)
}

/// The digits of a decimal number with an exponent, such as `1e+05`, which programs write instead of large and small
/// numbers; `None` of any other text.
#[cold]
pub fn without_exponent(text: &str) -> Option<String> {
    let (number, exponent) = text.split_once(['e', 'E'])?;
    let shift = exponent.parse::<i32>().ok();
    let shift = shift.filter(|shift| shift.unsigned_abs() <= MOST_SHIFT)?;
    let (sign, number) = number.split_at(usize::from(number.starts_with(['-', '+'])));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let point = whole.len() as i32 + shift;
    let missing = usize::try_from(1 - point).unwrap_or(0);
    digits.insert_str(0, &"0".repeat(missing));
    let point = usize::try_from(point).unwrap_or(0).max(1);
    while digits.len() < point {
        digits.push('0');
    }
    let (whole, fraction) = digits.split_at(point);
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{dot}{fraction}"))
}

/// The greatest exponent that is read: those beyond it are of no time or amount.
const MOST_SHIFT: u32 = 40;

/// Most characters of a decimal number that is parsed so: fifteen digits are below 2^53.
pub(crate) const DECIMALS_MAX: usize = 15;

pub(crate) const TENS: [i64; DECIMALS_MAX] = {
    let mut tens = [1; DECIMALS_MAX];
    let mut place = 1;
    while place < DECIMALS_MAX {
        tens[place] = 10 * tens[place - 1];
        place += 1;
    }
    tens
};

/// A byte eight times.
const fn eight(byte: u8) -> u64 {
    0x0101_0101_0101_0101 * byte as u64
}

/// From four to eight characters as one word, the last one in its highest byte, zeros before them.
#[inline]
fn right_aligned(text: &[u8]) -> Option<u64> {
    let (first, last) = (text.first_chunk::<4>()?, text.last_chunk::<4>()?);
    let missing = 8_usize.checked_sub(text.len())?;
    let first = u64::from(u32::from_le_bytes(*first));
    let last = u64::from(u32::from_le_bytes(*last));
    // Where both overlap they are the same.
    let word = (first << (8 * missing as u32)) | (last << 32);
    let zeros = (1_u64 << (8 * missing as u32)) - 1;
    Some(word | eight(b'0') & zeros)
}

/// The number that eight characters stand for, the last one in the highest byte.
#[inline]
pub fn eight_digits(word: u64) -> Option<i64> {
    let digits = word.wrapping_sub(eight(b'0'));
    // A byte that is no digit is beyond nine, or has borrowed: either shows in a high half.
    let is_beyond = (digits | digits.wrapping_add(eight(0x76))) & eight(0x80);
    if is_beyond != 0 {
        return None;
    }
    Some(value_of_digits(digits))
}

/// The number of eight digits that are bytes of a word, the last one in the highest.
#[inline]
pub const fn value_of_digits(digits: u64) -> i64 {
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let all = fours.wrapping_mul(10_000).wrapping_add(fours >> 32);
    (all & 0xffff_ffff) as i64
}

fn few_digits(text: &[u8]) -> Option<i64> {
    many_digits(text)
}

pub(crate) fn many_digits(text: &[u8]) -> Option<i64> {
    let mut number = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = 10_i64.wrapping_mul(number).wrapping_add(i64::from(digit));
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_together_are_digits_one_by_one(
            mut text in prop::collection::vec(b'0'..=b'9', 0..21),
            other in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        ) {
            if let (Some((index, byte)), false) = (other, text.is_empty()) {
                let place = index.index(text.len());
                text[place] = byte;
            }
            let plain = many_digits(&text).filter(|_| (1..=18).contains(&text.len()));
            prop_assert_eq!(digits(&text), plain);
        }
    }

    proptest! {
        #[test]
        fn decimals_are_those_of_the_standard_library(
            text in "[0-9]{0,17}(\\.[0-9]{0,12})?|[0-9.+e-]{0,9}",
        ) {
            if let Some(own) = decimal(text.as_bytes()) {
                prop_assert_eq!(Ok(own), text.parse::<f64>(), "{}", text);
            }
        }
    }

    #[test]
    fn numbers_with_an_exponent_are_those_without() {
        for (text, expected) in [
            ("1e+05", Some("100000")),
            ("1.5E3", Some("1500")),
            ("-1.25e1", Some("-12.5")),
            ("25e-1", Some("2.5")),
            ("1e-3", Some("0.001")),
            ("1.50e2", Some("150")),
            ("e5", None),
            ("1e", None),
            ("1e99", None),
            ("1x2e3", None),
            ("100000", None),
        ] {
            assert_eq!(without_exponent(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn decimals_of_traces_are_parsed_from_their_bytes() {
        for (text, expected) in [
            ("475.25", Some(475.25)),
            ("0.1", Some(0.1)),
            ("16", Some(16.0)),
            ("475.00000000000006", None),
            ("1e3", None),
            ("-1.5", None),
            (".5", None),
            ("5.", None),
        ] {
            assert_eq!(decimal(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn digits_alone_are_a_number() {
        for (text, expected) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("999999999999999999", Some(999_999_999_999_999_999)),
            ("1000000000000000000", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.0", None),
            ("1:", None),
            ("/1", None),
        ] {
            assert_eq!(digits(text.as_bytes()), expected, "{text}");
        }
    }
}
