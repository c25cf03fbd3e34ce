//! A client of the control server over HTTP/1.1 and TLS. A user's client has a connection for each
//! request, an agent's line keeps its own.

mod line;

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use units::plural;

use crate::security::tls::server_name;

pub(crate) use line::Line;

/// Longest time to wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Longest time to wait for an answer.
const ANSWER: Duration = Duration::from_secs(45);

/// Longest time to wait for an answer that is due at once.
const ANSWER_SOON: Duration = Duration::from_secs(3);

/// Greatest length of an answer, in bytes: a log of some weeks.
const ANSWER_MAX: u64 = 1 << 30;

/// Greatest length of a line of a header, in bytes.
const LINE_MAX: u64 = 64 << 10;

/// Greatest length of a request, in bytes; servers refuse longer ones.
pub const REQUEST_MAX: usize = 1 << 20;

/// A problem of a request.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The server is not reached.
    #[error("control server at {address}: {source}; is `windtunnel live control` running there?")]
    Unreached {
        /// Address of the server.
        address: SocketAddr,
        /// Reason.
        source: io::Error,
    },
    /// One end does not trust the other.
    #[error(
        "control server at {address}: {why}; the certificate may be expired or of another control \
         server: make another one with `windtunnel live certs`"
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

/// A client. Its clones use the same credentials.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

/// A connection and what of an answer was read ahead.
type Stream = BufReader<StreamOwned<ClientConnection, TcpStream>>;

/// Words by which a connection ends with its answer, or does not.
const CLOSE: &str = "close";
const KEEP: &str = "keep-alive";

/// An answer as it came.
struct Raw {
    status: u16,
    body: Vec<u8>,
    /// `true` if the connection may be used again.
    is_kept: bool,
}

impl Client {
    /// A client of the server at an address, with a configuration of TLS.
    pub const fn secured(address: SocketAddr, config: Arc<ClientConfig>) -> Self {
        Self { address, config }
    }

    /// Address of the server.
    pub const fn address(&self) -> SocketAddr {
        self.address
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
        let raw = stream.and_then(|mut stream| self.exchange(&mut stream, &asked, CLOSE));
        self.body(raw)
    }

    /// The body of an answer that says that all is well.
    fn body(&self, raw: io::Result<Raw>) -> Result<Vec<u8>, ClientError> {
        let raw = raw.map_err(|source| self.failed(source))?;
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
            _ => ClientError::Unreached { address, source },
        }
    }

    fn connect(&self, patience: Duration) -> io::Result<Stream> {
        let limit = CONNECT.min(patience);
        let mut stream = TcpStream::connect_timeout(&self.address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        let name = server_name().map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(&self.config), name);
        let mut connection = connection.map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        stream.set_read_timeout(Some(patience))?;
        Ok(BufReader::new(StreamOwned::new(connection, stream)))
    }

    fn exchange(&self, stream: &mut Stream, asked: &Asked<'_>, after: &str) -> io::Result<Raw> {
        let head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
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
    let mut length = None;
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
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse::<u64>().ok();
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
        body,
        is_kept,
    })
}
