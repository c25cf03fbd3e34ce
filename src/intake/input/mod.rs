//! Opening what a trace is read from: a file, bytes embedded in the program, or standard input.
//! The compression is recognised by content (gzip with any number of members, zstd with any number
//! of frames, xz with any number of streams, a ZIP archive, or none), never by name. Everything is streamed; the standard input of traces
//! is kept in a temporary file if it is long, so that it can be read again.

mod cut_file;
pub mod encoding;
mod gzip;
mod member;
mod once;
#[cfg(test)]
pub(crate) mod packed;
mod spool;
mod zip;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use lzma_rust2::XzReader;

use crate::budget::{Counted, Expanding, check_compression, check_kind, read_whole};
use crate::error::{TraceError, read_error};
use crate::lines::Lines;
use crate::pipe::Pipe;
use encoding::{check_beginning, check_lines};
use gzip::Members;
use member::Member;
use once::Once;
use spool::{Spool, Spooled};

/// Bytes read from the system at once.
const BUFFER_BYTES: usize = 1 << 16;
/// Compressed files from this size on are decompressed in a thread of their own; a smaller one is
/// through before that pays.
const PIPE_FROM_BYTES: u64 = 1 << 18;
/// Bytes that formats are recognised by.
const SNIFF_BYTES: usize = 8_192;
/// Bytes by which a file is told that is not what it should be.
const BEGINNING: usize = 40;
/// Bytes that compressions are recognised by.
const MAGIC_BYTES: usize = 6;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const XZ_MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Something that can be read from its beginning as often as needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Name in messages: the path as the user wrote it, or the name of bundled bytes.
    pub name: Arc<str>,
    origin: Origin,
    /// Whether it may be cut off.
    is_cut: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    Path(PathBuf),
    Bytes(Arc<[u8]>),
    Once(Arc<Once>),
    Spooled(Kept),
    Member(Arc<Member>),
}

/// A stream in a temporary file: equal to itself alone.
#[derive(Clone, Debug)]
struct Kept(Arc<Spooled>);

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Kept {}

impl Input {
    /// A file; nothing is opened yet.
    pub fn path(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        Self {
            name: path.to_string_lossy().into(),
            origin: Origin::Path(path.to_owned()),
            is_cut: false,
        }
    }

    /// Bytes in memory, compressed or not.
    pub fn bytes(name: &str, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self {
            name: name.into(),
            origin: Origin::Bytes(bytes.into()),
            is_cut: false,
        }
    }

    /// Opens a command-line argument: a path, or `-` for standard input, which is read completely.
    ///
    /// # Errors
    /// As [`Self::spooled`].
    pub fn argument(text: &str) -> Result<Self, TraceError> {
        if text != "-" {
            return Ok(Self::path(text));
        }
        Self::spooled("standard input", io::stdin().lock())
    }

    /// A stream that is read to its end and can then be read as often as needed: from memory, or from a temporary
    /// file if it is longer than a mebibyte, so that memory does not grow with it.
    ///
    /// # Errors
    /// It can't be read, or the temporary file can't be written.
    pub fn spooled(name: &str, stream: impl Read) -> Result<Self, TraceError> {
        let spool = Spool::read(stream).map_err(|error| read_error(name, &error))?;
        Ok(match spool {
            Spool::Held(bytes) => Self::bytes(name, bytes),
            Spool::OnDisk(spooled) => Self {
                name: name.into(),
                origin: Origin::Spooled(Kept(Arc::new(spooled))),
                is_cut: false,
            },
        })
    }

    /// Opens a command-line argument: a path, or `-` for standard input, which is streamed once and
    /// never held as a whole.
    pub fn streamed(text: &str) -> Result<Self, TraceError> {
        if text != "-" {
            return Ok(Self::path(text));
        }
        Self::once("standard input", io::stdin())
    }

