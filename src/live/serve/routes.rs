//! Paths of requests: each is allowed to some parties, and passed to the thread of the control plane or
//! to the gate.

use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode};
use tokio::sync::oneshot;

use super::engine::{Message, Watch};
use super::flow::Answer;
use super::http::{Asked, Peer, Refusal, Shared, body, text, whole};
use crate::driver::input::{Answer as Decided, Input};
use crate::security::identity::{Act, Identity};
use crate::wire::errand::{ErrandResult, RETAINED_MAX};
use crate::wire::redact::redacted;
use crate::wire::request::{Outcome, Request as UserRequest};
use crate::wire::service::ServiceRow;
use crate::wire::{NodeAnswer, Registration, Update};

/// Time between two looks at the services for an agent that waits for others.
const SERVICES_LOOK: Duration = Duration::from_millis(200);

/// Finds out what a request asks for, and whether its sender may.
pub(super) async fn route(
    shared: &Arc<Shared>,
    peer: &Peer,
    request: &mut Asked,
) -> Result<Answer, Refusal> {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let party = &peer.party;
    if !shared.guard.allows(&party.to_string(), shared.limits.rate) {
        let why = "too many requests in a second; wait";
        return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate", why));
    }
    if let Some(answer) = super::api::answer(shared, party, request).await {
        return answer;
    }
    own_path(shared, party, request, &parts).await.map(whole)
}

/// Answers a request for a path of the server's own.
async fn own_path(
    shared: &Shared,
    party: &Identity,
    request: &mut Asked,
    parts: &[&str],
) -> Result<Vec<u8>, Refusal> {
    let is_post = request.method() == Method::POST;
    if !is_post && request.method() != Method::GET {
        let why = "expected GET or POST";
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", why));
    }
    match parts {
        ["v1", "nodes", node, verb] => {
            check(party, Act::Speak { node })?;
            speak(shared, request, node, verb).await
        }
        _ if is_post => change(shared, party, request, parts).await,
        ["v1", "pods"] => {
            check(party, Act::Read)?;
            text(&query(shared, Message::Pods).await?)
        }
        ["v1", "nodes"] => {
            check(party, Act::Read)?;
            text(&query(shared, Message::Nodes).await?)
        }
        ["v1", "services"] => {
            check(party, Act::Read)?;
            text(&query(shared, Message::Services).await?.rows)
        }
        ["v1", "events"] => {
            check(party, Act::Read)?;
            let after = number(request.uri().query().unwrap_or_default(), "after").unwrap_or(0);
            let events = query(shared, |reply| Message::Events(after, reply)).await?;
            text(&events)
        }
        ["v1", "log"] => {
            check(party, Act::Operate)?;
            query(shared, Message::Log).await
        }
        _ => Err(no_path()),
    }
}

/// A change that a user asks for.
async fn change(
    shared: &Shared,
    party: &Identity,
    request: &mut Asked,
    parts: &[&str],
) -> Result<Vec<u8>, Refusal> {
    match parts {
        ["v1", "requests"] => {
            check(party, Act::Submit)?;
            let message: UserRequest = body(shared, request).await?;
            if message.changes_nodes() {
                check(party, Act::Operate)?;
            }
            // What is secret in manifests is neither decided on nor recorded.
            let message = match redacted(message) {
                Ok(message) => message,
                Err(outcome) => return text(&outcome),
            };
            text(&ask(shared, Input::Ask { message }).await?)
        }
        _ => Err(no_path()),
    }
}

