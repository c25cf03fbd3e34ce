//! A stream, such as standard input, that can be read as often as needed: a short one in memory, a longer one in a
//! temporary file. The file has no name any more when the first byte is written, so that it is gone with the program,
//! however that ends.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use super::BUFFER_BYTES;
use crate::temporary::TemporaryFile;

/// Bytes up to which a stream is held in memory.
const HELD: u64 = 1 << 20;

/// A stream that was read.
#[derive(Debug)]
pub(super) enum Spool {
    /// All of its bytes.
    Held(Vec<u8>),
    /// A temporary file with them.
    OnDisk(Spooled),
}

/// A temporary file without a name.
#[derive(Debug)]
pub(super) struct Spooled {
    file: File,
    pub(super) length: u64,
}

impl Spool {
    /// Reads a stream to its end.
    pub(super) fn read(mut stream: impl Read) -> io::Result<Self> {
        let mut held = Vec::new();
        (&mut stream).take(HELD + 1).read_to_end(&mut held)?;
        if held.len() as u64 <= HELD {
            return Ok(Self::Held(held));
        }
        let mut file = TemporaryFile::new("input")
            .map_err(|error| told(&error))?
            .file;
        file.write_all(&held).map_err(|error| told(&error))?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => file
                    .write_all(&buffer[..count])
                    .map_err(|error| told(&error))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let length = file.metadata()?.len();
        Ok(Self::OnDisk(Spooled { file, length }))
    }
}

/// The error about the temporary file, with its remedy.
fn told(error: &io::Error) -> io::Error {
    let folder = std::env::temp_dir();
    io::Error::other(format!(
        "it can't be kept in a temporary file in {} ({error}); free room there, set TMPDIR to another folder, or \
         name a file",
        folder.display()
    ))
}

impl Spooled {
    /// The bytes from the first on.
    pub(super) fn open(self: &Arc<Self>) -> Box<dyn BufRead + Send> {
        let place = Place {
            spooled: Arc::clone(self),
            next: 0,
        };
        Box::new(BufReader::with_capacity(BUFFER_BYTES, place))
    }

    /// The file, which is read at any place.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

/// A place in the file, of which each reader has its own.
struct Place {
    spooled: Arc<Spooled>,
    next: u64,
}

impl Read for Place {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.spooled.file.read_at(buffer, self.next)?;
        self.next += count as u64;
        Ok(count)
    }
}
