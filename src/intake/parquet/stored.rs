//! The bytes of a file, of which only those are read that are asked for: of a file on disk as it is, nothing
//! else is ever in memory. What comes through a pipe or is compressed is held as a whole.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::budget::read_whole;
use crate::{Input, TraceError, read_error};

/// The bytes of a file.
#[derive(Debug)]
pub(super) enum Stored {
    /// On disk, with how many there are.
    File(File, usize),
    /// In memory.
    Whole(Vec<u8>),
}

impl Stored {
    /// Opens an input.
    pub(super) fn open(input: &Input) -> Result<Self, TraceError> {
        let failed = |error: io::Error| read_error(&input.name, &error);
        if let Some((file, length)) = input.plain_file().map_err(failed)? {
            return Ok(Self::File(file, length as usize));
        }
        let whole = read_whole(&mut *input.open()?);
        Ok(Self::Whole(whole.map_err(failed)?))
    }

    /// Number of bytes.
    pub(super) const fn length(&self) -> usize {
        match self {
            Self::File(_, length) => *length,
            Self::Whole(bytes) => bytes.len(),
        }
    }

    /// A number of bytes from a place on.
    pub(super) fn range(&self, from: usize, count: usize) -> io::Result<Cow<'_, [u8]>> {
        match self {
            Self::File(file, _) => {
                let mut bytes = vec![0; count];
                file.read_exact_at(&mut bytes, from as u64)?;
                Ok(Cow::Owned(bytes))
            }
            Self::Whole(bytes) => {
                let range = from.checked_add(count).and_then(|end| bytes.get(from..end));
                let range = range.ok_or(io::ErrorKind::UnexpectedEof)?;
                Ok(Cow::Borrowed(range))
            }
        }
    }
}
