//! The fields of a line: where each ends, and their texts without quotes.

use memchr::{memchr, memchr_iter};

/// The fields of one line: where each ends, and a comma behind each but the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'text> {
    /// UTF-8.
    pub(super) text: &'text [u8],
    pub(super) ends: &'text [usize],
    /// Whether the text is the line itself, as there is nothing quoted in it.
    pub(super) is_line: bool,
}

impl<'text> Fields<'text> {
    /// From the beginning of a field to the end of another, as it stands.
    #[inline]
    pub(super) fn between(&self, first: usize, last: usize) -> &'text [u8] {
        let start = match first {
            0 => 0,
            _ => self.ends[first - 1] + 1,
        };
        &self.text[start..self.ends[last]]
    }

    /// A field without blanks around it.
    #[inline]
    pub(super) fn get(&self, position: usize) -> &'text [u8] {
        let field = self.between(position, position);
        match field {
            [] => field,
            [first, .., last] | [first @ last] if is_visible(*first) && is_visible(*last) => field,
            _ => text(field).trim().as_bytes(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'text [u8]> {
        (0..self.ends.len()).map(|position| self.get(position))
    }

    pub(super) fn joined(&self) -> String {
        self.iter().map(text).collect::<Vec<_>>().join(",")
    }
}

/// The text of a field: lines were found to be UTF-8, and commas part no character.
pub(super) fn text(field: &[u8]) -> &str {
    str::from_utf8(field).unwrap_or_default()
}

/// A line that can't be taken apart.
pub(super) struct Malformed {
    /// Rule that the value must meet.
    pub(super) rule: &'static str,
    /// Number of fields found in the row up to there.
    pub(super) found: usize,
    /// The fields.
    pub(super) value: String,
}

/// Whether a byte is a character that no blank is part of.
#[inline]
fn is_visible(byte: u8) -> bool {
    (b'!'..0x7f).contains(&byte)
}

/// Takes lines apart; its memory is used again for the next.
#[derive(Debug)]
pub(super) struct Splitter {
    /// The byte between two fields.
    pub(super) separator: u8,
    /// The text of a line with quotes, without them.
    unquoted: String,
    /// The commas of the line; then where its fields end.
    pub(super) ends: Vec<usize>,
}

impl Splitter {
    /// A splitter of fields with this byte between them.
    pub(super) fn new(separator: u8) -> Self {
        Self {
            separator,
            unquoted: String::new(),
            ends: Vec::new(),
        }
    }

    /// Takes a line apart whose commas are known, and whether it is ASCII without quotes.
    #[inline]
    pub(super) fn split<'text>(
        &'text mut self,
        line: &'text [u8],
        is_plain: bool,
    ) -> Result<Fields<'text>, Malformed> {
        if is_plain && self.separator == b',' {
            return Ok(self.fields_of(line));
        }
        self.split_with_care(line)
    }

    /// The fields of a line of which all ends but the last are known.
    #[inline]
    fn fields_of<'text>(&'text mut self, line: &'text [u8]) -> Fields<'text> {
        self.ends.push(line.len());
        Fields {
            text: line,
            ends: &self.ends,
            is_line: true,
        }
    }

    fn split_with_care<'text>(
        &'text mut self,
        line: &'text [u8],
    ) -> Result<Fields<'text>, Malformed> {
        let Ok(text) = str::from_utf8(line) else {
            return Err(Malformed {
                rule: "must be UTF-8 text",
                found: 0,
                value: String::new(),
            });
        };
        if memchr(b'"', line).is_none() {
            if self.separator != b',' {
                self.ends.clear();
                self.ends.extend(memchr_iter(self.separator, line));
            }
            return Ok(self.fields_of(line));
        }
        self.ends.clear();
        let is_closed = self.unquote(text);
        let fields = Fields {
            text: self.unquoted.as_bytes(),
            ends: &self.ends,
            is_line: false,
        };
        if is_closed {
            return Ok(fields);
        }
        Err(Malformed {
            rule: "must close its quotes on the same line",
            found: fields.ends.len(),
            value: fields.joined(),
        })
    }

    /// Takes a line apart that has quotes; whether they are closed.
    fn unquote(&mut self, line: &str) -> bool {
        self.unquoted.clear();
        let mut quoted = false;
        let mut rest = line.chars().peekable();
        while let Some(char) = rest.next() {
            match (char, quoted) {
                ('"', true) if rest.peek() == Some(&'"') => {
                    rest.next();
                    self.unquoted.push('"');
                }
                ('"', _) => quoted = !quoted,
                (char, false) if char == char::from(self.separator) => {
                    self.ends.push(self.unquoted.len());
                    self.unquoted.push(char);
                }
                (char, _) => self.unquoted.push(char),
            }
        }
        self.ends.push(self.unquoted.len());
        !quoted
    }
}
