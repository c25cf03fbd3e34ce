//! TLS 1.3 of both ends. Sessions are not resumed: every connection proves its certificate anew, so one
//! that expired opens none.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::SecurityError;
use super::certs::{SERVER_NAME, made, now_s};
use super::credentials::Credentials;
use super::identity::Identity;

/// The server's end; every client shows a certificate.
///
/// # Errors
/// The key does not belong to the certificate.
pub fn server(own: &Credentials) -> Result<Arc<ServerConfig>, SecurityError> {
    let roots = Arc::new(roots(own)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build();
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(WallClock));
    let builder = builder.with_protocol_versions(&[&TLS13]).map_err(made)?;
    let builder = builder.with_client_cert_verifier(verifier.map_err(made)?);
    let config = builder.with_single_cert(own.chain.clone(), own.key.clone_key());
    let mut config = config.map_err(made)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The end of a party with credentials.
///
/// # Errors
/// The key does not belong to the certificate.
pub fn client(own: &Credentials) -> Result<Arc<ClientConfig>, SecurityError> {
    let builder = ClientConfig::builder_with_details(provider(), Arc::new(WallClock));
    let builder = builder.with_protocol_versions(&[&TLS13]).map_err(made)?;
    let config = builder.with_root_certificates(roots(own)?);
    let config = config.with_client_auth_cert(own.chain.clone(), own.key.clone_key());
    let mut config = config.map_err(made)?;
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// Name by which clients know the server.
///
/// # Errors
/// The name is none.
pub(crate) fn server_name() -> Result<ServerName<'static>, SecurityError> {
    ServerName::try_from(SERVER_NAME).map_err(made)
}

/// The party that a certificate speaks for.
pub(crate) fn party_of(certificate: &CertificateDer<'_>) -> Option<Identity> {
    let read = webpki::EndEntityCert::try_from(certificate).ok()?;
    read.valid_uri_names().find_map(Identity::of_uri)
}

/// The clock by which certificates are judged: the one by which they are issued.
#[derive(Debug)]
struct WallClock;

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(now_s()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn roots(own: &Credentials) -> Result<RootCertStore, SecurityError> {
    let mut roots = RootCertStore::empty();
    for authority in &own.authorities {
        roots.add(authority.clone()).map_err(made)?;
    }
    Ok(roots)
}
