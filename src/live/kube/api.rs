//! Requests to the API of a cluster, over connections that each party keeps for itself.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::kubeconfig::{Access, Credentials, KubeconfigError};

/// Longest time to wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Longest time to wait for an answer.
const ANSWER: Duration = Duration::from_mins(1);

/// Longest time without anything from a watch: servers send a bookmark each minute.
const SILENCE: Duration = Duration::from_secs(150);

/// Greatest length of a line of a watch, in bytes: an object of the API has at most 1.5 MiB.
const LINE_MAX: usize = 16 << 20;

/// Reason that an answer is not had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApiError {
    /// The server is not reached.
    #[error("the API at {server}: {why}")]
    Unreached {
        /// The server.
        server: String,
        /// Reason.
        why: String,
    },
    /// Credentials are not had.
    #[error(transparent)]
    Access(#[from] KubeconfigError),
    /// The server refuses.
    #[error("the API: {message} (status {status})")]
    Refused {
        /// Status of the answer.
        status: u16,
        /// Reason.
        message: String,
        /// Time after which to ask again, in seconds.
        retry_after_secs: Option<u64>,
    },
}

impl ApiError {
    /// Status of an answer that refuses.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the same request may succeed later.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Unreached { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            Self::Access(_) => false,
        }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct ApiRequest<'r> {
    /// Method.
    pub method: Method,
    /// Path with its query.
    pub path: &'r str,
    /// Type of the content and the content itself.
    pub content: Option<(&'r str, &'r Value)>,
}

/// A party's connection to an API. It is opened when it is needed, and again when it was lost.
pub struct ApiConnection {
    access: Arc<Access>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl ApiConnection {
    /// A connection that is not open yet.
    pub const fn new(access: Arc<Access>) -> Self {
        Self {
            access,
            sender: None,
        }
    }

    /// Asks for something, and waits for the whole answer.
    ///
    /// # Errors
    /// The server is not reached, or refuses.
    pub async fn call(&mut self, request: ApiRequest<'_>) -> Result<Value, ApiError> {
        let answer = timeout(ANSWER, self.try_call(&request)).await;
        let answer = answer.unwrap_or_else(|_| Err(self.unreached(&"no answer in a minute")));
        if answer.as_ref().is_err_and(|error| error.status().is_none()) {
            self.sender = None;
        }
        answer
    }

    async fn try_call(&mut self, request: &ApiRequest<'_>) -> Result<Value, ApiError> {
        let response = self.send(request).await?;
        let status = response.status();
        let retry_after_secs = response.headers().get(RETRY_AFTER);
        let retry_after_secs = retry_after_secs.and_then(|own| own.to_str().ok()?.parse().ok());
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| self.unreached(&error))?.to_bytes();
        let read: Result<Value, _> = serde_json::from_slice(&body);
        if status.is_success() {
            return read
                .map_err(|error| self.unreached(&format!("the answer is no JSON: {error}")));
        }
        let message = read
            .ok()
            .and_then(|own| own["message"].as_str().map(str::to_owned));
        let message = message.unwrap_or_else(|| {
            let text = String::from_utf8_lossy(&body);
            text.trim().chars().take(200).collect()
        });
        Err(ApiError::Refused {
            status: status.as_u16(),
            message,
            retry_after_secs,
        })
    }

    /// Sends a request; one that meets refused credentials is sent again with new ones.
    async fn send(&mut self, request: &ApiRequest<'_>) -> Result<Response<Incoming>, ApiError> {
        let response = self.send_once(request, false).await?;
        if response.status().as_u16() != 401 {
            return Ok(response);
        }
        self.sender = None;
        self.send_once(request, true).await
    }

    async fn send_once(
        &mut self,
        request: &ApiRequest<'_>,
        are_refused: bool,
    ) -> Result<Response<Incoming>, ApiError> {
        // A program that gives credentials may take a while; nothing else goes on without them.
        let credentials = self.access.credentials(are_refused)?;
        let was_open = self.sender.is_some();
        let answer = self.exchange(request, &credentials).await;
        match answer {
            // The server may have closed a connection that was idle.
            Err(ApiError::Unreached { .. }) if was_open && request.method == Method::GET => {
                self.sender = None;
                self.exchange(request, &credentials).await
            }
            answer => answer,
        }
    }

