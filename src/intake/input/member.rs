//! Files within an archive, as inputs of their own: held in memory, or read where they stand, as a stream.

use std::io::{self, BufRead, BufReader, Read as _};
use std::sync::Arc;

use super::{BUFFER_BYTES, Input, Origin, PIPE_FROM_BYTES, peek, zip};
use crate::error::{TraceError, read_error};
use crate::pipe::Pipe;

/// A file within another, which is read as a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) archive: Input,
    place: Place,
    pub(super) size: u64,
}

/// The place of a file within another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The byte of the text that it begins at.
    From(u64),
    /// The number of files before it in a ZIP archive.
    Behind(usize),
}

impl Input {
    /// A file of an archive, from a byte of its text on.
    pub fn member(&self, path: &str, from: u64, size: u64) -> Self {
        self.within(path, Place::From(from), size)
    }

    fn within(&self, path: &str, place: Place, size: u64) -> Self {
        let archive = self.clone();
        Self {
            name: format!("{}: {path}", self.name).into(),
            origin: Origin::Member(Arc::new(Member {
                archive,
                place,
                size,
            })),
            is_cut: self.is_cut,
        }
    }

    /// Returns whether the input is a file of an archive that is read as a stream.
    pub fn is_within_stream(&self) -> bool {
        matches!(self.origin, Origin::Member(_))
    }

    /// The files of a ZIP archive that has several, held in memory as long as there is room; `None` of anything else.
    ///
    /// # Errors
    /// It can't be read, or is damaged.
    pub fn zipped(&self, room: &mut u64) -> Result<Option<Vec<Self>>, TraceError> {
        if matches!(self.origin, Origin::Once(_)) {
            return Ok(None);
        }
        self.zipped_files(room)
            .map_err(|error| read_error(&self.name, &error))
    }

    fn zipped_files(&self, room: &mut u64) -> io::Result<Option<Vec<Self>>> {
        let (stored, _) = self.open_stored()?;
        let (first, stored) = peek::<4>(stored)?;
        if first != zip::MAGIC {
            return Ok(None);
        }
        let (mut files, mut held) = (Vec::new(), *room);
        let listed = zip::each_file(stored, &mut |path, content| {
            let mut bytes = Vec::new();
            match content.take(held.saturating_add(1)).read_to_end(&mut bytes) {
                // What came before the cut is delivered.
                Err(error) if self.ends_early(&error) => {}
                read => drop(read?),
            }
            let length = bytes.len() as u64;
            if let Some(rest) = held.checked_sub(length) {
                held = rest;
                let name = format!("{}: {path}", self.name);
                files.push(Self {
                    is_cut: self.is_cut,
                    ..Self::bytes(&name, bytes)
                });
                return Ok(());
            }
            drop(bytes);
            let size = length + io::copy(content, &mut io::sink())?;
            files.push(self.within(path, Place::Behind(files.len()), size));
            Ok(())
        });
        match listed {
            Err(error) if self.ends_early(&error) => {}
            listed => listed?,
        }
        if files.len() < 2 {
            return Ok(None);
        }
        *room = held;
        Ok(Some(files))
    }
}

impl Member {
    /// The bytes as they are stored in the archive, which is unpacked in a thread of its own.
    pub(super) fn open(&self) -> io::Result<Box<dyn BufRead + Send>> {
        let mut text: Box<dyn BufRead + Send> = match self.place {
            Place::From(_) => self.archive.open().map_err(io::Error::other)?,
            Place::Behind(others) => {
                let (stored, _) = self.archive.open_stored()?;
                Box::new(BufReader::with_capacity(
                    BUFFER_BYTES,
                    zip::File::behind(stored, others),
                ))
            }
        };
        if self.size >= PIPE_FROM_BYTES {
            text = Box::new(Pipe::new(text)?);
        }
        if let Place::From(from) = self.place {
            let before = io::copy(&mut { &mut text }.take(from), &mut io::sink())?;
            if before < from {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Box::new(text.take(self.size)))
    }
}
