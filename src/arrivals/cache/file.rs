//! The file of a cache: what it is a cache of, then blocks, each compressed and with its hash, then
//! an empty block. It is written under another name and renamed when it is whole.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::block::{self, BLOCK_ARRIVALS, Block, Filling};
use crate::classes::{Broken, Code};
use crate::stream::{Arrival, ArrivalSource};

/// The kind of file and the version of its format.
const MAGIC: &[u8; 8] = b"wtrace 4";
const HASH_BYTES: usize = 16;
/// No block comes near it.
const MAX_BLOCK_BYTES: usize = 1 << 28;
/// Fast to read; the size hardly matters.
const LEVEL: i32 = 1;

fn hash(bytes: &[u8]) -> [u8; HASH_BYTES] {
    let mut short = [0; HASH_BYTES];
    short.copy_from_slice(&blake3::hash(bytes).as_bytes()[..HASH_BYTES]);
    short
}

/// A cache being written.
pub(super) struct CacheWriter {
    /// The file under its other name; `None` once it was renamed.
    partial: Option<PathBuf>,
    path: PathBuf,
    out: BufWriter<File>,
    filling: Filling,
}

impl CacheWriter {
    /// Begins the file.
    pub(super) fn create(path: &Path, header: &[u8]) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let ending = format!("{}-{number}.partial", std::process::id());
        let partial = path.with_extension(ending);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&partial)?;
        let mut writer = Self {
            partial: Some(partial),
            path: path.to_owned(),
            out: BufWriter::new(file),
            filling: Filling::default(),
        };
        writer.out.write_all(MAGIC)?;
        writer.block(header)?;
        Ok(writer)
    }

    /// Adds the arrival that a source delivered last; `None` if it can't be kept.
    pub(super) fn push(&mut self, arrival: &Arrival, source: &dyn ArrivalSource) -> Option<()> {
        self.filling.note(source)?;
        self.filling.push(arrival);
        if self.filling.arrivals == BLOCK_ARRIVALS {
            self.flush()?;
        }
        Some(())
    }

    /// Completes the file of a source that has ended; `None` if it can't be.
    pub(super) fn finish(&mut self, source: &dyn ArrivalSource) -> Option<()> {
        self.filling.note(source)?;
        self.flush()?;
        self.block(&[]).ok()?;
        self.out.flush().ok()?;
        let partial = self.partial.take()?;
        std::fs::rename(&partial, &self.path)
            .or_else(|_| std::fs::remove_file(&partial))
            .ok()
    }

    fn flush(&mut self) -> Option<()> {
        let bytes = self.filling.take()?;
        self.block(&bytes).ok()
    }

    /// Writes a block; an empty one is the last.
    fn block(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return self.out.write_all(&0_u32.to_le_bytes());
        }
        let compressed = zstd::encode_all(bytes, LEVEL)?;
        let length = u32::try_from(compressed.len()).map_err(io::Error::other)?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&hash(&compressed))?;
        self.out.write_all(&compressed)
    }
}

impl Drop for CacheWriter {
    fn drop(&mut self) {
        // The source was not read to its end.
        if let Some(partial) = &self.partial {
            let _ = std::fs::remove_file(partial);
        }
    }
}

/// A cache being read.
pub(super) struct CacheReader {
    stored: BufReader<File>,
    read: u64,
    total: u64,
    ended: bool,
    code: Code,
}

impl CacheReader {
    /// Opens the file if it is a cache of what the header says.
    pub(super) fn open(path: &Path, header: &[u8]) -> Result<Self, Broken> {
        let file = OpenOptions::new().read(true).open(path);
        let file = file.map_err(|_| Broken)?;
        let mut reader = Self {
            total: file.metadata().map_err(|_| Broken)?.len(),
            stored: BufReader::with_capacity(1 << 16, file),
            read: 0,
            ended: false,
            code: Code::default(),
        };
        let magic = reader.bytes(MAGIC.len())?;
        let found = reader.block()?;
        if magic == MAGIC && found.as_deref() == Some(header) {
            Ok(reader)
        } else {
            Err(Broken)
        }
    }

    /// Stored bytes read, and all of them.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.read.min(self.total), self.total)
    }

    /// The next block of arrivals; `None` after the last.
    pub(super) fn next_block(&mut self) -> Result<Option<Block>, Broken> {
        if self.ended {
            return Ok(None);
        }
        let Some(bytes) = self.block()? else {
            self.ended = true;
            return Ok(None);
        };
        block::read(&bytes, &mut self.code).map(Some)
    }

    fn block(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        let mut length = [0; 4];
        length.copy_from_slice(&self.bytes(4)?);
        let length = u32::from_le_bytes(length) as usize;
        if length == 0 {
            return Ok(None);
        }
        let expected = self.bytes(HASH_BYTES)?;
        let compressed = self.bytes(length)?;
        if hash(&compressed)[..] != expected[..] {
            return Err(Broken);
        }
        let bytes = zstd::decode_all(&compressed[..]);
        bytes.map(Some).map_err(|_| Broken)
    }

    fn bytes(&mut self, length: usize) -> Result<Vec<u8>, Broken> {
        if length > MAX_BLOCK_BYTES {
            return Err(Broken);
        }
        let mut bytes = vec![0; length];
        self.stored.read_exact(&mut bytes).map_err(|_| Broken)?;
        self.read += length as u64;
        Ok(bytes)
    }
}
