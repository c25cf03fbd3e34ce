//! The engine's API, as far as the runtime needs it: HTTP/1.1 over a socket of this host, a connection for
//! each request.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

/// Longest time without a byte from the engine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest time without a byte while an image comes.
const PULL_PATIENCE: Duration = Duration::from_mins(2);

/// Greatest length of an answer, in bytes.
const ANSWER_MAX: u64 = 64 << 20;

/// Greatest length of a line of a header, in bytes.
const LINE_MAX: u64 = 64 << 10;

/// A Docker engine.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    socket: PathBuf,
}

/// A problem of a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    /// The engine is not reached.
    #[error("{socket}: {why}; is the engine running?")]
    Unreached {
        /// The engine's socket.
        socket: String,
        /// Reason.
        why: String,
    },
    /// The engine refused the request.
    #[error("the engine says: {why}")]
    Refused {
        /// Status of the answer.
        status: u16,
        /// Reason.
        why: String,
    },
}

impl Engine {
    pub(super) fn new(socket: &Path) -> Self {
        let socket = socket.to_owned();
        Self { socket }
    }

    /// Asks for something.
    pub(super) fn get(&self, path: &str) -> Result<Value, ApiError> {
        let body = self.call("GET", path, None, PATIENCE)?;
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Asks for something that is no JSON.
    pub(super) fn raw(&self, path: &str) -> Result<Vec<u8>, ApiError> {
        self.call("GET", path, None, PATIENCE)
    }

    /// Changes something.
    pub(super) fn post(&self, path: &str, body: Option<&Value>) -> Result<Value, ApiError> {
        let body = self.call("POST", path, body, PATIENCE)?;
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Removes something.
    pub(super) fn delete(&self, path: &str) -> Result<(), ApiError> {
        self.call("DELETE", path, None, PATIENCE).map(drop)
    }

    /// Fetches an image.
    pub(super) fn pull(&self, image: &str) -> Result<(), ApiError> {
        let last = image.rsplit('/').next().unwrap_or(image);
        let (name, tag) = match image.rsplit_once(':') {
            _ if image.contains('@') => (image, ""),
            Some((name, tag)) if last.contains(':') => (name, tag),
            _ => (image, "latest"),
        };
        let (name, tag) = (escaped(name), escaped(tag));
        let path = format!("/images/create?fromImage={name}&tag={tag}");
        let body = self.call("POST", &path, None, PULL_PATIENCE)?;
        // What goes wrong on the way stands in the course of the pull.
        let text = String::from_utf8_lossy(&body).into_owned();
        let failed = text.lines().find_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            Some(line.get("error")?.as_str()?.to_owned())
        });
        failed.map_or(Ok(()), |why| Err(ApiError::Refused { status: 500, why }))
    }

    fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        patience: Duration,
    ) -> Result<Vec<u8>, ApiError> {
        let unreached = |error: io::Error| ApiError::Unreached {
            socket: self.socket.display().to_string(),
            why: error.to_string(),
        };
        let answer = self.exchange(method, path, body, patience);
        let (status, body) = answer.map_err(unreached)?;
        if status < 400 {
            return Ok(body);
        }
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        let why = said.get("message").and_then(Value::as_str);
        let text = String::from_utf8_lossy(&body);
        let why = why.unwrap_or_else(|| text.trim()).to_owned();
        Err(ApiError::Refused { status, why })
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        patience: Duration,
    ) -> io::Result<(u16, Vec<u8>)> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: docker\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        read_answer(BufReader::new(stream))
    }
}

/// Reads an answer: its length is stated, or it comes in chunks, or it ends with the connection.
fn read_answer(mut reader: BufReader<UnixStream>) -> io::Result<(u16, Vec<u8>)> {
    let broken = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut line = String::new();
    (&mut reader).take(LINE_MAX).read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|text| text.parse().ok());
    let status: u16 = status.ok_or_else(|| broken("the answer is not HTTP"))?;
    let (mut length, mut is_chunked) = (None, false);
    loop {
        line.clear();
        (&mut reader).take(LINE_MAX).read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse::<u64>().ok();
        }
        is_chunked |=
            name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked");
    }
    let mut body = Vec::new();
    if !is_chunked {
        let most = length.unwrap_or(ANSWER_MAX).min(ANSWER_MAX);
        reader.take(most).read_to_end(&mut body)?;
        return Ok((status, body));
    }
    while (body.len() as u64) < ANSWER_MAX {
        line.clear();
        (&mut reader).take(LINE_MAX).read_line(&mut line)?;
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).map_err(|_| broken("a chunk without a size"))?;
        if size == 0 {
            break;
        }
        (&mut reader).take(size).read_to_end(&mut body)?;
        line.clear();
        (&mut reader).take(LINE_MAX).read_line(&mut line)?;
    }
    Ok((status, body))
}

/// A text as a part of a query.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_queries_are_escaped() {
        assert_eq!(escaped("a/b:c{\"d\"}"), "a%2Fb%3Ac%7B%22d%22%7D");
    }

    #[test]
    fn answers_end_by_their_length_in_chunks_or_with_the_connection() {
        for (answer, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore", "ok"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
                "abcd",
            ),
            ("HTTP/1.1 200 OK\r\n\r\nto the end", "to the end"),
        ] {
            let (mut one, other) = UnixStream::pair().expect("a pair");
            one.write_all(answer.as_bytes()).expect("a writable end");
            drop(one);
            let read = read_answer(BufReader::new(other)).expect("an answer");
            assert_eq!(read, (200, body.as_bytes().to_vec()));
        }
    }
}
