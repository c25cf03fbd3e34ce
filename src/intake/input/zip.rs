//! The files of a ZIP archive as streams. An archive that has one is a file that is compressed, as those of gzip are; read
//! so, one with several is refused once the second is met, so that none is left out. Folders and what macOS adds are
//! no files.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::peek;
use crate::budget::{Counted, check_expansion};

/// First bytes of a file in an archive.
pub(super) const MAGIC: [u8; 4] = *b"PK\x03\x04";
/// First bytes of the list of files, and of the end of an archive without files.
const LISTS: [[u8; 4]; 3] = [*b"PK\x01\x02", *b"PK\x05\x06", *b"PK\x06\x06"];
/// First bytes of what is said about a file behind it; archives may leave them out.
const BEHIND: [u8; 4] = *b"PK\x07\x08";

/// Length of a header, with its first bytes.
const HEADER: usize = 30;
/// The most bytes behind a file up to the next header, with the first bytes of that.
const MOST_BEHIND: usize = 28;

type Stored = Box<dyn BufRead + Send>;

/// A file of an archive.
pub(super) struct File {
    state: State,
    wanted: Wanted,
}

/// A file that is looked for.
#[derive(Clone, Copy)]
enum Wanted {
    /// The only one.
    Only,
    /// The one behind a number of others.
    Behind(usize),
    /// None, because it was met; of an only file the next is still refused.
    Met { is_only: bool },
}

enum State {
    /// Before a header.
    Between(Stored),
    Within(Box<Entry>),
    Done,
}

/// A file in an archive.
struct Entry {
    name: String,
    content: Content,
    crc: Crc,
    /// The check sum that its header states; `None` if it stands behind the file.
    stated: Option<u32>,
}

enum Content {
    Plain(io::Take<Stored>),
    Deflated(DeflateDecoder<Stored>),
}

impl File {
    /// The only file.
    pub(super) fn only(stored: Stored) -> Self {
        Self {
            state: State::Between(stored),
            wanted: Wanted::Only,
        }
    }

    /// The file behind a number of others.
    pub(super) fn behind(stored: Stored, others: usize) -> Self {
        Self {
            state: State::Between(stored),
            wanted: Wanted::Behind(others),
        }
    }

    /// Goes on to the next file that counts.
    fn next(&mut self, mut stored: Stored) -> io::Result<()> {
        loop {
            let Some(mut entry) = Entry::begin(stored)? else {
                return match self.wanted {
                    Wanted::Met { .. } => Ok(()),
                    Wanted::Only | Wanted::Behind(_) => Err(wrong("holds no file")),
                };
            };
            if is_file(&entry.name) {
                match self.wanted {
                    Wanted::Met { .. } => {
                        return Err(wrong(
                            "is an archive of several files; unpack it (`unzip`) and name the folder or one of them",
                        ));
                    }
                    Wanted::Behind(others) if others > 0 => {
                        self.wanted = Wanted::Behind(others - 1);
                    }
                    Wanted::Only | Wanted::Behind(_) => {
                        let is_only = matches!(self.wanted, Wanted::Only);
                        self.wanted = Wanted::Met { is_only };
                        self.state = State::Within(Box::new(entry));
                        return Ok(());
                    }
                }
            }
            io::copy(&mut entry, &mut io::sink())?;
            stored = entry.finish()?;
        }
    }
}

