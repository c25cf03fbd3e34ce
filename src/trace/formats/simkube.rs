//! Traces of `SimKube`: what changed in a cluster, as `MessagePack` or as JSON of the same map. The
//! replicas of an owner arrive with the change that adds them and end with the one that takes them away;
//! recorded lives of its pods give run times, and the pods of jobs that start by the clock. Format:
//! `traces.md`, section 12.

use serde_json::Value;

use crate::archive::parts;
use crate::budget::{MEMBERS, read_whole};
use crate::error::{TraceError, read_error};
use crate::format::{ColumnDoc, Confidence, Constructor, FormatEntry};
use crate::gather::{Demand, Gather};
use crate::input::Input;
use crate::json::each_element;
use crate::ledger::{Action, Journal};
use crate::msgpack;
use crate::options::ReadOptions;
use crate::pod_template::{self, bad};
use crate::rows::{LAST_SECOND, Refused, heed};
use crate::stream::ArrivalSource;
use model::{PodName, PodSpec};
use units::{Duration, Instant, SortedMap};

/// The registry's entry.
pub const ENTRY: FormatEntry = FormatEntry {
    name: "simkube",
    summary: "changes of a cluster as SimKube records them (`.sktrace`: MessagePack or JSON)",
    columns: &[
        ColumnDoc::required("events.ts", "s since 1970"),
        ColumnDoc::required(
            "events.applied_objs",
            "objects that are there from then on; their replicas are pods",
        ),
        ColumnDoc::required("events.deleted_objs", "objects that are away from then on"),
        ColumnDoc::optional(
            "pod_lifecycles",
            "by owner: starts and ends of its pods, s since 1970",
        ),
        ColumnDoc::optional("config", "what was recorded; read, not used"),
        ColumnDoc::optional("index", "hashes of the objects; read, not used"),
    ],
    names: &["index", "config"],
    cells,
    options: &[],
    sniff,
    open: Constructor::Workload(open),
};

/// The version of the map that is read.
const VERSION: i64 = 2;

fn sniff(first: &[u8]) -> Confidence {
    let has = |text: &str| memchr::memmem::find(first, text.as_bytes()).is_some();
    let is_json = first.trim_ascii_start().first() == Some(&b'{');
    let is_own = match is_json {
        true => has("\"trackedObjects\"") || has("\"applied_objs\""),
        false => first.get(2..9) == Some(b"version") && has("trackedObjects"),
    };
    if is_own {
        Confidence::Certain
    } else {
        Confidence::No
    }
}

fn cells(
    _format: &FormatEntry,
    input: &Input,
    show: &mut dyn FnMut(&[u8]),
) -> Result<(), TraceError> {
    for part in parts(input)? {
        let bytes = read_whole(&mut *part.open()?);
        show(&bytes.map_err(|error| read_error(&part.name, &error))?);
    }
    Ok(())
}

/// A trace as the file states it: events with their lines (or numbers, where there are no lines), and
/// the lives of pods.
#[derive(Default)]
struct Map {
    version: Option<i64>,
    events: Vec<(u64, Value)>,
    lives: Vec<(u64, String, Value)>,
}

fn read_map(part: &Input) -> Result<Map, TraceError> {
    let mut map = Map::default();
    let first = part.first_bytes()?;
    if first.trim_ascii_start().first() == Some(&b'{') {
        each_element(part, &[], |member| {
            if member.key == "version" {
                map.version = member.value.as_i64();
            }
            Ok(())
        })?;
        each_element(part, &["events"], |event| {
            map.events.push((event.line, event.value));
            Ok(())
        })?;
        each_element(part, &["pod_lifecycles"], |lives| {
            map.lives.push((lives.line, lives.key, lives.value));
            Ok(())
        })?;
        return Ok(map);
    }
    let bytes = read_whole(&mut *part.open()?);
    let bytes = bytes.map_err(|error| read_error(&part.name, &error))?;
    let mut value = msgpack::read(&bytes).map_err(|wrong| TraceError::Format {
        file: part.name.to_string(),
        reason: format!("byte {}: {}", wrong.at, wrong.reason),
    })?;
    map.version = value.get("version").and_then(Value::as_i64);
    if let Some(Value::Array(events)) = value.get_mut("events").map(Value::take) {
        map.events = (1..).zip(events).collect();
    }
    if let Some(Value::Object(lives)) = value.get_mut("pod_lifecycles").map(Value::take) {
        map.lives = { lives.into_iter() }
            .map(|(key, value)| (0, key, value))
            .collect();
    }
    Ok(map)
}

