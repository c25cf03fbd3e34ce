//! Whole numbers out of bytes: nearly every cell of a trace is one, so the plain case is short and
//! anything else is left to the parsers that know signs, fractions and words.

/// A whole number of digits alone, few enough for every such number to fit.
#[inline]
pub(super) fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
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
    use super::*;

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
