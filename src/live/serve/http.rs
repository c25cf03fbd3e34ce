//! Requests over HTTP/1.1: each is read within the limits, answered, and noted if it is refused.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use units::plural;

use super::Limits;
use super::api::Lists;
use super::engine::Message;
use super::errands::Errands;
use super::flow::Answer;
use super::guard::Guard;
use super::routes::route;
use crate::security::identity::Identity;

/// Greatest number of headers of a request.
const HEADERS_MAX: usize = 64;

/// Greatest length of the headers of a request, in bytes.
const HEADERS_BYTES: usize = 64 << 10;

/// Bytes of a body that is too long which are read and thrown away, so that its sender reads the answer.
const DISCARD_BYTES: usize = 4 << 20;

/// Time for which they are read.
const DISCARD: Duration = Duration::from_secs(1);

/// Name of those who have shown nothing.
pub(super) const STRANGER: &str = "stranger";

/// A request whose body has yet to be read.
pub(super) type Asked = Request<Option<Incoming>>;

/// The parts of the server that connections share.
pub(super) struct Shared {
    pub(super) engine: Sender<Message>,
    pub(super) limits: Limits,
    pub(super) guard: Arc<Guard>,
    pub(super) errands: Errands,
    pub(super) lists: Lists,
}

/// The other end of a connection.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// Party of the certificate.
    pub(super) party: Identity,
}

/// A request that is refused.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// Word for the note.
    pub(super) code: &'static str,
    why: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { status, code, why }
    }

    /// The refusal as clients of the Kubernetes API read it.
    fn status(&self) -> Value {
        let reason = match self.status.as_u16() {
            400 => "BadRequest",
            403 => "Forbidden",
            404 => "NotFound",
            409 if self.code == "exists" => "AlreadyExists",
            409 => "Conflict",
            410 => "Expired",
            422 => "Invalid",
            429 => "TooManyRequests",
            _ => "",
        };
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.why, "reason": reason, "code": self.status.as_u16(),
        })
    }

    pub(super) fn stopped() -> Self {
        let why = "the control server is stopping; try again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", why)
    }

    pub(super) fn forbidden(code: &'static str, why: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, why)
    }
}

/// Serves a connection to its end.
pub(super) async fn converse<S>(stream: S, peer: Peer, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = shared.limits;
    let peer = Arc::new(peer);
    let (all, other_end) = (Arc::clone(&shared), Arc::clone(&peer));
    let service = service_fn(move |request| {
        let (shared, peer) = (Arc::clone(&all), Arc::clone(&other_end));
        async move { Ok::<_, Infallible>(respond(&shared, &peer, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADERS_BYTES);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    // A client that breaks off needs no answer, and one that stays long connects again.
    if let Ok(Err(error)) = tokio::time::timeout(limits.life, connection).await
        && let Some(code) = code_of(&error)
    {
        let name = peer.party.to_string();
        shared.guard.note(peer.address, &name, "request", code);
    }
}

/// Word for the note about what was refused before it was a request; `None` of a connection that was
/// broken off or stood idle.
fn code_of(error: &hyper::Error) -> Option<&'static str> {
    if error.is_parse_too_large() {
        Some("headers")
    } else if error.is_parse() {
        Some("request")
    } else {
        None
    }
}

/// Refuses headers that are too long: what has come in one go is read before it is measured.
fn check_headers(request: &Asked) -> Result<(), Refusal> {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len());
    if headers.sum::<usize>() <= HEADERS_BYTES {
        return Ok(());
    }
    let most = plural::count(HEADERS_BYTES, "byte");
    let why = format!("the headers are longer than {most}");
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    Err(Refusal::new(status, "headers", why))
}

async fn respond(shared: &Arc<Shared>, peer: &Peer, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let mut request = Request::from_parts(parts, Some(body));
    let party = peer.party.to_string();
    // The query is left out: it is not needed to find what was refused.
    let asked = format!("{} {}", request.method(), request.uri().path());
    let answer = match check_headers(&request) {
        Ok(()) => route(shared, peer, &mut request).await,
        Err(refusal) => Err(refusal),
    };
    match answer {
        Ok(answer) => answer,
        Err(refusal) => {
            if let Some(mut unread) = request.body_mut().take() {
                discard(&mut unread).await;
            }
            shared
                .guard
                .note(peer.address, &party, &asked, refusal.code);
            let mut response = if asked.contains(" /api") {
                let body = refusal.status().to_string();
                response(refusal.status, "application/json", body)
            } else {
                let kind = "text/plain; charset=utf-8";
                response(refusal.status, kind, refusal.why)
            };
            // Whatever else was sent is not read.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
            response
        }
    }
}

/// An answer of a status and content.
pub(super) fn response(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Either::Left(Full::new(body.into())));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// An answer in JSON.
pub(super) fn whole(body: Vec<u8>) -> Answer {
    response(StatusCode::OK, "application/json", body)
}

/// Reads the message of a request, within the limits.
pub(super) async fn body<T: DeserializeOwned>(
    shared: &Shared,
    request: &mut Asked,
) -> Result<T, Refusal> {
    let bytes = bytes(shared, request).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let why = format!("not the message expected here: {error}");
        Refusal::new(StatusCode::BAD_REQUEST, "message", why)
    })
}

/// Reads the body of a request, within the limits.
pub(super) async fn bytes(shared: &Shared, request: &mut Asked) -> Result<Bytes, Refusal> {
    let limits = shared.limits;
    let incoming = request.body_mut().take();
    let mut incoming = incoming.ok_or_else(Refusal::stopped)?;
    let too_long = || {
        let most = plural::count(limits.body_bytes, "byte");
        let why = format!("the request is cut off, or longer than {most}; split it");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", why)
    };
    if incoming.size_hint().lower() > limits.body_bytes as u64 {
        discard(&mut incoming).await;
        return Err(too_long());
    }
    let limited = Limited::new(incoming, limits.body_bytes);
    let read = tokio::time::timeout(limits.body, limited.collect()).await;
    let read = read.map_err(|_| {
        let why = "the request took too long";
        Refusal::new(StatusCode::REQUEST_TIMEOUT, "slow", why)
    })?;
    let read = read.map_err(|_| too_long())?;
    Ok(read.to_bytes())
}

/// Reads a part of a body and throws it away: a connection that is closed with data on its way loses
/// the answer as well.
async fn discard(body: &mut Incoming) {
    let reading = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > DISCARD_BYTES {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DISCARD, reading).await;
}

pub(super) fn text(value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(value).map_err(|_| Refusal::stopped())
}
