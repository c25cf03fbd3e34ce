//! Requests to etcd over its JSON gateway: one connection each, member after member until one answers.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{EtcdError, Place};

/// Longest time to wait for a member. One that hangs is passed over: a write may hang at a member
/// while the others elect another one.
const MEMBER: Duration = Duration::from_secs(1);

/// Greatest length of an answer, in bytes.
const ANSWER_MAX: u64 = 64 << 20;

/// Files for encrypted connections.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Certificates of the authorities of etcd's members.
    pub authority: PathBuf,
    /// Certificate and key of this client, if etcd asks for them.
    pub own: Option<Own>,
}

/// Files of a certificate and its key.
#[derive(Clone, Debug)]
pub struct Own {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// A member.
#[derive(Clone, Debug)]
struct Member {
    host: String,
    port: u16,
    is_secured: bool,
}

/// A client.
#[derive(Clone, Debug)]
pub(super) struct Gateway {
    members: Arc<[Member]>,
    /// Number of the member that answered last.
    present: Arc<AtomicUsize>,
    config: Option<Arc<ClientConfig>>,
}

impl Gateway {
    pub(super) fn new(place: &Place) -> Result<Self, EtcdError> {
        let members: Result<Vec<Member>, _> =
            place.endpoints.iter().map(|one| member(one)).collect();
        let config = place.tls.as_ref().map(config).transpose()?;
        Ok(Self {
            members: members?.into(),
            present: Arc::default(),
            config,
        })
    }

    /// Sends a request to the member that answered last, or else to the others.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        message: &Value,
    ) -> Result<T, EtcdError> {
        let body = message.to_string();
        let first = self.present.load(Ordering::Relaxed);
        let mut why = "no endpoint is given".to_owned();
        for offset in 0..self.members.len() {
            let number = (first + offset) % self.members.len();
            match self.exchange(&self.members[number], path, &body) {
                Ok(Answer { status: 200, body }) => {
                    self.present.store(number, Ordering::Relaxed);
                    match serde_json::from_slice(&body) {
                        Ok(answer) => return Ok(answer),
                        Err(error) => why = format!("not an answer: {error}"),
                    }
                }
                // Without a leader a member answers so; another one may have one.
                Ok(Answer { status, body }) if status >= 500 => why = message_of(&body),
                Ok(Answer { body, .. }) => return Err(EtcdError::Refused(message_of(&body))),
                Err(error) => why = error.to_string(),
            }
        }
        let members = self.members.iter();
        let endpoints: Vec<String> = members
            .map(|member| format!("{}:{}", member.host, member.port))
            .collect();
        Err(EtcdError::Unreached {
            endpoints: endpoints.join(", "),
            why,
        })
    }

    fn exchange(&self, member: &Member, path: &str, body: &str) -> io::Result<Answer> {
        let mut addresses = (member.host.as_str(), member.port).to_socket_addrs()?;
        let address = addresses.next();
        let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
        let stream = TcpStream::connect_timeout(&address, MEMBER)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(MEMBER))?;
        stream.set_write_timeout(Some(MEMBER))?;
        // Answers of this version end with the connection.
        let head = format!(
            "POST {path} HTTP/1.0\r\nhost: {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            member.host,
            body.len()
        );
        match (&self.config, member.is_secured) {
            (Some(config), true) => {
                let name = ServerName::try_from(member.host.clone()).map_err(io::Error::other)?;
                let connection = ClientConnection::new(Arc::clone(config), name);
                let connection = connection.map_err(io::Error::other)?;
                talk(StreamOwned::new(connection, stream), &head, body)
            }
            (None, true) => Err(io::Error::other(
                "`https` takes the certificate of etcd's authority: `--etcd-ca`",
            )),
            (_, false) => talk(stream, &head, body),
        }
    }
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

fn talk(mut stream: impl Read + Write, head: &str, body: &str) -> io::Result<Answer> {
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    stream.flush()?;
    let mut read = Vec::new();
    match stream.take(ANSWER_MAX).read_to_end(&mut read) {
        // Go ends a connection without a word of TLS.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        outcome => {
            outcome?;
        }
    }
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP");
    let end = read.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or_else(broken)?;
    let head = String::from_utf8_lossy(&read[..end]);
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or_else(broken)?;
    let body = read.split_off(end + 4);
    Ok(Answer { status, body })
}

/// The message of a refusal.
fn message_of(body: &[u8]) -> String {
    let read: Option<Value> = serde_json::from_slice(body).ok();
    let message = read.as_ref().and_then(|read| read.get("message")?.as_str());
    message.map_or_else(
        || String::from_utf8_lossy(body).trim().to_owned(),
        str::to_owned,
    )
}

fn member(endpoint: &str) -> Result<Member, EtcdError> {
    let wrong = || EtcdError::Endpoint(endpoint.to_owned());
    let (scheme, rest) = endpoint.split_once("://").ok_or_else(wrong)?;
    let rest = rest.trim_end_matches('/');
    let (host, port) = rest.rsplit_once(':').ok_or_else(wrong)?;
    if !matches!(scheme, "http" | "https") || host.is_empty() {
        return Err(wrong());
    }
    Ok(Member {
        host: host.trim_matches(['[', ']']).to_owned(),
        port: port.parse().map_err(|_| wrong())?,
        is_secured: scheme == "https",
    })
}

fn config(tls: &Tls) -> Result<Arc<ClientConfig>, EtcdError> {
    let failed = |path: &PathBuf, why: &dyn std::fmt::Display| EtcdError::File {
        path: path.clone(),
        why: why.to_string(),
    };
    let path = &tls.authority;
    let mut roots = RootCertStore::empty();
    let read = CertificateDer::pem_file_iter(path).map_err(|error| failed(path, &error))?;
    for certificate in read {
        let certificate = certificate.map_err(|error| failed(path, &error))?;
        let added = roots.add(certificate);
        added.map_err(|error| failed(path, &error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]);
    let builder = builder.map_err(|error| failed(path, &error))?;
    let builder = builder.with_root_certificates(roots);
    let Some(own) = &tls.own else {
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let path = &own.certificate;
    let chain = CertificateDer::pem_file_iter(path).map_err(|error| failed(path, &error))?;
    let chain: Result<Vec<_>, _> = chain.collect();
    let chain = chain.map_err(|error| failed(path, &error))?;
    let path = &own.key;
    let key = PrivateKeyDer::from_pem_file(path).map_err(|error| failed(path, &error))?;
    let config = builder.with_client_auth_cert(chain, key);
    Ok(Arc::new(config.map_err(|error| failed(path, &error))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_and_others_refused() {
        for (endpoint, expected) in [
            ("http://127.0.0.1:2379", Some(("127.0.0.1", 2379, false))),
            (
                "https://etcd-0.local:2379/",
                Some(("etcd-0.local", 2379, true)),
            ),
            ("http://[::1]:2379", Some(("::1", 2379, false))),
            ("127.0.0.1:2379", None),
            ("http://127.0.0.1", None),
            ("ftp://127.0.0.1:1", None),
            ("http://:2379", None),
        ] {
            let read = member(endpoint).ok();
            let read = read.as_ref();
            let read = read.map(|read| (read.host.as_str(), read.port, read.is_secured));
            assert_eq!(read, expected, "{endpoint}");
        }
    }
}
