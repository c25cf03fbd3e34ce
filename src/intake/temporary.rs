//! Temporary files without a name, which are gone with the program.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of temporary files so far, for names of their own.
static FILES: AtomicU64 = AtomicU64::new(0);

/// A temporary file for records of a kind, of which the name is gone already, and that name.
///
/// # Errors
/// It can't be made.
pub fn nameless(records: &str) -> io::Result<(File, PathBuf)> {
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let name = format!("windtunnel-{}-{number}.{records}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    fs::remove_file(&path)?;
    Ok((file, path))
}
