//! Secrets in files, and short names that follow from them.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::path::Path;

use super::{random_bytes, write_text};

/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;

/// A short name that follows from a text, such as the pin of an authority: it tells containers of
/// different control servers apart and gives nothing away.
pub fn cluster(text: &str) -> String {
    blake3::hash(text.as_bytes())
        .to_hex()
        .chars()
        .take(8)
        .collect()
}

/// The secret in a file.
///
/// # Errors
/// The file can't be read.
pub fn secret(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    OpenOptions::new()
        .read(true)
        .open(path)?
        .take(1024)
        .read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

/// The name in a file, drawn and written if there is none: a machine has it as long as its folder.
///
/// # Errors
/// The folder can't be read or written.
pub fn machine(folder: &Path) -> io::Result<String> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join(".machine");
    if !path.exists() {
        create(&path)?;
    }
    Ok(cluster(&secret(&path)?))
}

/// Draws a secret and writes it.
pub(crate) fn create(path: &Path) -> io::Result<()> {
    let bytes = random_bytes::<SECRET_BYTES>()?;
    write_text(path, &format!("{}\n", blake3::hash(&bytes).to_hex()))
}