/// Takes the path and the content of each file of an archive.
///
/// # Errors
/// The archive can't be read, is damaged, or expands beyond what archives are held to; or taking a file fails.
pub(super) fn each_file(
    stored: Stored,
    take: &mut dyn FnMut(&str, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let read = Arc::new(AtomicU64::new(0));
    let mut stored: Stored = Box::new(BufReader::new(Counted::new(stored, read.clone())));
    let mut delivered = 0;
    while let Some(mut entry) = Entry::begin(stored)? {
        let name = std::mem::take(&mut entry.name);
        let mut content = Bounded {
            entry: &mut entry,
            stored: &read,
            delivered: &mut delivered,
        };
        if is_file(&name) {
            take(&name, &mut content)?;
        }
        io::copy(&mut content, &mut io::sink())?;
        stored = entry.finish()?;
    }
    Ok(())
}

/// The content of a file, where all files of the archive together are held to what they may expand to.
struct Bounded<'e> {
    entry: &'e mut Entry,
    stored: &'e AtomicU64,
    delivered: &'e mut u64,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.entry.read(buffer)?;
        *self.delivered += length as u64;
        check_expansion(self.stored.load(Ordering::Relaxed), *self.delivered)?;
        Ok(length)
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(0),
                State::Between(stored) => self.next(stored)?,
                State::Within(mut entry) => {
                    let length = entry.read(buffer)?;
                    if length > 0 || buffer.is_empty() {
                        self.state = State::Within(entry);
                        return Ok(length);
                    }
                    let stored = entry.finish()?;
                    if matches!(self.wanted, Wanted::Met { is_only: true }) {
                        self.state = State::Between(stored);
                    }
                }
            }
        }
    }
}

impl Entry {
    /// Reads the header of the next file; `None` behind the last one.
    fn begin(stored: Stored) -> io::Result<Option<Self>> {
        let (first, mut stored) = peek::<4>(stored)?;
        if LISTS.iter().any(|list| first == *list) {
            return Ok(None);
        }
        if first.len() < 4 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first != MAGIC {
            return Err(wrong("is a damaged ZIP archive; download or copy it again"));
        }
        let mut header = [0; HEADER];
        stored.read_exact(&mut header)?;
        let short = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let long = |at: usize| u32::from(short(at)) | u32::from(short(at + 2)) << 16;
        let (flags, method) = (short(6), short(8));
        let mut name = vec![0; usize::from(short(26))];
        stored.read_exact(&mut name)?;
        let mut more = vec![0; usize::from(short(28))];
        stored.read_exact(&mut more)?;
        let name = String::from_utf8_lossy(&name).into_owned();
        if flags & 1 == 1 {
            let reason = "is a ZIP archive that a password protects; unpack it (`unzip`)";
            return Err(wrong(reason));
        }
        let is_behind = flags & 8 == 8;
        let content = match method {
            8 => Content::Deflated(DeflateDecoder::new(stored)),
            // How long it is stands behind it, where nothing tells it from the file.
            0 if is_behind && long(18) == 0 && !name.ends_with('/') => {
                return Err(wrong(
                    "is a ZIP archive that does not say how long its file is; unpack it (`unzip`)",
                ));
            }
            0 => Content::Plain(stored.take(size(long(18), &more))),
            other => {
                return Err(wrong(&format!(
                    "is a ZIP archive whose file is compressed in the way {other}, which is not read; unpack it \
                     (`unzip`)"
                )));
            }
        };
        Ok(Some(Self {
            name,
            content,
            crc: Crc::new(),
            stated: (!is_behind).then(|| long(14)),
        }))
    }

    /// Checks the content, and leaves what stands behind the file.
    fn finish(self) -> io::Result<Stored> {
        let stored = match self.content {
            Content::Plain(rest) if rest.limit() > 0 => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Content::Plain(rest) => rest.into_inner(),
            Content::Deflated(decoder) => decoder.into_inner(),
        };
        let (stated, stored) = match self.stated {
            Some(stated) => (stated, stored),
            None => behind(stored)?,
        };
        if stated != self.crc.sum() {
            let reason = "the check sum is another";
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        Ok(stored)
    }
}

impl Read for Entry {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = match &mut self.content {
            Content::Plain(rest) => rest.read(buffer)?,
            Content::Deflated(decoder) => decoder.read(buffer)?,
        };
        self.crc.update(&buffer[..length]);
        Ok(length)
    }
}

/// Whether a path is that of a file of its own, and of no folder, nor of what systems add.
fn is_file(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default();
    !file.is_empty() && !file.starts_with('.') && !path.starts_with("__MACOSX/")
}

/// The length of a file: that of the header, or one of 64 bits in the list of what else is said.
fn size(stated: u32, more: &[u8]) -> u64 {
    let mut rest = more;
    while stated == u32::MAX
        && let [a, b, c, d, after @ ..] = rest
    {
        let length = usize::from(u16::from_le_bytes([*c, *d]));
        // The length as it is, and then as it is stored.
        if [*a, *b] == [1, 0]
            && let Some(long) = after.get(8..16)
        {
            return long
                .iter()
                .rev()
                .fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        }
        rest = after.get(length..).unwrap_or_default();
    }
    stated.into()
}

