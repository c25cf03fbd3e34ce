//! Syncs of the `StatefulSet` controller.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{replica_set, seconds, span};
use crate::cases::{Differences, typed};
use control::controllers::stateful_set::{StatefulPod, StatefulSetView, StatefulWrites, sync};
use k8s::count;
use model::workload::stateful_set::StatefulStatus;
use model::workload::{ObservedPod, PodManagement, Readiness, StatefulSet, StatefulUpdate};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    #[serde(default)]
    max_unavailable: Option<Value>,
    #[serde(default)]
    max_unavailable_gate: bool,
    #[serde(default)]
    min_ready_seconds: f64,
    #[serde(default)]
    pod_management_policy: String,
    #[serde(default)]
    start_ordinal: i32,
    #[serde(default)]
    update_strategy: String,
    #[serde(default)]
    #[expect(dead_code, reason = "each step has its own")]
    partition: i32,
    #[expect(dead_code, reason = "each step has its own")]
    replicas: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    t: f64,
    image: String,
    #[serde(default)]
    partition: i32,
    replicas: i32,
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
    let input: Input = typed(case.get("input").ok_or("no `input`")?)?;
    let steps: Vec<Step> = typed(case.get("steps").ok_or("no `steps`")?)?;
    for (number, step) in steps.iter().enumerate() {
        let decided = told(&decide(&input, step)?);
        differences.loosely(&format!("step {number}"), &step.expect, &decided);
    }
    Ok(())
}

fn decide(input: &Input, step: &Step) -> Result<StatefulWrites, String> {
    let max_unavailable = input.max_unavailable.as_ref().map(count);
    let set = StatefulSet {
        replicas: step.replicas,
        first_ordinal: input.start_ordinal,
        management: match input.pod_management_policy.as_str() {
            "Parallel" => PodManagement::Parallel,
            _ => PodManagement::OrderedReady,
        },
        update: match input.update_strategy.as_str() {
            "OnDelete" => StatefulUpdate::OnDelete,
            _ => StatefulUpdate::RollingUpdate {
                partition: step.partition,
                max_unavailable: max_unavailable.transpose()?,
            },
        },
        min_ready: span(input.min_ready_seconds),
        ..StatefulSet::default()
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
        has_max_unavailable: input.max_unavailable_gate,
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
