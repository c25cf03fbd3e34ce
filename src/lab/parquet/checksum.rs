//! The checksum of a Parquet file that a run left.
//!
//! Parquet has no checksum over a whole file, and a reader that trusts damaged bytes gives wrong
//! figures at best. So the footer carries one, as an entry of its key-value metadata that other
//! readers pass over: BLAKE3 of the file with the checksum's own digits as zeros.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::super::folder::OutputFile;

/// The key under which the checksum stands.
pub(super) const KEY: &str = "windtunnel.checksum";

/// Mark before the digits.
const MARK: &str = "blake3:";

/// Hexadecimal digits of the checksum.
const DIGITS: usize = 64;

/// Mark at the end of a Parquet file.
const END_MARK: &[u8; 4] = b"PAR1";

/// The end of a file: the length of the footer and the mark.
const TRAILER_BYTES: u64 = 8;

/// Beyond any footer of ours; what claims more is damaged.
const MAX_FOOTER_BYTES: u64 = 1 << 30;

/// The value while the checksum isn't known.
pub(super) fn placeholder() -> String {
    format!("{MARK}{}", "0".repeat(DIGITS))
}

/// A file whose checksum is taken while it is written. It can be taken out of the library's writer
/// once that is done with it.
pub(super) struct Checked {
    file: Option<OutputFile>,
    hasher: blake3::Hasher,
    /// The footer, kept back until its checksum is known.
    footer: Option<Vec<u8>>,
}

impl Checked {
    pub(super) fn new(file: OutputFile) -> Self {
        Self {
            file: Some(file),
            hasher: blake3::Hasher::new(),
            footer: None,
        }
    }

    /// Notes that the footer is written from now on.
    pub(super) fn begin_footer(&mut self) {
        self.footer = Some(Vec::new());
    }

    /// Writes the footer with the checksum, and hands the file out.
    pub(super) fn end_footer(&mut self) -> io::Result<Option<OutputFile>> {
        let mut footer = self.footer.take().unwrap_or_default();
        self.hasher.update(&footer);
        let checksum = self.hasher.finalize().to_hex();
        if let Some(start) = digits(&footer) {
            footer[start..start + DIGITS].copy_from_slice(checksum.as_bytes());
        }
        self.write_all(&footer)?;
        Ok(self.file.take())
    }
}

impl Write for Checked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(footer) = &mut self.footer {
            return footer.write(bytes);
        }
        let Some(file) = &mut self.file else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let written = file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), OutputFile::flush)
    }
}

/// Position at which the digits of the checksum begin in a footer.
fn digits(footer: &[u8]) -> Option<usize> {
    let mark = MARK.as_bytes();
    let last = footer
        .windows(mark.len())
        .rposition(|window| window == mark)?;
    let start = last + mark.len();
    (start + DIGITS <= footer.len()).then_some(start)
}

/// Whether a file is as it was written; what is wrong otherwise, in words.
pub(super) fn verify(file: &mut File) -> Result<(), String> {
    let refused = |error: io::Error| error.to_string();
    let length = file.metadata().map_err(refused)?.len();
    let cut = || "it doesn't end as a Parquet file does".to_owned();
    let trailer_at = length.checked_sub(TRAILER_BYTES).ok_or_else(cut)?;
    let mut trailer = [0; TRAILER_BYTES as usize];
    file.seek(SeekFrom::Start(trailer_at)).map_err(refused)?;
    file.read_exact(&mut trailer).map_err(refused)?;
    let [a, b, c, d, mark @ ..] = trailer;
    if mark != *END_MARK {
        return Err(cut());
    }
    let footer_bytes = u64::from(u32::from_le_bytes([a, b, c, d]));
    let footer_at = trailer_at.checked_sub(footer_bytes).ok_or_else(cut)?;
    if footer_bytes > MAX_FOOTER_BYTES {
        return Err(cut());
    }
    file.rewind().map_err(refused)?;
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut file.take(footer_at), &mut hasher).map_err(refused)?;
    let mut footer = Vec::new();
    file.read_to_end(&mut footer).map_err(refused)?;
    let start = digits(&footer).ok_or_else(|| {
        format!("it has no checksum (`{KEY}`), so it isn't as `windtunnel run` left it")
    })?;
    let expected = footer[start..start + DIGITS].to_vec();
    footer[start..start + DIGITS].fill(b'0');
    hasher.update(&footer);
    if hasher.finalize().to_hex().as_bytes() != expected {
        return Err("its content doesn't match its checksum".to_owned());
    }
    file.rewind().map_err(refused)
}
