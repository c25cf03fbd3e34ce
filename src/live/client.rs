//! A client of the control server over HTTP/1.1, encrypted or, on one machine, as plain text with a
//! secret. A user's client has a connection for each request, an agent's line keeps its own.

mod line;

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use units::plural;

use crate::security::tls::server_name;
use crate::security::write_text;

pub(crate) use line::Line;

/// Longest time to wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Longest time to wait for a connection while other servers may lead: one that stands still accepts
/// connections and says nothing.
const CONNECT_SOON: Duration = Duration::from_secs(1);

/// Longest time to wait for an answer.
const ANSWER: Duration = Duration::from_secs(45);

/// Longest time to wait for an answer that is due at once.
const ANSWER_SOON: Duration = Duration::from_secs(3);

/// Greatest length of an answer, in bytes: a log of some weeks.
const ANSWER_MAX: u64 = 1 << 30;

/// Greatest length of a line of a header, in bytes.
const LINE_MAX: u64 = 64 << 10;

/// Header in which a server states the number of steps of rotations of its authority.
pub(crate) const GENERATION: &str = "windtunnel-generation";

/// Header in which a server names the addresses of all control servers, where there are several.
pub(crate) const SERVERS: &str = "windtunnel-servers";

/// Name of the file with these addresses.
const SERVERS_FILE: &str = "servers";

/// Greatest number of control servers.
const SERVERS_MAX: usize = 16;

/// Greatest length of a request, in bytes; servers refuse longer ones.
pub const REQUEST_MAX: usize = 1 << 20;

/// A problem of a request.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The server is not reached.
    #[error(
        "control server at {}: {source}; is `windtunnel live control` running there?{}",
        listed(.servers),
        advice(.servers)
    )]
    Unreached {
        /// Addresses of the servers that were tried.
        servers: Vec<SocketAddr>,
        /// Reason.
        source: io::Error,
    },
    /// One end does not trust the other.
    #[error(
        "control server at {address}: {why}; the certificate may be of another control server, \
         revoked or expired: join again with a new token"
    )]
    Untrusted {
        /// Address of the server.
        address: SocketAddr,
        /// Problem of a certificate.
        why: String,
    },
    /// The request is too long.
    #[error("the request has {}, more than the 1 MiB that is allowed; split it", plural::count(*.bytes, "byte"))]
    TooLong {
        /// Length of the request.
        bytes: usize,
    },
    /// The server refused the request.
    #[error("control server: {why} (status {status})")]
    Refused {
        /// Status of the answer.
        status: u16,
        /// Reason.
        why: String,
    },
    /// The answer is none.
    #[error("control server at {address}: not an answer: {why}")]
    Answer {
        /// Address of the server.
        address: SocketAddr,
        /// Problem of the answer.
        why: String,
    },
}

/// Addresses in a text.
fn listed(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}

/// What else to do where there are several servers.
fn advice(addresses: &[SocketAddr]) -> &'static str {
    match addresses {
        [] | [_] => "",
        _ => " After a loss another one leads within seconds: try again",
    }
}

/// A client. Its clones use the same credentials, also when these are renewed.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    way: Way,
    /// Number of steps of rotations that the server stated last.
    generation: Arc<AtomicU64>,
    /// Addresses of control servers, that which answered last first.
    servers: Arc<Mutex<Vec<SocketAddr>>>,
    /// File that outlives this client, with these addresses.
    memory: Option<Arc<Path>>,
}

/// Way in which a client proves who it is.
#[derive(Clone, Debug)]
enum Way {
    /// A secret in every request.
    Plain(Arc<str>),
    /// TLS with these certificates.
    Secured(Arc<Mutex<Arc<ClientConfig>>>),
}

/// A connection of either kind.
trait Connection: Read + Write {}

impl<T: Read + Write> Connection for T {}

/// A connection and what of an answer was read ahead.
type Stream = BufReader<Box<dyn Connection + Send>>;

/// Words by which a connection ends with its answer, or does not.
const CLOSE: &str = "close";
const KEEP: &str = "keep-alive";

/// An answer as it came.
struct Raw {
    status: u16,
    generation: Option<u64>,
    servers: Option<String>,
    body: Vec<u8>,
    /// `true` if the connection may be used again.
    is_kept: bool,
}

impl Client {
    /// A client of the server at an address of this machine, with its secret.
    pub fn plain(address: SocketAddr, secret: &str) -> Self {
        Self::new(address, Way::Plain(secret.into()))
    }