fn open(input: &Input, options: &ReadOptions) -> Result<Box<dyn ArrivalSource>, TraceError> {
    let mut journal = Journal::new(input.name.clone(), options.rows);
    let mut gather = Gather::default();
    for part in parts(input)? {
        journal.file = part.name.clone();
        let map = read_map(&part)?;
        if map.version != Some(VERSION) {
            let found = map.version.map_or("none".to_owned(), |own| own.to_string());
            return Err(TraceError::Format {
                file: part.name.to_string(),
                reason: format!(
                    "`version` is {found}, and {VERSION} is read; export it anew with SimKube 2"
                ),
            });
        }
        let mut cluster = Cluster::default();
        for (line, key, value) in &map.lives {
            heed(&mut journal, |_| cluster.add_lives(*line, key, value))?;
        }
        for (line, event) in &map.events {
            heed(&mut journal, |journal| cluster.take(journal, *line, event))?;
        }
        for pod in cluster.finish() {
            gather.push(pod);
        }
    }
    Ok(gather.finish(journal))
}

/// The life of a pod in seconds since 1970; without an end it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Life {
    start: i64,
    end: Option<i64>,
}

/// What an object does with its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pods {
    /// It is one.
    Itself,
    /// It keeps so many.
    Replicas(i64),
    /// It starts some by the clock.
    ByClock,
}

/// A pod of the trace.
struct Pod {
    name: String,
    tenant: String,
    spec: PodSpec,
    from: i64,
    to: Option<i64>,
    start: Option<i64>,
}

/// An owner that is there.
struct Owner {
    /// The name of its pods.
    name: String,
    /// The spec of its pods.
    spec: PodSpec,
    /// Its pods that are there, by their places.
    pods: Vec<usize>,
}

/// The cluster up to an event.
#[derive(Default)]
struct Cluster {
    zero: Option<i64>,
    now: i64,
    /// Lives that no pod has had up to now, by owner, the last first.
    lives: SortedMap<String, Vec<Life>>,
    owners: SortedMap<String, Owner>,
    /// How many pods an owner ever had.
    numbers: SortedMap<String, u64>,
    pods: Vec<Pod>,
}

impl Cluster {
    /// Adds the lives of an owner's pods, of all its templates.
    fn add_lives(&mut self, line: u64, owner: &str, templates: &Value) -> Result<(), Refused> {
        let column = "pod_lifecycles";
        let wrong = |found: &Value| {
            let expected = "lists of {\"Running\": start} and {\"Finished\": [start, end]}";
            Refused::Row(bad(line, column, Some(found), expected))
        };
        let lists = templates.as_object().ok_or_else(|| wrong(templates))?;
        let mut lives = Vec::new();
        for list in lists.values() {
            for life in list.as_array().ok_or_else(|| wrong(list))? {
                let second = |at: &str| life.pointer(at).and_then(second);
                let ran = second("/Finished/0").zip(second("/Finished/1"));
                let documented = second("/start_ts");
                let (start, end) = match (ran, second("/Running"), documented) {
                    (Some((start, end)), ..) if end >= start => (start, Some(end)),
                    (None, Some(start), _) => (start, None),
                    (None, None, Some(start)) => (start, second("/end_ts")),
                    _ => return Err(wrong(life)),
                };
                lives.push(Life { start, end });
            }
        }
        lives.sort_unstable();
        lives.reverse();
        self.lives.insert(owner.to_owned(), lives);
        Ok(())
    }

