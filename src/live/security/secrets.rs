//! Short texts in files, such as the name of a machine.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::path::Path;

use super::{random_bytes, write_text};

/// The text in a file.
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
        let drawn = blake3::hash(&random_bytes::<32>()?);
        write_text(&path, &format!("{}\n", drawn.to_hex()))?;
    }
    let name = blake3::hash(secret(&path)?.as_bytes());
    Ok(name.to_hex().chars().take(8).collect())
}
