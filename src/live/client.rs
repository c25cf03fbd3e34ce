//! A client of the control server: one request per connection, over HTTP/1.1.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Longest time to wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Longest time to wait for an answer.
const ANSWER: Duration = Duration::from_secs(45);

/// Greatest length of an answer, in bytes: a log of some weeks.
const ANSWER_MAX: u64 = 1 << 30;

/// Greatest length of a line of a header, in bytes.
const LINE_MAX: u64 = 64 << 10;

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

/// A client.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    secret: String,
}

/// An answer as it came.
struct Raw {
    status: u16,
    body: Vec<u8>,
}

impl Client {
    /// A client of the server at an address, with its secret.
    pub fn new(address: SocketAddr, secret: &str) -> Self {
        Self {
            address,
            secret: secret.to_owned(),
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
        self.call("GET", path, &[])
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
        self.value(&self.call("POST", path, &body)?)
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

    fn call(&self, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>, ClientError> {
        let raw = self.exchange(method, path, body);
        let raw = raw.map_err(|source| ClientError::Unreached {
            address: self.address,
            source,
        })?;
        if raw.status == 200 {
            return Ok(raw.body);
        }
        Err(ClientError::Refused {
            status: raw.status,
            why: String::from_utf8_lossy(&raw.body).trim().to_owned(),
        })
    }

    fn exchange(&self, method: &str, path: &str, body: &[u8]) -> io::Result<Raw> {
        let mut stream = TcpStream::connect_timeout(&self.address, CONNECT)?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.address,
            self.secret,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        // A server that refuses a long body answers before it has read it.
        let sent = stream.write_all(body);
        let answer = read_answer(&stream);
        if answer.is_err() {
            sent?;
        }
        answer
    }
}

/// Reads an answer whose end is that of the connection.
fn read_answer(stream: &TcpStream) -> io::Result<Raw> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    (&mut reader).take(LINE_MAX).read_line(&mut line)?;
    let status = line
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.ok_or_else(broken)?;
    loop {
        line.clear();
        let read = (&mut reader).take(LINE_MAX).read_line(&mut line)?;
        if read == 0 {
            return Err(broken());
        }
        if line.trim_end().is_empty() {
            break;
        }
    }
    let mut body = Vec::new();
    reader.take(ANSWER_MAX).read_to_end(&mut body)?;
    Ok(Raw { status, body })
}
