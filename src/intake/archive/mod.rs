//! The files of an archive (tar or ZIP) and of a folder. Archives that are small are held in memory; of larger ones the
//! files are read where they stand, as a stream.

mod tar;

use std::io::{Cursor, Read as _};
use std::sync::Arc;

use crate::budget::read_whole;
use crate::encoding::{WEB_PAGE, is_web_page};
use crate::parquet::{self, is_parquet};
use crate::{Input, TraceError, read_error};
use tar::{Entry, MARK, entries};

/// Archives up to this size in all are held in memory.
const HELD_BYTES: u64 = 1 << 28;

/// Archives within each other that are looked into.
const DEPTH: u32 = 3;

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

/// The files of an input: of an archive or a folder each by name, else the input itself. An archive within a folder or
/// an archive is its files. Hidden files (and those that macOS adds to archives) are none.
///
/// # Errors
/// The input can't be read, or it holds no file.
pub fn parts(input: &Input) -> Result<Vec<Input>, TraceError> {
    let mut room = HELD_BYTES;
    let mut parts = match input.files()? {
        Some(files) => of_each(files, &mut room, DEPTH)?,
        None => match unpacked(input, &mut room)? {
            Some(files) => of_each(files, &mut room, DEPTH - 1)?,
            None if is_web_page(&input.first_bytes()?) => {
                return Err(TraceError::Format {
                    file: input.name.to_string(),
                    reason: WEB_PAGE.to_owned(),
                });
            }
            None => return Ok(vec![input.clone()]),
        },
    };
    if parts.is_empty() {
        return Err(TraceError::Format {
            file: input.name.to_string(),
            reason: "holds no file; name a trace, or a folder or archive of its parts".to_owned(),
        });
    }
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(parts)
}

/// The files, and in place of an archive its files.
fn of_each(files: Vec<Input>, room: &mut u64, depth: u32) -> Result<Vec<Input>, TraceError> {
    let mut all = Vec::new();
    for file in files {
        let is_looked_into = depth > 0 && !file.is_within_stream() && !is_about(&file.name);
        let own = if is_looked_into {
            unpacked(&file, room)?
        } else {
            None
        };
        match own {
            Some(own) => all.extend(of_each(own, room, depth - 1)?),
            None => all.push(file),
        }
    }
    Ok(all)
}

/// The files of an archive, but for hidden ones; `None` of anything else, and of what can't be read, which is left to the
/// reader that asks for it. As long as there is room, they are held in memory.
fn unpacked(input: &Input, room: &mut u64) -> Result<Option<Vec<Input>>, TraceError> {
    if let Some(files) = input.zipped(room)? {
        return Ok(Some(files));
    }
    let first = input.first_bytes();
    if !first.is_ok_and(|first| first.get(MARK) == Some(b"ustar")) {
        return Ok(None);
    }
    let wrong = |error| read_error(&input.name, &error);
    let mut start = input.open()?.take(*room + 1);
    let bytes = read_whole(&mut start).map_err(wrong)?;
    let length = bytes.len() as u64;
    if let Some(rest) = room.checked_sub(length) {
        *room = rest;
        let shown = members(&input.name, &bytes)?.into_iter();
        let shown = shown.filter(|member| !member.name.starts_with('.'));
        let files = shown.map(|member| Input::bytes(&member.place, member.bytes));
        return Ok(Some(files.collect()));
    }
    drop(bytes);
    let entries = entries(&input.name, &mut *input.open()?)?;
    let shown = { entries.into_iter() }.filter(|entry| !name_of(&entry.path).starts_with('.'));
    let files = shown.map(|entry| input.member(&entry.path, entry.from, entry.size));
    Ok(Some(files.collect()))
}

/// The folder of each file of an input: within an archive, or the archive itself of a file of one in a folder.
///
/// # Errors
/// The input can't be read.
pub fn folders(input: &Input, parts: &[Input]) -> Result<Vec<String>, TraceError> {
    let is_folder = input.files()?.is_some();
    let folder = |part: &Input| match part.name.rsplit_once(": ") {
        Some((archive, _)) if is_folder => archive.to_owned(),
        within => {
            let path = within.map_or(&*part.name, |(_, path)| path);
            let folder = path.rsplit_once('/').unwrap_or_default().0;
            folder.to_owned()
        }
    };
    Ok(parts.iter().map(folder).collect())
}

