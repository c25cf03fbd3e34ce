//! The bytes of a database, on disk or in memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::budget::read_whole;
use crate::{Input, TraceError, read_error};

/// The bytes of a database.
pub(super) struct Pages {
    pub(super) length: u64,
    stored: Stored,
}

enum Stored {
    OnDisk(File),
    Held(Vec<u8>),
}

impl Pages {
    /// The bytes of a file as it is, or of a copy of what is compressed, embedded or streamed.
    ///
    /// # Errors
    /// The file can't be read.
    pub(super) fn open(input: &Input) -> Result<Self, TraceError> {
        let wrong = |error| read_error(&input.name, &error);
        if let Some(found) = input.plain_file().map_err(wrong)? {
            return Ok(Self::of_file(found.0, found.1));
        }
        // A stream can be read once; where there is no room for a temporary file, its error tells so.
        let copy = Input::spooled(&input.name, input.open()?)?;
        if let Some(found) = copy.plain_file().map_err(wrong)? {
            return Ok(Self::of_file(found.0, found.1));
        }
        let bytes = read_whole(&mut *copy.open()?).map_err(wrong)?;
        Ok(Self {
            length: bytes.len() as u64,
            stored: Stored::Held(bytes),
        })
    }

    fn of_file(file: File, length: u64) -> Self {
        Self {
            length,
            stored: Stored::OnDisk(file),
        }
    }

    /// So many bytes from a place on; `None` if there are not as many.
    pub(super) fn read(&self, from: u64, length: usize) -> io::Result<Option<Vec<u8>>> {
        let end = from.checked_add(length as u64);
        let Some(end) = end.filter(|&end| end <= self.length) else {
            return Ok(None);
        };
        match &self.stored {
            Stored::OnDisk(file) => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, from)?;
                Ok(Some(bytes))
            }
            Stored::Held(bytes) => {
                let found = bytes.get(from as usize..end as usize);
                Ok(found.map(<[u8]>::to_vec))
            }
        }
    }
}
