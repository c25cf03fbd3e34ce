//! Recordings of real runs: events and audit logs of Kubernetes, pods as `kubectl get` shows them, and
//! the tables of a run of this program.

use std::path::Path;

use serde_json::Value;
use thiserror::Error;

use crate::results::{self, ResultsError};
use intake::{Input, TraceError};
use k8s::parse_unix_secs;
use units::{Instant, SortedMap, plural};

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;
/// Prefix of the message of an event about a binding.
const ASSIGNED: &str = "Successfully assigned ";

/// Life of a pod in a run, at instants in nanoseconds from the first one of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodLife {
    /// The pod's name, with its namespace where that is known, as `NAMESPACE/NAME`.
    pub name: String,
    /// Instant of the submission.
    pub submitted: Option<i64>,
    /// Instant at which the pod got its first node.
    pub bound: Option<i64>,
    /// Name of that node.
    pub node: Option<String>,
    /// Instant of the end.
    pub ended: Option<i64>,
}

/// Recorded run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The pods, by name.
    pub pods: Vec<PodLife>,
}

/// Reason a recording can't be read.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// The result folder can't be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The file can't be read.
    #[error(transparent)]
    File(#[from] TraceError),
    /// The file is no recording; in words.
    #[error("{0}")]
    Content(String),
}

impl Recording {
    /// Reads a result folder (the first variant, or the named one), or a file of events, audit
    /// records or pods in JSON, one object or one a line.
    ///
    /// # Errors
    /// If it can't be read, or holds no pod.
    pub fn read(path: &Path, variant: Option<&str>) -> Result<Self, RecordingError> {
        let recording = if path.is_dir() {
            Self::of_results(path, variant)?
        } else {
            let input = Input::argument(&path.display().to_string())?;
            Self::of_json(&input.name, &input.read_to_string()?)?
        };
        let is_bound = |own: &PodLife| own.bound.is_some();
        if recording.pods.iter().any(is_bound) {
            return Ok(recording.counted_from_first());
        }
        Err(RecordingError::Content(format!(
            "{}: records no pod that got a node ({} in all); expected events of the reason \
             `Scheduled` (`kubectl get events -A -o json`), an audit log with bindings, pods with \
             `spec.nodeName`, or a result folder with its table of pods",
            path.display(),
            plural::count(recording.pods.len() as u64, "pod")
        )))
    }

    fn of_results(path: &Path, variant: Option<&str>) -> Result<Self, RecordingError> {
        let run = results::read(path)?;
        let names: Vec<&str> = { run.summary.variants.iter() }
            .map(|variant| variant.name.as_str())
            .collect();
        let wanted = variant.or(names.first().copied()).unwrap_or_default();
        if !names.contains(&wanted) {
            return Err(RecordingError::Content(format!(
                "{}: has no variant `{wanted}`; it has {}",
                path.display(),
                names.join(", ")
            )));
        }
        let Some(rows) = run.pods()? else {
            return Err(RecordingError::Content(format!(
                "{}: the run left no table of pods; run it again with `--tables pods`, or give \
                 another recording",
                path.display()
            )));
        };
        let mut pods = Vec::new();
        for row in rows {
            let row = row?;
            if row.variant == wanted {
                pods.push(PodLife {
                    name: row.pod,
                    submitted: Some(row.submit.as_nanos()),
                    bound: row.bound.map(Instant::as_nanos),
                    node: row.node,
                    ended: row.ended.map(Instant::as_nanos),
                });
            }
        }
        Ok(Self { pods })
    }

    /// Reads objects of a text.
    fn of_json(name: &str, text: &str) -> Result<Self, RecordingError> {
        let mut pods: SortedMap<String, PodLife> = SortedMap::new();
        let stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        for (number, object) in (1..).zip(stream) {
            let number: usize = number;
            let object = object.map_err(|error| {
                RecordingError::Content(format!(
                    "{name}: object {number}, line {}: {error}; expected JSON, one object or one a \
                     line",
                    error.line()
                ))
            })?;
            take(&object, &mut pods);
        }
        Ok(Self {
            pods: pods.into_values().collect(),
        })
    }

