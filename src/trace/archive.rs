//! The files of a tar archive and of a folder. Archives that are small are held in memory; of larger ones the files are
//! read where they stand, as a stream.

use std::io::{self, Cursor, Read};
use std::sync::Arc;

use super::budget::read_whole;
use super::error::{TraceError, read_error};
use super::input::Input;
use super::input::encoding::{WEB_PAGE, is_web_page};
use super::parquet::{self, is_parquet};

/// Length of a block of an archive.
const BLOCK: usize = 512;

/// Archives up to this size are held in memory.
const HELD_BYTES: u64 = 1 << 28;

/// The longest name of a file, and the longest list of what else is said about one.
const NAME_BYTES: u64 = 1 << 20;

/// A file of an archive or a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name of the file, without its folders.
    pub name: String,
    /// The file's place, as messages name it.
    pub place: Arc<str>,
    /// Bytes of the file.
    pub bytes: Vec<u8>,
}

/// Fields of a header: name, size, kind and prefix of the name.
const NAME: std::ops::Range<usize> = 0..100;
const SIZE: std::ops::Range<usize> = 124..136;
const KIND: usize = 156;
const PREFIX: std::ops::Range<usize> = 345..500;

/// A file in an archive: its path, and where its content stands.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    path: String,
    from: u64,
    size: u64,
}

/// The files of an archive, in its order; `archive` is its name in messages.
///
/// # Errors
/// The archive is damaged.
pub fn members(archive: &str, bytes: &[u8]) -> Result<Vec<Member>, TraceError> {
    let entries = entries(archive, &mut Cursor::new(bytes))?;
    let member = |entry: Entry| {
        let (from, size) = (entry.from as usize, entry.size as usize);
        Member {
            name: name_of(&entry.path).to_owned(),
            place: format!("{archive}: {}", entry.path).into(),
            bytes: bytes[from..from + size].to_vec(),
        }
    };
    Ok(entries.into_iter().map(member).collect())
}

/// The name of a path, without its folders.
fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The files of an archive that is read as a stream.
fn entries(archive: &str, reader: &mut dyn Read) -> Result<Vec<Entry>, TraceError> {
    let wrong = |at: u64, reason: &str| TraceError::Format {
        file: archive.to_owned(),
        reason: format!("byte {at}: {reason}; expected a tar archive or a folder"),
    };
    let failed = |error: io::Error| read_error(archive, &error);
    let mut entries = Vec::new();
    let mut said = Said::default();
    let mut at = 0;
    loop {
        let mut header = Vec::with_capacity(BLOCK);
        { &mut *reader }
            .take(BLOCK as u64)
            .read_to_end(&mut header)
            .map_err(failed)?;
        let is_end = header.is_empty() && !entries.is_empty();
        if is_end || header.len() == BLOCK && header.iter().all(|&byte| byte == 0) {
            return Ok(entries);
        }
        if header.len() < BLOCK {
            return Err(wrong(at, "no header of a file"));
        }
        let size = size(&header[SIZE]).ok_or_else(|| wrong(at, "a header without a size"))?;
        let kind = header[KIND];
        let size = said
            .size
            .filter(|_| matches!(kind, b'0' | 0))
            .unwrap_or(size);
        let from = at + BLOCK as u64;
        let padded = size.checked_next_multiple_of(BLOCK as u64);
        let padded = padded.ok_or_else(|| wrong(at, "a header without a size"))?;
        at = from + padded;
        let mut content = { &mut *reader }.take(padded);
        let mut text = Vec::new();
        if matches!(kind, b'L' | b'x') && size <= NAME_BYTES {
            content.read_to_end(&mut text).map_err(failed)?;
        }
        io::copy(&mut content, &mut io::sink()).map_err(failed)?;
        if content.limit() > padded - size {
            return Err(wrong(from - BLOCK as u64, "the archive ends within a file"));
        }
        text.truncate(size as usize);
        match kind {
            b'L' => said.path = Some(self::text(&text)),
            b'x' => said.read(&text),
            b'0' | 0 => {
                let path = said.path.take().unwrap_or_else(|| path(&header));
                entries.push(Entry { path, from, size });
                said = Said::default();
            }
            _ => said = Said::default(),
        }
    }
}

/// The facts about a file that stand before its header.
#[derive(Default)]
struct Said {
    path: Option<String>,
    size: Option<u64>,
}

impl Said {
    /// Reads records such as `30 path=folder/name`, each with its length and a line feed behind it.
    fn read(&mut self, text: &[u8]) {
        for record in String::from_utf8_lossy(text).lines() {
            let said = record
                .split_once(' ')
                .and_then(|(_, said)| said.split_once('='));
            match said {
                Some(("path", path)) => self.path = Some(path.to_owned()),
                Some(("size", size)) => self.size = size.parse().ok(),
                _ => {}
            }
        }
    }
}

