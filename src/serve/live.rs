//! A live cluster: what its control server says every other second, as a log like that of a run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::process::Command;

use super::log::{Line, Log, Pairs};
use super::logs::Entry;
use super::program::Program;

/// Name of the live cluster among the results; no folder has it.
pub(crate) const NAME: &str = "@live";
/// Name of its variant.
const VARIANT: &str = "live";
/// Time between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// Time that a look may take.
const MOST_LOOK: Duration = Duration::from_secs(30);
/// Kinds that are looked at.
const KINDS: &str =
    "nodes,pods,deployments,replicasets,statefulsets,daemonsets,jobs,cronjobs,services";

/// A live cluster that is shown.
pub(crate) struct Live {
    /// Its log.
    pub(crate) entry: Arc<Entry>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Live {
    /// Begins to look at the cluster of a control server.
    ///
    /// # Errors
    /// If there is no such folder.
    pub(crate) fn start(state: &Path, program: &Program) -> Result<Self, String> {
        let state = state
            .canonicalize()
            .map_err(|error| format!("--live {}: {error}", state.display()))?;
        let entry = Arc::new(Entry::new());
        let (own, path) = (Arc::clone(&entry), program.live.clone());
        let task = tokio::spawn(async move {
            let mut seen = Seen::default();
            loop {
                match look(&path, &state).await {
                    Ok(found) => {
                        own.fail(None);
                        let now = now_ns();
                        own.change(|log| seen.take(&found, now, log));
                        own.reach(VARIANT, now - seen.start_ns.unwrap_or(now));
                    }
                    Err(told) => own.fail(Some(told)),
                }
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
        });
        Ok(Self { entry, task })
    }
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}

/// Asks the control server for everything it holds.
async fn look(program: &Path, state: &Path) -> Result<Vec<Value>, String> {
    let words = ["get", KINDS, "-o", "json", "--state"].map(OsString::from);
    let asked = Command::new(program)
        .args(words)
        .arg(state)
        .kill_on_drop(true)
        .output();
    let name = program.display();
    let output = match tokio::time::timeout(MOST_LOOK, asked).await {
        Err(_) => return Err("the control server does not answer".to_owned()),
        Ok(Err(error)) => return Err(format!("{name}: {error}")),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        let noted = String::from_utf8_lossy(&output.stderr);
        let noted = noted.lines().find(|line| !line.starts_with("exit "));
        return Err(noted
            .unwrap_or("the control server does not answer")
            .to_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{name}: {error}"))
}

/// What was seen of a pod, a node or an object.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sight {
    node: String,
    phase: String,
    is_ready: bool,
    is_terminating: bool,
    restarts: i64,
    waits: String,
    replicas: Option<i64>,
}

/// What was seen at the last look.
#[derive(Default)]
struct Seen {
    sights: BTreeMap<String, Sight>,
    start_ns: Option<i64>,
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value
        .pointer(path)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn number(value: &Value, path: &str) -> Option<i64> {
    value.pointer(path).and_then(Value::as_i64)
}

/// Name of an object, as the log of a run has it.
fn name_of(value: &Value) -> String {
    let kind = text(value, "/kind");
    match kind {
        "Node" => format!("Node/{}", text(value, "/name")),
        "Pod" => format!("Pod/{}/{}", text(value, "/namespace"), text(value, "/name")),
        _ => format!(
            "{kind}/{}/{}",
            text(value, "/metadata/namespace"),
            text(value, "/metadata/name")
        ),
    }
}

/// Name of the object that owns another one.
fn owner_of(value: &Value) -> String {
    let namespace = match text(value, "/namespace") {
        "" => text(value, "/metadata/namespace"),
        own => own,
    };
    if let Some((kind, name)) = text(value, "/owner").split_once('/') {
        return format!("{kind}/{namespace}/{name}");
    }
    let (kind, name) = (
        text(value, "/metadata/ownerReferences/0/kind"),
        text(value, "/metadata/ownerReferences/0/name"),
    );
    if kind.is_empty() {
        String::new()
    } else {
        format!("{kind}/{namespace}/{name}")
    }
}

/// Amounts of a map of quantities.
fn pairs(value: Option<&Value>) -> Pairs<'static> {
    let own = value.and_then(Value::as_object);
    let own = own.into_iter().flatten().filter_map(|(name, amount)| {
        let amount = match amount {
            Value::String(amount) => amount.clone(),
            Value::Number(amount) => amount.to_string(),
            _ => return None,
        };
        Some((name.clone().into(), amount.into()))
    });
    Pairs(own.collect())
}

/// What the first container of a template asks for; the pods of a live cluster don't say.
fn template_amounts(owner: Option<&Value>) -> Pairs<'static> {
    let path = "/spec/template/spec/containers/0/resources/requests";
    pairs(owner.and_then(|own| own.pointer(path)))
}

fn sight_of(value: &Value) -> Sight {
    Sight {
        node: text(value, "/node").to_owned(),
        phase: text(value, "/phase").to_lowercase(),
        is_ready: value.pointer("/ready").and_then(Value::as_bool) == Some(true)
            && value.pointer("/silent").and_then(Value::as_bool) != Some(true),
        is_terminating: value.pointer("/terminating").and_then(Value::as_bool) == Some(true),
        restarts: number(value, "/restarts").unwrap_or(0),
        waits: text(value, "/waits").to_owned(),
        replicas: number(value, "/spec/replicas"),
    }
}

impl Seen {
    /// Adds to the log what changed since the last look.
    fn take(&mut self, found: &[Value], now_ns: i64, log: &mut Log) {
        let by_name: BTreeMap<String, &Value> =
            found.iter().map(|value| (name_of(value), value)).collect();
        let start = *self.start_ns.get_or_insert(now_ns);
        let mut lines: Vec<Line<'static>> = Vec::new();
        let at_ns = (now_ns - start).max(0);
        // Nodes come before the pods that are bound to them.
        let is_pod = |name: &str| name.starts_with("Pod/");
        let others = by_name.iter().filter(|(name, _)| !is_pod(name));
        for (name, value) in others.chain(by_name.iter().filter(|(name, _)| is_pod(name))) {
            let after = sight_of(value);
            let before = self.sights.get(name);
            if before == Some(&after) {
                continue;
            }
            let owner = owner_of(value);
            let asks = template_amounts(by_name.get(&owner).copied());
            let came = Came { owner, asks, value };
            lines.extend(
                changes(name, before, &after, &came)
                    .into_iter()
                    .map(|own| Line {
                        time_ns: at_ns,
                        variant: VARIANT.into(),
                        object: name.clone().into(),
                        ..own
                    }),
            );
            self.sights.insert(name.clone(), after);
        }
        let gone = { self.sights.keys() }.filter(|name| !by_name.contains_key(*name));
        for name in gone.cloned().collect::<Vec<_>>() {
            let kind = match name.split('/').next() {
                Some("Pod") => "ended",
                Some("Node") => "left",
                _ => "deleted",
            };
            self.sights.remove(&name);
            lines.push(Line {
                time_ns: at_ns,
                variant: VARIANT.into(),
                kind: kind.into(),
                object: name.into(),
                ..Line::default()
            });
        }
        for line in &lines {
            log.push(line);
        }
    }
}

/// An object that is seen for the first time.
struct Came<'v> {
    owner: String,
    asks: Pairs<'static>,
    value: &'v Value,
}

fn line(kind: &'static str, what: String) -> Line<'static> {
    Line {
        kind: kind.into(),
        what: what.into(),
        ..Line::default()
    }
}

/// Events that lead from one sight of an object to the next.
fn changes(
    name: &str,
    before: Option<&Sight>,
    after: &Sight,
    came: &Came<'_>,
) -> Vec<Line<'static>> {
    let is_new = before.is_none();
    let none = Sight::default();
    let before = before.unwrap_or(&none);
    let mut lines = Vec::new();
    if name.starts_with("Node/") {
        if is_new {
            let zone = text(came.value, "/labels/topology.kubernetes.io~1zone");
            let what = if zone.is_empty() {
                String::new()
            } else {
                format!("zone {zone}")
            };
            lines.push(Line {
                amounts: pairs(came.value.pointer("/allocatable")),
                ..line("joined", what)
            });
        }
        if before.is_ready != after.is_ready || is_new {
            let kind = if after.is_ready { "up" } else { "down" };
            lines.push(line(kind, String::new()));
        }
        return lines;
    }
    if is_new {
        lines.push(Line {
            amounts: came.asks.clone(),
            owner: came.owner.clone().into(),
            ..line("created", String::new())
        });
    }
    if !name.starts_with("Pod/") {
        if let (Some(old), Some(new)) = (before.replicas, after.replicas)
            && old != new
        {
            lines.push(line("updated", format!("replicas: {old} to {new}")));
        }
        return lines;
    }
    if after.node != before.node {
        if !before.node.is_empty() {
            lines.push(line("moved", format!("from {}", before.node)));
        }
        if !after.node.is_empty() {
            lines.push(line("bound", format!("to {}", after.node)));
        }
    }
    if after.phase != before.phase && after.phase == "running" {
        lines.push(line("running", String::new()));
    }
    if after.waits != before.waits && !after.waits.is_empty() {
        lines.push(line("unschedulable", after.waits.clone()));
    }
    if after.restarts > before.restarts {
        lines.push(line("restarted", format!("{} times", after.restarts)));
    }
    if after.is_ready != before.is_ready {
        let kind = if after.is_ready { "ready" } else { "unready" };
        lines.push(line(kind, String::new()));
    }
    if after.is_terminating && !before.is_terminating {
        lines.push(line("terminating", String::new()));
    }
    if matches!(after.phase.as_str(), "succeeded" | "failed") && after.phase != before.phase {
        lines.push(line("ended", after.phase.clone()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn looks_become_a_log() {
        let node = json!({"kind": "Node", "name": "n0", "ready": true, "allocatable": {"cpu": "2"}, "createdNs": 1_000});
        let set = json!({
            "kind": "ReplicaSet", "metadata": {"namespace": "d", "name": "web"},
            "spec": {"replicas": 1, "template": {"spec": {"containers": [{"resources": {"requests": {"cpu": "1"}}}]}}},
        });
        let pod = |node: Value, phase: &str| {
            json!({
                "kind": "Pod", "namespace": "d", "name": "web-1", "phase": phase, "node": node, "ready": phase == "running",
                "owner": "ReplicaSet/web", "createdNs": 2_000,
            })
        };
        let (mut seen, mut log) = (Seen::default(), Log::default());
        seen.take(
            &[pod(Value::Null, "pending"), node.clone(), set.clone()],
            3_000,
            &mut log,
        );
        seen.take(
            &[pod(json!("n0"), "running"), node.clone(), set.clone()],
            5_000,
            &mut log,
        );
        let variant = log.variant(VARIANT).expect("events");
        let before = variant.heat(1_000, "cpu");
        let after = variant.heat(3_000, "cpu");
        assert_eq!((before.values, after.values), (vec![0], vec![500]));
        seen.take(&[node, set], 7_000, &mut log);
        let variant = log.variant(VARIANT).expect("events");
        assert_eq!(variant.heat(5_000, "cpu").values, [0]);
        assert_eq!(
            variant
                .object_at("ReplicaSet/d/web", 3_000)
                .expect("it is there")["count"],
            1
        );
    }
}
