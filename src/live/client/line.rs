//! A connection that is kept from one request to the next.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ANSWER, ANSWER_SOON, Asked, Client, ClientError, KEEP, Raw, Stream};

/// A client that keeps its connection from one request to the next, as agents do: a heartbeat costs no
/// handshake then.
pub(crate) struct Line {
    client: Client,
    patience: Duration,
    open: Option<Stream>,
}

impl Line {
    /// A line for messages whose answers are due at once: a server that stays silent for some seconds is
    /// cut off, or gone.
    pub(crate) const fn prompt(client: Client) -> Self {
        Self::new(client, ANSWER_SOON)
    }

    /// A line for requests that wait for something.
    pub(crate) const fn waiting(client: Client) -> Self {
        Self::new(client, ANSWER)
    }

    const fn new(client: Client, patience: Duration) -> Self {
        Self {
            client,
            patience,
            open: None,
        }
    }

    /// Asks for something.
    ///
    /// # Errors
    /// The server is not reached, or refuses.
    pub(crate) fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, ClientError> {
        let body = self.call(&Asked::new("GET", path, &[])?)?;
        self.client.value(&body)
    }

    /// Sends a message; it may arrive twice.
    ///
    /// # Errors
    /// The server is not reached, or refuses.
    pub(crate) fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        message: &impl Serialize,
    ) -> Result<T, ClientError> {
        let sent = serde_json::to_vec(message).map_err(|error| self.client.no_answer(&error))?;
        let body = self.call(&Asked::new("POST", path, &sent)?)?;
        self.client.value(&body)
    }

    fn call(&mut self, asked: &Asked<'_>) -> Result<Vec<u8>, ClientError> {
        // The server closes connections that were idle for long, or old.
        if let Some(mut stream) = self.open.take()
            && let Ok(raw) = self.client.exchange(&mut stream, asked, KEEP)
        {
            return self.keep(stream, raw);
        }
        let stream = self.client.connect(self.patience);
        let mut stream = stream.map_err(|source| self.client.failed(source))?;
        match self.client.exchange(&mut stream, asked, KEEP) {
            Ok(raw) => self.keep(stream, raw),
            Err(source) => Err(self.client.failed(source)),
        }
    }

    fn keep(&mut self, stream: Stream, raw: Raw) -> Result<Vec<u8>, ClientError> {
        self.open = raw.is_kept.then_some(stream);
        self.client.body(Ok(raw))
    }
}