/// The path of a header.
fn path(header: &[u8]) -> String {
    let (prefix, name) = (text(&header[PREFIX]), text(&header[NAME]));
    if prefix.is_empty() {
        name
    } else {
        format!("{prefix}/{name}")
    }
}

/// Place of the mark of a tar archive in its first header.
const MARK: std::ops::Range<usize> = 257..262;

/// The files of an input: of an archive or a folder each by name, else the input itself. Hidden files
/// (and those that macOS adds to archives) are none.
///
/// # Errors
/// The input can't be read, or it holds no file.
pub fn parts(input: &Input) -> Result<Vec<Input>, TraceError> {
    let mut parts: Vec<(String, Input)> = match input.files()? {
        Some(files) => files
            .into_iter()
            .map(|file| (file.name.to_string(), file))
            .collect(),
        None => match input.first_bytes()? {
            first if first.get(MARK) == Some(b"ustar") => of_archive(input)?,
            first if is_web_page(&first) => {
                return Err(TraceError::Format {
                    file: input.name.to_string(),
                    reason: WEB_PAGE.to_owned(),
                });
            }
            _ => return Ok(vec![input.clone()]),
        },
    };
    if parts.is_empty() {
        return Err(TraceError::Format {
            file: input.name.to_string(),
            reason: "holds no file; name a trace, or a folder or archive of its parts".to_owned(),
        });
    }
    parts.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(parts.into_iter().map(|(_, part)| part).collect())
}

/// The files of an archive with their places, but for hidden ones.
fn of_archive(input: &Input) -> Result<Vec<(String, Input)>, TraceError> {
    let wrong = |error| read_error(&input.name, &error);
    let start = input.open()?;
    let mut start = start.take(HELD_BYTES + 1);
    let bytes = read_whole(&mut start).map_err(wrong)?;
    if bytes.len() as u64 <= HELD_BYTES {
        let shown = members(&input.name, &bytes)?.into_iter();
        let shown = shown.filter(|member| !member.name.starts_with('.'));
        let named = shown.map(|member| {
            let part = Input::bytes(&member.place, member.bytes);
            (member.place.to_string(), part)
        });
        return Ok(named.collect());
    }
    drop(bytes);
    let entries = entries(&input.name, &mut *input.open()?)?;
    let shown = { entries.into_iter() }.filter(|entry| !name_of(&entry.path).starts_with('.'));
    let named = shown.map(|entry| {
        let place = format!("{}: {}", input.name, entry.path);
        let part = input.member(&place, entry.from, entry.size);
        (place, part)
    });
    Ok(named.collect())
}

/// Refuses files of several folders, for a format in which files of equal names are the same machine or cluster.
///
/// # Errors
/// The files are of several folders.
pub(crate) fn of_one_folder(input: &Input, parts: &[Input]) -> Result<(), TraceError> {
    let folder = |part: &Input| {
        let path = part
            .name
            .rsplit_once(": ")
            .map_or(&*part.name, |(_, path)| path);
        path.rsplit_once('/')
            .map_or_else(String::new, |(folder, _)| folder.to_owned())
    };
    let mut folders: Vec<String> = parts.iter().map(folder).collect();
    folders.sort();
    folders.dedup();
    let [all @ .., last] = &folders[..] else {
        return Ok(());
    };
    if all.is_empty() {
        return Ok(());
    }
    let what = if input.files()?.is_some() {
        "name one of them"
    } else {
        "unpack it and name one of them"
    };
    Err(TraceError::Format {
        file: input.name.to_string(),
        reason: format!(
            "has files in the folders `{}` and `{last}`; {what}",
            all.join("`, `")
        ),
    })
}

/// The first bytes of an input's first file that is not about the others; of one of Parquet the names of its columns,
/// as a header has them. (Of a Parquet file that comes through a pipe they stay unknown: they stand at its end.)
///
/// # Errors
/// The input can't be read, or it holds no file.
pub fn first_bytes(input: &Input) -> Result<Vec<u8>, TraceError> {
    let parts = parts(input)?;
    match parts
        .iter()
        .find(|part| !is_about(&part.name))
        .or(parts.first())
    {
        Some(part) => beginning(part),
        None => Ok(Vec::new()),
    }
}

/// Whether a file is about others, by its name: a description, a licence, a list of columns or of check sums.
pub(crate) fn is_about(path: &str) -> bool {
    let name = path.rsplit(['/', ' ']).next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    let begins = ["readme", "license", "licence", "schema."];
    let ends = [
        ".md", ".header", ".pdf", ".sh", "sum", "sums", "sum.txt", "sums.txt",
    ];
    begins.iter().any(|begin| name.starts_with(begin)) || ends.iter().any(|end| name.ends_with(end))
}

