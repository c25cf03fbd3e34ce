//! Bytes one behind the other in a temporary file. Where no such file can be written, they are in memory.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

use super::AHEAD;
use intake::{TemporaryFile, TraceError};

/// Bytes up to now.
#[derive(Debug)]
pub(crate) struct ByteLog {
    /// The kind of records, as the file is called.
    records: &'static str,
    file: Option<TemporaryFile>,
    /// Whether the file can't be written, so that what comes stays in memory.
    stays: bool,
    /// Bytes in the file.
    written: u64,
    /// Bytes that follow them.
    pending: Vec<u8>,
}

impl ByteLog {
    /// No bytes yet.
    pub(crate) const fn new(records: &'static str) -> Self {
        Self {
            records,
            file: None,
            stays: false,
            written: 0,
            pending: Vec::new(),
        }
    }

    /// The number of bytes.
    pub(crate) const fn end(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    /// Adds the bytes that a function writes to the end of others.
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.pending.len() >= AHEAD && !self.stays {
            self.stays = self.write().is_err();
        }
        write(&mut self.pending);
    }

    /// Writes the bytes that are in memory.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(TemporaryFile::new(self.records)?);
        }
        if let Some(file) = &self.file {
            file.write(&self.pending, self.written)?;
            self.written += self.pending.len() as u64;
            self.pending.clear();
        }
        Ok(())
    }

    /// The bytes of a place, which are those of one record or several, and beyond them as many as are asked for at most.
    pub(crate) fn get(&self, own: Range<u64>, ahead: usize) -> io::Result<Cow<'_, [u8]>> {
        let from = own.start.checked_sub(self.written);
        let end = from.map_or(self.written, |_| self.end());
        let until = own.end.max(end.min(own.start + ahead as u64));
        if let Some(from) = from {
            let until = until - self.written;
            let own = self.pending.get(from as usize..until as usize);
            return own.map(Cow::Borrowed).ok_or_else(unreadable);
        }
        let file = self.file.as_ref().ok_or_else(unreadable)?;
        let mut bytes = vec![0; (until - own.start) as usize];
        file.read(&mut bytes, own.start)?;
        Ok(Cow::Owned(bytes))
    }

    /// The name that the temporary file had; empty if there is none.
    pub(crate) fn path(&self) -> String {
        let path = self.file.as_ref().map(|file| file.path.display());
        path.map_or_else(String::new, |path| path.to_string())
    }

    /// The error that the temporary file can't be read.
    pub(crate) fn failed(&self, error: &io::Error) -> TraceError {
        intake::read_error(&self.path(), error)
    }

    /// Has no more be written, and the bytes of the file be lost.
    #[cfg(test)]
    pub(crate) fn break_file(&mut self, is_lost: bool) {
        self.stays = true;
        if is_lost {
            self.write().expect("a temporary folder");
            let file = self.file.as_ref().expect("written");
            file.file.set_len(0).expect("a temporary folder");
        }
    }
}

/// The failure of bytes that do not come back from the disk as they went there.
#[cold]
pub(super) fn unreadable() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it holds no record there")
}