    /// A stream, which is read once and never held as a whole.
    ///
    /// # Errors
    /// Its beginning can't be read.
    pub fn once(name: &str, stream: impl Read + Send + 'static) -> Result<Self, TraceError> {
        let once = Once::begin(stream).map_err(|error| read_error(name, &error))?;
        Ok(Self {
            name: name.into(),
            origin: Origin::Once(Arc::new(once)),
            is_cut: false,
        })
    }

    /// The files of manifests that a command line names: a file, `-`, or a folder, in which every
    /// file called `.json`, `.yaml` or `.yml` counts (compressed or not), in order of path. Also
    /// how many other files the folder has.
    pub fn manifests(text: &str) -> Result<(Vec<Self>, u64), TraceError> {
        let path = Path::new(text);
        if text == "-" || !path.is_dir() {
            return Ok((vec![Self::streamed(text)?], 0));
        }
        let (mut found, mut others) = (Vec::new(), 0);
        let mut folders = vec![path.to_owned()];
        while let Some(folder) = folders.pop() {
            let wrong = |error: &io::Error| read_error(&folder.to_string_lossy(), error);
            for entry in std::fs::read_dir(&folder).map_err(|error| wrong(&error))? {
                let entry = entry.map_err(|error| wrong(&error))?;
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if is_manifest_name(&path) {
                    found.push(path);
                } else {
                    others += 1;
                }
            }
        }
        if found.is_empty() {
            return Err(TraceError::Io {
                file: text.to_owned(),
                reason: "the folder has no file called .json, .yaml or .yml; name the folder that \
                         `kubectl cluster-info dump --output-directory` wrote, or the files"
                    .to_owned(),
            });
        }
        found.sort();
        Ok((found.iter().map(Self::path).collect(), others))
    }

