//! The Kubernetes API, as `kubectl` uses it: lists, watches, changes and logs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Either;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue, WARNING};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::engine::Message;
use super::flow::{Answer, Flow};
use super::http::{Asked, Refusal, Shared, text, whole};
use super::log::log;
use super::routes::{ask, check, query};
use crate::driver::input::Input;
use crate::facade::changes::{PatchForm, declaration, of_node, patched, path, read, scale, settle};
use crate::facade::resources::{Place, discovered, place};
use crate::facade::selector;
use crate::facade::table::{Choice, fields};
use crate::runtime::clock::wall_ns;
use crate::security::identity::{Act, Identity};
use crate::wire::redact::redacted;
use crate::wire::request::{Outcome, Request};

/// Time between two looks of a watch.
const LOOK: Duration = Duration::from_millis(250);

/// Lists that are kept, so that a watch can begin where a list ended.
const LISTS: usize = 32;

/// Objects of a kind.
type Objects = Arc<Vec<Value>>;

/// The last lists, by kind and revision.
#[derive(Default)]
pub(super) struct Lists(Mutex<VecDeque<(&'static str, u64, Objects)>>);

impl Lists {
    fn keep(&self, kind: &'static str, revision: u64, objects: &Objects) {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|(known, at, _)| (*known, *at) != (kind, revision));
        lists.push_back((kind, revision, Arc::clone(objects)));
        if lists.len() > LISTS {
            lists.pop_front();
        }
    }

    fn find(&self, kind: &str, revision: u64) -> Option<Objects> {
        let lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = lists.iter();
        let found = known.find(|(known, at, _)| (*known, *at) == (kind, revision));
        found.map(|(.., objects)| Arc::clone(objects))
    }
}

/// Answers a request for a path of the API; `None` of other paths.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    party: &Identity,
    request: &mut Asked,
) -> Option<Result<Answer, Refusal>> {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if !matches!(
        parts.first(),
        Some(&("api" | "apis" | "openapi" | "version"))
    ) {
        return None;
    }
    if let Err(refusal) = check(party, Act::Read) {
        return Some(Err(refusal));
    }
    if let Some(found) = discovered(&parts).filter(|_| request.method() == Method::GET) {
        return Some(text(&found).map(whole));
    }
    let Some(place) = place(&parts) else {
        return Some(Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "path",
            "the server could not find the requested resource",
        )));
    };
    Some(if request.method() == Method::GET {
        look(shared, &place, request).await
    } else {
        change(shared, party, &place, request).await
    })
}

/// A parameter of a request's query.
pub(super) fn parameter(request: &Asked, name: &str) -> Option<String> {
    let pairs = request.uri().query()?.split('&');
    let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(known, _)| *known == name)?;
    Some(decoded(value))
}

/// A text of a query without its escapes.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                let pair = high.zip(low).map(|(high, low)| high * 16 + low);
                bytes.extend(pair.and_then(|pair| u8::try_from(pair).ok()));
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn wrong(why: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "message", why)
}

fn choice(place: &Place, request: &Asked) -> Result<Choice, Refusal> {
    let labels = parameter(request, "labelSelector").filter(|text| !text.is_empty());
    let labels = labels.map(|text| selector::read(&text)).transpose();
    let chosen = parameter(request, "fieldSelector").unwrap_or_default();
    let accept = request.headers().get(ACCEPT);
    let accept = accept.and_then(|own| own.to_str().ok()).unwrap_or_default();
    Ok(Choice {
        resource: place.resource,
        namespace: place.namespace.clone(),
        labels: labels.map_err(wrong)?.unwrap_or_default(),
        fields: fields(&chosen)
            .ok_or_else(|| wrong("expected fields such as `metadata.name=web`"))?,
        is_table: accept.contains("as=Table"),
    })
}

async fn listed(shared: &Shared, kind: &'static str) -> Result<(u64, Objects), Refusal> {
    let (revision, objects) = query(shared, |reply| Message::Listed(kind, None, reply)).await?;
    Ok((revision, Arc::new(objects.unwrap_or_default())))
}