    /// The recording with the first instant as its zero.
    pub(super) fn counted_from_first(mut self) -> Self {
        let instants = |own: &PodLife| own.submitted.into_iter().chain(own.bound);
        let first = self.pods.iter().flat_map(instants).min().unwrap_or(0);
        for pod in &mut self.pods {
            for at in [&mut pod.submitted, &mut pod.bound, &mut pod.ended] {
                *at = at.map(|at| at - first);
            }
        }
        self
    }
}

/// Takes what an object says about pods; lists are taken item by item.
fn take(object: &Value, pods: &mut SortedMap<String, PodLife>) {
    if let Some(items) = object.get("items").and_then(Value::as_array) {
        for item in items {
            take(item, pods);
        }
        return;
    }
    if object.get("auditID").is_some() || object.get("objectRef").is_some() {
        take_audit(object, pods);
    } else if object.get("reason").is_some() {
        take_event(object, pods);
    } else if object.get("kind").and_then(Value::as_str) == Some("Pod") {
        take_pod(object, pods);
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str)
}

/// Instant of a field, fractions of seconds included.
fn instant(object: &Value, pointer: &str) -> Option<i64> {
    let text = text(object, pointer)?;
    let secs = parse_unix_secs(text)?;
    let fraction = text.split_once('.').map_or("", |(_, rest)| rest);
    let digits = fraction.trim_end_matches(['Z', 'z']);
    let digits: String = digits.chars().chain("000000000".chars()).take(9).collect();
    let nanos: i64 = digits.parse().ok()?;
    secs.checked_mul(SECOND)?.checked_add(nanos)
}

fn life<'a>(
    pods: &'a mut SortedMap<String, PodLife>,
    namespace: Option<&str>,
    name: &str,
) -> &'a mut PodLife {
    let name = format!("{}/{name}", namespace.unwrap_or("default"));
    let entry = pods.entry(name.clone());
    entry.or_insert_with(|| PodLife {
        name,
        ..PodLife::default()
    })
}

/// Keeps the earlier of two instants.
fn first(known: &mut Option<i64>, at: Option<i64>) {
    *known = match (*known, at) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
}

fn bind(life: &mut PodLife, at: Option<i64>, node: &str) {
    if life
        .bound
        .is_none_or(|known| at.is_some_and(|at| at < known))
    {
        life.bound = at;
        life.node = Some(node.to_owned());
    }
}

/// Takes an event, of `v1` or of `events.k8s.io/v1`.
fn take_event(event: &Value, pods: &mut SortedMap<String, PodLife>) {
    let at = [
        "/eventTime",
        "/firstTimestamp",
        "/deprecatedFirstTimestamp",
        "/lastTimestamp",
    ];
    let at = at.iter().find_map(|pointer| instant(event, pointer));
    let message = text(event, "/message").or_else(|| text(event, "/note"));
    let about = |field: &str| {
        let regarding = text(event, &format!("/involvedObject/{field}"));
        regarding.or_else(|| text(event, &format!("/regarding/{field}")))
    };
    let (Some(message), Some(name)) = (message, about("name")) else {
        return;
    };
    let namespace = about("namespace");
    match (about("kind"), text(event, "/reason")) {
        (Some("Pod"), Some("Scheduled")) => {
            let target = message.strip_prefix(ASSIGNED);
            if let Some((_, node)) = target.and_then(|target| target.rsplit_once(" to ")) {
                bind(life(pods, namespace, name), at, node.trim());
            }
        }
        (Some("Pod"), Some("FailedScheduling")) => {
            first(&mut life(pods, namespace, name).submitted, at);
        }
        (Some("Pod"), Some("Killing" | "Preempted" | "Evicted")) => {
            first(&mut life(pods, namespace, name).ended, at);
        }
        (_, Some("SuccessfulCreate")) => {
            if let Some(pod) = message.strip_prefix("Created pod: ") {
                first(&mut life(pods, namespace, pod.trim()).submitted, at);
            }
        }
        _ => {}
    }
}

