//! The files of a tar archive.

use std::sync::Arc;

use super::budget::read_whole;
use super::error::{TraceError, read_error};
use super::input::Input;
use super::parquet::{self, is_parquet};

/// Length of a block of an archive.
const BLOCK: usize = 512;

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

/// The files of an archive, in its order; `archive` is its name in messages.
///
/// # Errors
/// The archive is damaged.
pub fn members(archive: &str, bytes: &[u8]) -> Result<Vec<Member>, TraceError> {
    let wrong = |at: usize, reason: &str| TraceError::Format {
        file: archive.to_owned(),
        reason: format!("byte {at}: {reason}; expected a tar archive or a folder"),
    };
    let mut members = Vec::new();
    let mut long_name = None;
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + BLOCK) {
        if header.iter().all(|&byte| byte == 0) {
            return Ok(members);
        }
        let size = octal(&header[SIZE]).ok_or_else(|| wrong(at, "a header without a size"))?;
        let from = at + BLOCK;
        let content = from
            .checked_add(size)
            .and_then(|to| bytes.get(from..to))
            .ok_or_else(|| wrong(at, "the archive ends within a file"))?;
        at = from + size.div_ceil(BLOCK) * BLOCK;
        match header[KIND] {
            b'L' => long_name = Some(text(content)),
            b'0' | 0 => {
                let path = long_name.take().unwrap_or_else(|| {
                    let (prefix, name) = (text(&header[PREFIX]), text(&header[NAME]));
                    if prefix.is_empty() {
                        name
                    } else {
                        format!("{prefix}/{name}")
                    }
                });
                let name = path.rsplit('/').next().unwrap_or_default().to_owned();
                let place = format!("{archive}: {path}").into();
                members.push(Member {
                    name,
                    place,
                    bytes: content.to_vec(),
                });
            }
            _ => long_name = None,
        }
    }
    if at == bytes.len() && !members.is_empty() {
        return Ok(members);
    }
    Err(wrong(at, "no header of a file"))
}

/// Place of the mark of a tar archive in its first header.
const MARK: std::ops::Range<usize> = 257..262;

/// The files of an input: of an archive or a folder each by name, else the input itself. Hidden files
/// (and those that macOS adds to archives) are none.
///
/// # Errors
/// The input can't be read, or it holds no file.
pub fn parts(input: &Input) -> Result<Vec<Input>, TraceError> {
    let mut parts = match input.files()? {
        Some(files) => files
            .into_iter()
            .map(|file| (file.name.to_string(), file))
            .collect(),
        None if input.first_bytes()?.get(MARK) == Some(b"ustar") => {
            let bytes = read_whole(&mut *input.open()?);
            let bytes = bytes.map_err(|error| read_error(&input.name, &error))?;
            let shown = members(&input.name, &bytes)?.into_iter();
            let shown = shown.filter(|member| !member.name.starts_with('.'));
            let named = shown.map(|member| {
                (
                    member.place.to_string(),
                    Input::bytes(&member.place, member.bytes),
                )
            });
            named.collect::<Vec<_>>()
        }
        None => return Ok(vec![input.clone()]),
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

fn octal(bytes: &[u8]) -> Option<usize> {
    let digits = text(bytes);
    usize::from_str_radix(digits.trim(), 8).ok()
}

#[cfg(test)]
pub(crate) mod packed {
    use super::{BLOCK, KIND, MARK};

    /// An archive of files.
    pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, text) in files {
            let mut header = [0_u8; BLOCK];
            header[..name.len()].copy_from_slice(name.as_bytes());
            let size = format!("{:011o}", text.len());
            header[124..135].copy_from_slice(size.as_bytes());
            header[KIND] = b'0';
            header[MARK].copy_from_slice(b"ustar");
            bytes.extend_from_slice(&header);
            bytes.extend_from_slice(text.as_bytes());
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
