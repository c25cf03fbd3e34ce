//! Bounds on inputs: how much of a file a reader takes before it refuses the rest. They are far
//! above any real file, and keep a damaged or hostile one from using up memory, time or disk. Every
//! reader takes its bounds from here, and the manual's page `limits.md` lists them.

use std::cell::Cell;
use std::fs::FileType;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use units::plural;

/// The largest text that is held as a whole, in bytes after decompression: 1 GiB.
pub const TEXT_BYTES: u64 = 1 << 30;

/// The largest single object of a dump or manifest, in bytes: 256 MiB. An API server refuses
/// objects beyond 3 MiB.
pub const OBJECT_BYTES: usize = 1 << 28;

/// The most objects that are read of one set of manifests.
pub const OBJECTS: usize = 5_000_000;

/// The largest factor by which a compressed file may expand, once it has expanded to
/// [`EXPANSION_FROM`]. Repetitive dumps reach 200; gzip ends at 1,032.
pub const EXPANSION: u64 = 1_000;

/// The bytes after decompression from which [`EXPANSION`] counts: 64 MiB.
pub const EXPANSION_FROM: u64 = 1 << 26;

/// The most columns in the header of a table.
pub const COLUMNS: usize = 4_096;

/// The most members of one job.
pub const MEMBERS: i64 = 1 << 20;

/// The largest page of a Parquet file, in bytes after decompression: 256 MiB.
pub const PAGE_BYTES: usize = 1 << 28;

/// The most values of a page of a Parquet file. A run states any number of equal ones in a few bytes.
pub const PAGE_VALUES: usize = 1 << 24;

/// The most rows of a group of a Parquet file, whose columns are unpacked at once.
pub const GROUP_ROWS: usize = 1 << 25;

/// The longest texts of a column in a group of rows of a Parquet file, in bytes: 1 GiB.
pub const COLUMN_BYTES: usize = 1 << 30;

/// The longest footer of a Parquet file, in bytes: 16 MiB.
pub const FOOTER_BYTES: usize = 1 << 24;

/// The longest header of a page of a Parquet file, in bytes: 1 MiB.
pub const PAGE_HEADER_BYTES: usize = 1 << 20;

/// The most values of a part of a file in `MessagePack`: an event, or the lives of an owner.
pub const VALUES: usize = 1 << 25;

/// The most arrivals that a trace states at one instant, or by one number.
pub const ARRIVALS_AT_ONCE: usize = 20_000_000;

/// Bytes read from a decoder at once.
const BUFFER_BYTES: usize = 1 << 16;

/// Compressions that are recognised and not read: name, first bytes, file ending, and the command
/// that unpacks them.
const UNREAD: [Unread; 5] = [
    Unread::new("bzip2", b"BZh", ".bz2", "bzip2 -dk"),
    Unread::new("LZ4", b"\x04\"M\x18", ".lz4", "lz4 -dk"),
    Unread::new("7-Zip", b"7z\xbc\xaf'\x1c", ".7z", "7z x"),
    Unread::new("RAR", b"Rar!\x1a\x07", ".rar", "unrar x"),
    // Brotli has no mark of its own.
    Unread::new("Brotli", b"", ".br", "brotli -dk"),
];

/// A compression that is not read.
struct Unread {
    name: &'static str,
    magic: &'static [u8],
    ending: &'static str,
    unpack: &'static str,
}

impl Unread {
    const fn new(
        name: &'static str,
        magic: &'static [u8],
        ending: &'static str,
        unpack: &'static str,
    ) -> Self {
        Self {
            name,
            magic,
            ending,
            unpack,
        }
    }
}

/// Refuses a compression that is not read, by the first bytes of a file, or by its name where the
/// bytes tell nothing.
pub(super) fn check_compression(name: &str, first: &[u8]) -> io::Result<()> {
    let is_named = |ending: &str| {
        let start = name.len().checked_sub(ending.len());
        let own = start.and_then(|start| name.get(start..));
        own.is_some_and(|own| own.eq_ignore_ascii_case(ending))
    };
    let mut unread = UNREAD.iter();
    let found = unread.find(|unread| match unread.magic {
        b"" => is_named(unread.ending),
        // Three letters begin many a text, too.
        magic if magic.len() < 4 => first.starts_with(magic) && is_named(unread.ending),
        magic => first.starts_with(magic),
    });
    match found {
        None => Ok(()),
        Some(unread) => Err(io::Error::other(format!(
            "is compressed with {}, which is not read; unpack it (`{}`) or pack it with gzip, xz or zstd",
            unread.name, unread.unpack
        ))),
    }
}

/// Refuses what is no plain file. Inputs are read more than once (format, content, hash), which
/// pipes and devices don't allow, and a device may never end.
pub(super) fn check_kind(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Err(io::Error::other(
        "is a pipe, a device or a socket; an input is read more than once, so save it to a file and \
         name that",
    ))
}