    /// The files of a folder and of those in it that are not hidden; `None` of anything but a folder. A link to a
    /// folder is followed no further.
    pub fn files(&self) -> Result<Option<Vec<Self>>, TraceError> {
        let Origin::Path(folder) = &self.origin else {
            return Ok(None);
        };
        if !folder.is_dir() {
            return Ok(None);
        }
        let wrong = |error: io::Error| read_error(&self.name, &error);
        let mut files = Vec::new();
        let mut folders = vec![folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).map_err(wrong)? {
                let entry = entry.map_err(wrong)?;
                if entry.file_name().as_encoded_bytes().starts_with(b".") {
                    continue;
                }
                if entry.file_type().map_err(wrong)?.is_dir() {
                    folders.push(entry.path());
                } else if entry.path().is_file() {
                    files.push(Self {
                        is_cut: self.is_cut,
                        ..Self::path(entry.path())
                    });
                }
            }
        }
        Ok(Some(files))
    }

    /// The text from its beginning: decompressed, without a byte order mark.
    pub fn open(&self) -> Result<Box<dyn BufRead + Send>, TraceError> {
        self.open_stored()
            .and_then(|(stored, _)| self.plain(stored))
            .map_err(|error| read_error(&self.name, &error))
    }

    /// The text of stored bytes, unless they are compressed in a way that is not read.
    fn plain(&self, stored: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
        let (first, stored) = peek::<MAGIC_BYTES>(stored)?;
        check_compression(&self.name, &first)?;
        match plain(stored) {
            Err(error) if self.ends_early(&error) => Ok(Box::new(io::empty())),
            opened => opened,
        }
    }

    /// The text from its beginning as lines.
    pub fn lines(&self) -> Result<Lines, TraceError> {
        let wrong = |error: io::Error| read_error(&self.name, &error);
        let (stored, total) = self.open_stored().map_err(wrong)?;
        let read = Arc::new(AtomicU64::new(0));
        let counted = Counted::new(stored, read.clone());
        let counted = BufReader::with_capacity(BUFFER_BYTES, counted);
        let (magic, counted) = peek::<4>(Box::new(counted)).map_err(wrong)?;
        let mut reader = self.plain(counted).map_err(wrong)?;
        if is_magic(&magic) && (PIPE_FROM_BYTES..u64::MAX).contains(&total) {
            reader = Box::new(Pipe::new(reader).map_err(wrong)?);
        }
        check_lines(reader.fill_buf().map_err(wrong)?).map_err(wrong)?;
        let lines = Lines::new(reader, self.name.clone(), read, total);
        Ok(if self.is_cut { lines.cut_off() } else { lines })
    }

    /// The first bytes of the text, for recognising a format; fewer if the text is shorter.
    pub fn first_bytes(&self) -> Result<Vec<u8>, TraceError> {
        if let Origin::Once(once) = &self.origin {
            return Ok(first_of(&once.head));
        }
        let mut first = Vec::with_capacity(SNIFF_BYTES);
        let done = self
            .open()?
            .take(SNIFF_BYTES as u64)
            .read_to_end(&mut first);
        match done {
            // What came before the cut is delivered.
            Err(error) if self.ends_early(&error) => {}
            Err(error) => return Err(read_error(&self.name, &error)),
            Ok(_) => {}
        }
        Ok(first)
    }

    /// The whole text in memory.
    pub fn read_to_string(&self) -> Result<String, TraceError> {
        let bytes =
            read_whole(&mut *self.open()?).map_err(|error| read_error(&self.name, &error))?;
        String::from_utf8(bytes).map_err(|error| TraceError::Format {
            file: self.name.to_string(),
            reason: format!(
                "byte {} is not UTF-8 text; convert the file to UTF-8",
                error.utf8_error().valid_up_to() + 1
            ),
        })
    }

    /// The BLAKE3 hash of the bytes as they are stored (compressed if they are), in hexadecimal.
    pub fn blake3(&self) -> Result<String, TraceError> {
        let mut hasher = blake3::Hasher::new();
        self.open_stored()
            .and_then(|(mut reader, _)| io::copy(&mut reader, &mut hasher))
            .map_err(|error| read_error(&self.name, &error))?;
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// Number of bytes stored, compressed if they are; 0 of an input that can be read only once.
    pub fn stored_bytes(&self) -> Result<u64, TraceError> {
        match &self.origin {
            Origin::Path(path) => std::fs::metadata(path)
                .map(|metadata| metadata.len())
                .map_err(|error| read_error(&self.name, &error)),
            Origin::Bytes(bytes) => Ok(bytes.len() as u64),
            Origin::Once(_) => Ok(0),
            Origin::Spooled(kept) => Ok(kept.0.length),
            Origin::Member(member) => Ok(member.size),
        }
    }

    /// Returns whether the input can be read only once, as streamed standard input can.
    pub fn is_read_once(&self) -> bool {
        match &self.origin {
            Origin::Path(_) | Origin::Bytes(_) | Origin::Spooled(_) => false,
            Origin::Once(_) => true,
            Origin::Member(member) => member.archive.is_read_once(),
        }
    }

    /// Whether the bytes are stored compressed.
    pub fn is_compressed(&self) -> Result<bool, TraceError> {
        self.open_stored()
            .and_then(|(stored, _)| peek::<4>(stored))
            .map(|(magic, _)| is_magic(&magic))
            .map_err(|error| read_error(&self.name, &error))
    }

    /// The file, and its length, if its content can be read at any place: one that is not compressed.
    pub fn plain_file(&self) -> io::Result<Option<(File, u64)>> {
        let (file, length) = match &self.origin {
            Origin::Path(path) => open_file(path)?,
            Origin::Spooled(kept) => (kept.0.file()?, kept.0.length),
            _ => return Ok(None),
        };
        let mut first = [0; MAGIC_BYTES];
        if length >= MAGIC_BYTES as u64 {
            file.read_exact_at(&mut first, 0)?;
        }
        check_compression(&self.name, &first)?;
        Ok((!is_magic(&first)).then_some((file, length)))
    }

    /// The bytes as they are stored, and how many there are.
    fn open_stored(&self) -> io::Result<(Box<dyn BufRead + Send>, u64)> {
        match &self.origin {
            Origin::Path(path) => {
                let (file, length) = open_file(path)?;
                Ok((
                    Box::new(BufReader::with_capacity(BUFFER_BYTES, file)),
                    length,
                ))
            }
            Origin::Once(once) => Ok((once.open()?, u64::MAX)),
            Origin::Spooled(kept) => Ok((kept.0.open(), kept.0.length)),
            Origin::Bytes(bytes) => {
                Ok((Box::new(io::Cursor::new(bytes.clone())), bytes.len() as u64))
            }
            Origin::Member(member) => Ok((member.open()?, member.size)),
        }
    }
}

