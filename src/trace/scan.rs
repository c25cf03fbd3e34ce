//! Looking through the bytes of a table eight at a time: where the commas of a line stand, where it
//! ends, and whether there is anything in it that asks for care. Fields are so short that a search
//! for one byte after the other costs more than the text it passes over.

/// Result of scanning a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Position of the line feed, if there is one.
    pub(super) end: Option<usize>,
    /// Marks a text of ASCII without quotes.
    pub(super) is_plain: bool,
}

/// A byte eight times.
const fn eight(byte: u8) -> u64 {
    0x0101_0101_0101_0101 * byte as u64
}

const HIGH: u64 = eight(0x80);

const BEYOND_COMMA: u64 = eight(b',' + 1);

/// The high bit of each byte that may be a comma, a quote, a line feed or beyond ASCII: those up to
/// the comma, which are few others, and those from 0x80 on.
#[inline]
const fn candidates(word: u64) -> u64 {
    // No difference borrows from the next byte.
    (!(word | HIGH).wrapping_sub(BEYOND_COMMA) | word) & HIGH
}

/// Adds where the commas of a text's first line stand.
#[inline]
pub(super) fn first_line(text: &[u8], commas: &mut Vec<usize>) -> Scanned {
    let (words, rest) = text.as_chunks::<8>();
    let mut is_plain = true;
    let mut start = 0;
    for word in words {
        let mut found = candidates(u64::from_le_bytes(*word));
        while found != 0 {
            let within = found.trailing_zeros() as usize / 8;
            found &= found.wrapping_sub(1);
            let at = start + within;
            match word[within % 8] {
                b',' => commas.push(at),
                b'\n' => return scanned(Some(at), is_plain),
                b'"' | 0x80.. => is_plain = false,
                _ => {}
            }
        }
        start += 8;
    }
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b',' => commas.push(start + at),
            b'\n' => return scanned(Some(start + at), is_plain),
            b'"' | 0x80.. => is_plain = false,
            _ => {}
        }
    }
    scanned(None, is_plain)
}

const fn scanned(end: Option<usize>, is_plain: bool) -> Scanned {
    Scanned { end, is_plain }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_is_looked_through_as_byte_by_byte(
            text in prop::collection::vec(
                prop::sample::select(&b",,,aaz09\n\"\xc3-\x2b\x2d\x0b\x8a\xac\xa2"[..]), 0..60),
        ) {
            let end = text.iter().position(|&byte| byte == b'\n');
            let line = &text[..end.unwrap_or(text.len())];
            let expected: Vec<usize> = (0..line.len()).filter(|&at| line[at] == b',').collect();
            let is_plain = line.iter().all(|&byte| byte.is_ascii() && byte != b'"');
            let mut commas = Vec::new();
            prop_assert_eq!(first_line(&text, &mut commas), Scanned { end, is_plain });
            prop_assert_eq!(commas, expected);
        }
    }
}
