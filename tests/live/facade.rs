//! The API of a Kubernetes cluster, as far as a scheduler of it goes: lists in pages, watches with bookmarks that
//! may end or have forgotten, bindings that may be refused. It shares nothing with the client but the protocol.

#![expect(
    clippy::disallowed_methods,
    reason = "a server of a test answers by the wall clock"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use units::SortedMap;

use serde_json::{Value, json};

/// Time without events after which a watch sends a bookmark.
const BOOKMARK: Duration = Duration::from_millis(50);

/// Kind in paths, namespace and name.
type Key = (String, String, String);

/// What happened to an object.
struct Entry {
    version: u64,
    plural: String,
    kind: &'static str,
    object: Value,
}

/// Mishaps to come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mishaps {
    /// Number of bindings that are answered by an error of the server.
    pub(crate) failing_bindings: u32,
    /// Number of bindings that are refused as those of others.
    pub(crate) refused_bindings: u32,
    /// Whether requests for leases get no answer.
    pub(crate) has_silent_leases: bool,
}

#[derive(Default)]
struct State {
    version: u64,
    objects: SortedMap<Key, Value>,
    log: Vec<Entry>,
    /// Version from which on the log is known.
    oldest: u64,
    /// Watches of an earlier number end.
    watches: u32,
    mishaps: Mishaps,
    /// What is left of lists, with their versions.
    pages: SortedMap<u64, (u64, Vec<Value>)>,
    bindings: Vec<(String, String)>,
    writes: Vec<String>,
    ends: bool,
}

/// The API.
#[derive(Clone)]
pub(crate) struct Facade {
    shared: Arc<(Mutex<State>, Condvar)>,
    pub(crate) address: SocketAddr,
}

/// A request.
struct Asked {
    method: String,
    segments: Vec<String>,
    query: SortedMap<String, String>,
    body: Value,
}

