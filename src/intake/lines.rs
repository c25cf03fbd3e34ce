//! Lines of a text out of one buffer that is used again and again: a line is a slice of it, so
//! nothing is copied or allocated per line.
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::memchr;

use super::error::{TraceError, read_error};
use super::scan::{Marked, Marks, first_line};

/// The longest line that a reader accepts, in bytes; no trace row comes near it.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// The buffer at first: large enough that its filling costs nothing per line, small enough to stay
/// in the second-level cache.
const BUFFER_BYTES: usize = 1 << 17;

/// Bytes whose marks are found at once: so few that the marks stay in the first-level cache.
const MARKED_BYTES: usize = 1 << 13;

/// Lines of a text, counted from 1, with either end of line.
pub struct Lines {
    reader: Box<dyn BufRead + Send>,
    name: Arc<str>,
    number: u64,
    buffer: Vec<u8>,
    /// Part of the buffer that is read but not yet delivered.
    pending: Range<usize>,
    read: Arc<AtomicU64>,
    total: u64,
    /// Whether the text may end within a line or a compressed block, which is left out.
    is_cut: bool,
    /// The last line, if it has no end.
    open_end: Option<u64>,
    /// The marks of the buffer up to a place of it, and the next one.
    marks: Marks,
    marked: usize,
    mark: usize,
    /// Where the plain line begins that was found last, and the first of its marks.
    plain: (usize, usize),
}

impl Lines {
    /// The lines of a text; stored bytes read so far are counted in `read` of a total.
    pub fn new(
        reader: Box<dyn BufRead + Send>,
        name: Arc<str>,
        read: Arc<AtomicU64>,
        total: u64,
    ) -> Self {
        Self {
            reader,
            name,
            number: 0,
            buffer: Vec::new(),
            pending: 0..0,
            read,
            total,
            marks: Marks::default(),
            marked: 0,
            mark: 0,
            plain: (0, 0),
            is_cut: false,
            open_end: None,
        }
    }

    /// The last line, once it was read, if it has no end of line: a file that is cut off may end within it.
    pub fn open_end(&self) -> Option<u64> {
        self.open_end
    }

    /// The lines of a text that may be cut off: those with an end of line.
    pub(super) fn cut_off(self) -> Self {
        Self {
            is_cut: true,
            ..self
        }
    }

    /// Has other bytes be marks of plain lines from the next line on.
    pub fn mark(&mut self, marked: Marked) {
        self.marks.mark(marked);
        (self.marked, self.mark) = (self.pending.start, 0);
    }

    /// The bytes that are marks of plain lines.
    #[inline(always)]
    pub const fn marked(&self) -> Marked {
        self.marks.marked()
    }

    /// Stored bytes read so far, and all of them.
    pub fn progress(&self) -> (u64, u64) {
        (
            self.read.load(Ordering::Relaxed).min(self.total),
            self.total,
        )
    }

    /// Name of the file in messages.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The next line with its number, without its end; `None` after the last.
    pub fn next_line(&mut self) -> Result<Option<(u64, &[u8])>, TraceError> {
        let found = self.next_place()?;
        Ok(found.map(|(number, place)| (number, self.at(place))))
    }

    /// The number of the last line, all that is read, and the place in it of what follows that line.
    #[inline]
    pub fn pending(&self) -> (u64, &[u8], usize) {
        let Range { start, end } = self.pending;
        (self.number, &self.buffer[..end], start)
    }

    /// Passes over the next line, behind which the one after it begins at this place.
    #[inline]
    pub fn pass(&mut self, next: usize) {
        self.number += 1;
        self.pending.start = next;
    }