/// The object at a place.
async fn found(shared: &Shared, place: &Place) -> Result<Option<(u64, Value)>, Refusal> {
    let (revision, objects) = listed(shared, place.resource.kind).await?;
    let is_it = |own: &&Value| {
        let metadata = &own["metadata"];
        let (name, namespace) = (place.name.as_deref(), place.namespace.as_deref());
        metadata["name"].as_str() == name
            && namespace.is_none_or(|own| metadata["namespace"] == own)
    };
    Ok(objects
        .iter()
        .find(is_it)
        .map(|own| (revision, own.clone())))
}

fn nothing(place: &Place) -> Refusal {
    let name = place.name.as_deref().unwrap_or_default();
    let why = format!(
        "{} \"{name}\" not found",
        place.resource.kind.to_lowercase()
    );
    Refusal::new(StatusCode::NOT_FOUND, "object", why)
}

async fn look(shared: &Arc<Shared>, place: &Place, request: &Asked) -> Result<Answer, Refusal> {
    let choice = choice(place, request)?;
    if place.name.is_some() {
        let is_log = place.part.as_deref() == Some("log");
        if is_log {
            return log(shared, place, request).await;
        }
        let (revision, object) = found(shared, place).await?.ok_or_else(|| nothing(place))?;
        if place.part.as_deref() == Some("scale") {
            return text(&scale(&object)).map(whole);
        }
        return text(&choice.one(&object, revision, wall_ns())).map(whole);
    }
    let is_watch = parameter(request, "watch").is_some_and(|own| own == "true" || own == "1");
    if is_watch {
        return watch(shared, choice, request).await;
    }
    let (revision, objects) = listed(shared, place.resource.kind).await?;
    shared.lists.keep(place.resource.kind, revision, &objects);
    let mut chosen: Vec<Value> = objects
        .iter()
        .filter(|own| choice.takes(own))
        .cloned()
        .collect();
    chosen.sort_by_cached_key(key);
    text(&choice.list(&chosen, revision, wall_ns())).map(whole)
}

