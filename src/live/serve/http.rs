//! Requests over HTTP/1.1: each is checked for its secret and its size, then passed to the thread of
//! the control plane.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use units::plural;

use super::Limits;
use super::engine::{Message, Watch};
use crate::access::{Access, Role};
use crate::driver::input::{Answer, Input};
use crate::wire::request::Request as UserRequest;
use crate::wire::{NodeAnswer, Registration, Update};

/// Greatest number of headers of a request.
const HEADERS_MAX: usize = 64;

/// Greatest length of the headers of a request, in bytes.
const HEADERS_BYTES: usize = 64 << 10;

/// The parts of the server that connections share.
pub(super) struct Shared {
    pub(super) engine: Sender<Message>,
    pub(super) access: Access,
    pub(super) limits: Limits,
}

/// A request that is refused.
struct Refusal {
    status: StatusCode,
    why: String,
}

impl Refusal {
    fn new(status: StatusCode, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { status, why }
    }

    fn stopped() -> Self {
        let why = "the control server is stopping; try again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, why)
    }
}

/// Serves a connection to its end.
pub(super) async fn converse(stream: TcpStream, shared: Arc<Shared>, permit: OwnedSemaphorePermit) {
    let header = shared.limits.header;
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(&shared, request).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(header)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADERS_BYTES);
    // A client that breaks off needs no answer.
    let _ = builder
        .serve_connection(TokioIo::new(stream), service)
        .await;
    drop(permit);
}

async fn respond(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match route(shared, request).await {
        Ok(body) => response(StatusCode::OK, "application/json", body),
        Err(refusal) => response(refusal.status, "text/plain; charset=utf-8", refusal.why),
    }
}

fn response(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Finds out what a request asks for, and whether its sender may.
async fn route(shared: &Shared, request: Request<Incoming>) -> Result<Vec<u8>, Refusal> {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (is_get, is_post) = (
        request.method() == Method::GET,
        request.method() == Method::POST,
    );
    if is_get && parts == ["healthz"] {
        return Ok(b"\"ok\"".to_vec());
    }
    let role = role(shared, &request)?;
    match parts.as_slice() {
        ["v1", "nodes", node, "register"] if is_post => {
            let message: Registration = body(shared, request).await?;
            own(node, &message.node)?;
            node_answer(shared, Input::Register { message }).await
        }
        ["v1", "nodes", node, "reports"] if is_post => {
            let message: Update = body(shared, request).await?;
            own(node, &message.node)?;
            node_answer(shared, Input::Update { message }).await
        }
        ["v1", "nodes", node, "commands"] if is_get => {
            let query = request.uri().query().unwrap_or_default();
            watch(shared, node, query).await
        }
        _ if role == Role::Node => {
            let why = "the secret of a daemon is good for `/v1/nodes/NODE/` alone";
            Err(Refusal::new(StatusCode::FORBIDDEN, why))
        }
        ["v1", "requests"] if is_post => {
            let message: UserRequest = body(shared, request).await?;
            match ask(shared, Input::Ask { message }).await? {
                Answer::User(outcome) => json(&outcome),
                _ => Err(Refusal::stopped()),
            }
        }
        ["v1", "pods"] if is_get => json(&query(shared, Message::Pods).await?),
        ["v1", "nodes"] if is_get => json(&query(shared, Message::Nodes).await?),
        ["v1", "log"] if is_get => query(shared, Message::Log).await,
        _ => Err(Refusal::new(StatusCode::NOT_FOUND, "there is no such path")),
    }
}

/// The party that sends a request.
fn role(shared: &Shared, request: &Request<Incoming>) -> Result<Role, Refusal> {
    let header = request.headers().get(AUTHORIZATION);
    let secret = header.and_then(|header| header.to_str().ok());
    let secret = secret.and_then(|secret| secret.strip_prefix("Bearer "));
    let role = secret.and_then(|secret| shared.access.role(secret));
    role.ok_or_else(|| {
        let why = "expected `Authorization: Bearer SECRET` with the secret in the state's folder";
        Refusal::new(StatusCode::UNAUTHORIZED, why)
    })
}

/// Refuses a message about another node than the path names.
fn own(path: &str, message: &str) -> Result<(), Refusal> {
    if path == message {
        return Ok(());
    }
    let why = format!("the path names node `{path}`, the message another");
    Err(Refusal::new(StatusCode::FORBIDDEN, why))
}

/// Reads the message of a request, within the limits.
async fn body<T: DeserializeOwned>(
    shared: &Shared,
    request: Request<Incoming>,
) -> Result<T, Refusal> {
    let limits = shared.limits;
    let limited = Limited::new(request.into_body(), limits.body_bytes);
    let read = tokio::time::timeout(limits.body, limited.collect()).await;
    let read = read.map_err(|_| {
        let why = "the request took too long";
        Refusal::new(StatusCode::REQUEST_TIMEOUT, why)
    })?;
    let read = read.map_err(|_| {
        let why = format!(
            "the request is cut off, or longer than {}; split it",
            plural::count(limits.body_bytes, "byte")
        );
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why)
    })?;
    serde_json::from_slice(&read.to_bytes()).map_err(|error| {
        let why = format!("not the message expected here: {error}");
        Refusal::new(StatusCode::BAD_REQUEST, why)
    })
}

async fn ask(shared: &Shared, input: Input) -> Result<Answer, Refusal> {
    let (reply, answer) = oneshot::channel();
    let message = Message::Input(Box::new(input), reply);
    shared
        .engine
        .send(message)
        .map_err(|_| Refusal::stopped())?;
    answer.await.map_err(|_| Refusal::stopped())
}

async fn node_answer(shared: &Shared, input: Input) -> Result<Vec<u8>, Refusal> {
    match ask(shared, input).await? {
        Answer::Node(answer) => json(&answer),
        _ => Err(Refusal::stopped()),
    }
}

async fn query<T>(
    shared: &Shared,
    message: impl FnOnce(oneshot::Sender<T>) -> Message,
) -> Result<T, Refusal> {
    let (reply, answer) = oneshot::channel();
    let sent = shared.engine.send(message(reply));
    sent.map_err(|_| Refusal::stopped())?;
    answer.await.map_err(|_| Refusal::stopped())
}

/// Waits for commands to a node; without any, the answer says that there are none.
async fn watch(shared: &Shared, node: &str, query: &str) -> Result<Vec<u8>, Refusal> {
    let number = |field: &str| -> Option<u64> {
        let mut fields = query.split('&').filter_map(|pair| pair.split_once('='));
        let (_, text) = fields.find(|(name, _)| *name == field)?;
        text.parse().ok()
    };
    let session = number("session").and_then(|session| u32::try_from(session).ok());
    let (Some(session), Some(after)) = (session, number("after")) else {
        let why = "expected `?session=NUMBER&after=NUMBER`";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, why));
    };
    let (reply, answer) = oneshot::channel();
    let sent = shared.engine.send(Message::Watch(Watch {
        node: node.to_owned(),
        session,
        after,
        reply,
    }));
    sent.map_err(|_| Refusal::stopped())?;
    match tokio::time::timeout(shared.limits.watch, answer).await {
        Ok(Ok(answer)) => json(&answer),
        Ok(Err(_)) => Err(Refusal::stopped()),
        Err(_) => json(&NodeAnswer::Quiet),
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(value).map_err(|_| Refusal::stopped())
}