    /// Place of the next line, until the one after it is asked for.
    pub fn next_place(&mut self) -> Result<Option<(u64, Range<usize>)>, TraceError> {
        let mut searched = 0;
        let length = loop {
            let pending = &self.buffer[self.pending.clone()];
            if let Some(at) = memchr(b'\n', &pending[searched..]) {
                break searched + at + 1;
            }
            searched = pending.len();
            if searched > MAX_LINE_BYTES || !self.fill()? {
                break searched;
            }
        };
        let start = self.pending.start;
        let is_whole = self.buffer[start..start + length].ends_with(b"\n");
        if length == 0 || self.is_cut && !is_whole && length <= MAX_LINE_BYTES {
            return Ok(None);
        }
        self.number += 1;
        if !is_whole {
            self.open_end = Some(self.number);
        }
        if length > MAX_LINE_BYTES {
            return Err(TraceError::Format {
                file: self.name.to_string(),
                reason: format!(
                    "line {} is longer than {MAX_LINE_BYTES} bytes; this is not a trace of rows",
                    self.number
                ),
            });
        }
        self.pending.start += length;
        let mut line = &self.buffer[start..start + length];
        line = line.strip_suffix(b"\n").unwrap_or(line);
        line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Some((self.number, start..start + line.len())))
    }

    /// The next line, looked through: where it is, with where its commas stand, and whether it is
    /// ASCII without quotes.
    #[inline]
    pub fn next_scanned(
        &mut self,
        commas: &mut Vec<usize>,
    ) -> Result<Option<(u64, Range<usize>, bool)>, TraceError> {
        commas.clear();
        let pending = &self.buffer[self.pending.clone()];
        let scanned = first_line(pending, commas);
        if let Some(end) = scanned.end.filter(|&end| end < MAX_LINE_BYTES) {
            let start = self.pending.start;
            let has_return = end > 0 && pending[end - 1] == b'\r';
            let place = start..start + end - usize::from(has_return);
            self.number += 1;
            self.pending.start += end + 1;
            return Ok(Some((self.number, place, scanned.is_plain)));
        }
        // It goes on behind what is read, or is the last.
        let Some((number, place)) = self.next_place()? else {
            return Ok(None);
        };
        commas.clear();
        let scanned = first_line(self.at(place.clone()), commas);
        Ok(Some((number, place, scanned.is_plain)))
    }

    /// The number of the next line, if it has this number of fields in ASCII with a separator between them, without
    /// quotes and (unless separators are marked exactly) other blanks and commas, and if all of it was read already;
    /// else it is still the next.
    #[inline(always)]
    pub fn next_plain(&mut self, fields: usize, separator: u8) -> Option<u64> {
        let start = self.pending.start;
        let marks = loop {
            let marks = &self.marks.all()[self.mark..];
            if marks.first().is_some_and(|&mark| mark < start) {
                self.mark += 1;
                continue;
            }
            // One more where the end of a line has two characters.
            if marks.len() > fields {
                break marks;
            }
            if !self.find_marks() {
                return None;
            }
        };
        let (separators, last) = marks.split_at(fields - 1);
        let (end, next) = (last[0], last[1]);
        #[expect(
            clippy::needless_bitwise_bool,
            reason = "a branch at each field costs more than all comparisons"
        )]
        let is_separator = |all, &at: &usize| all & (self.buffer[at] == separator);
        let has_return = self.buffer[end] == b'\r' && next == end + 1;
        let feed = end + usize::from(has_return);
        let is_plain = { separators.iter() }.fold(self.buffer[feed] == b'\n', is_separator)
            && end > start
            && feed - start < MAX_LINE_BYTES;
        if !is_plain {
            return None;
        }
        self.plain = (start, self.mark);
        self.mark += fields + usize::from(has_return);
        self.pending.start = feed + 1;
        self.number += 1;
        Some(self.number)
    }

    /// The buffer, where the line begins that [`Self::next_plain`] found last, and where its fields end.
    #[inline(always)]
    pub fn plain(&self, fields: usize) -> (&[u8], usize, &[usize]) {
        let (start, first) = self.plain;
        (
            &self.buffer,
            start,
            &self.marks.all()[first..first + fields],
        )
    }

    /// Makes the line that [`Self::next_plain`] found last the next one again.
    #[cold]
    pub fn put_back(&mut self) {
        (self.pending.start, self.mark) = self.plain;
        self.number -= 1;
    }

    /// Finds more marks of what is read; whether there was more.
    fn find_marks(&mut self) -> bool {
        let from = self.marked.max(self.pending.start);
        let until = self.pending.end.min(from + MARKED_BYTES);
        if from == until {
            return false;
        }
        self.marks.keep_from(self.mark);
        self.mark = 0;
        self.marks.add(&self.buffer[from..until], from);
        self.marked = until;
        true
    }

    /// Content of a place reported last.
    #[inline]
    pub fn at(&self, place: Range<usize>) -> &[u8] {
        &self.buffer[place]
    }

    /// Reads more behind what is pending; whether there was more.
    fn fill(&mut self) -> Result<bool, TraceError> {
        self.buffer.copy_within(self.pending.clone(), 0);
        self.pending = 0..self.pending.len();
        self.marks.clear();
        (self.marked, self.mark) = (0, 0);
        if self.pending.end == self.buffer.len() {
            let length = (2 * self.buffer.len()).max(BUFFER_BYTES);
            self.buffer.resize(length, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.pending.end..]) {
                Ok(length) => {
                    self.pending.end += length;
                    return Ok(length > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.is_cut && error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(false);
                }
                Err(error) => return Err(read_error(&self.name, &error)),
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Input;

    /// Every line with its number.
    pub(crate) fn lines(input: &Input) -> Result<Vec<(u64, String)>, TraceError> {
        let mut lines = input.lines()?;
        let mut all = Vec::new();
        while let Some((number, line)) = lines.next_line()? {
            all.push((number, String::from_utf8_lossy(line).into_owned()));
        }
        Ok(all)
    }

    #[test]
    fn endless_lines_are_refused() {
        let input = Input::bytes("memory", vec![b'x'; MAX_LINE_BYTES + 10]);
        let message = lines(&input).expect_err("a long line").to_string();
        assert_eq!(
            message,
            "memory: line 1 is longer than 1048576 bytes; this is not a trace of rows"
        );
    }

    #[test]
    fn lines_longer_than_the_buffer_are_whole() {
        let long = "y".repeat(3 * BUFFER_BYTES);
        let text = format!("x\n{long}\r\n\n{long}");
        let input = Input::bytes("memory", text.into_bytes());
        let expected = [(1, "x"), (2, &long), (3, ""), (4, &long)];
        let expected = expected.map(|(number, line)| (number, line.to_owned()));
        assert_eq!(lines(&input), Ok(expected.to_vec()));
        let most = "z".repeat(MAX_LINE_BYTES - 1);
        let input = Input::bytes("memory", format!("{most}\n").into_bytes());
        assert_eq!(lines(&input), Ok(vec![(1, most)]));
    }
}
