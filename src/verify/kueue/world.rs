//! The state of a case: quotas, flavors, topologies, nodes and those that hold quota.

use std::sync::Arc;

use serde_json::Value;

use crate::cases::list;
use ::kueue::workload::Cursor;
use ::kueue::{PendingWorkload, Settings, Snapshot};
use k8s::queueing;
use model::queueing::{FairStrategy, QueueingObjects};
use units::{Duration, Instant};

/// The state of a case.
pub(super) struct World {
    pub(super) snapshot: Snapshot,
}

/// Objects of a field, each read by `read`.
pub(super) fn objects<T>(
    case: &Value,
    field: &str,
    read: impl Fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let list = list(case, field).into_iter().enumerate();
    list.map(|(index, value)| read(value).map_err(|why| format!("{field}[{index}]: {why}")))
        .collect()
}

/// Settings of a case.
pub(super) fn settings(case: &Value) -> Result<Settings, String> {
    let mut settings = Settings::default();
    if let Some(fair) = case.get("fairSharing") {
        let stated = fair.get("preemptionStrategies").and_then(Value::as_array);
        let strategies = stated.map(|list| {
            let names = list.iter().filter_map(Value::as_str);
            let found = names.map(|name| {
                FairStrategy::find(name).ok_or_else(|| format!("unknown strategy `{name}`"))
            });
            found.collect::<Result<Vec<_>, String>>()
        });
        let strategies = strategies.transpose()?;
        settings.fair_sharing = Some(strategies.unwrap_or(FairStrategy::DEFAULT.to_vec()));
    }
    let check = case.get("quotaCheckStrategy").and_then(Value::as_str);
    settings.ignores_undeclared = check == Some("IgnoreUndeclared");
    for (gate, value) in case
        .get("gates")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        match gate.as_str() {
            "TASProfileMixed" => settings.fills_smallest = value == &Value::Bool(true),
            other => return Err(format!("the gate {other} is not modelled")),
        }
    }
    Ok(settings)
}

/// Objects that quotas are made of.
pub(super) fn quota_objects(case: &Value) -> Result<QueueingObjects, String> {
    Ok(QueueingObjects {
        flavors: objects(case, "flavors", queueing::resource_flavor)?,
        cohorts: objects(case, "cohorts", queueing::cohort)?,
        queues: objects(case, "clusterQueues", queueing::cluster_queue)?,
        topologies: objects(case, "topologies", queueing::topology)?,
        ..QueueingObjects::default()
    })
}

/// An instant of a case.
pub(super) fn instant(case: &Value, field: &str) -> Instant {
    let text = case.get(field).and_then(Value::as_str).unwrap_or_default();
    let secs = k8s::parse_unix_secs(text).unwrap_or(0);
    Instant::ZERO.saturating_add(Duration::from_secs(secs))
}

/// Whether a node is ready, as far as it says.
fn is_ready(object: &Value) -> bool {
    let conditions = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    let mut conditions = conditions.into_iter().flatten();
    !conditions.any(|own| own["type"] == "Ready" && own["status"] != "True")
}

/// The state of a case.
pub(super) fn read(case: &Value) -> Result<World, String> {
    let mut snapshot = Snapshot::new(settings(case)?, &quota_objects(case)?);
    for (field, kind) in [("nodes", "Node"), ("pods", "Pod")] {
        let list = list(case, field).into_iter();
        let list = list.filter(|own| is_ready(own)).map(|own| {
            let mut own = own.clone();
            if let Some(object) = own.as_object_mut() {
                object.insert("apiVersion".into(), "v1".into());
                object.insert("kind".into(), kind.into());
            }
            own
        });
        let text = list.collect::<Value>().to_string();
        let read = k8s::read_manifests(field, &text).map_err(|error| error.to_string())?;
        for node in read.nodes {
            snapshot
                .add_node(&node)
                .map_err(|error| error.to_string())?;
        }
        for pod in read.pods.iter().filter(|pod| !pod.phase.is_final()) {
            if let Some(node) = &pod.node_name {
                let requests = pod.spec.requests().map_err(|error| error.to_string())?;
                snapshot.add_foreign_pod(node, &requests);
            }
        }
    }
    let now = instant(case, "now");
    for workload in objects(case, "admitted", queueing::workload)? {
        let name = workload.name.clone();
        let held = snapshot.hold(Arc::new(workload), now);
        held.ok_or_else(|| format!("`{name}` holds no quota of a known queue"))?;
    }
    Ok(World { snapshot })
}

impl World {
    /// The workload that is decided about.
    pub(super) fn pending(&mut self, case: &Value) -> Result<PendingWorkload, String> {
        let queue = case
            .get("clusterQueue")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let queue = self
            .snapshot
            .queue_named(queue)
            .ok_or("the queue is unknown")?;
        let workload = queueing::workload(case.get("incoming").unwrap_or(&Value::Null))?;
        let names = &mut self.snapshot.names;
        let pending = PendingWorkload::new(Arc::new(workload), queue, names);
        let mut pending = pending.map_err(|error| error.to_string())?;
        if let Some(tried) = case.get("lastTriedFlavorIdx").and_then(Value::as_array) {
            let sets = tried.iter().map(|set| {
                let entries = set.as_object().into_iter().flatten();
                let entries = entries.map(|(name, tried)| {
                    (
                        self.snapshot.names.resource(name),
                        tried.as_i64().unwrap_or(-1),
                    )
                });
                entries.collect()
            });
            pending.cursor = Some(sets.collect::<Cursor>());
        }
        Ok(pending)
    }
}
