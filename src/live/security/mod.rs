//! Identities of a control server's parties and the means to prove them: an authority of the server's
//! own, certificates that it issues against join tokens, and the TLS of both ends.
//!
//! - `identity`: who a certificate speaks for, and what its role may do.
//! - `authority`: the key and certificate of the authority, and the certificates that it issues.
//! - `token`: join tokens, which pin the authority's public key.
//! - `roster`: tokens and certificates that are good, in a file of the server's state.
//! - `rotation`: the steps by which another authority takes the place of the present one.
//! - `place`: the folder of both, and what several control servers share.
//! - `gate`: joining, renewing and revoking over the two.
//! - `secrets`: secrets in files, and short names that follow from them.
//! - `credentials`: the key and certificate of one party, in a folder.
//! - `tls`: the configurations of both ends.

pub mod authority;
pub mod credentials;
pub mod gate;
pub mod identity;
pub mod place;
mod roster;
pub mod rotation;
pub mod secrets;
pub mod tls;
pub mod token;

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
    /// A token is not written as one.
    #[error(
        "not a join token: expected `wt1.PIN.ID.SECRET` as `windtunnel live token create` prints it"
    )]
    NotAToken,
}

/// Reason that a party is not let in. The words are those it gets: they tell nothing about tokens that
/// it does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The token is unknown, used up or expired, or is for another name.
    #[error(
        "the join token is not valid (any more); create one with `windtunnel live token create`"
    )]
    Token,
    /// The name is taken.
    #[error(
        "the name is taken by a certificate that has not expired; choose another name, or free it \
         with `windtunnel live revoke ROLE/NAME`"
    )]
    Taken,
    /// The name can't be one.
    #[error("expected a name of 1 to 253 letters, digits, `-`, `.` or `_`")]
    Name,
    /// The request to sign is none, or its signature is wrong.
    #[error("the request for a certificate is damaged, or not signed by its key")]
    Request,
    /// The certificate was revoked or replaced.
    #[error("the certificate was revoked; join again with a new token")]
    Revoked,
    /// No more tokens or certificates are kept.
    #[error("there are too many tokens or certificates; delete some first")]
    Full,
    /// The state can't be written.
    #[error("the server's state can't be written; see its messages")]
    Storage,
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