/// A message of an agent about its node.
async fn speak(
    shared: &Shared,
    request: &mut Asked,
    node: &str,
    verb: &str,
) -> Result<Vec<u8>, Refusal> {
    let is_post = request.method() == Method::POST;
    match verb {
        "register" if is_post => {
            let message: Registration = body(shared, request).await?;
            own(node, &message.node)?;
            node_answer(shared, Input::Register { message }).await
        }
        "reports" if is_post => {
            let message: Update = body(shared, request).await?;
            own(node, &message.node)?;
            node_answer(shared, Input::Update { message }).await
        }
        "errands" if is_post => {
            let brought: ErrandResult = body(shared, request).await?;
            shared.errands.bring(node, brought);
            text(&())
        }
        "ended" if is_post => {
            let pods: Vec<u32> = body(shared, request).await?;
            if pods.len() > RETAINED_MAX {
                let why = format!("expected at most {RETAINED_MAX} pods");
                return Err(Refusal::new(StatusCode::BAD_REQUEST, "message", why));
            }
            let node = node.to_owned();
            text(&query(shared, |reply| Message::Unseen(node, pods, reply)).await?)
        }
        "errands" => {
            let mut errands = shared.errands.fetch(node);
            if errands.is_empty() {
                let wait = shared.errands.wait(node);
                // Without any the answer says so.
                let _ = tokio::time::timeout(shared.limits.watch, wait).await;
                errands = shared.errands.fetch(node);
            }
            text(&errands)
        }
        "services" if !is_post => {
            let query = request.uri().query().unwrap_or_default();
            services(shared, number(query, "version").unwrap_or(0)).await
        }
        "commands" if !is_post => {
            let query = request.uri().query().unwrap_or_default();
            watch(shared, node, query).await
        }
        _ => Err(no_path()),
    }
}

/// Refuses what a party may not do.
pub(super) fn check(party: &Identity, act: Act<'_>) -> Result<(), Refusal> {
    if party.may(act) {
        return Ok(());
    }
    Err(match act {
        Act::Speak { .. } => {
            Refusal::forbidden("other-node", "an agent speaks for its own node alone")
        }
        Act::Read => Refusal::forbidden("role", "this takes the role viewer, submitter or admin"),
        Act::Submit => Refusal::forbidden("role", "this takes the role submitter or admin"),
        Act::Operate => Refusal::forbidden("role", "this takes the role admin"),
    })
}

fn no_path() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "path", "there is no such path")
}

/// Refuses a message about another node than the path names.
fn own(path: &str, message: &str) -> Result<(), Refusal> {
    if path == message {
        return Ok(());
    }
    let why = "the path names one node, the message another";
    Err(Refusal::forbidden("other-node", why))
}

/// Asks the control plane for a change.
pub(super) async fn ask(shared: &Shared, input: Input) -> Result<Outcome, Refusal> {
    match answer(shared, input).await? {
        Decided::User(outcome) => Ok(outcome),
        _ => Err(Refusal::stopped()),
    }
}

async fn answer(shared: &Shared, input: Input) -> Result<Decided, Refusal> {
    query(shared, |reply| Message::Input(Box::new(input), reply)).await
}

async fn node_answer(shared: &Shared, input: Input) -> Result<Vec<u8>, Refusal> {
    match answer(shared, input).await? {
        Decided::Node(answer) => text(&answer),
        _ => Err(Refusal::stopped()),
    }
}

pub(super) async fn query<T>(
    shared: &Shared,
    message: impl FnOnce(oneshot::Sender<T>) -> Message,
) -> Result<T, Refusal> {
    let (reply, answer) = oneshot::channel();
    let sent = shared.engine.send(message(reply));
    sent.map_err(|_| Refusal::stopped())?;
    answer.await.map_err(|_| Refusal::stopped())
}

/// The number of a field of a query.
fn number(query: &str, field: &str) -> Option<u64> {
    let mut fields = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, text) = fields.find(|(name, _)| *name == field)?;
    text.parse().ok()
}

/// Waits for services other than those of a version.
async fn services(shared: &Shared, version: u64) -> Result<Vec<u8>, Refusal> {
    let looks = shared.limits.watch.as_millis() / SERVICES_LOOK.as_millis();
    for _ in 0..looks {
        let services = query(shared, Message::Services).await?;
        if services.version != version {
            return text(&(services.version, &services.rows));
        }
        tokio::time::sleep(SERVICES_LOOK).await;
    }
    text(&(version, Vec::<ServiceRow>::new()))
}

/// Waits for commands to a node; without any, the answer says that there are none.
async fn watch(shared: &Shared, node: &str, query: &str) -> Result<Vec<u8>, Refusal> {
    let session = number(query, "session").and_then(|session| u32::try_from(session).ok());
    let (Some(session), Some(after)) = (session, number(query, "after")) else {
        let why = "expected `?session=NUMBER&after=NUMBER`";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "message", why));
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
        Ok(Ok(answer)) => text(&answer),
        Ok(Err(_)) => Err(Refusal::stopped()),
        Err(_) => text(&NodeAnswer::Quiet),
    }
}