/// The check sum that stands behind a file, and what comes then: lengths of 32 or of 64 bits stand there, too.
fn behind(stored: Stored) -> io::Result<(u32, Stored)> {
    let (found, mut stored) = peek::<MOST_BEHIND>(stored)?;
    let is_next = |at: usize| {
        let first = found.get(at..at + 4);
        first.is_some_and(|first| first == MAGIC || LISTS.iter().any(|list| first == *list))
    };
    let is_marked = found.starts_with(&BEHIND);
    let lengths = if is_marked { [16, 24] } else { [12, 20] };
    let Some(length) = lengths.into_iter().find(|&length| is_next(length)) else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let from = if is_marked { 4 } else { 0 };
    let sum = { found[from..from + 4].iter().rev() }
        .fold(0, |sum: u32, &byte| sum << 8 | u32::from(byte));
    stored.read_exact(&mut vec![0; length])?;
    Ok((sum, stored))
}

fn wrong(reason: &str) -> io::Error {
    io::Error::other(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::packed::{PLAIN, Packing, packed};
    use super::*;
    use crate::input::Input;

    fn read(bytes: Vec<u8>) -> Result<String, String> {
        let read = Input::bytes("a.zip", bytes).read_to_string();
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn an_archive_of_one_file_is_the_file() {
        let files = [
            ("data/", ""),
            ("data/a.csv", "a,b\n1,2\n"),
            ("__MACOSX/data/._a.csv", "x"),
        ];
        for (is_deflated, is_behind, is_marked) in [
            (false, false, false),
            (true, false, false),
            (true, true, false),
            (true, true, true),
        ] {
            let how = Packing {
                is_deflated,
                is_behind,
                is_marked,
            };
            assert_eq!(read(packed(&files, how)), Ok("a,b\n1,2\n".to_owned()));
        }
    }

    #[test]
    fn archives_that_are_not_one_file_are_refused() {
        let deflated = Packing {
            is_deflated: true,
            ..PLAIN
        };
        let one = packed(&[("a.csv", "a,b\n1,2\n")], deflated);
        let mut damaged = packed(&[("a.csv", "a,b\n1,2\n")], PLAIN);
        damaged[HEADER + 6] = b'!';
        let mut locked = one.clone();
        locked[6] = 1;
        for (bytes, expected) in [
            (
                packed(&[("a", "1"), ("b", "2")], PLAIN),
                "a.zip: is an archive of several files; unpack it (`unzip`) and name the folder or one of them",
            ),
            (packed(&[("a/", "")], PLAIN), "a.zip: holds no file"),
            (
                one[..one.len() - 60].to_vec(),
                "a.zip: the compressed data ends too early: the file is truncated; download or copy it again",
            ),
            (
                damaged,
                "a.zip: the compressed data is damaged (the check sum is another); download or copy the file again",
            ),
            (
                locked,
                "a.zip: is a ZIP archive that a password protects; unpack it (`unzip`)",
            ),
        ] {
            assert_eq!(read(bytes), Err(expected.to_owned()));
        }
    }

    #[test]
    fn several_files_together_are_held_to_what_they_may_expand_to() {
        let zeros = "0".repeat(70 << 20);
        let deflated = Packing {
            is_deflated: true,
            ..PLAIN
        };
        let text = |bytes: Vec<u8>| -> io::Result<u64> {
            let mut length = 0;
            each_file(Box::new(io::Cursor::new(bytes)), &mut |_, content| {
                length += io::copy(content, &mut io::sink())?;
                Ok(())
            })?;
            Ok(length)
        };
        let few = packed(&[("a", "1\n"), ("b", "2\n")], deflated);
        assert_eq!(text(few).expect("not too dense"), 4);
        let refused = text(packed(&[("a", "1\n"), ("b", &zeros)], deflated));
        let refused = refused.expect_err("too dense").to_string();
        let part = "expands to more than 1000 times its size";
        assert!(refused.contains(part), "{refused}");
    }
}