/// Namespace and name of an object. Events stay in their order.
fn key(object: &Value) -> (String, String) {
    if object.get("involvedObject").is_some() {
        return Default::default();
    }
    let own = |field: &str| {
        object["metadata"][field]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (own("namespace"), own("name"))
}

/// Tells of changes from a list on, or of all objects and their changes.
async fn watch(shared: &Arc<Shared>, choice: Choice, request: &Asked) -> Result<Answer, Refusal> {
    let kind = choice.resource.kind;
    let from = parameter(request, "resourceVersion").and_then(|own| own.parse::<u64>().ok());
    let from = from.filter(|revision| *revision > 0);
    let (revision, now) = listed(shared, kind).await?;
    let known = match from {
        None => Objects::default(),
        Some(from) if from == revision => now,
        Some(from) => shared.lists.find(kind, from).ok_or_else(|| {
            Refusal::new(
                StatusCode::GONE,
                "expired",
                "too old resource version; list again",
            )
        })?,
    };
    let limit = parameter(request, "timeoutSeconds").and_then(|own| own.parse().ok());
    let limit = limit.map_or(shared.limits.life, Duration::from_secs);
    let (sender, flow) = Flow::new();
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let mut known = known;
        let mut seen = from.filter(|from| *from == revision);
        let looks = limit.as_millis() / LOOK.as_millis();
        for _ in 0..looks.max(1) {
            let asked = query(&shared, |reply| Message::Listed(kind, seen, reply)).await;
            // With the server ends what it tells.
            let Ok((revision, objects)) = asked else {
                return;
            };
            seen = Some(revision);
            if let Some(objects) = objects {
                let objects = Arc::new(objects);
                let lines = news(&choice, &known, &objects, revision);
                if !lines.is_empty() && sender.send(lines.into()).await.is_err() {
                    return;
                }
                known = objects;
            }
            if sender.is_closed() {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    let mut answer = whole(Vec::new());
    *answer.body_mut() = Either::Right(flow);
    Ok(answer)
}

/// What became of chosen objects between two lists, an event a line.
fn news(choice: &Choice, before: &[Value], now: &[Value], revision: u64) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut tell = |kind: &str, object: &Value| {
        let object = choice.one(object, revision, wall_ns());
        lines.extend(
            json!({"type": kind, "object": object})
                .to_string()
                .into_bytes(),
        );
        lines.push(b'\n');
    };
    let index = |objects: &[Value]| -> units::SortedMap<(String, String), Value> {
        let chosen = objects.iter().filter(|own| choice.takes(own));
        chosen.map(|own| (key(own), own.clone())).collect()
    };
    let (before, now) = (index(before), index(now));
    for (key, own) in &before {
        let is_same = |other: &Value| other["metadata"]["uid"] == own["metadata"]["uid"];
        if !now.get(key).is_some_and(is_same) {
            tell("DELETED", own);
        }
    }
    for (key, own) in &now {
        match before.get(key) {
            Some(known) if known["metadata"]["uid"] != own["metadata"]["uid"] => tell("ADDED", own),
            None => tell("ADDED", own),
            Some(known) if known != own => tell("MODIFIED", own),
            Some(_) => {}
        }
    }
    lines
}

/// A change that is asked for.
struct Change {
    method: Method,
    place: Place,
    form: Option<PatchForm>,
    body: Value,
    /// The object as it is.
    current: Option<Value>,
    /// Whether nothing is to be done.
    is_dry: bool,
}

impl Change {
    fn current(&self) -> Result<&Value, Refusal> {
        self.current.as_ref().ok_or_else(|| nothing(&self.place))
    }

    /// The request that the change is, unless it declares an object.
    fn request(&self) -> Result<Option<Request>, Refusal> {
        let place = &self.place;
        let is_node = place.resource.kind == "Node";
        let named = place.name.as_deref();
        Ok(Some(
            match (self.method.as_str(), place.part.as_deref(), named) {
                ("PUT" | "PATCH", Some("scale"), Some(name)) => {
                    self.current()?;
                    let replicas = self.body.pointer("/spec/replicas").and_then(Value::as_i64);
                    let replicas = replicas.and_then(|own| i32::try_from(own).ok());
                    let replicas = replicas.filter(|own| *own >= 0);
                    let replicas =
                        replicas.ok_or_else(|| wrong("expected `spec.replicas`, a number"))?;
                    let object = path(place, name);
                    Request::Scale { object, replicas }
                }
                ("PATCH", None, Some(name)) if is_node => {
                    self.current()?;
                    of_node(name, &self.body).map_err(invalid)?
                }
                ("DELETE", None, Some(name)) => {
                    self.current()?;
                    let is_orphaned = self.body["orphanDependents"] == true;
                    if is_orphaned || self.body["propagationPolicy"] == "Orphan" {
                        return Err(invalid(
                            "what an object controls goes with it; leave `--cascade` out",
                        ));
                    }
                    let object = path(place, name);
                    Request::Delete { object }
                }
                ("POST" | "PUT" | "PATCH", None, _) if !is_node => return Ok(None),
                _ => {
                    let why = "the server does not allow this method on the requested resource";
                    return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", why));
                }
            },
        ))
    }

    /// The object that is declared.
    fn declared(&self) -> Result<Value, Refusal> {
        match (self.method.as_str(), self.form, &self.current) {
            ("PATCH", Some(PatchForm::Applied), None) => Ok(self.body.clone()),
            ("PATCH", Some(form), _) => patched(self.current()?, &self.body, form).map_err(invalid),
            ("PATCH", None, _) => {
                let why =
                    "expected a merge patch, a strategic one, operations, or an applied object";
                Err(Refusal::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "message",
                    why,
                ))
            }
            _ => Ok(self.body.clone()),
        }
    }

    /// The control plane's answer to a request.
    async fn outcome(&self, shared: &Shared, wish: Request) -> Result<Outcome, Refusal> {
        if self.is_dry {
            return Ok(Outcome::default());
        }
        // What is secret in manifests is neither decided on nor recorded.
        let outcome = match redacted(wish) {
            Ok(message) => ask(shared, Input::Ask { message }).await?,
            Err(outcome) => outcome,
        };
        if outcome.refused.is_empty() {
            return Ok(outcome);
        }
        Err(invalid(outcome.refused.join("\n")))
    }
}

async fn change(
    shared: &Arc<Shared>,
    party: &Identity,
    place: &Place,
    request: &mut Asked,
) -> Result<Answer, Refusal> {
    check(party, Act::Submit)?;
    let kind = place.resource.kind;
    let is_eviction = place.part.as_deref() == Some("eviction");
    if kind == "Node" || is_eviction {
        check(party, Act::Operate)?;
    }
    let form = request.headers().get(CONTENT_TYPE);
    let form = form
        .and_then(|own| own.to_str().ok())
        .and_then(PatchForm::of);
    let bytes = super::http::bytes(shared, request).await?;
    let current = match place.name {
        Some(_) => found(shared, place).await?.map(|(_, object)| object),
        None => None,
    };
    let change = Change {
        method: request.method().clone(),
        place: place.clone(),
        form,
        body: if bytes.is_empty() {
            Value::Null
        } else {
            read(&bytes).map_err(wrong)?
        },
        current,
        is_dry: parameter(request, "dryRun").is_some(),
    };
    if is_eviction && change.method == Method::POST {
        return evict(shared, place, change.current()?).await;
    }
    let Some(wish) = change.request()? else {
        return declare(shared, &change).await;
    };
    change.outcome(shared, wish).await?;
    let after = found(shared, place).await?;
    let after = after.or_else(|| change.current.clone().map(|object| (0, object)));
    let (revision, object) = after.ok_or_else(|| nothing(place))?;
    if change.method == Method::DELETE {
        let details = json!({
            "name": place.name, "kind": kind.to_lowercase(), "uid": object["metadata"]["uid"],
        });
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Success", "details": details,
        });
        return text(&status).map(whole);
    }
    if place.part.is_some() {
        return text(&scale(&object)).map(whole);
    }
    text(&Choice::all(place.resource).whole(&object, revision)).map(whole)
}

