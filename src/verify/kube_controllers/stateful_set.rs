//! Syncs of the `StatefulSet` controller.

use serde::Deserialize;
use serde_json::{Value, json};

use super::objects::{declared, uid};
use super::{replica_set, seconds};
use crate::cases::{Differences, list, typed};
use control::controllers::stateful_set::{StatefulPod, StatefulSetView, StatefulWrites, sync};
use model::Object;
use model::workload::stateful_set::StatefulStatus;
use model::workload::{ObservedPod, Readiness};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    t: f64,
    image: String,
    #[serde(default)]
    pods: Option<Vec<SeenPod>>,
    status_before: SeenStatus,
    expect: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeenPod {
    ordinal: i32,
    image: String,
    phase: String,
    ready: Option<bool>,
    changed: Option<f64>,
    #[serde(default)]
    deleting: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeenStatus {
    current_image: String,
    update_image: String,
    #[serde(default)]
    current_replicas: i32,
    #[serde(default)]
    updated_replicas: i32,
}

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    for (number, stated) in list(case, "steps").into_iter().enumerate() {
        let step: Step = typed(stated)?;
        let decided = told(&decide(&case["input"], stated, &step)?);
        differences.loosely(&format!("step {number}"), &step.expect, &decided);
    }
    Ok(())
}

/// The `StatefulSet` of a step, with a template of an image.
pub(super) fn manifest(input: &Value, step: &Value, image: &Value) -> Value {
    let update = match &input["updateStrategy"] {
        Value::String(kind) if kind == "OnDelete" => json!({"type": kind}),
        _ => json!({"type": "RollingUpdate", "rollingUpdate": {
            "partition": step["partition"], "maxUnavailable": input["maxUnavailable"],
        }}),
    };
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {
            "name": "s", "namespace": "default", "uid": uid("StatefulSet", "s"), "generation": 1,
        },
        "spec": {
            "replicas": step["replicas"],
            "minReadySeconds": input["minReadySeconds"],
            "podManagementPolicy": input["podManagementPolicy"],
            "ordinals": {"start": input["startOrdinal"]},
            "selector": {"matchLabels": {"app": "web"}},
            "serviceName": "s",
            "updateStrategy": update,
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [container(image)]},
            },
        },
    })
}

/// The container of an image.
pub(super) fn container(image: &Value) -> Value {
    let image = image.as_str().unwrap_or_default();
    json!({"name": "c", "image": format!("app:{image}")})
}

fn decide(input: &Value, stated: &Value, step: &Step) -> Result<StatefulWrites, String> {
    let Object::StatefulSet(set) = declared(&manifest(input, stated, &stated["image"]))? else {
        return Err("no stateful set".to_owned());
    };
    let pods: Vec<StatefulPod> = step
        .pods
        .iter()
        .flatten()
        .map(SeenPod::observed)
        .collect::<Result<_, String>>()?;
    let before = &step.status_before;
    let status = StatefulStatus {
        current: before.current_replicas,
        updated: before.updated_replicas,
        current_revision: before.current_image.as_str().into(),
        update_revision: before.update_image.as_str().into(),
        ..StatefulStatus::default()
    };
    let view = StatefulSetView {
        set: &set,
        pods: &pods,
        update_revision: step.image.as_str().into(),
        status: &status,
        has_max_unavailable: input["maxUnavailableGate"] == true,
        waits_for_available: true,
        is_terminating: false,
    };
    Ok(sync(seconds(step.t), &view))
}

impl SeenPod {
    fn observed(&self) -> Result<StatefulPod, String> {
        Ok(StatefulPod {
            ordinal: self.ordinal,
            revision: self.image.as_str().into(),
            pod: ObservedPod {
                phase: replica_set::phase(&self.phase)?,
                readiness: self.ready.map(|is_ready| Readiness {
                    is_ready,
                    since: self.changed.map(seconds),
                }),
                is_terminating: self.deleting,
                ..ObservedPod::default()
            },
        })
    }
}

fn told(writes: &StatefulWrites) -> Value {
    let create: Vec<Value> = writes
        .create
        .iter()
        .map(|(ordinal, revision)| json!({"ordinal": ordinal, "image": **revision}))
        .collect();
    let status = &writes.status;
    json!({
        "create": create,
        "delete": writes.delete,
        "status": {
            "availableReplicas": status.available,
            "currentImage": *status.current_revision,
            "currentReplicas": status.current,
            "readyReplicas": status.ready,
            "replicas": status.replicas,
            "updateImage": *status.update_revision,
            "updatedReplicas": status.updated,
        },
    })
}