/// The first bytes of a file, or the names of the columns of one of Parquet.
///
/// # Errors
/// The file can't be read.
pub fn beginning(part: &Input) -> Result<Vec<u8>, TraceError> {
    let first = part.first_bytes()?;
    if is_parquet(&first) && part.stored_bytes()? > 0 {
        return parquet::header(part);
    }
    Ok(first)
}

/// The BLAKE3 hash of an input as it is stored; of a folder, over the hashes of its files.
///
/// # Errors
/// The input can't be read.
pub fn blake3(input: &Input) -> Result<String, TraceError> {
    let Some(_) = input.files()? else {
        return input.blake3();
    };
    let mut hasher = blake3::Hasher::new();
    for part in parts(input)? {
        hasher.update(part.blake3()?.as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn text(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// The size of a header: octal digits, or with the first bit set a number in bytes.
fn size(bytes: &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return u64::from_str_radix(text(bytes).trim(), 8).ok();
    }
    let start = u64::from(first & 0x7f);
    rest.iter().try_fold(start, |number, &byte| {
        Some(number.checked_mul(256)? + u64::from(byte))
    })
}

#[cfg(test)]
pub(crate) mod packed {
    use super::{BLOCK, KIND, MARK};

    /// An archive of files of text.
    pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let files = files.iter().map(|(name, text)| (*name, text.as_bytes()));
        archive_of_bytes(&files.collect::<Vec<_>>())
    }

    /// An archive of files.
    pub(crate) fn archive_of_bytes(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, text) in files {
            let mut header = [0_u8; BLOCK];
            header[..name.len()].copy_from_slice(name.as_bytes());
            let size = format!("{:011o}", text.len());
            header[124..135].copy_from_slice(size.as_bytes());
            header[KIND] = b'0';
            header[MARK].copy_from_slice(b"ustar");
            bytes.extend_from_slice(&header);
            bytes.extend_from_slice(text);
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        }
        bytes.resize(bytes.len() + 2 * BLOCK, 0);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, size: usize, kind: u8) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        block[KIND] = kind;
        block
    }

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = header("day/", 0, b'5');
        for (name, content) in files {
            bytes.extend(header(name, content.len(), b'0'));
            let mut block = content.as_bytes().to_vec();
            block.resize(content.len().div_ceil(BLOCK) * BLOCK, 0);
            bytes.extend(block);
        }
        bytes.extend(vec![0; 2 * BLOCK]);
        bytes
    }

    #[test]
    fn names_and_sizes_stand_before_headers_too() {
        let long = format!("day/{}", "n".repeat(150));
        let said = format!("{} path={long}\n{} size=2\n", long.len() + 10, 9);
        let mut bytes = header("x", said.len(), b'x');
        bytes.extend(said.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes.extend(header("cut", 0, b'0'));
        bytes.extend(b"1\n");
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        let mut large = header("large", 0, b'0');
        large[SIZE].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        bytes.extend(large);
        bytes.extend(b"2\n");
        bytes.resize(bytes.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
        let found = members("x.tar", &bytes).expect("an archive");
        let read: Vec<(&str, &[u8])> = found
            .iter()
            .map(|one| (&*one.place, one.bytes.as_slice()))
            .collect();
        let place = format!("x.tar: {long}");
        assert_eq!(read, [(&*place, &b"1\n"[..]), ("x.tar: large", b"2\n")]);
    }

    #[test]
    fn files_of_an_archive_are_read_where_they_stand() {
        let bytes = archive(&[("day/a", "1\n2\n"), ("day/b", ""), ("day/c", "3\n")]);
        let packed = zstd::encode_all(bytes.as_slice(), 3).expect("memory");
        for stored in [bytes.clone(), packed] {
            let input = Input::bytes("x.tar", stored);
            let entries =
                entries("x.tar", &mut *input.open().expect("readable")).expect("an archive");
            let texts: Vec<String> = { entries.iter() }
                .map(|entry| input.member(&entry.path, entry.from, entry.size))
                .map(|part| part.read_to_string().expect("readable"))
                .collect();
            assert_eq!(texts, ["1\n2\n", "", "3\n"]);
        }
    }

    #[test]
    fn files_of_an_archive_are_read_and_damage_is_named() {
        let bytes = archive(&[("day/b", "1\n2\n"), ("day/a", "")]);
        let found = members("x.tar", &bytes).expect("an archive");
        let read: Vec<(&str, &[u8])> = found
            .iter()
            .map(|one| (one.name.as_str(), one.bytes.as_slice()))
            .collect();
        assert_eq!(read, [("b", &b"1\n2\n"[..]), ("a", b"")]);
        for (cut, part) in [(600, "ends within a file"), (BLOCK + 1, "no header")] {
            let mut bytes = header("a", if cut == 600 { 512 } else { 0 }, b'5');
            bytes.resize(cut, 7);
            let error = members("x.tar", &bytes).expect_err("a damaged archive");
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
