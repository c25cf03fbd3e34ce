//! A party's side of joining and renewing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use thiserror::Error;

use crate::client::{Client, ClientError};
use crate::security::credentials::{Credentials, renewal_percent};
use crate::security::gate::{Issued, JoinWish, RenewWish, now_s};
use crate::security::token::Token;
use crate::security::{SecurityError, tls};

/// Seconds before a renewal that failed is tried again, at first and at most; they double.
const RETRY_S: [i64; 2] = [1, 300];

/// Reason that a party could not join or renew its certificate.
#[derive(Debug, Error)]
pub enum JoinError {
    /// Keys, certificates or the token have a problem.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// The server is not reached, not trusted, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The authority of the answer is not the one that the token names.
    #[error(
        "the control server answered with another authority than the token's; nothing was kept"
    )]
    OtherAuthority,
}

/// Joins the server at an address by a token; the credentials are stored in a folder under `file`. The
/// secret leaves only after the server has proved the token's pin.
///
/// # Errors
/// The server is another one, or refuses.
pub fn join(
    address: SocketAddr,
    token: &Token,
    name: &str,
    folder: &Path,
    file: &str,
) -> Result<Credentials, JoinError> {
    let client = Client::secured(address, tls::joining(&token.pin)?);
    let wish = JoinWish {
        id: token.id.clone(),
        secret: token.secret().to_owned(),
        name: name.to_owned(),
        request: Credentials::request(folder, file)?,
    };
    let issued: Issued = client.post("/v1/join", &wish)?;
    let mut authorities = CertificateDer::pem_slice_iter(issued.authority.as_bytes());
    let is_pinned =
        |sent: &CertificateDer<'_>| tls::pin_of(sent).is_some_and(|pin| pin == token.pin);
    if !authorities.any(|sent| sent.is_ok_and(|sent| is_pinned(&sent))) {
        return Err(JoinError::OtherAuthority);
    }
    Ok(Credentials::store(folder, file, &issued)?)
}

/// Credentials that are renewed in time.
pub struct Renewal {
    folder: PathBuf,
    file: String,
    credentials: Credentials,
    /// Part of the life after which to renew, in percent.
    percent: i64,
    /// Second since 1970 before which nothing is tried.
    not_before_s: i64,
    /// Seconds before the next attempt after one that fails.
    retry_s: i64,
}

impl Renewal {
    /// The renewal of a folder's credentials.
    pub fn new(folder: &Path, file: &str, credentials: Credentials) -> Self {
        Self {
            folder: folder.to_owned(),
            file: file.to_owned(),
            credentials,
            percent: renewal_percent(),
            not_before_s: 0,
            retry_s: RETRY_S[0],
        }
    }

    /// Renews the certificate if it is time; returns whether the client uses a new one.
    ///
    /// # Errors
    /// The server is not reached, or refuses; the certificate in use stays in use.
    pub fn keep(&mut self, client: &Client) -> Result<bool, JoinError> {
        let now = now_s();
        // After a step of a rotation the certificate and those that it trusts are renewed at once.
        let is_behind = client.generation() > self.credentials.generation();
        let is_due = is_behind || self.credentials.is_old(now, self.percent);
        if !is_due || now < self.not_before_s {
            return Ok(false);
        }
        self.not_before_s = now + self.retry_s;
        self.retry_s = (self.retry_s * 2).min(RETRY_S[1]);
        let wish = RenewWish {
            request: Credentials::request(&self.folder, &self.file)?,
        };
        let issued: Issued = client.post("/v1/renew", &wish)?;
        self.credentials = Credentials::store(&self.folder, &self.file, &issued)?;
        client.replace(tls::client(&self.credentials)?);
        self.percent = renewal_percent();
        (self.not_before_s, self.retry_s) = (0, RETRY_S[0]);
        Ok(true)
    }
}