/// Bytes in words, in whole binary units.
pub fn bytes_in_words(bytes: u64) -> String {
    match bytes {
        0..0x40_0000 => plural::count(bytes, "byte"),
        0x40_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

/// The error that a text exceeds a bound in bytes.
pub fn too_long(what: &str, bound: u64) -> io::Error {
    let bound = bytes_in_words(bound);
    io::Error::other(format!(
        "{what} is longer than {bound}, the most that is read"
    ))
}

/// Counts the bytes that are read.
pub(super) struct Counted<R> {
    stored: R,
    read: Arc<AtomicU64>,
}

impl<R: BufRead + Send + 'static> Counted<R> {
    /// A reader that adds what it reads to `read`.
    pub(super) fn new(stored: R, read: Arc<AtomicU64>) -> Self {
        Self { stored, read }
    }

    /// The bytes read so far.
    pub(super) fn count(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.stored.read(buffer)?;
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// A text that is being decompressed, held to [`EXPANSION`].
pub(super) struct Expanding {
    text: Box<dyn Read + Send>,
    stored: Arc<AtomicU64>,
    delivered: u64,
}

impl Expanding {
    /// Decodes stored bytes.
    ///
    /// # Errors
    /// The decoder can't begin.
    pub(super) fn open(
        stored: Box<dyn BufRead + Send>,
        decoder: impl FnOnce(
            BufReader<Counted<Box<dyn BufRead + Send>>>,
        ) -> io::Result<Box<dyn Read + Send>>,
    ) -> io::Result<Box<dyn BufRead + Send>> {
        let read = Arc::new(AtomicU64::new(0));
        let counted = BufReader::with_capacity(BUFFER_BYTES, Counted::new(stored, read.clone()));
        let expanding = Self {
            text: decoder(counted)?,
            stored: read,
            delivered: 0,
        };
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, expanding)))
    }
}

impl Read for Expanding {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.text.read(buffer)?;
        self.delivered += length as u64;
        check_expansion(self.stored.load(Ordering::Relaxed), self.delivered)?;
        Ok(length)
    }
}

/// Refuses a text that expands beyond [`EXPANSION`], by the bytes that are stored of it and those that came out.
///
/// # Errors
/// It does.
pub(super) fn check_expansion(stored: u64, delivered: u64) -> io::Result<()> {
    if delivered > EXPANSION_FROM && delivered / EXPANSION > stored {
        return Err(io::Error::other(format!(
            "expands to more than {EXPANSION} times its size ({} gave {} so far); \
             unpack it, and name the unpacked file if it is what you expect",
            plural::count(stored, "byte"),
            bytes_in_words(delivered)
        )));
    }
    Ok(())
}

/// Reads a text as a whole.
///
/// # Errors
/// It can't be read, is longer than [`TEXT_BYTES`], or there is no memory for it.
pub fn read_whole(text: &mut dyn BufRead) -> io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let more = match text.fill_buf() {
            Ok(more) => more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if more.is_empty() {
            return Ok(whole);
        }
        if whole.len() as u64 + more.len() as u64 > TEXT_BYTES {
            return Err(too_long("the text", TEXT_BYTES));
        }
        make_room(&mut whole, more.len())?;
        whole.extend_from_slice(more);
        let length = more.len();
        text.consume(length);
    }
}

/// Has a buffer take so many more bytes.
///
/// # Errors
/// There is no memory for them; without asking, the program would be aborted.
pub fn make_room(buffer: &mut Vec<u8>, more: usize) -> io::Result<()> {
    ASKING.set(true);
    let reserved = buffer.try_reserve(more);
    ASKING.set(false);
    reserved.map_err(|_| io::ErrorKind::OutOfMemory.into())
}

thread_local! {
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// True while this thread asks for memory and goes on without ([`make_room`]). Otherwise the program ends
/// where there is none.
pub fn is_asking() -> bool {
    // A thread that ends asks for nothing.
    ASKING.try_with(Cell::get).unwrap_or(false)
}

/// Reads up to and including the end of a line, or to the end of the text.
///
/// # Errors
/// It can't be read, or the line is longer than [`OBJECT_BYTES`].
pub fn read_line(text: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    let length = text.take(OBJECT_BYTES as u64).read_until(b'\n', line)?;
    if length == OBJECT_BYTES {
        return Err(too_long("a line", OBJECT_BYTES as u64));
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Input;

    fn refusal(input: &Input) -> String {
        let refused = input.read_to_string().expect_err("a refusal");
        refused.to_string()
    }

    #[test]
    fn a_file_that_expands_beyond_measure_is_refused() {
        let zeros = vec![b' '; EXPANSION_FROM as usize + (1 << 20)];
        let packed = zstd::encode_all(zeros.as_slice(), 3).expect("memory");
        assert!(packed.len() < 1 << 16);
        let message = refusal(&Input::bytes("bomb.zst", packed));
        assert!(
            message.starts_with("bomb.zst: expands to more than 1000 times its size ("),
            "{message}"
        );
    }

    #[test]
    fn unread_compressions_are_named_with_the_fix() {
        for (name, bytes, expected) in [
            ("a.csv.bz2", &b"BZh91AY"[..], "bzip2"),
            ("a.csv.lz4", b"\x04\"M\x18rest", "LZ4"),
            ("a.rar", b"Rar!\x1a\x07\x01rest", "RAR"),
            ("a.7z", b"7z\xbc\xaf'\x1crest", "7-Zip"),
            ("a.csv.BR", b"submit\n0\n", "Brotli"),
        ] {
            let message = refusal(&Input::bytes(name, bytes.to_vec()));
            let expected =
                format!("{name}: is compressed with {expected}, which is not read; unpack");
            assert!(message.starts_with(&expected), "{message}");
        }
        let text = Input::bytes("BZh.csv", b"BZh,submit\n".to_vec());
        assert!(text.read_to_string().is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_refused_before_it_is_opened() {
        let message = refusal(&Input::path("/dev/zero"));
        assert!(
            message.starts_with("/dev/zero: is a pipe, a device or a socket; "),
            "{message}"
        );
    }
}