/// Refuses files of several folders, for a format in which files of equal names are the same machine or cluster.
///
/// # Errors
/// The files are of several folders.
pub fn of_one_folder(input: &Input, parts: &[Input]) -> Result<(), TraceError> {
    let is_folder = input.files()?.is_some();
    let mut folders = folders(input, parts)?;
    folders.sort();
    folders.dedup();
    let [all @ .., last] = &folders[..] else {
        return Ok(());
    };
    if all.is_empty() {
        return Ok(());
    }
    let what = if is_folder {
        "name one of them"
    } else {
        "unpack it and name one of them"
    };
    Err(TraceError::Format {
        file: input.name.to_string(),
        reason: format!("has files in `{}` and `{last}`; {what}", all.join("`, `")),
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

/// Whether a file is about others, by its name: a description, a licence, a list of columns or of check sums, a picture,
/// a script.
pub fn is_about(path: &str) -> bool {
    let name = path.rsplit(['/', ' ']).next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    let begins = [
        "readme",
        "license",
        "licence",
        "copying",
        "notice",
        "citation",
        "changelog",
        "schema.",
    ];
    let ends = [
        ".md", ".header", ".pdf", ".sh", "sum", "sums", "sum.txt", "sums.txt", ".md5", ".sha1",
        ".sha256", ".sha512", ".sig", ".asc", ".bib", ".html", ".png", ".svg", ".py", ".ipynb",
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

#[cfg(test)]
mod packed;

#[cfg(test)]
mod tests {
    use super::tar::{BLOCK, KIND, SIZE};
    use super::*;
    use crate::input::packed::{PLAIN, Packing, packed as zipped};

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

    /// The names and texts of the parts of an input.
    fn texts(input: &Input) -> Vec<(String, String)> {
        let parts = parts(input).expect("readable").into_iter();
        let text = |part: Input| {
            let text = part.read_to_string().expect("readable");
            (part.name.to_string(), text)
        };
        parts.map(text).collect()
    }

    #[test]
    fn a_zip_archive_of_several_files_is_its_files() {
        let files = [
            ("a/", ""),
            ("a/x", "1\n"),
            ("a/.hidden", "2\n"),
            ("a/y", "3\n4\n"),
        ];
        let deflated = Packing {
            is_deflated: true,
            ..PLAIN
        };
        for how in [PLAIN, deflated] {
            let input = Input::bytes("x.zip", zipped(&files, how));
            let expected = [("x.zip: a/x", "1\n"), ("x.zip: a/y", "3\n4\n")];
            let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
            assert_eq!(texts(&input), expected);
            for room in [0, 3] {
                let mut room = room;
                let files = input.zipped(&mut room).expect("readable");
                let files = files.expect("several files").into_iter();
                let read = files.map(|file| file.read_to_string().expect("readable"));
                assert_eq!(read.collect::<Vec<_>>(), ["1\n", "3\n4\n"], "room {room}");
            }
        }
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a folder is read where it lies, on disk"
    )]
    fn archives_within_archives_and_folders_are_their_files() {
        let inner = packed::archive(&[("day/b", "2\n"), ("day/c", "3\n")]);
        let inner = zstd::encode_all(inner.as_slice(), 3).expect("memory");
        let zip = zipped(&[("x", "5\n"), ("y", "6\n")], PLAIN);
        let outer = [("a", &b"1\n"[..]), ("b.tar.zst", &inner), ("c.zip", &zip)];
        let outer = packed::archive_of_bytes(&outer);
        let expected = [
            (": a", "1\n"),
            (": b.tar.zst: day/b", "2\n"),
            (": b.tar.zst: day/c", "3\n"),
            (": c.zip: x", "5\n"),
            (": c.zip: y", "6\n"),
        ];
        let named = |archive: &str| {
            expected.map(|(name, text)| (format!("{archive}{name}"), text.to_owned()))
        };
        assert_eq!(texts(&Input::bytes("x.tar", outer.clone())), named("x.tar"));
        let folder = format!("windtunnel-archives-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let path = folder.join("x.tar");
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        std::fs::write(&path, outer).expect("written");
        std::fs::write(folder.join("y"), "4\n").expect("written");
        let mut all = named(&path.to_string_lossy()).to_vec();
        let beside = folder.join("y").to_string_lossy().into_owned();
        all.push((beside, "4\n".to_owned()));
        let found = texts(&Input::path(&folder));
        std::fs::remove_dir_all(&folder).expect("a temporary folder");
        assert_eq!(found, all);
    }
}