    fn take(&mut self, journal: &mut Journal, line: u64, event: &Value) -> Result<(), Refused> {
        let at = event.get("ts").and_then(second);
        let at = at.ok_or_else(|| bad(line, "ts", event.get("ts"), "seconds since 1970"))?;
        self.zero.get_or_insert(at);
        if at < self.now {
            let kind = "event earlier than the one before; taken at the time of that";
            journal.dirt(kind, Action::Repair, line)?;
        }
        self.now = self.now.max(at);
        for (member, is_there) in [("applied_objs", true), ("deleted_objs", false)] {
            let list = match event.get(member) {
                None | Some(Value::Null) => continue,
                Some(Value::Array(list)) => list,
                found => return Err(bad(line, member, found, "a list of objects").into()),
            };
            for object in list {
                heed(journal, |journal| {
                    self.change(journal, line, object, is_there)
                })?;
            }
        }
        Ok(())
    }

    /// Takes an object that is changed, or deleted.
    fn change(
        &mut self,
        journal: &mut Journal,
        line: u64,
        object: &Value,
        is_there: bool,
    ) -> Result<(), Refused> {
        let text = |at: &str| {
            object
                .pointer(at)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (version, kind) = (text("/apiVersion"), text("/kind"));
        let name = text("/metadata/name");
        for (column, found) in [("kind", kind), ("metadata.name", name)] {
            if found.is_empty() {
                return Err(bad(line, column, None, "a text").into());
            }
        }
        let namespace = Some(text("/metadata/namespace")).filter(|own| !own.is_empty());
        let namespace = namespace.unwrap_or("default");
        let key = format!("{version}.{kind} {namespace}/{name}");
        if !is_there {
            self.delete(&key);
            return Ok(());
        }
        let Some((pods, template)) = pods_of(line, kind, object)? else {
            let kind = "object that keeps no number of pods";
            return Ok(journal.dirt(kind, Action::Drop, line)?);
        };
        let template = pod_template::read(line, template, namespace)?;
        if template.has_rules {
            let kind = "tolerations, affinity or spread of pods, not enforced";
            journal.dirt(kind, Action::Keep, line)?;
        }
        let known = self.owners.get(&key);
        if known.is_some_and(|own| own.spec != template.spec && !own.pods.is_empty()) {
            let kind = "pods of another template; replaced at once";
            journal.dirt(kind, Action::Repair, line)?;
            self.scale(&key, namespace, 0);
        }
        let pod = match pods {
            Pods::Itself => name.to_owned(),
            Pods::Replicas(_) | Pods::ByClock => format!("{name}-"),
        };
        let owner = self.owners.entry(key.clone()).or_insert_with(|| Owner {
            name: pod,
            spec: PodSpec::default(),
            pods: Vec::new(),
        });
        owner.spec = template.spec;
        match pods {
            Pods::Itself => self.scale(&key, namespace, 1),
            Pods::Replicas(count) => self.scale(&key, namespace, count),
            Pods::ByClock => {
                if self.lives.get(&key).is_none_or(Vec::is_empty) {
                    let kind = "pods that start by the clock, of which none is recorded";
                    journal.dirt(kind, Action::Drop, line)?;
                }
                while let Some(life) = self.lives.get(&key).and_then(|lives| lives.last()).copied()
                {
                    self.add(&key, namespace, life.start);
                }
            }
        }
        Ok(())
    }

    /// Gives an owner so many pods.
    fn scale(&mut self, key: &str, namespace: &str, count: i64) {
        let have = self
            .owners
            .get(key)
            .map_or(0, |owner| owner.pods.len() as i64);
        for _ in have..count {
            self.add(key, namespace, self.now);
        }
        for _ in count..have {
            let last = self.owners.get_mut(key).and_then(|owner| owner.pods.pop());
            if let Some(place) = last {
                self.end(place);
            }
        }
    }

    /// Adds a pod of an owner; it has the owner's next life.
    fn add(&mut self, key: &str, namespace: &str, from: i64) {
        let life = self.lives.get_mut(key).and_then(Vec::pop);
        let number = self.numbers.entry(key.to_owned()).or_default();
        *number += 1;
        let Some(owner) = self.owners.get_mut(key) else {
            return;
        };
        let name = match owner.name.ends_with('-') {
            true => format!("{}{number}", owner.name),
            false => owner.name.clone(),
        };
        owner.pods.push(self.pods.len());
        self.pods.push(Pod {
            name,
            tenant: namespace.to_owned(),
            spec: owner.spec.clone(),
            from,
            to: life.and_then(|life| life.end),
            start: life.map(|life| life.start),
        });
    }

    /// Ends a pod whose end is not recorded.
    fn end(&mut self, place: usize) {
        let now = self.now;
        self.pods[place].to.get_or_insert(now);
    }

    fn delete(&mut self, key: &str) {
        if let Some(owner) = self.owners.remove(key) {
            for place in owner.pods {
                self.end(place);
            }
        }
    }

    /// The pods with the first event as the zero of time.
    fn finish(self) -> impl Iterator<Item = Demand> {
        let zero = self.zero.unwrap_or_default();
        let at = move |second: i64| Instant::from_secs((second - zero).max(0));
        self.pods.into_iter().map(move |pod| {
            let began = pod.start.unwrap_or(pod.from);
            Demand {
                submit: at(pod.from),
                name: PodName::Text(pod.name.into()),
                tenant: pod.tenant.into(),
                spec: pod.spec,
                run_time: pod.to.map(|to| Duration::from_secs((to - began).max(0))),
                historic_start: pod.start.map(at),
                ..Demand::default()
            }
        })
    }
}

/// Seconds since 1970.
fn second(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .filter(|second| (0..=LAST_SECOND).contains(second))
}

/// What an object does with its pods, and their template; `None` of one that keeps no number of them.
fn pods_of<'o>(
    line: u64,
    kind: &str,
    object: &'o Value,
) -> Result<Option<(Pods, &'o Value)>, Refused> {
    let template = |at: &str| {
        let found = object.pointer(at);
        found.ok_or_else(|| {
            Refused::Row(bad(
                line,
                at.trim_start_matches('/'),
                None,
                "a template of pods",
            ))
        })
    };
    let count = |member: &str| match object.pointer(&format!("/spec/{member}")) {
        None | Some(Value::Null) => Ok(1),
        found => {
            let number = found.and_then(Value::as_i64);
            let number = number.filter(|number| (0..=MEMBERS).contains(number));
            let wrong = || {
                Refused::Row(bad(
                    line,
                    member,
                    found,
                    &format!("a number from 0 to {MEMBERS}"),
                ))
            };
            number.ok_or_else(wrong)
        }
    };
    Ok(Some(match kind {
        "Pod" => (Pods::Itself, object),
        "CronJob" => (Pods::ByClock, template("/spec/jobTemplate/spec/template")?),
        "Job" => (
            Pods::Replicas(count("parallelism")?),
            template("/spec/template")?,
        ),
        // One a node, of which the trace says nothing.
        "DaemonSet" => return Ok(None),
        _ if object.pointer("/spec/template/spec/containers").is_some() => (
            Pods::Replicas(count("replicas")?),
            template("/spec/template")?,
        ),
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::validate;
    use crate::memory::Recorded;

    const TRACE: &str = r#"{"version": 2, "config": {"trackedObjects": {}}, "events": [
{"ts": 100, "applied_objs": [], "deleted_objs": []},
{"ts": 100, "applied_objs": [{"apiVersion": "apps/v1", "kind": "Deployment",
 "metadata": {"name": "web", "namespace": "n"}, "spec": {"replicas": 2, "template": {"spec":
 {"containers": [{"name": "c", "resources": {"requests": {"cpu": "500m"}}}]}}}}], "deleted_objs": []},
{"ts": 110, "applied_objs": [{"apiVersion": "apps/v1", "kind": "Deployment",
 "metadata": {"name": "web", "namespace": "n"}, "spec": {"replicas": 3, "template": {"spec":
 {"containers": [{"name": "c", "resources": {"requests": {"cpu": "500m"}}}]}}}},
 {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}], "deleted_objs": []},
{"ts": 120, "applied_objs": [{"apiVersion": "apps/v1", "kind": "Deployment",
 "metadata": {"name": "web", "namespace": "n"}, "spec": {"replicas": 1, "template": {"spec":
 {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]}}}}], "deleted_objs": []},
{"ts": 130, "applied_objs": [{"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"},
 "spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "c"}]}}}}}},
 {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": {"containers": [{"name": "c"}],
 "affinity": {"nodeAffinity": {}}}}],
 "deleted_objs": [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web",
 "namespace": "n"}}]}],