impl Facade {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let own = Self {
            shared: Arc::default(),
            address,
        };
        let facade = own.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if facade.state().ends {
                    return;
                }
                let facade = facade.clone();
                if let Ok(stream) = stream {
                    std::thread::spawn(move || facade.serve(stream));
                }
            }
        });
        own
    }

    /// Ends all that goes on.
    pub(crate) fn end(&self) {
        self.state().ends = true;
        self.shared.1.notify_all();
        drop(TcpStream::connect(self.address));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates or changes an object.
    pub(crate) fn put(&self, plural: &str, object: Value) {
        self.state().put(plural, object);
        self.shared.1.notify_all();
    }

    pub(crate) fn delete(&self, plural: &str, namespace: &str, name: &str) {
        self.state().delete(plural, namespace, name);
        self.shared.1.notify_all();
    }

    pub(crate) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        self.state().objects.get(&key).cloned()
    }

    /// All objects of a kind.
    pub(crate) fn all(&self, plural: &str) -> Vec<Value> {
        let state = self.state();
        let objects = state
            .objects
            .iter()
            .filter(|((kind, ..), _)| kind == plural);
        objects.map(|(_, object)| object.clone()).collect()
    }

    /// Pods and nodes of all bindings, in order.
    pub(crate) fn bindings(&self) -> Vec<(String, String)> {
        self.state().bindings.clone()
    }

    /// What was written apart from bindings, leases and events.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.state().writes.clone()
    }

    pub(crate) fn meet(&self, mishaps: Mishaps) {
        self.state().mishaps = mishaps;
    }

    /// Ends all watches; with `forgets` none can go on where it was.
    pub(crate) fn cut_watches(&self, forgets: bool) {
        let mut state = self.state();
        state.watches += 1;
        if forgets {
            state.version += 1;
            state.oldest = state.version;
            state.log.clear();
        }
        drop(state);
        self.shared.1.notify_all();
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
        let mut out = stream;
        while let Some(asked) = asked(&mut reader) {
            if asked.query.get("watch").is_some_and(|own| own == "1") {
                let _ = self.watch(&asked, &mut out);
                return;
            }
            let is_of_lease = asked.segments.iter().any(|own| own == "leases");
            while is_of_lease && self.state().mishaps.has_silent_leases {
                if self.state().ends {
                    return;
                }
                std::thread::sleep(BOOKMARK);
            }
            let (status, body) = self.state().answer(&asked);
            self.shared.1.notify_all();
            let body = body.to_string();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            if out.write_all(head.as_bytes()).is_err() || out.write_all(body.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn watch(&self, asked: &Asked, out: &mut TcpStream) -> std::io::Result<()> {
        let plural = asked.segments.last().cloned().unwrap_or_default();
        let from = asked
            .query
            .get("resourceVersion")
            .and_then(|own| own.parse().ok());
        let mut version: u64 = from.unwrap_or(0);
        out.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")?;
        let mut send = |event: Value| {
            let line = format!("{event}\n");
            out.write_all(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes())
        };
        let mut state = self.state();
        let number = state.watches;
        loop {
            // Also of a watch that had not sent all when it was forgotten.
            if version < state.oldest {
                let status = json!({"kind": "Status", "code": 410, "reason": "Expired"});
                drop(state);
                send(json!({"type": "ERROR", "object": status}))?;
                return out.write_all(b"0\r\n\r\n");
            }
            let mut events = Vec::new();
            for entry in state.log.iter().filter(|own| own.version > version) {
                if entry.plural == plural {
                    events.push(json!({"type": selected(entry), "object": entry.object}));
                }
            }
            version = version.max(state.version);
            let ends = state.ends || state.watches != number;
            drop(state);
            for event in events {
                send(event)?;
            }
            if ends {
                return out.write_all(b"0\r\n\r\n");
            }
            state = self.state();
            if state.version == version && !state.ends && state.watches == number {
                let waited = self.shared.1.wait_timeout(state, BOOKMARK);
                let (woken, timed) = waited.unwrap_or_else(PoisonError::into_inner);
                state = woken;
                if timed.timed_out() {
                    drop(state);
                    let metadata = json!({"resourceVersion": version.to_string()});
                    send(json!({"type": "BOOKMARK", "object": {"metadata": metadata}}))?;
                    state = self.state();
                }
            }
        }
    }
}

/// Kind of the event that a change is to who watches what has not ended.
fn selected(entry: &Entry) -> &'static str {
    let phase = entry.object["status"]["phase"].as_str().unwrap_or_default();
    let is_over = entry.plural == "pods" && matches!(phase, "Succeeded" | "Failed");
    if is_over { "DELETED" } else { entry.kind }
}

impl State {
    fn put(&mut self, plural: &str, mut object: Value) {
        self.version += 1;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &mut object["metadata"];
        let key = (
            plural.to_owned(),
            text(&metadata["namespace"]),
            text(&metadata["name"]),
        );
        let before = self.objects.get(&key);
        let kind = if before.is_some() {
            "MODIFIED"
        } else {
            "ADDED"
        };
        let uid = before.map_or_else(
            || json!(format!("uid-{}", self.version)),
            |own| own["metadata"]["uid"].clone(),
        );
        metadata["uid"] = uid;
        metadata["resourceVersion"] = json!(self.version.to_string());
        self.log.push(Entry {
            version: self.version,
            plural: plural.to_owned(),
            kind,
            object: object.clone(),
        });
        self.objects.insert(key, object);
    }

    fn delete(&mut self, plural: &str, namespace: &str, name: &str) {
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        if let Some(mut object) = self.objects.remove(&key) {
            self.version += 1;
            object["metadata"]["resourceVersion"] = json!(self.version.to_string());
            self.log.push(Entry {
                version: self.version,
                plural: plural.to_owned(),
                kind: "DELETED",
                object,
            });
        }
    }

    fn answer(&mut self, asked: &Asked) -> (u16, Value) {
        let segments: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
        let (["api", "v1", place @ ..] | ["apis", _, "v1", place @ ..]) = segments.as_slice()
        else {
            return (404, json!({"message": "no such path"}));
        };
        match (asked.method.as_str(), place) {
            ("GET", [plural]) => self.list(plural, &asked.query),
            ("POST", ["namespaces", namespace, "pods", name, "binding"]) => {
                self.bind(namespace, name, &asked.body)
            }
            ("PATCH", ["namespaces", namespace, "pods", name, "status"]) => {
                self.patch(namespace, name, &asked.body)
            }
            ("DELETE", ["namespaces", namespace, "pods", name]) => {
                self.writes.push(format!("delete {namespace}/{name}"));
                self.delete("pods", namespace, name);
                (200, json!({}))
            }
            ("POST", ["namespaces", namespace, "events"]) => {
                let mut event = asked.body.clone();
                event["metadata"]["name"] = json!(format!("event-{}", self.version));
                event["metadata"]["namespace"] = json!(namespace);
                self.put("events", event);
                (201, json!({}))
            }
            ("GET", ["namespaces", namespace, "leases", name]) => {
                let key = (
                    "leases".to_owned(),
                    (*namespace).to_owned(),
                    (*name).to_owned(),
                );
                let found = self.objects.get(&key).cloned();
                found.map_or((404, json!({"message": "not found"})), |own| (200, own))
            }
            ("POST", ["namespaces", _, "leases"]) => {
                let key = (
                    "leases".to_owned(),
                    asked.body["metadata"]["namespace"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                    asked.body["metadata"]["name"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned(),
                );
                if self.objects.contains_key(&key) {
                    return (409, json!({"message": "already exists"}));
                }
                self.put("leases", asked.body.clone());
                (201, asked.body.clone())
            }
            ("PUT", ["namespaces", namespace, "leases", name]) => {
                let key = (
                    "leases".to_owned(),
                    (*namespace).to_owned(),
                    (*name).to_owned(),
                );
                let known = self
                    .objects
                    .get(&key)
                    .map(|own| own["metadata"]["resourceVersion"].clone());
                if known.as_ref() != Some(&asked.body["metadata"]["resourceVersion"]) {
                    return (409, json!({"message": "the object has been modified"}));
                }
                self.put("leases", asked.body.clone());
                (200, asked.body.clone())
            }
            _ => (404, json!({"message": "no such path"})),
        }
    }

    /// A page of a list. All pages are those of the instant of the first.
    fn list(&mut self, plural: &str, query: &SortedMap<String, String>) -> (u16, Value) {
        let limit = query.get("limit").and_then(|own| own.parse::<usize>().ok());
        let page = query
            .get("continue")
            .and_then(|own| own.parse::<u64>().ok());
        let page = page.and_then(|number| self.pages.remove(&number));
        let (version, mut items) = page.unwrap_or_else(|| {
            let objects = self.objects.iter().filter(|((kind, ..), _)| kind == plural);
            let living = objects.map(|(_, object)| object).filter(|object| {
                let phase = object["status"]["phase"].as_str().unwrap_or_default();
                plural != "pods" || !matches!(phase, "Succeeded" | "Failed")
            });
            (self.version, living.cloned().collect())
        });
        let rest = items.split_off(items.len().min(limit.unwrap_or(usize::MAX)));
        let mut next = String::new();
        if !rest.is_empty() {
            let number = self.pages.keys().last().map_or(1, |last| last + 1);
            self.pages.insert(number, (version, rest));
            next = number.to_string();
        }
        let metadata = json!({"resourceVersion": version.to_string(), "continue": next});
        // Items of lists state neither kind nor version.
        (200, json!({"metadata": metadata, "items": items}))
    }

    fn bind(&mut self, namespace: &str, name: &str, body: &Value) -> (u16, Value) {
        if self.mishaps.failing_bindings > 0 {
            self.mishaps.failing_bindings -= 1;
            return (500, json!({"message": "etcdserver: request timed out"}));
        }
        if self.mishaps.refused_bindings > 0 {
            self.mishaps.refused_bindings -= 1;
            return (409, json!({"message": "Operation cannot be fulfilled"}));
        }
        let key = ("pods".to_owned(), namespace.to_owned(), name.to_owned());
        let Some(pod) = self.objects.get(&key) else {
            return (
                404,
                json!({"message": format!("pods \"{name}\" not found")}),
            );
        };
        let mut pod = pod.clone();
        if pod["metadata"]["uid"] != body["metadata"]["uid"] {
            return (
                409,
                json!({"message": "the UID in the precondition does not match"}),
            );
        }
        if pod["spec"]["nodeName"].is_string() {
            return (
                409,
                json!({"message": format!("pod {name} is already assigned to node")}),
            );
        }
        let node = body["target"]["name"].clone();
        let told = (
            format!("{namespace}/{name}"),
            node.as_str().unwrap_or_default().to_owned(),
        );
        self.bindings.push(told);
        pod["spec"]["nodeName"] = node;
        self.put("pods", pod);
        (201, json!({"status": "Success"}))
    }

    fn patch(&mut self, namespace: &str, name: &str, body: &Value) -> (u16, Value) {
        let key = ("pods".to_owned(), namespace.to_owned(), name.to_owned());
        let Some(mut pod) = self.objects.get(&key).cloned() else {
            return (404, json!({"message": "not found"}));
        };
        let condition = &body["status"]["conditions"][0];
        let told = condition["message"].as_str().unwrap_or_default();
        let kind = condition["type"].as_str().unwrap_or_default();
        self.writes
            .push(format!("{kind} {namespace}/{name}: {told}"));
        pod["status"]["conditions"] = json!([condition]);
        self.put("pods", pod.clone());
        (200, pod)
    }
}

/// Reads a request; `None` at the end.
fn asked(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    let query = query.split('&').filter_map(|own| own.split_once('='));
    Some(Asked {
        method,
        segments: path
            .split('/')
            .filter(|own| !own.is_empty())
            .map(str::to_owned)
            .collect(),
        query: query
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}