/// A file, and its length.
fn open_file(path: &Path) -> io::Result<(File, u64)> {
    // A pipe must not even be opened: that waits for somebody to write to it.
    check_kind(std::fs::metadata(path)?.file_type())?;
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where traces are opened"
    )]
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

/// The beginning of a text that is stored so, as far as these bytes tell it.
fn first_of(head: &[u8]) -> Vec<u8> {
    let mut first = Vec::new();
    if let Ok(mut text) = plain(Box::new(io::Cursor::new(head.to_vec()))) {
        // Compressed bytes end in the middle of a block; what came before is delivered.
        let _ = text.read_to_end(&mut first);
    }
    first.truncate(SNIFF_BYTES);
    first
}

/// Whether a file's name says that it holds manifests.
fn is_manifest_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_ascii_lowercase();
    let name = name
        .strip_suffix(".gz")
        .or(name.strip_suffix(".zst"))
        .or(name.strip_suffix(".xz"))
        .unwrap_or(&name);
    [".json", ".yaml", ".yml"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Whether compressed bytes begin so.
fn is_magic(first: &[u8]) -> bool {
    first.starts_with(&GZIP_MAGIC)
        || first.starts_with(&ZSTD_MAGIC)
        || first.starts_with(&XZ_MAGIC[..4])
        || first.starts_with(&zip::MAGIC)
}

/// The text of stored bytes: decompressed, without a byte order mark.
fn plain(stored: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    let (magic, stored) = peek::<MAGIC_BYTES>(stored)?;
    let plain: Box<dyn BufRead + Send> = if magic.starts_with(&GZIP_MAGIC) {
        Expanding::open(stored, |stored| Ok(Box::new(Members::new(stored))))?
    } else if magic.starts_with(&ZSTD_MAGIC) {
        Expanding::open(stored, |stored| {
            let decoder = zstd::stream::read::Decoder::with_buffer(stored)?;
            Ok(Box::new(decoder))
        })?
    } else if magic.starts_with(&XZ_MAGIC) {
        Expanding::open(stored, |stored| Ok(Box::new(XzReader::new(stored, true))))?
    } else if magic.starts_with(&zip::MAGIC) {
        Expanding::open(stored, |stored| {
            Ok(Box::new(zip::File::only(Box::new(stored))))
        })?
    } else {
        stored
    };
    let (beginning, mut plain) = peek::<BEGINNING>(plain)?;
    check_beginning(&beginning)?;
    if beginning.starts_with(&BYTE_ORDER_MARK) {
        plain.read_exact(&mut [0; 3])?;
    }
    Ok(plain)
}

/// The first `N` bytes (fewer at the end) and a reader that still delivers them.
fn peek<const N: usize>(
    mut reader: Box<dyn BufRead + Send>,
) -> io::Result<(Vec<u8>, Box<dyn BufRead + Send>)> {
    // One filled buffer is enough for files; a pipe may deliver less, so those bytes are collected.
    let buffered = reader.fill_buf()?;
    if buffered.len() >= N || buffered.is_empty() {
        return Ok((buffered[..N.min(buffered.len())].to_vec(), reader));
    }
    let mut first = Vec::with_capacity(N);
    (&mut reader).take(N as u64).read_to_end(&mut first)?;
    let again = io::Cursor::new(first.clone()).chain(reader);
    Ok((first, Box::new(again)))
}

#[cfg(test)]
mod tests;
