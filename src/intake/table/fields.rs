//! The fields of a line: where each ends, and their texts without quotes.
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

use memchr::{memchr, memchr_iter};

use super::piece::Piece;

/// The fields of one line: where each ends, and a comma behind each but the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'text> {
    /// UTF-8 up to the end of the last field.
    pub(super) text: &'text [u8],
    /// Where the first field begins.
    pub(super) start: usize,
    pub(super) ends: &'text [usize],
    /// Whether the text is the line itself, as there is nothing quoted in it.
    pub(super) is_line: bool,
    /// Whether no field has blanks.
    pub(super) is_bare: bool,
}

impl<'text> Fields<'text> {
    /// From the beginning of a field to the end of another, as it stands.
    #[inline(always)]
    pub(super) fn between(&self, first: usize, last: usize) -> Piece<'text> {
        let start = match first {
            0 => self.start,
            _ => self.ends[first - 1] + 1,
        };
        Piece::of(self.text, start, self.ends[last])
    }

    /// A field without blanks around it.
    #[inline(always)]
    pub(super) fn get(&self, position: usize) -> &'text [u8] {
        self.piece(position).bytes()
    }

    /// A field without blanks around it, with the text that follows it.
    #[inline(always)]
    pub(super) fn piece(&self, position: usize) -> Piece<'text> {
        let field = self.between(position, position);
        if self.is_bare {
            return field;
        }
        match field.bytes() {
            [first, .., last] | [first @ last] if !is_visible(*first) || !is_visible(*last) => {
                trimmed(field.bytes())
            }
            _ => field,
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
#[inline(always)]
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

/// A field without the blanks around it, of which there may be some.
fn trimmed(field: &[u8]) -> Piece<'_> {
    let mut own = field.trim_ascii();
    // There are other blanks than those of ASCII.
    if let [first, .., last] | [first @ last] = own
        && !(is_visible(*first) && is_visible(*last))
    {
        own = text(field).trim().as_bytes();
    }
    Piece::of(own, 0, own.len())
}

/// Whether a byte is a character that no blank is part of.
#[inline(always)]
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
    #[inline(always)]
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
    #[inline(always)]
    fn fields_of<'text>(&'text mut self, line: &'text [u8]) -> Fields<'text> {
        self.ends.push(line.len());
        Fields {
            text: line,
            start: 0,
            ends: &self.ends,
            is_line: true,
            is_bare: false,
        }
    }

    fn split_with_care<'text>(
        &'text mut self,
        line: &'text [u8],
    ) -> Result<Fields<'text>, Malformed> {
        let text = match str::from_utf8(line) {
            Ok(text) => text,
            Err(wrong) => {
                let good = &line[..wrong.valid_up_to()];
                return Err(Malformed {
                    rule: "must be UTF-8 text; convert the file (`iconv -f latin1 -t utf-8`)",
                    found: memchr_iter(self.separator, good).count(),
                    value: String::from_utf8_lossy(line).into_owned(),
                });
            }
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
            start: 0,
            ends: &self.ends,
            is_line: false,
            is_bare: false,
        };
        if is_closed {
            return Ok(fields);
        }
        Err(Malformed {
            rule: "must close its quotes on the same line",
            // The last one is the field that is open.
            found: fields.ends.len() - 1,
            value: fields.joined(),
        })
    }

    /// Takes a line apart that has quotes; whether they are closed. As RFC 4180 has it, they stand around a whole
    /// field: a quote within one is a character of it.
    fn unquote(&mut self, line: &str) -> bool {
        self.unquoted.clear();
        let mut place = Place::Start;
        for char in line.chars() {
            place = match (place, char) {
                (Place::Start, '"') => Place::Quoted,
                (Place::Quoted, '"') => Place::Closed,
                (Place::Closed, '"') => {
                    self.unquoted.push('"');
                    Place::Quoted
                }
                (Place::Quoted, char) => {
                    self.unquoted.push(char);
                    Place::Quoted
                }
                (_, char) if char == char::from(self.separator) => {
                    self.ends.push(self.unquoted.len());
                    self.unquoted.push(char);
                    Place::Start
                }
                (_, char) => {
                    self.unquoted.push(char);
                    Place::Bare
                }
            };
        }
        self.ends.push(self.unquoted.len());
        place != Place::Quoted
    }
}

/// A place in a line with quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The beginning of a field.
    Start,
    /// Within quotes.
    Quoted,
    /// Behind a quote that closes, unless it is the first of two.
    Closed,
    /// Outside of quotes.
    Bare,
}