"pod_lifecycles": {"batch/v1.CronJob default/tick": {"9": [{"Finished": [150, 155]}, {"Running": 160}]},
"v1.Pod default/one": {"8": [{"Finished": [131, 171]}]}}}"#;

    fn read(bytes: &[u8]) -> Recorded {
        let input = Input::bytes("t.sktrace", bytes);
        let entry = crate::registry::recognize(&input).expect("known");
        assert_eq!(entry.name, ENTRY.name);
        let mut source = open(&input, &ReadOptions::default()).expect("good");
        Recorded::collect(&mut *source).expect("good")
    }

    #[test]
    fn pods_come_and_go_with_their_owners() {
        let recorded = read(TRACE.as_bytes());
        let seconds = |span: Duration| span.as_nanos() / 1_000_000_000;
        let seen: Vec<_> = { recorded.arrivals.iter() }
            .map(|one| {
                let submit = seconds(one.submit.since(Instant::ZERO));
                (one.name.to_string(), submit, one.run_time.map(seconds))
            })
            .collect();
        let expected = [
            ("web-1", 0, Some(20)),
            ("web-2", 0, Some(20)),
            ("web-3", 10, Some(10)),
            ("web-4", 20, Some(10)),
            ("one", 30, Some(40)),
            ("tick-1", 50, Some(5)),
            ("tick-2", 60, None),
        ];
        assert_eq!(
            seen,
            expected.map(|(name, at, run)| (name.to_owned(), at, run))
        );
        for kind in [
            "object that keeps no number of pods",
            "pods of another template; replaced at once",
            "tolerations, affinity or spread of pods, not enforced",
        ] {
            assert_eq!(recorded.ledger.count(kind), 1, "{kind}");
        }
    }

    #[test]
    fn dirty_events_are_named_and_damage_is_placed() {
        let text = r#"{"version": 2, "config": {"trackedObjects": {}}, "events": [
{"ts": -5, "applied_objs": []},
{"ts": 5, "applied_objs": {}},
{"ts": 5, "applied_objs": [{"apiVersion": "v1", "kind": "Pod", "metadata": {}}]},
{"ts": 5, "applied_objs": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {}}]},
{"ts": 5, "applied_objs": [{"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": "two",
"template": {"spec": {"containers": []}}}}]}],
"pod_lifecycles": {"a": {"1": [{"Finished": [9, 5]}]}}}"#;
        let input = Input::bytes("t.json", text.as_bytes());
        let found = validate(&input, &ENTRY, &ReadOptions::default(), 9);
        let bad: Vec<String> = found.bad_rows.iter().map(ToString::to_string).collect();
        assert_eq!(
            bad,
            [
                "t.json:8: column `pod_lifecycles`: must be lists of {\"Running\": start} and \
                 {\"Finished\": [start, end]}, found `{\"Finished\":[9,5]}`",
                "t.json:2: column `ts`: must be seconds since 1970, found `-5`",
                "t.json:3: column `applied_objs`: must be a list of objects, found `{}`",
                "t.json:4: column `metadata.name`: must be a text, found ``",
                "t.json:5: column `containers`: must be a list with a container, found ``",
                "t.json:7: column `replicas`: must be a number from 0 to 1048576, found `\"two\"`",
            ]
        );
        let input = Input::bytes("t", &b"\x82\xa7version\x02\xaetrackedObjects\x81"[..]);
        let stopped = validate(&input, &ENTRY, &ReadOptions::default(), 9).stopped;
        assert_eq!(
            stopped.map(|error| error.to_string()),
            Some("t: byte 26: the file ends too early: it is truncated".to_owned())
        );
        let old = text.replace("\"version\": 2", "\"version\": 1");
        let input = Input::bytes("t.json", old.into_bytes());
        let stopped = validate(&input, &ENTRY, &ReadOptions::default(), 9).stopped;
        let stopped = stopped.map(|error| error.to_string()).unwrap_or_default();
        assert!(
            stopped.contains("`version` is 1, and 2 is read"),
            "{stopped}"
        );
    }
}
