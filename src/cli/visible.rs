//! Text on its way to a terminal: names and values come from files of others, and a mark in them
//! that moves the cursor or turns the direction of writing would make a line read as another one.
//! Such marks are shown by their numbers (`\u202e`), as JSON writes them. Colours stay.

use std::io::{self, Write};

/// A writer that shows marks by their numbers.
pub(super) struct Visible<W> {
    out: W,
    /// The beginning of a character or a sequence that goes on in the next bytes.
    kept: Vec<u8>,
}

impl<W: Write> Visible<W> {
    /// A writer on top of another one.
    pub(super) const fn new(out: W) -> Self {
        Self {
            out,
            kept: Vec::new(),
        }
    }

    /// Writes what is kept: no more comes.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let kept = std::mem::take(&mut self.kept);
        let mut shown = Vec::new();
        push_shown(&String::from_utf8_lossy(&kept), &mut shown, true);
        self.out.write_all(&shown)?;
        self.out.flush()
    }
}

impl<W: Write> Write for Visible<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.kept.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.kept) {
            Ok(text) => text.len(),
            // Bytes that are no text at all are none of ours; a cut character goes on.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => self.kept.len(),
        };
        let text = String::from_utf8_lossy(&self.kept[..whole]).into_owned();
        let mut shown = Vec::with_capacity(text.len());
        let rest = push_shown(&text, &mut shown, false);
        self.kept.drain(..whole - rest);
        self.out.write_all(&shown)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The text with marks shown by their numbers.
pub(super) fn visible(text: &str) -> String {
    let mut shown = Vec::with_capacity(text.len());
    push_shown(text, &mut shown, true);
    String::from_utf8_lossy(&shown).into_owned()
}

/// Adds a text with marks shown by their numbers; returns how many bytes at its end are the
/// beginning of a colour and wait for the rest.
fn push_shown(text: &str, shown: &mut Vec<u8>, is_last: bool) -> usize {
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = match colour(rest) {
            Colour::Whole(length) => length,
            Colour::Cut if !is_last => return rest.len(),
            Colour::Cut | Colour::None if is_mark(next) => {
                shown.extend_from_slice(format!("\\u{:04x}", u32::from(next)).as_bytes());
                rest = &rest[next.len_utf8()..];
                continue;
            }
            Colour::Cut | Colour::None => next.len_utf8(),
        };
        shown.extend_from_slice(&rest.as_bytes()[..length]);
        rest = &rest[length..];
    }
    0
}

/// A sequence that sets a colour at the beginning of a text.
enum Colour {
    None,
    /// The text ends before the sequence does.
    Cut,
    /// The sequence has so many bytes.
    Whole(usize),
}

fn colour(text: &str) -> Colour {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&0x1b) {
        return Colour::None;
    }
    if bytes.len() < 2 {
        return Colour::Cut;
    }
    if bytes[1] != b'[' {
        return Colour::None;
    }
    let is_parameter = |byte: &&u8| byte.is_ascii_digit() || **byte == b';';
    let parameters = bytes[2..].iter().take_while(is_parameter).count();
    match bytes.get(2 + parameters) {
        None => Colour::Cut,
        Some(b'm') => Colour::Whole(parameters + 3),
        Some(_) => Colour::None,
    }
}

/// Whether a character controls the terminal or the direction of writing, or ends a line or a paragraph.
const fn is_mark(character: char) -> bool {
    matches!(character,
        '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{61c}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_shown_and_colours_stay() {
        for (text, expected) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("a\u{202e}b", "a\\u202eb"),
            ("a\u{2028}::b", "a\\u2028::b"),
            ("\u{1b}[2Jgone", "\\u001b[2Jgone"),
            ("\u{1b}[1;31mred\u{1b}[0m", "\u{1b}[1;31mred\u{1b}[0m"),
            ("bell\u{7}\r", "bell\\u0007\\u000d"),
            ("–é", "–é"),
        ] {
            assert_eq!(visible(text), expected);
            // However the text is cut into writes.
            for cut in 0..=text.len() {
                let mut out = Vec::new();
                let mut writer = Visible::new(&mut out);
                for part in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                    writer.write_all(part).expect("memory");
                }
                writer.finish().expect("memory");
                assert_eq!(String::from_utf8(out).expect("text"), expected, "{cut}");
            }
        }
    }
}
