//! Certificates in files: an authority, the server's certificate and those of parties, for clusters
//! whose operator has no authority of their own. Of a folder that holds no key of an authority nothing
//! is made: its files come from elsewhere.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use time::OffsetDateTime;

use super::identity::{Identity, Role};
use super::{SecurityError, random_bytes, read_text, write_text};
use crate::runtime::clock::wall_ns;

/// Name that the server's certificate has, whatever its address.
pub const SERVER_NAME: &str = "control.windtunnel";

/// Name of the files of the server's own certificate.
pub const SERVER: &str = "server";

/// Name of the files of a user's certificate.
pub const USER: &str = "user";

/// Name of the files of an agent's certificate.
pub const AGENT: &str = "agent";

/// Name of the files of the authority.
pub(super) const AUTHORITY: &str = "ca";

/// Name of the user of the server's own machine.
const LOCAL: &str = "local";

/// Days of a certificate's life unless stated.
pub const LIFE_DAYS: u32 = 365;

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// Seconds of a certificate's life before it was issued: a clock that keeps local time as universal time is
/// off by hours, in both ways.
const BACKDATED_S: i64 = DAY_S;

/// Seconds of the authority's life: twenty years.
const AUTHORITY_LIFE_S: i64 = 20 * 365 * DAY_S;

/// Makes what a control server needs in the folder of its state: the authority, unless the folder has
/// one, and from its key the certificates of the server and of the user of its machine, anew with each
/// start.
///
/// # Errors
/// The folder can't be read or written, or its files are damaged.
pub fn prepare(folder: &Path) -> Result<(), SecurityError> {
    if !file(folder, AUTHORITY, "crt").exists() {
        let key = KeyPair::generate().map_err(made)?;
        let authority = authority().self_signed(&key).map_err(made)?;
        write(folder, AUTHORITY, "key", &key.serialize_pem())?;
        write(folder, AUTHORITY, "crt", &authority.pem())?;
    }
    if !has_authority(folder) {
        return Ok(());
    }
    let name = SERVER_NAME.to_owned().try_into().map_err(made)?;
    let server = CertificateRequest {
        name: SERVER,
        shown: SERVER_NAME.to_owned(),
        subject: SanType::DnsName(name),
        purpose: ExtendedKeyUsagePurpose::ServerAuth,
        days: LIFE_DAYS,
    };
    issue(folder, folder, server)?;
    let local = Identity {
        role: Role::Admin,
        name: LOCAL.to_owned(),
    };
    party(folder, folder, &local, LIFE_DAYS)
}

/// Whether a folder holds the key of an authority.
pub fn has_authority(folder: &Path) -> bool {
    file(folder, AUTHORITY, "key").exists()
}

/// Writes the certificate and key of a party into a folder, with the certificate of the authority whose
/// key another folder holds.
///
/// # Errors
/// A folder can't be read or written, or its files are damaged.
pub fn party(
    authority: &Path,
    folder: &Path,
    identity: &Identity,
    days: u32,
) -> Result<(), SecurityError> {
    let uri = identity.uri().try_into().map_err(made)?;
    let name = match identity.role {
        Role::Agent => AGENT,
        _ => USER,
    };
    let certificate = CertificateRequest {
        name,
        shown: identity.to_string(),
        subject: SanType::URI(uri),
        purpose: ExtendedKeyUsagePurpose::ClientAuth,
        days,
    };
    issue(authority, folder, certificate)?;
    if authority == folder {
        return Ok(());
    }
    let trusted = read_text(&file(authority, AUTHORITY, "crt"))?;
    write(folder, AUTHORITY, "crt", &trusted)
}

/// Request for a certificate.
struct CertificateRequest {
    /// Name of its files.
    name: &'static str,
    /// Common name of its subject.
    shown: String,
    /// Name or address that it certifies.
    subject: SanType,
    purpose: ExtendedKeyUsagePurpose,
    /// Days of its life.
    days: u32,
}

fn issue(
    authority: &Path,
    folder: &Path,
    request: CertificateRequest,
) -> Result<(), SecurityError> {
    let path = file(authority, AUTHORITY, "key");
    let signer = KeyPair::from_pem(&read_text(&path)?).map_err(|error| damaged(&path, &error))?;
    let issuer = Issuer::new(self::authority(), signer);
    let serial = random_bytes::<16>().map_err(made)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&request.shown);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.not_before = from_now(-BACKDATED_S);
    params.not_after = from_now(i64::from(request.days) * DAY_S);
    params.use_authority_key_identifier_extension = true;
    params.subject_alt_names = vec![request.subject];
    params.extended_key_usages = vec![request.purpose];
    let path = file(folder, request.name, "key");
    if !path.exists() {
        let key = KeyPair::generate().map_err(made)?;
        write(folder, request.name, "key", &key.serialize_pem())?;
    }
    // The key stays, so that who reads both at this moment has two that belong together.
    let key = KeyPair::from_pem(&read_text(&path)?).map_err(|error| damaged(&path, &error))?;
    let signed = params.signed_by(&key, &issuer).map_err(made)?;
    write(folder, request.name, "crt", &signed.pem())
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("windtunnel control authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = from_now(-BACKDATED_S);
    params.not_after = from_now(AUTHORITY_LIFE_S);
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn from_now(seconds: i64) -> OffsetDateTime {
    let at = OffsetDateTime::from_unix_timestamp(now_s() + seconds);
    at.unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The wall clock, in seconds since 1970.
pub(super) fn now_s() -> i64 {
    wall_ns() / 1_000_000_000
}

pub(super) fn file(folder: &Path, name: &str, kind: &str) -> std::path::PathBuf {
    folder.join(format!("{name}.{kind}"))
}

fn write(folder: &Path, name: &str, kind: &str, text: &str) -> Result<(), SecurityError> {
    let path = file(folder, name, kind);
    let stored = std::fs::create_dir_all(folder).and_then(|()| write_text(&path, text));
    stored.map_err(|source| SecurityError::File { path, source })
}

pub(super) fn made(error: impl std::fmt::Display) -> SecurityError {
    SecurityError::Making(error.to_string())
}

pub(super) fn damaged(path: &Path, why: &dyn std::fmt::Display) -> SecurityError {
    SecurityError::Damaged {
        path: path.to_owned(),
        why: format!("the file is damaged ({why})"),
        fix: "put a copy of it back, or delete it and run `windtunnel live certs`",
    }
}
