//! Credentials of one party: its key, its certificate and that of the authority, in a folder. The key
//! never leaves the folder.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::authority::CERTIFICATE_FILE;
use super::gate::Issued;
use super::{SecurityError, random_bytes, read_text, write_text};

/// Credentials.
pub struct Credentials {
    /// Certificates of the authorities that are trusted.
    authorities: Vec<CertificateDer<'static>>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    issued_s: i64,
    expires_s: i64,
    generation: u64,
    cluster: Option<String>,
}

impl Credentials {
    /// Reads the credentials of a name from a folder.
    ///
    /// # Errors
    /// The folder lacks a file, or one is damaged.
    pub fn read(folder: &Path, name: &str) -> Result<Self, SecurityError> {
        let path = folder.join(format!("{name}.key"));
        let key = PrivateKeyDer::from_pem_slice(read_text(&path)?.as_bytes());
        let key = key.map_err(|error| damaged(&path, &error))?;
        let path = folder.join(format!("{name}.crt"));
        let text = read_text(&path)?;
        let certificate = CertificateDer::from_pem_slice(text.as_bytes());
        let certificate = certificate.map_err(|error| damaged(&path, &error))?;
        let line = |field: &str| {
            let mut lines = text.lines();
            lines.find_map(|line| Some(line.strip_prefix(field)?.trim()))
        };
        let instant = |field: &str| line(field)?.parse::<i64>().ok();
        let (Some(issued_s), Some(expires_s)) = (instant("issued:"), instant("expires:")) else {
            return Err(damaged(&path, &"it lacks the instants of its life"));
        };
        let generation = line("generation:").and_then(|number| number.parse().ok());
        let path = folder.join(CERTIFICATE_FILE);
        let trusted = read_text(&path)?;
        let authorities: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(trusted.as_bytes()).collect();
        let authorities = authorities.map_err(|error| damaged(&path, &error))?;
        if authorities.is_empty() {
            return Err(damaged(&path, &"it holds no certificate"));
        }
        Ok(Self {
            authorities,
            certificate,
            key,
            issued_s,
            expires_s,
            generation: generation.unwrap_or(0),
            cluster: line("cluster:").map(str::to_owned),
        })
    }

    /// The request to sign the key of a name, in PEM; the key is made if the folder has none.
    pub(crate) fn request(folder: &Path, name: &str) -> Result<String, SecurityError> {
        let path = folder.join(format!("{name}.key"));
        if !path.exists() {
            let key = KeyPair::generate().map_err(made)?;
            store(folder, &format!("{name}.key"), &key.serialize_pem())?;
        }
        let key = KeyPair::from_pem(&read_text(&path)?);
        let key = key.map_err(|error| damaged(&path, &error))?;
        let request = CertificateParams::default().serialize_request(&key);
        request.and_then(|request| request.pem()).map_err(made)
    }

    /// Stores a certificate of the key of a name.
    pub(crate) fn store(folder: &Path, name: &str, issued: &Issued) -> Result<Self, SecurityError> {
        let Issued {
            certificate,
            issued_s,
            expires_s,
            generation,
            ..
        } = issued;
        store(folder, CERTIFICATE_FILE, &issued.authority)?;
        let cluster = issued.cluster.as_ref();
        let cluster = cluster.map_or_else(String::new, |name| format!("cluster: {name}\n"));
        let text = format!(
            "issued: {issued_s}\nexpires: {expires_s}\ngeneration: {generation}\n{cluster}{certificate}"
        );
        store(folder, &format!("{name}.crt"), &text)?;
        Self::read(folder, name)
    }

    /// The party's certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Certificates of the authorities that are trusted.
    pub(super) fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.authorities
    }

    /// Number of steps of rotations before the certificate was issued.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// The party's key.
    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }

    /// A short name of the cluster, which outlives its authorities.
    ///
    /// # Errors
    /// The certificate of the authority is none.
    pub fn cluster(&self) -> Result<String, SecurityError> {
        if let Some(cluster) = &self.cluster {
            return Ok(cluster.clone());
        }
        // The answer of an older server named the authority alone.
        let pin = super::authority::pin(&self.authorities[0]).map_err(made)?;
        Ok(super::secrets::cluster(&pin))
    }

    /// Whether a certificate has lived for a part of its life, in percent.
    pub fn is_old(&self, now_s: i64, percent: i64) -> bool {
        let life = self.expires_s - self.issued_s;
        // A clock that was set back makes nothing older.
        now_s - self.issued_s >= life / 100 * percent + life % 100 * percent / 100
    }

    /// Whether the certificate has expired.
    pub const fn has_expired(&self, now_s: i64) -> bool {
        now_s >= self.expires_s
    }
}

fn store(folder: &Path, file: &str, text: &str) -> Result<(), SecurityError> {
    let path = folder.join(file);
    let stored = std::fs::create_dir_all(folder).and_then(|()| write_text(&path, text));
    stored.map_err(|source| SecurityError::File { path, source })
}

/// A part of a certificate's life after which to renew it, in percent: one of 50 to 80, so that nodes
/// that joined together don't renew together.
pub(crate) fn renewal_percent() -> i64 {
    let byte = random_bytes::<1>().map_or(0, |[byte]| byte);
    50 + i64::from(byte) % 31
}

fn made(error: impl std::fmt::Display) -> SecurityError {
    SecurityError::Making(error.to_string())
}

fn damaged(path: &Path, why: &dyn std::fmt::Display) -> SecurityError {
    SecurityError::Damaged {
        path: path.to_owned(),
        why: format!("the file is damaged ({why})"),
        fix: "delete it and join again with a new token",
    }
}