    /// A client of the server at an address, with a configuration of TLS.
    pub fn secured(address: SocketAddr, config: Arc<ClientConfig>) -> Self {
        Self::new(address, Way::Secured(Arc::new(Mutex::new(config))))
    }

    fn new(address: SocketAddr, way: Way) -> Self {
        Self {
            address,
            way,
            generation: Arc::default(),
            servers: Arc::new(Mutex::new(vec![address])),
            memory: None,
        }
    }

    /// A client that remembers in a folder which control servers there are, where there are several.
    #[must_use]
    pub fn remembering(self, folder: &Path) -> Self {
        let file = folder.join(SERVERS_FILE);
        if let Ok(known) = crate::security::secrets::secret(&file) {
            self.learn(&known);
        }
        Self {
            memory: Some(file.into()),
            ..self
        }
    }

    /// Takes note of the addresses of all control servers; returns whether they are news.
    fn learn(&self, listed: &str) -> bool {
        let listed = listed.split(',').filter_map(|one| one.trim().parse().ok());
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut any = false;
        for address in listed.take(SERVERS_MAX) {
            if !servers.contains(&address) && servers.len() < SERVERS_MAX {
                servers.push(address);
                any = true;
            }
        }
        any
    }

    /// Number of steps of rotations that the server stated last.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Address of the server.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Uses another configuration of TLS for the connections to come.
    pub(crate) fn replace(&self, config: Arc<ClientConfig>) {
        if let Way::Secured(known) = &self.way {
            *known.lock().unwrap_or_else(PoisonError::into_inner) = config;
        }
    }

    /// Asks for something.
    ///
    /// # Errors
    /// The server is not reached, or refuses.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.value(&self.fetch(path)?)
    }

    /// Asks for something as it comes.
    ///
    /// # Errors
    /// The server is not reached, or refuses.
    pub fn fetch(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        self.call("GET", path, &[], ANSWER)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The server is not reached, or refuses.
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        message: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(message).map_err(|error| self.no_answer(&error))?;
        self.value(&self.call("POST", path, &body, ANSWER)?)
    }

    fn value<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(body).map_err(|error| self.no_answer(&error))
    }

    fn no_answer(&self, why: &dyn std::fmt::Display) -> ClientError {
        ClientError::Answer {
            address: self.address,
            why: why.to_string(),
        }
    }

    fn call(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        patience: Duration,
    ) -> Result<Vec<u8>, ClientError> {
        let asked = Asked::new(method, path, body)?;
        let stream = self.connect(patience);
        let raw =
            stream.and_then(|stream| self.exchange(&mut BufReader::new(stream), &asked, CLOSE));
        self.body(raw)
    }

    /// The body of an answer that says that all is well.
    fn body(&self, raw: io::Result<Raw>) -> Result<Vec<u8>, ClientError> {
        let raw = raw.map_err(|source| self.failed(source))?;
        if let Some(generation) = raw.generation {
            self.generation.store(generation, Ordering::Relaxed);
        }
        if let Some(listed) = &raw.servers
            && self.learn(listed)
            && let Some(memory) = &self.memory
        {
            // Without it the next client learns of them when it reaches one.
            let _ = write_text(memory, listed);
        }
        if raw.status == 200 {
            return Ok(raw.body);
        }
        Err(ClientError::Refused {
            status: raw.status,
            why: String::from_utf8_lossy(&raw.body).trim().to_owned(),
        })
    }

    fn failed(&self, source: io::Error) -> ClientError {
        let address = self.address;
        let inner = source.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(
                why @ (rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_)),
            ) => ClientError::Untrusted {
                address,
                why: why.to_string(),
            },
            _ => ClientError::Unreached {
                servers: self.servers(),
                source,
            },
        }
    }

    /// Addresses of the control servers that are known, that which answered last first.
    fn servers(&self) -> Vec<SocketAddr> {
        let servers = self.servers.lock();
        servers.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connects to the control server that answered last, or else to another one: first to whichever
    /// answers soon.
    fn connect(&self, patience: Duration) -> io::Result<Box<dyn Connection + Send>> {
        let servers = self.servers();
        let rounds = [CONNECT_SOON, CONNECT];
        let first = usize::from(servers.len() == 1);
        let mut failed = io::Error::other("no address is known");
        for limit in &rounds[first..] {
            for (place, &address) in servers.iter().enumerate() {
                match self.connect_to(address, patience, *limit) {
                    Ok(connection) => {
                        if place > 0 {
                            self.order(|known| known != address);
                        }
                        return Ok(connection);
                    }
                    Err(error) => failed = error,
                }
            }
        }
        Err(failed)
    }

    /// Orders the known servers by whether something is so of them.
    fn order(&self, is_later: impl Fn(SocketAddr) -> bool) {
        let servers = self.servers.lock();
        let mut servers = servers.unwrap_or_else(PoisonError::into_inner);
        servers.sort_by_key(|&known| is_later(known));
    }

    fn connect_to(
        &self,
        address: SocketAddr,
        patience: Duration,
        limit: Duration,
    ) -> io::Result<Box<dyn Connection + Send>> {
        let mut stream = TcpStream::connect_timeout(&address, limit.min(patience))?;
        stream.set_read_timeout(Some(limit.min(patience)))?;
        stream.set_write_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        match &self.way {
            Way::Plain(_) => {
                stream.set_read_timeout(Some(patience))?;
                Ok(Box::new(stream))
            }
            Way::Secured(config) => {
                let config = config.lock().unwrap_or_else(PoisonError::into_inner);
                let config = Arc::clone(&config);
                let name = server_name().map_err(io::Error::other)?;
                let connection = ClientConnection::new(config, name);
                let mut connection = connection.map_err(io::Error::other)?;
                while connection.is_handshaking() {
                    connection.complete_io(&mut stream)?;
                }
                stream.set_read_timeout(Some(patience))?;
                Ok(Box::new(StreamOwned::new(connection, stream)))
            }
        }
    }

    fn exchange(&self, stream: &mut Stream, asked: &Asked<'_>, after: &str) -> io::Result<Raw> {
        let secret = match &self.way {
            Way::Plain(secret) => format!("authorization: Bearer {secret}\r\n"),
            Way::Secured(_) => String::new(),
        };
        let head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\n{secret}content-type: application/json\r\n\
             content-length: {}\r\nconnection: {after}\r\n\r\n",
            asked.method,
            asked.path,
            self.address,
            asked.body.len()
        );
        let out = stream.get_mut();
        out.write_all(head.as_bytes())?;
        // A server that refuses a body may answer before it has read it.
        let sent = out.write_all(asked.body).and_then(|()| out.flush());
        let answer = read_answer(stream);
        if answer.is_err() {
            sent?;
        }
        answer
    }
}

