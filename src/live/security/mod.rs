//! Identities of a control server's parties and the means to prove them: certificates in files, and the
//! TLS of both ends.
//!
//! - `identity`: who a certificate speaks for, and what its role may do.
//! - `certs`: an authority, and the certificates that it signs.
//! - `credentials`: the key and certificate of one party, in a folder.
//! - `secrets`: names of machines in files.
//! - `tls`: the configurations of both ends.

pub mod certs;
pub mod credentials;
pub mod identity;
pub mod secrets;
pub mod tls;

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Greatest length of a file of keys, certificates or tokens, in bytes.
const FILE_MAX: u64 = 64 << 20;

/// A problem with keys, certificates or tokens.
#[derive(Debug, Error)]
pub enum SecurityError {
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: {why}; {fix}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Problem of the content.
        why: String,
        /// The remedy.
        fix: &'static str,
    },
    /// Making a key or certificate failed.
    #[error("a certificate can't be made: {0}")]
    Making(String),
}

/// Reads a file of text.
///
/// # Errors
/// The file can't be read, or is too long.
pub(crate) fn read_text(path: &Path) -> Result<String, SecurityError> {
    let failed = |source| SecurityError::File {
        path: path.to_owned(),
        source,
    };
    let file = OpenOptions::new().read(true).open(path).map_err(failed)?;
    let mut text = String::new();
    file.take(FILE_MAX)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}

/// Writes a file that its owner alone can read, under a temporary name first; it is durable when this
/// returns.
///
/// # Errors
/// The folder can't be written.
pub(crate) fn write_text(path: &Path, text: &str) -> io::Result<()> {
    let partial = PathBuf::from(format!("{}.partial", path.display()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&partial, path)?;
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    OpenOptions::new().read(true).open(folder)?.sync_all()
}

/// Random bytes of the system.
///
/// # Errors
/// The system has none.
pub(crate) fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    OpenOptions::new()
        .read(true)
        .open("/dev/urandom")?
        .read_exact(&mut bytes)?;
    Ok(bytes)
}
