//! Files of a folder, or of a tar archive of one, compressed or not.

use std::path::Path;
use std::sync::Arc;

use super::error::{TraceError, read_error};
use super::input::Input;

/// Length of a block of an archive.
const BLOCK: usize = 512;

/// A file of a folder or an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name of the file, without its folders.
    pub name: String,
    /// The file's place, as messages name it.
    pub place: Arc<str>,
    /// Bytes of the file.
    pub bytes: Vec<u8>,
}

/// The files of a folder, or of an archive of one, by name.
///
/// # Errors
/// The folder or archive can't be read, or the archive is damaged.
pub fn members(path: &Path) -> Result<Vec<Member>, TraceError> {
    let mut members = if path.is_dir() {
        of_folder(path)?
    } else {
        let name = path.to_string_lossy();
        let mut bytes = Vec::new();
        let mut reader = Input::path(path).open()?;
        std::io::Read::read_to_end(&mut reader, &mut bytes)
            .map_err(|error| read_error(&name, &error))?;
        of_archive(&name, &bytes)?
    };
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(members)
}

fn of_folder(path: &Path) -> Result<Vec<Member>, TraceError> {
    let name = path.to_string_lossy();
    let wrong = |error: std::io::Error| read_error(&name, &error);
    let mut members = Vec::new();
    for entry in std::fs::read_dir(path).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if !path.is_file() {
            continue;
        }
        let mut bytes = Vec::new();
        let place: Arc<str> = path.to_string_lossy().into();
        std::io::Read::read_to_end(&mut Input::path(&path).open()?, &mut bytes)
            .map_err(|error| read_error(&place, &error))?;
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        members.push(Member { name, place, bytes });
    }
    Ok(members)
}

/// Fields of a header: name, size, kind and prefix of the name.
const NAME: std::ops::Range<usize> = 0..100;
const SIZE: std::ops::Range<usize> = 124..136;
const KIND: usize = 156;
const PREFIX: std::ops::Range<usize> = 345..500;

fn of_archive(archive: &str, bytes: &[u8]) -> Result<Vec<Member>, TraceError> {
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
        let members = of_archive("x.tar", &bytes).expect("an archive");
        let read: Vec<(&str, &[u8])> = members
            .iter()
            .map(|one| (one.name.as_str(), one.bytes.as_slice()))
            .collect();
        assert_eq!(read, [("b", &b"1\n2\n"[..]), ("a", b"")]);
        for (cut, part) in [(600, "ends within a file"), (BLOCK + 1, "no header")] {
            let mut bytes = header("a", if cut == 600 { 512 } else { 0 }, b'5');
            bytes.resize(cut, 7);
            let error = of_archive("x.tar", &bytes).expect_err("a damaged archive");
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