    async fn exchange(
        &mut self,
        request: &ApiRequest<'_>,
        credentials: &Credentials,
    ) -> Result<Response<Incoming>, ApiError> {
        let address = &self.access.address;
        let uri = format!("{}{}", address.base, request.path);
        let mut built = Request::builder()
            .method(request.method.clone())
            .uri(uri)
            .header(HOST, format!("{}:{}", address.host, address.port))
            .header(USER_AGENT, "windtunnel")
            .header(ACCEPT, "application/json");
        if let Some(token) = &credentials.token {
            built = built.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut body = Bytes::new();
        if let Some((kind, content)) = request.content {
            built = built.header(CONTENT_TYPE, kind);
            body = Bytes::from(content.to_string());
        }
        let built = built.body(Full::new(body));
        let built = built.map_err(|error| self.unreached(&error))?;
        let mut sender = match self.sender.take().filter(|own| !own.is_closed()) {
            Some(sender) => sender,
            None => self.connect(credentials).await?,
        };
        sender
            .ready()
            .await
            .map_err(|error| self.unreached(&error))?;
        let response = sender.send_request(built).await;
        self.sender = Some(sender);
        response.map_err(|error| self.unreached(&error))
    }

    async fn connect(
        &self,
        credentials: &Credentials,
    ) -> Result<SendRequest<Full<Bytes>>, ApiError> {
        let opened = timeout(CONNECT, self.open(credentials)).await;
        opened.unwrap_or_else(|_| Err(self.unreached(&"no connection in ten seconds")))
    }

    async fn open(&self, credentials: &Credentials) -> Result<SendRequest<Full<Bytes>>, ApiError> {
        let address = &self.access.address;
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await;
        let stream = stream.map_err(|error| self.unreached(&error))?;
        stream
            .set_nodelay(true)
            .map_err(|error| self.unreached(&error))?;
        let Some(tls) = &credentials.tls else {
            return self.shaken(TokioIo::new(stream)).await;
        };
        let connector = TlsConnector::from(Arc::clone(tls));
        let stream = connector.connect(self.access.server_name()?, stream).await;
        let stream = stream.map_err(|error| self.unreached(&error))?;
        self.shaken(TokioIo::new(stream)).await
    }

    async fn shaken<T>(&self, stream: T) -> Result<SendRequest<Full<Bytes>>, ApiError>
    where
        T: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    {
        let (sender, connection) = handshake(stream)
            .await
            .map_err(|error| self.unreached(&error))?;
        // Its end shows at the sender.
        drop(tokio::spawn(connection));
        Ok(sender)
    }

    fn unreached(&self, why: &dyn std::fmt::Display) -> ApiError {
        let address = &self.access.address;
        ApiError::Unreached {
            server: format!("{}:{}", address.host, address.port),
            why: why.to_string(),
        }
    }

    /// Begins a watch.
    ///
    /// # Errors
    /// The server is not reached, or refuses.
    pub async fn watch(&mut self, path: &str) -> Result<ApiWatch, ApiError> {
        let request = ApiRequest {
            method: Method::GET,
            path,
            content: None,
        };
        let response = timeout(ANSWER, self.send(&request)).await;
        let response =
            response.unwrap_or_else(|_| Err(self.unreached(&"no answer in a minute")))?;
        let status = response.status();
        if status.is_success() {
            return Ok(ApiWatch {
                body: response.into_body(),
                read: Vec::new(),
            });
        }
        self.sender = None;
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| self.unreached(&error))?.to_bytes();
        let text = String::from_utf8_lossy(&body);
        Err(ApiError::Refused {
            status: status.as_u16(),
            message: text.trim().chars().take(200).collect(),
            retry_after_secs: None,
        })
    }
}

/// A watch that goes on.
pub struct ApiWatch {
    body: Incoming,
    read: Vec<u8>,
}

impl ApiWatch {
    /// The next event; `None` at the end, however it came.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.read.iter().position(|&byte| byte == b'\n') {
                let rest = self.read.split_off(end + 1);
                let line = std::mem::replace(&mut self.read, rest);
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return serde_json::from_slice(&line).ok();
            }
            if self.read.len() > LINE_MAX {
                return None;
            }
            let frame = timeout(SILENCE, self.body.frame()).await.ok()??.ok()?;
            if let Ok(data) = frame.into_data() {
                self.read.extend_from_slice(&data);
            }
        }
    }
}
