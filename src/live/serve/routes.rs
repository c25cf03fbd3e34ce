//! Paths of requests: each is allowed to some parties, and passed to the thread of the control plane or
//! to the gate.

use std::time::Duration;

use hyper::header::AUTHORIZATION;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use tokio::sync::oneshot;

use super::engine::{Message, Watch};
use super::http::{Asked, Peer, Refusal, STRANGER, Shared, body, json};
use crate::access::{Access, Holder};
use crate::driver::input::{Answer, Input};
use crate::driver::view::PodRow;
use crate::security::Refused;
use crate::security::gate::{Gate, JoinWish, RenewWish, TokenWish};
use crate::security::identity::{Act, Certified, Identity};
use crate::security::rotation::Step;
use crate::wire::errand::{ErrandResult, LogText, LogWish, NO_CONTAINER, RETAINED_MAX};
use crate::wire::redact::redacted;
use crate::wire::request::Request as UserRequest;
use crate::wire::service::ServiceRow;
use crate::wire::{NodeAnswer, Registration, Update};

/// Party under which joinings of all together are counted.
const JOINERS: &str = "those who join";

/// Time between two looks at the services for an agent that waits for others.
const SERVICES_LOOK: Duration = Duration::from_millis(200);

/// A party that sends a request.
enum Party<'p> {
    /// One with a certificate that is good.
    Known(&'p Certified),
    /// One with a secret of this machine.
    Holder(Holder),
    /// One that has shown nothing.
    Stranger,
}

/// A token that is to be deleted.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenName {
    id: String,
}

/// A step of a rotation that is to be taken.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StepName {
    step: Step,
}

/// A party whose certificates are to be taken back.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PartyName {
    party: String,
}

/// Name of the party that sends a request, for notes and rates.
pub(super) fn party_name(shared: &Shared, peer: &Peer, request: &Asked) -> String {
    match (&peer.party, &shared.access) {
        (Some(party), _) => party.identity.to_string(),
        (None, Access::Mutual(_)) => STRANGER.to_owned(),
        (None, Access::Plain(_)) => match party_of(shared, peer, request) {
            Ok(Party::Holder(Holder::User)) => "user".to_owned(),
            Ok(Party::Holder(Holder::Agent)) => "agent".to_owned(),
            _ => STRANGER.to_owned(),
        },
    }
}

/// The party that sends a request.
fn party_of<'p>(shared: &Shared, peer: &'p Peer, request: &Asked) -> Result<Party<'p>, Refusal> {
    match &shared.access {
        Access::Plain(secrets) => {
            let header = request.headers().get(AUTHORIZATION);
            let secret = header.and_then(|header| header.to_str().ok());
            let secret = secret.and_then(|secret| secret.strip_prefix("Bearer "));
            let holder = secret.and_then(|secret| secrets.holder(secret));
            Ok(holder.map_or(Party::Stranger, Party::Holder))
        }
        Access::Mutual(gate) => match &peer.party {
            None => Ok(Party::Stranger),
            Some(party) if gate.is_good(party) => Ok(Party::Known(party)),
            Some(_) => Err(Refused::Revoked.into()),
        },
    }
}

/// Finds out what a request asks for, and whether its sender may.
pub(super) async fn route(
    shared: &Shared,
    peer: &Peer,
    request: &mut Asked,
) -> Result<Vec<u8>, Refusal> {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let is_post = request.method() == Method::POST;
    if !is_post && request.method() != Method::GET {
        let why = "expected GET or POST";
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", why));
    }
    if !is_post && parts == ["healthz"] {
        return Ok(b"\"ok\"".to_vec());
    }
    let party = party_of(shared, peer, request)?;
    if let Party::Known(known) = party
        && !shared
            .guard
            .allows(&known.identity.to_string(), shared.limits.rate)
    {
        let why = "too many requests in a second; wait";
        return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate", why));
    }
    match parts.as_slice() {
        ["v1", "join"] if is_post => join(shared, request).await,
        ["v1", "renew"] if is_post => renew(shared, &party, request).await,
        ["v1", "nodes", node, verb] => {
            check(&party, Act::Speak { node })?;
            speak(shared, request, node, verb).await
        }
        _ if is_post => change(shared, &party, request, &parts).await,
        ["v1", "pods"] => {
            check(&party, Act::Read)?;
            json(&query(shared, Message::Pods).await?)
        }
        ["v1", "nodes"] => {
            check(&party, Act::Read)?;
            json(&query(shared, Message::Nodes).await?)
        }
        ["v1", "objects", kind] => {
            check(&party, Act::Read)?;
            let kind = (*kind).to_owned();
            json(&query(shared, |reply| Message::Objects(kind, reply)).await?)
        }
        ["v1", "services"] => {
            check(&party, Act::Read)?;
            json(&query(shared, Message::Services).await?.rows)
        }
        ["v1", "events"] => {
            check(&party, Act::Read)?;
            let after = number(request.uri().query().unwrap_or_default(), "after").unwrap_or(0);
            let events = query(shared, |reply| Message::Events(after, reply)).await?;
            json(&events)
        }
        ["v1", "top"] => {
            check(&party, Act::Read)?;
            json(&query(shared, Message::Top).await?)
        }
        ["v1", "log"] => {
            check(&party, Act::Operate)?;
            query(shared, Message::Log).await
        }
        ["v1", "tokens"] => {
            check(&party, Act::Operate)?;
            json(&gate(shared)?.tokens())
        }
        ["v1", "authority"] => {
            check(&party, Act::Operate)?;
            json(&gate(shared)?.rotation())
        }
        _ => Err(no_path(&party)),
    }
}