/// Declares an object, and shows what became of it.
async fn declare(shared: &Arc<Shared>, change: &Change) -> Result<Answer, Refusal> {
    let mut object = change.declared()?;
    let name = settle(&mut object, &change.place).map_err(wrong)?;
    let place = Place {
        name: Some(name.clone()),
        ..change.place.clone()
    };
    let kind = place.resource.kind;
    if change.method == Method::POST && found(shared, &place).await?.is_some() {
        let why = format!("{} \"{name}\" already exists", kind.to_lowercase());
        return Err(Refusal::new(StatusCode::CONFLICT, "exists", why));
    }
    let declared = declaration(object.clone(), &name);
    let outcome = change.outcome(shared, declared).await?;
    let after = found(shared, &place).await?;
    let (revision, object) = after.unwrap_or((0, object));
    let mut answer = whole(text(&Choice::all(place.resource).whole(&object, revision))?);
    for note in outcome.notes {
        let note = note.replace(['"', '\\', '\n'], "'");
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{note}\"")) {
            answer.headers_mut().append(WARNING, value);
        }
    }
    Ok(answer)
}

fn invalid(why: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", why)
}

/// Evicts a pod of a node that takes no new ones: with its first pod the node is drained, so that the
/// record says what was meant.
async fn evict(shared: &Arc<Shared>, place: &Place, pod: &Value) -> Result<Answer, Refusal> {
    let ends = |pod: &Value| pod.pointer("/metadata/deletionTimestamp").is_some();
    if !ends(pod) {
        let node = pod.pointer("/spec/nodeName").and_then(Value::as_str);
        let (_, nodes) = listed(shared, "Node").await?;
        let is_cordoned = |own: &&Value| {
            own["metadata"]["name"].as_str() == node && own["spec"]["unschedulable"] == true
        };
        let Some(node) = node.filter(|_| nodes.iter().any(|own| is_cordoned(&own))) else {
            let why =
                "a pod is evicted when its node is drained; `kubectl delete` ends one elsewhere";
            return Err(invalid(why));
        };
        let node = node.to_owned();
        let outcome = ask(
            shared,
            Input::Ask {
                message: Request::Drain { node },
            },
        )
        .await?;
        if let Some(why) = outcome.refused.first() {
            return Err(invalid(why));
        }
    }
    match found(shared, place).await? {
        Some((_, pod)) if !ends(&pod) => {
            let why = "cannot evict pod as it would violate the pod's disruption budget";
            Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "budget", why))
        }
        _ => text(&json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})).map(whole),
    }
}
