//! Lines of a text out of one buffer that is used again and again: a line is a slice of it, so
//! nothing is copied or allocated per line.

use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::memchr;

use super::error::{TraceError, read_error};

/// The longest line that a reader accepts, in bytes; no trace row comes near it.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// The buffer at first: large enough that its filling costs nothing per line, small enough to stay
/// in the second-level cache.
const BUFFER_BYTES: usize = 1 << 17;

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

    /// Content of a place reported last.
    #[inline]
    pub fn at(&self, place: Range<usize>) -> &[u8] {
        &self.buffer[place]
    }

    /// What is read from a place reported last on.
    #[inline]
    pub(crate) fn from(&self, start: usize) -> &[u8] {
        &self.buffer[start..self.pending.end]
    }

    /// Reads more behind what is pending; whether there was more.
    fn fill(&mut self) -> Result<bool, TraceError> {
        self.buffer.copy_within(self.pending.clone(), 0);
        self.pending = 0..self.pending.len();
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
