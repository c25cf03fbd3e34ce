//! Looking through the bytes of a table eight at a time: where the commas of a line stand, where it
//! ends, and whether there is anything in it that asks for care. Fields are so short that a search
//! for one byte after the other costs more than the text it passes over.
#![expect(
    clippy::inline_always,
    reason = "what is found of a block goes from one call to the next in registers"
)]

use wide::i8x16;

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

/// The bytes that are marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marked {
    /// Commas, ends of lines, quotes, bytes beyond ASCII and whatever else may be one of them at a glance, such as blanks.
    #[default]
    AtAGlance,
    /// This separator, ends of lines, quotes and bytes beyond ASCII, and nothing else: for rows with blanks, and for those
    /// with another separator than a comma.
    Exactly(u8),
}

/// The places of a text's marks. Their memory is used again and again.
#[derive(Debug, Default)]
pub(super) struct Marks {
    places: Vec<usize>,
    count: usize,
    marked: Marked,
}

impl Marks {
    /// Takes all marks out.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// Has other bytes be marks from now on.
    pub(super) fn mark(&mut self, marked: Marked) {
        self.clear();
        self.marked = marked;
    }

    /// The bytes that are marks.
    #[inline(always)]
    pub(super) const fn marked(&self) -> Marked {
        self.marked
    }

    /// The marks.
    #[inline]
    pub(super) fn all(&self) -> &[usize] {
        &self.places[..self.count]
    }

    /// Keeps the marks from one on.
    pub(super) fn keep_from(&mut self, first: usize) {
        self.places.copy_within(first..self.count, 0);
        self.count -= first;
    }

    /// Adds the marks of a text that stands at a place.
    pub(super) fn add(&mut self, text: &[u8], place: usize) {
        match self.marked {
            Marked::AtAGlance => self.add_where(text, place, at_a_glance),
            Marked::Exactly(separator) => {
                self.add_where(text, place, |half| {
                    exactly(half, i8x16::splat(separator as i8))
                });
            }
        }
    }

    /// Adds the marks of a text that stands at a place, which are found among sixteen bytes.
    #[inline(always)]
    fn add_where(
        &mut self,
        text: &[u8],
        mut place: usize,
        are_marks: impl Fn(i8x16) -> i8x16 + Copy,
    ) {
        let room = self.count + text.len() + 2 * BLOCK;
        if self.places.len() < room {
            self.places.resize(room, 0);
        }
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        for block in blocks {
            self.add_bits(bits(block, are_marks), place);
            place += BLOCK;
        }
        // Letters are no marks.
        let mut last = [b'a'; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        self.add_bits(bits(&last, are_marks), place);
    }

    /// Adds the places of bits: as many at a time as a block has at most as a rule, so that their number is no
    /// branch.
    #[inline]
    fn add_bits(&mut self, mut bits: u32, place: usize) {
        const AT_ONCE: usize = 8;
        let count = bits.count_ones() as usize;
        let mut done = 0;
        while done < count {
            let from = self.count + done;
            if let Some(places) = self.places[from..].first_chunk_mut::<AT_ONCE>() {
                for own in places {
                    *own = place + bits.trailing_zeros() as usize;
                    bits &= bits.wrapping_sub(1);
                }
            }
            done += AT_ONCE;
        }
        self.count += count;
    }
}

/// Bytes whose marks are found at once.
const BLOCK: usize = 32;

/// Whether each of sixteen bytes is up to the comma, or beyond ASCII, where bytes are negative.
#[inline(always)]
fn at_a_glance(bytes: i8x16) -> i8x16 {
    bytes.simd_lt(i8x16::splat(b',' as i8 + 1))
}

/// Whether each of sixteen bytes is a separator, an end of a line, a quote or beyond ASCII.
#[inline(always)]
fn exactly(bytes: i8x16, separator: i8x16) -> i8x16 {
    let is = |byte: u8| bytes.simd_eq(i8x16::splat(byte as i8));
    let ends = is(b'\n') | is(b'\r');
    bytes.simd_eq(separator) | ends | is(b'"') | bytes.simd_lt(i8x16::splat(0))
}

/// A bit for each byte of a block that is a mark.
#[inline(always)]
fn bits(block: &[u8; BLOCK], are_marks: impl Fn(i8x16) -> i8x16) -> u32 {
    let (halves, _) = block.as_chunks::<16>();
    let bits = |half: &[u8; 16]| are_marks(bytemuck::cast(*half)).to_bitmask();
    halves
        .iter()
        .rev()
        .fold(0, |bits_behind, half| bits_behind << 16 | bits(half))
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

        #[test]
        fn marks_are_found_as_byte_by_byte(
            texts in prop::collection::vec(
                prop::collection::vec(
                    prop::sample::select(&b",,,aaaabbbbbzz00||.\n\"\r\xc3-\x2b\x0b\x8a\t "[..]), 0..90),
                0..4),
            kept in any::<prop::sample::Index>(),
            separator in prop::option::of(prop::sample::select(&b",| \t"[..])),
        ) {
            let mut marks = Marks::default();
            marks.mark(separator.map_or(Marked::AtAGlance, Marked::Exactly));
            let mut expected = Vec::new();
            let mut place = 3;
            for text in &texts {
                marks.add(text, place);
                let is_mark = |byte: u8| match separator {
                    None => byte <= b',' || byte >= 0x80,
                    Some(separator) => byte == separator || b"\n\r\"".contains(&byte) || byte >= 0x80,
                };
                expected.extend((0..text.len()).filter(|&at| is_mark(text[at])).map(|at| place + at));
                place += text.len();
                prop_assert_eq!(marks.all(), &expected[..]);
            }
            let kept = kept.index(expected.len() + 1);
            marks.keep_from(kept);
            prop_assert_eq!(marks.all(), &expected[kept..]);
        }
    }
}