/// Takes a record of an audit log.
fn take_audit(record: &Value, pods: &mut SortedMap<String, PodLife>) {
    let code = record
        .pointer("/responseStatus/code")
        .and_then(Value::as_i64);
    let is_done = text(record, "/stage").is_none_or(|stage| stage == "ResponseComplete");
    if text(record, "/objectRef/resource") != Some("pods")
        || !is_done
        || code.is_some_and(|code| code >= 300)
    {
        return;
    }
    let at = instant(record, "/requestReceivedTimestamp");
    let namespace = text(record, "/objectRef/namespace");
    let name = text(record, "/objectRef/name");
    let made = name.or_else(|| text(record, "/responseObject/metadata/name"));
    let Some(name) = made else {
        return;
    };
    let part = text(record, "/objectRef/subresource");
    match (text(record, "/verb"), part) {
        (Some("create"), None) => first(&mut life(pods, namespace, name).submitted, at),
        (Some("create"), Some("binding")) => {
            if let Some(node) = text(record, "/requestObject/target/name") {
                bind(life(pods, namespace, name), at, node);
            }
        }
        (Some("delete"), None) => first(&mut life(pods, namespace, name).ended, at),
        _ => {}
    }
}

/// Takes a pod as `kubectl get pods -o json` shows it.
fn take_pod(pod: &Value, pods: &mut SortedMap<String, PodLife>) {
    let Some(name) = text(pod, "/metadata/name") else {
        return;
    };
    let life = life(pods, text(pod, "/metadata/namespace"), name);
    first(
        &mut life.submitted,
        instant(pod, "/metadata/creationTimestamp"),
    );
    if let Some(node) = text(pod, "/spec/nodeName") {
        let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
        let scheduled = conditions.into_iter().flatten();
        let mut scheduled = scheduled.filter(|own| text(own, "/type") == Some("PodScheduled"));
        let at = scheduled
            .next()
            .and_then(|own| instant(own, "/lastTransitionTime"));
        let at = at.or(life.submitted);
        bind(life, at, node);
    }
    let ended = pod
        .pointer("/status/containerStatuses")
        .and_then(Value::as_array);
    let ended = ended.into_iter().flatten();
    let ended = ended.filter_map(|own| instant(own, "/state/terminated/finishedAt"));
    first(&mut life.ended, ended.max());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_audit_records_and_pods_are_read() {
        let text = r#"{"kind": "List", "items": [
            {"kind": "Event", "reason": "SuccessfulCreate", "message": "Created pod: web-1",
             "involvedObject": {"kind": "ReplicaSet", "namespace": "shop", "name": "web"},
             "firstTimestamp": "2026-03-01T10:00:00Z"},
            {"kind": "Event", "reason": "Scheduled", "note": "Successfully assigned shop/web-1 to n1",
             "regarding": {"kind": "Pod", "namespace": "shop", "name": "web-1"},
             "eventTime": "2026-03-01T10:00:01.500000Z"}]}
            {"kind": "Event", "auditID": "a", "stage": "ResponseComplete", "verb": "create",
             "objectRef": {"resource": "pods", "namespace": "shop", "name": "db-0",
                "subresource": "binding"}, "requestObject": {"target": {"name": "n2"}},
             "requestReceivedTimestamp": "2026-03-01T10:00:03.25Z", "responseStatus": {"code": 201}}
            {"kind": "Pod", "metadata": {"name": "old", "namespace": "shop",
             "creationTimestamp": "2026-03-01T09:59:50Z"}, "spec": {"nodeName": "n1"}}"#;
        let read = Recording::of_json("events.json", text).expect("a recording");
        let read = read.counted_from_first();
        let life = |name: &str| {
            let found = read.pods.iter().find(|own| own.name == name);
            found.cloned().expect("a pod")
        };
        let web = life("shop/web-1");
        assert_eq!(
            (web.submitted, web.bound, web.node.as_deref()),
            (Some(10 * SECOND), Some(11_500_000_000), Some("n1"))
        );
        let database = life("shop/db-0");
        assert_eq!(database.bound, Some(13_250_000_000));
        assert_eq!(life("shop/old").bound, Some(0));
        let error = Recording::of_json("events.json", "{\n  broken").expect_err("no JSON");
        assert!(error.to_string().contains("object 1, line 2"), "{error}");
    }
}
