//! Temporary files without a name, which are gone with the program.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{TraceError, read_error};

/// Number of temporary files so far, for names of their own.
static FILES: AtomicU64 = AtomicU64::new(0);

/// A temporary file of which the name is gone already.
#[derive(Debug)]
pub struct TemporaryFile {
    /// The file.
    pub file: File,
    /// The name that it had.
    pub path: PathBuf,
}

impl TemporaryFile {
    /// Creates an empty file for records of a kind.
    ///
    /// # Errors
    /// It can't be made.
    pub fn new(records: &str) -> io::Result<Self> {
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let name = format!("windtunnel-{}-{number}.{records}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)?;
        fs::remove_file(&path)?;
        Ok(Self { file, path })
    }

    /// Fills a buffer with the bytes from a place on.
    ///
    /// # Errors
    /// They can't be read, or there are not as many.
    pub fn read(&self, buffer: &mut [u8], from: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, from)
    }

    /// Writes bytes from a place on.
    ///
    /// # Errors
    /// They can't be written.
    pub fn write(&self, bytes: &[u8], from: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, from)
    }

    /// The error that the file can't be read.
    pub fn failed(&self, error: &io::Error) -> TraceError {
        read_error(&self.path.display().to_string(), error)
    }
}