/// A request before it is sent.
struct Asked<'r> {
    method: &'r str,
    path: &'r str,
    body: &'r [u8],
}

impl<'r> Asked<'r> {
    const fn new(method: &'r str, path: &'r str, body: &'r [u8]) -> Result<Self, ClientError> {
        if body.len() > REQUEST_MAX {
            return Err(ClientError::TooLong { bytes: body.len() });
        }
        Ok(Self { method, path, body })
    }
}

/// Reads an answer of the length that its header states.
fn read_answer(reader: &mut Stream) -> io::Result<Raw> {
    let broken = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut is_kept = true;
    let mut line = String::new();
    reader.take(LINE_MAX).read_line(&mut line)?;
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| broken("the answer is not HTTP"))?;
    let (mut length, mut generation, mut servers) = (None, None, None);
    loop {
        line.clear();
        let read = reader.take(LINE_MAX).read_line(&mut line)?;
        if read == 0 {
            return Err(broken("the header of the answer is cut off"));
        }
        if line.trim_end().is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let number = value.trim().parse::<u64>().ok();
        if name.eq_ignore_ascii_case("content-length") {
            length = number;
        }
        if name.eq_ignore_ascii_case(GENERATION) {
            generation = number;
        }
        if name.eq_ignore_ascii_case(SERVERS) {
            servers = Some(value.trim().to_owned());
        }
        if name.eq_ignore_ascii_case("connection") {
            is_kept &= !value.trim().eq_ignore_ascii_case(CLOSE);
        }
    }
    let length = length.filter(|&length| length <= ANSWER_MAX);
    let length = length.ok_or_else(|| broken("the answer states no length that is possible"))?;
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    if body.len() as u64 != length {
        return Err(broken("the answer is cut off"));
    }
    Ok(Raw {
        status,
        generation,
        servers,
        body,
        is_kept,
    })
}
