//! Steps of the Deployment controller: whole sequences, and single steps of rolling and scaling.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::objects::declared;
use super::seconds;
use crate::cases::{Differences, typed};
use control::controllers::deployment::{DeploymentView, DeploymentWrites, sync};
use model::workload::deployment::{ConditionKind, ConditionReason};
use model::workload::replica_set::{ReplicaSetStatus, RolloutAnnotations};
use model::workload::{Count, Deployment, DeploymentStrategy, ReplicaSet, RollingUpdate};
use model::{Object, PodSpec, Release, Text};
use units::{Instant, SortedMap};

/// A template that differs by its image.
fn template(image: &str) -> Arc<PodSpec> {
    let container = model::Container {
        image: image.into(),
        ..model::Container::default()
    };
    Arc::new(PodSpec {
        containers: vec![container],
        ..PodSpec::default()
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    #[serde(default)]
    change: Map<String, Value>,
    replica_sets: Vec<SeenSet>,
    expect: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeenSet {
    image: String,
    replicas: i32,
    status_replicas: i32,
    ready_replicas: i32,
    available_replicas: i32,
}

pub(super) fn compare_sequence(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let Object::Deployment(deployment) = declared(&case["deployment"])? else {
        return Err("no deployment".to_owned());
    };
    let mut deployment = Arc::unwrap_or_clone(deployment);
    let steps: Vec<Step> = typed(case.get("steps").ok_or("no `steps`")?)?;
    let mut image = case
        .pointer("/deployment/spec/template/spec/containers/0/image")
        .and_then(Value::as_str)
        .ok_or("no image")?
        .to_owned();
    let mut sets: Vec<ReplicaSet> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        for (what, to) in &step.change {
            change(&mut deployment, &mut image, what, to)?;
            deployment.generation += 1;
        }
        deployment.template = template(&image);
        sets.retain(|set| {
            step.replica_sets
                .iter()
                .any(|seen| *seen.image == *set.name)
        });
        for seen in &step.replica_sets {
            let set = sets.iter_mut().find(|set| *set.name == *seen.image);
            let set = set.ok_or_else(|| format!("step {number}: {} is not known", seen.image))?;
            set.replicas = seen.replicas;
            set.status = ReplicaSetStatus {
                replicas: seen.status_replicas,
                ready: seen.ready_replicas,
                available: seen.available_replicas,
            };
        }
        let now = Instant::from_secs(number as i64);
        let writes = decide(now, &deployment, &sets, &image, Release::V1_28);
        writes.apply(now, &deployment.template, &mut sets);
        deployment.status = writes.status.clone();
        let decided = told(&sets, &writes);
        differences.loosely(&format!("step {number}"), &step.expect, &decided);
        if !differences.is_empty() {
            break;
        }
    }
    Ok(())
}

fn change(
    deployment: &mut Deployment,
    image: &mut String,
    what: &str,
    to: &Value,
) -> Result<(), String> {
    match (what, &mut deployment.strategy) {
        ("image", _) => *image = typed(to)?,
        ("replicas", _) => deployment.replicas = typed(to)?,
        ("paused", _) => deployment.paused = typed(to)?,
        ("maxSurge", DeploymentStrategy::RollingUpdate(rolling)) => rolling.max_surge = count(to)?,
        ("maxUnavailable", DeploymentStrategy::RollingUpdate(rolling)) => {
            rolling.max_unavailable = count(to)?;
        }
        ("maxSurge" | "maxUnavailable", DeploymentStrategy::Recreate) => {}
        _ => return Err(format!("no change is called `{what}`")),
    }
    Ok(())
}

fn decide(
    now: Instant,
    deployment: &Deployment,
    sets: &[ReplicaSet],
    new_name: &str,
    release: Release,
) -> DeploymentWrites {
    let living: SortedMap<Text, i32> = sets
        .iter()
        .map(|set| (set.name.clone(), set.status.replicas))
        .collect();
    let view = DeploymentView {
        deployment,
        sets,
        living: &living,
        new_name: new_name.into(),
        release,
    };
    sync(now, &view)
}

fn told(sets: &[ReplicaSet], writes: &DeploymentWrites) -> Value {
    let status = &writes.status;
    let sets: Vec<Value> = sets
        .iter()
        .map(|set| {
            json!({
                "image": *set.name,
                "replicas": set.replicas,
                "revision": set.rollout.revision,
            })
        })
        .collect();
    let mut conditions = Map::new();
    for condition in &status.conditions {
        let kind = match condition.kind {
            ConditionKind::Available => "Available",
            ConditionKind::Progressing => "Progressing",
        };
        let holds = match condition.status {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        };
        let told = format!("{holds}/{}", reason(condition.reason));
        conditions.insert(kind.to_owned(), Value::from(told));
    }
    let events: Vec<String> = writes.events.iter().map(ToString::to_string).collect();
    json!({
        "replicaSets": sets,
        "status": {
            "availableReplicas": status.available,
            "readyReplicas": status.ready,
            "replicas": status.replicas,
            "unavailableReplicas": status.unavailable,
            "updatedReplicas": status.updated,
        },
        "conditions": conditions,
        "events": events,
    })
}

fn reason(reason: ConditionReason) -> String {
    format!("{reason:?}")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Single {
    mode: String,
    replicas: i32,
    status_replicas: i32,
    max_surge: Value,
    max_unavailable: Value,
    new: Option<SingleSet>,
    #[serde(default)]
    old: Option<Vec<SingleSet>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SingleSet {
    name: String,
    created: f64,
    replicas: i32,
    available: i32,
    desired_annotation: Option<String>,
    max_annotation: Option<String>,
}

impl SingleSet {
    fn set(&self, image: &str) -> ReplicaSet {
        ReplicaSet {
            name: self.name.as_str().into(),
            template: template(image),
            replicas: self.replicas,
            created: seconds(self.created),
            rollout: RolloutAnnotations {
                revision: 1,
                desired_replicas: annotation(self.desired_annotation.as_deref()),
                max_replicas: annotation(self.max_annotation.as_deref()),
            },
            status: ReplicaSetStatus {
                replicas: self.replicas,
                ready: self.available,
                available: self.available,
            },
            ..ReplicaSet::default()
        }
    }
}

/// An annotation that can't be read counts as missing.
fn annotation(text: Option<&str>) -> Option<i32> {
    text.and_then(|text| text.parse().ok())
}

pub(super) fn compare_step(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input: Single = typed(case.get("input").ok_or("no `input`")?)?;
    let expect = case.get("expect").ok_or("no `expect`")?;
    let rolling = RollingUpdate {
        max_surge: count(&input.max_surge)?,
        max_unavailable: count(&input.max_unavailable)?,
    };
    let mut deployment = Deployment {
        replicas: input.replicas,
        template: template("new"),
        strategy: DeploymentStrategy::RollingUpdate(rolling),
        // A halted rollout only scales.
        paused: input.mode == "scale",
        revision_history_limit: None,
        ..Deployment::default()
    };
    deployment.status.replicas = input.status_replicas;
    let old = input.old.iter().flatten();
    let mut sets: Vec<ReplicaSet> = old.map(|set| set.set("old")).collect();
    sets.extend(input.new.iter().map(|set| set.set("new")));
    let now = Instant::from_secs(1_000);
    let mut writes = decide(now, &deployment, &sets, "made", Release::V1_36);
    let was = sets.clone();
    writes.apply(now, &deployment.template, &mut sets);
    let is_changed = |set: &ReplicaSet| {
        was.iter()
            .any(|old| old.name == set.name && old.replicas != set.replicas)
    };
    let new = input.new.as_ref().map(|set| set.name.as_str());
    let action = match sets.iter().find(|set| is_changed(set)) {
        Some(set) if Some(&*set.name) == new => "new",
        Some(_) => "old",
        None => "none",
    };
    writes.events.clear();
    let replicas: Map<String, Value> = sets
        .iter()
        .map(|set| (set.name.to_string(), Value::from(set.replicas)))
        .collect();
    let (surge, unavailable) = rolling.resolved(input.replicas);
    let mut decided = json!({"replicas": replicas, "surge": surge, "unavailable": unavailable});
    if input.mode == "roll" {
        decided["action"] = Value::from(action);
    }
    differences.loosely("expect", expect, &decided);
    Ok(())
}

/// A number of pods or a percentage; the recording writes single numbers as texts, too.
fn count(value: &Value) -> Result<Count, String> {
    let number = value.as_str().and_then(|text| text.parse().ok());
    number.map_or_else(|| k8s::count(value), |number| Ok(Count::Number(number)))
}
