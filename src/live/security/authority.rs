//! The authority of a control server: a key and a certificate in the folder of its state, made when the
//! server starts there for the first time. It decides names and purposes itself: of a request to sign
//! it takes the public key alone.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
    SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::identity::Certified;
use super::place::Place;
use super::{SecurityError, random_bytes, read_text};

/// Name that the server's certificate has, whatever its address.
pub(super) const SERVER_NAME: &str = "control.windtunnel";

/// Name of the file with the certificates of the authorities that a party trusts. In a state's folder
/// the first authority's own is at the top of it.
pub(super) const CERTIFICATE_FILE: &str = "ca.crt";

/// Name of the files of an authority, by its number.
fn file_of(number: u32) -> String {
    match number {
        0 => "ca".to_owned(),
        _ => format!("ca-{number}"),
    }
}

/// Seconds of a certificate's life before it was issued: clocks differ.
const BACKDATED_S: i64 = 3600;

/// Seconds of the authority's life: twenty years.
const AUTHORITY_LIFE_S: i64 = 20 * 365 * 86_400;

/// An authority.
pub struct Authority {
    certificate: CertificateDer<'static>,
    /// The certificate as a text.
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    pin: String,
}

/// A request to sign whose signature proves the key.
pub(super) struct Request(CertificateSigningRequestParams);

impl Request {
    /// Reads a request to sign.
    pub(super) fn read(pem: &str) -> Option<Self> {
        CertificateSigningRequestParams::from_pem(pem)
            .ok()
            .map(Self)
    }

    /// Hash of the public key.
    pub(super) fn key_hash(&self) -> String {
        hex(&Sha256::digest(self.0.public_key.subject_public_key_info()))
    }
}

impl Authority {
    /// The authority of a number in a state's folder, made if there is none.
    ///
    /// # Errors
    /// The folder can't be read or written, or its files are damaged.
    pub(super) fn numbered(place: &Place, number: u32, now_s: i64) -> Result<Self, SecurityError> {
        let file = format!("{}.key", file_of(number));
        let path = place.folder().join(&file);
        if !path.exists() {
            let key = KeyPair::generate().map_err(made)?;
            write(place, &file, &key.serialize_pem())?;
        }
        let key = KeyPair::from_pem(&read_text(&path)?);
        let key = key.map_err(|error| damaged(&path, &error))?;
        let params = authority(now_s);
        let file = format!("{}.crt", file_of(number));
        let path = place.folder().join(&file);
        if !path.exists() {
            let certificate = params.self_signed(&key).map_err(made)?;
            write(place, &file, &certificate.pem())?;
        }
        let pem = read_text(&path)?;
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes());
        let certificate = certificate.map_err(|error| damaged(&path, &error))?;
        let found = pin(&certificate).map_err(|error| damaged(&path, &error))?;
        if found != hex(&Sha256::digest(key.subject_public_key_info())) {
            let why = "it belongs to another key than the one beside it";
            return Err(damaged(&path, &why));
        }
        Ok(Self {
            certificate,
            pem,
            issuer: Issuer::new(params, key),
            pin: found,
        })
    }

    /// Removes the files of an authority that is gone for good.
    pub(super) fn remove(place: &Place, number: u32) {
        // What stays is of no use to anybody: nobody trusts it.
        let file = file_of(number);
        place.remove(&format!("{file}.key"));
        if number > 0 {
            place.remove(&format!("{file}.crt"));
        }
    }

    /// The authority's certificate.
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The authority's certificate as a text.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// SHA-256 of the authority's public key, in hexadecimal.
    pub fn pin(&self) -> &str {
        &self.pin
    }

    /// Issues a party's certificate for the key of a request; returns it as a text.
    pub(super) fn issue(
        &self,
        request: &Request,
        party: &Certified,
        issued_s: i64,
        expires_s: i64,
    ) -> Result<String, SecurityError> {
        let mut params = leaf(&party.identity.to_string(), issued_s, expires_s)?;
        let uri = party.uri().try_into().map_err(made)?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let signed = params.signed_by(&request.0.public_key, &self.issuer);
        Ok(signed.map_err(made)?.pem())
    }

    /// Issues a certificate of the server with a key of its own.
    pub(super) fn issue_server(
        &self,
        issued_s: i64,
        expires_s: i64,
    ) -> Result<ServerPair, SecurityError> {
        let key = KeyPair::generate().map_err(made)?;
        let mut params = leaf("control server", issued_s, expires_s)?;
        let name = SERVER_NAME.to_owned().try_into().map_err(made)?;
        params.subject_alt_names = vec![SanType::DnsName(name)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let signed = params.signed_by(&key, &self.issuer).map_err(made)?;
        Ok(ServerPair {
            certificate: signed.der().clone(),
            key: key.serialize_der(),
        })
    }
}

/// A certificate of the server and its key.
pub(super) struct ServerPair {
    pub(super) certificate: CertificateDer<'static>,
    /// The key as PKCS #8.
    pub(super) key: Vec<u8>,
}

/// SHA-256 of a certificate's public key, in hexadecimal.
///
/// # Errors
/// The certificate is none.
pub(super) fn pin(certificate: &CertificateDer<'_>) -> Result<String, webpki::Error> {
    let read = webpki::EndEntityCert::try_from(certificate)?;
    Ok(hex(&Sha256::digest(read.subject_public_key_info())))
}

fn authority(now_s: i64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("windtunnel control authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = at(now_s - BACKDATED_S);
    params.not_after = at(now_s + AUTHORITY_LIFE_S);
    params
}

fn leaf(name: &str, issued_s: i64, expires_s: i64) -> Result<CertificateParams, SecurityError> {
    let serial = random_bytes::<16>().map_err(made)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.not_before = at(issued_s - BACKDATED_S);
    params.not_after = at(expires_s);
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn at(unix_s: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix_s).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn made(error: impl std::fmt::Display) -> SecurityError {
    SecurityError::Making(error.to_string())
}

fn write(place: &Place, file: &str, text: &str) -> Result<(), SecurityError> {
    let written = place.write(file, text);
    written.map_err(|source| SecurityError::File {
        path: place.folder().join(file),
        source,
    })
}

fn damaged(path: &Path, why: &dyn std::fmt::Display) -> SecurityError {
    SecurityError::Damaged {
        path: PathBuf::from(path),
        why: format!("the file is damaged ({why})"),
        fix: "restore the files `ca*.key` and `ca*.crt` from a copy: every certificate depends on them",
    }
}
