//! Credentials of one party: its key, its certificate and those of the authorities that it trusts, in a
//! folder.

use std::path::Path;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::certs::{AUTHORITY, damaged, file};
use super::{SecurityError, read_text};

/// Credentials.
pub struct Credentials {
    /// Certificates of the authorities that are trusted.
    pub(super) authorities: Vec<CertificateDer<'static>>,
    /// The party's certificate, and those between it and an authority.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Credentials {
    /// Reads the credentials of a name from a folder.
    ///
    /// # Errors
    /// The folder lacks a file, or one is damaged.
    pub fn read(folder: &Path, name: &str) -> Result<Self, SecurityError> {
        let path = file(folder, name, "key");
        let key = PrivateKeyDer::from_pem_slice(read_text(&path)?.as_bytes());
        Ok(Self {
            key: key.map_err(|error| damaged(&path, &error))?,
            chain: certificates(&file(folder, name, "crt"))?,
            authorities: certificates(&file(folder, AUTHORITY, "crt"))?,
        })
    }

    /// A short name that follows from the authority: it tells containers of different control servers
    /// apart.
    pub fn cluster(&self) -> String {
        let hash = blake3::hash(&self.authorities[0]);
        hash.to_hex().chars().take(8).collect()
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, SecurityError> {
    let text = read_text(path)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let read = read.map_err(|error| damaged(path, &error))?;
    if read.is_empty() {
        return Err(damaged(path, &"it holds no certificate"));
    }
    Ok(read)
}
