//! The headers of a tar archive: where each file of it stands.

use std::io::{self, Read};

use crate::{TraceError, read_error};

/// Length of a block of an archive.
pub(super) const BLOCK: usize = 512;

/// The longest name of a file, and the longest list of what else is said about one.
const NAME_BYTES: u64 = 1 << 20;

/// Fields of a header: name, size, kind and prefix of the name.
const NAME: std::ops::Range<usize> = 0..100;
pub(super) const SIZE: std::ops::Range<usize> = 124..136;
pub(super) const KIND: usize = 156;
const PREFIX: std::ops::Range<usize> = 345..500;

/// A file in an archive: its path, and where its content stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) from: u64,
    pub(super) size: u64,
}

/// Place of the mark of a tar archive in its first header.
pub(super) const MARK: std::ops::Range<usize> = 257..262;

/// The files of an archive that is read as a stream.
pub(super) fn entries(archive: &str, reader: &mut dyn Read) -> Result<Vec<Entry>, TraceError> {
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