/// A change that a user asks for.
async fn change(
    shared: &Shared,
    party: &Party<'_>,
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
                Err(outcome) => return json(&outcome),
            };
            match ask(shared, Input::Ask { message }).await? {
                Answer::User(outcome) => json(&outcome),
                _ => Err(Refusal::stopped()),
            }
        }
        ["v1", "logs"] => {
            check(party, Act::Read)?;
            let wish: LogWish = body(shared, request).await?;
            json(&logs(shared, wish).await?)
        }
        ["v1", "tokens"] => {
            check(party, Act::Operate)?;
            let wish: TokenWish = body(shared, request).await?;
            json(&gate(shared)?.create(&wish)?.reveal())
        }
        ["v1", "tokens", "delete"] => {
            check(party, Act::Operate)?;
            let name: TokenName = body(shared, request).await?;
            json(&gate(shared)?.delete(&name.id)?)
        }
        ["v1", "revoke"] => {
            check(party, Act::Operate)?;
            let name: PartyName = body(shared, request).await?;
            let party: Result<Identity, _> = name.party.parse();
            let party = party.map_err(|error| {
                Refusal::new(StatusCode::BAD_REQUEST, "message", error.to_string())
            })?;
            json(&gate(shared)?.revoke(&party)?)
        }
        ["v1", "authority"] => {
            check(party, Act::Operate)?;
            let wish: StepName = body(shared, request).await?;
            let rotated = gate(shared)?.rotate(wish.step);
            json(&rotated.map_err(|error| {
                Refusal::new(StatusCode::CONFLICT, "rotation", error.to_string())
            })?)
        }
        _ => Err(no_path(party)),
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
            json(&())
        }
        "ended" if is_post => {
            let pods: Vec<u32> = body(shared, request).await?;
            if pods.len() > RETAINED_MAX {
                let why = format!("expected at most {RETAINED_MAX} pods");
                return Err(Refusal::new(StatusCode::BAD_REQUEST, "message", why));
            }
            let node = node.to_owned();
            json(&query(shared, |reply| Message::Unseen(node, pods, reply)).await?)
        }
        "errands" => {
            let mut errands = shared.errands.fetch(node);
            if errands.is_empty() {
                let wait = shared.errands.wait(node);
                // Without any the answer says so.
                let _ = tokio::time::timeout(shared.limits.watch, wait).await;
                errands = shared.errands.fetch(node);
            }
            json(&errands)
        }
        "services" if !is_post => {
            let query = request.uri().query().unwrap_or_default();
            services(shared, number(query, "version").unwrap_or(0)).await
        }
        "commands" if !is_post => {
            let query = request.uri().query().unwrap_or_default();
            watch(shared, node, query).await
        }
        _ => Err(no_path(&Party::Holder(Holder::Agent))),
    }
}

