//! TLS 1.3 of both ends. Sessions are not resumed: every connection proves its certificate anew, so one
//! that expired or was revoked opens none.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};

use super::SecurityError;
use super::authority::{SERVER_NAME, pin};
use super::credentials::Credentials;
use super::gate::{Gate, now_s};
use super::identity::Certified;

/// The server's end. Clients without a certificate are let in: they may join and do nothing else.
///
/// # Errors
/// The authority's certificate is none.
pub fn server(gate: Arc<Gate>) -> Result<Arc<ServerConfig>, SecurityError> {
    let roots = roots(&gate.authorities().certificates())?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let verifier = verifier.allow_unauthenticated().build();
    let verifier: Arc<dyn ClientCertVerifier> = verifier.map_err(made)?;
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(WallClock));
    let builder = builder.with_protocol_versions(&[&TLS13]).map_err(made)?;
    let mut config = builder
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(Resolver {
            gate,
            current: Mutex::new(None),
        }));
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The end of a party with credentials.
///
/// # Errors
/// The key does not belong to the certificate.
pub fn client(credentials: &Credentials) -> Result<Arc<ClientConfig>, SecurityError> {
    let roots = roots(credentials.authorities())?;
    let builder = ClientConfig::builder_with_details(provider(), Arc::new(WallClock));
    let builder = builder.with_protocol_versions(&[&TLS13]).map_err(made)?;
    let chain = vec![credentials.certificate().clone()];
    let config = builder.with_root_certificates(roots);
    let config = config.with_client_auth_cert(chain, credentials.key());
    Ok(Arc::new(without_sessions(config.map_err(made)?)))
}

/// The end of a party that knows the pin of the authority and has no credentials yet.
///
/// # Errors
/// The library lacks TLS 1.3.
pub fn joining(pin: &str) -> Result<Arc<ClientConfig>, SecurityError> {
    let builder = ClientConfig::builder_with_details(provider(), Arc::new(WallClock));
    let builder = builder.with_protocol_versions(&[&TLS13]).map_err(made)?;
    let verifier = Arc::new(PinVerifier {
        pin: pin.to_owned(),
        provider: provider(),
    });
    let config = builder.dangerous();
    let config = config.with_custom_certificate_verifier(verifier);
    Ok(Arc::new(without_sessions(config.with_no_client_auth())))
}

/// Name by which clients know the server.
///
/// # Errors
/// The name is none.
pub(crate) fn server_name() -> Result<ServerName<'static>, SecurityError> {
    ServerName::try_from(SERVER_NAME).map_err(made)
}

/// The party that a certificate speaks for.
pub(crate) fn party_of(certificate: &CertificateDer<'_>) -> Option<Certified> {
    let read = webpki::EndEntityCert::try_from(certificate).ok()?;
    read.valid_uri_names().find_map(Certified::of_uri)
}

/// SHA-256 of a certificate's public key, in hexadecimal.
pub(crate) fn pin_of(certificate: &CertificateDer<'_>) -> Option<String> {
    pin(certificate).ok()
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

fn without_sessions(mut config: ClientConfig) -> ClientConfig {
    config.resumption = rustls::client::Resumption::disabled();
    config
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn roots(authorities: &[CertificateDer<'static>]) -> Result<RootCertStore, SecurityError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).map_err(made)?;
    }
    Ok(roots)
}

fn made(error: impl std::fmt::Display) -> SecurityError {
    SecurityError::Making(error.to_string())
}

/// The server's certificate, issued anew when half of its life is over, and at each step of a rotation.
#[derive(Debug)]
struct Resolver {
    gate: Arc<Gate>,
    current: Mutex<Option<Current>>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    renew_s: i64,
    generation: u64,
}

impl Resolver {
    fn issue(&self, now_s: i64) -> Result<Current, SecurityError> {
        let authorities = self.gate.authorities();
        let authority = authorities.signer();
        let life_s = self.gate.life_s();
        let pair = authority.issue_server(now_s, now_s + life_s)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.key));
        let key = ring::sign::any_supported_type(&key).map_err(made)?;
        // The authority's own certificate goes with it, for those who know its pin alone.
        let chain = vec![pair.certificate, authority.certificate().clone()];
        Ok(Current {
            key: Arc::new(CertifiedKey::new(chain, key)),
            renew_s: now_s + life_s / 2,
            generation: authorities.generation(),
        })
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let now = now_s();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.gate.authorities().generation();
        let is_old = |known: &Current| known.renew_s <= now || known.generation != generation;
        if current.as_ref().is_none_or(is_old)
            && let Ok(issued) = self.issue(now)
        {
            *current = Some(issued);
        }
        current.as_ref().map(|known| Arc::clone(&known.key))
    }
}

/// Verifier of a server whose authority's pin is known.
#[derive(Debug)]
struct PinVerifier {
    pin: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_pinned = |sent: &&CertificateDer<'_>| pin(sent).is_ok_and(|pin| pin == self.pin);
        let authority = intermediates.iter().find(is_pinned);
        let authority = authority.ok_or(CertificateError::UnknownIssuer)?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let provider = Arc::clone(&self.provider);
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.build();
        let verifier = verifier.map_err(|error| Error::General(error.to_string()))?;
        verifier.verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}