/// Refuses what a party may not do.
fn check(party: &Party<'_>, act: Act<'_>) -> Result<(), Refusal> {
    let is_allowed = match party {
        Party::Stranger => return Err(unknown()),
        Party::Known(known) => known.identity.may(act),
        Party::Holder(Holder::User) => !matches!(act, Act::Speak { .. }),
        Party::Holder(Holder::Agent) => matches!(act, Act::Speak { .. }),
    };
    if is_allowed {
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

/// The answer to a path that is none; strangers don't learn which are.
fn no_path(party: &Party<'_>) -> Refusal {
    match party {
        Party::Stranger => unknown(),
        _ => Refusal::new(StatusCode::NOT_FOUND, "path", "there is no such path"),
    }
}

fn unknown() -> Refusal {
    let why = "expected a certificate of this control server, or over plain text the secret in the \
               state's folder";
    Refusal::new(StatusCode::UNAUTHORIZED, "no-certificate", why)
}

/// The gate; without TLS there is none.
fn gate(shared: &Shared) -> Result<&Gate, Refusal> {
    match &shared.access {
        Access::Mutual(gate) => Ok(gate),
        Access::Plain(_) => {
            let why = "this server has no certificates: it was started with `--plain`";
            Err(Refusal::new(StatusCode::CONFLICT, "plain", why))
        }
    }
}

async fn join(shared: &Shared, request: &mut Asked) -> Result<Vec<u8>, Refusal> {
    let gate = gate(shared)?;
    if !shared.guard.allows(JOINERS, shared.limits.joinings) {
        let why = "too many join in this second; try again";
        return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate", why));
    }
    let wish: JoinWish = body(shared, request).await?;
    json(&gate.join(&wish)?)
}

async fn renew(
    shared: &Shared,
    party: &Party<'_>,
    request: &mut Asked,
) -> Result<Vec<u8>, Refusal> {
    let gate = gate(shared)?;
    let Party::Known(known) = party else {
        return Err(unknown());
    };
    let wish: RenewWish = body(shared, request).await?;
    json(&gate.renew(known, &wish)?)
}

/// Refuses a message about another node than the path names.
fn own(path: &str, message: &str) -> Result<(), Refusal> {
    if path == message {
        return Ok(());
    }
    let why = "the path names one node, the message another";
    Err(Refusal::forbidden("other-node", why))
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

/// A part of a pod's log, from its node.
async fn logs(shared: &Shared, wish: LogWish) -> Result<LogText, Refusal> {
    let refused = |status, why: String| Refusal::new(status, "log", why);
    let pods = query(shared, Message::Pods).await?;
    let is_meant = |pod: &&PodRow| pod.namespace == wish.namespace && pod.name == wish.name;
    let Some(pod) = pods.iter().find(is_meant) else {
        let why = "there is no such pod; `windtunnel live get pods` lists those that have a log, also after \
                   their end";
        return Err(refused(StatusCode::NOT_FOUND, why.to_owned()));
    };
    let Some(node) = &pod.node else {
        let why = "the pod waits for a node, so it has no log yet";
        return Err(refused(StatusCode::CONFLICT, why.to_owned()));
    };
    let has_ended = pod.ended.is_some();
    let nodes = query(shared, Message::Nodes).await?;
    if !nodes.iter().any(|known| known.name == *node) {
        let why = format!("the pod has ended, and its log went with its node `{node}`");
        return Err(refused(StatusCode::NOT_FOUND, why));
    }
    let Some(mut sent) = shared.errands.send(node, pod.pod, wish) else {
        let why = format!("too many ask for logs of node `{node}`; try again");
        return Err(refused(StatusCode::TOO_MANY_REQUESTS, why));
    };
    match tokio::time::timeout(shared.limits.errand, &mut sent.result).await {
        Ok(Ok(Ok(text))) => Ok(text),
        Ok(Ok(Err(why))) if has_ended && why == NO_CONTAINER => {
            let why = format!(
                "node `{node}` keeps the log of the pod no longer: it keeps those of the last {RETAINED_MAX} \
                 that ended, while its disk has room"
            );
            Err(refused(StatusCode::NOT_FOUND, why))
        }
        Ok(Ok(Err(why))) => Err(refused(StatusCode::CONFLICT, why)),
        Ok(Err(_)) | Err(_) => {
            let why = format!("node `{node}` does not answer; is its agent running?");
            Err(refused(StatusCode::GATEWAY_TIMEOUT, why))
        }
    }
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
            return json(&(services.version, &services.rows));
        }
        tokio::time::sleep(SERVICES_LOOK).await;
    }
    json(&(version, Vec::<ServiceRow>::new()))
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
        Ok(Ok(answer)) => json(&answer),
        Ok(Err(_)) => Err(Refusal::stopped()),
        Err(_) => json(&NodeAnswer::Quiet),
    }
}
