//! The order in which a replica set gives up pods.

use serde::Deserialize;
use serde_json::{Value, json};

use super::seconds;
use crate::cases::{Differences, typed};
use control::controllers::replica_set::{ranks, victims};
use model::workload::observed::deletion_cost;
use model::workload::{ObservedPhase, ObservedPod, Readiness};
use model::{ContainerKind, Restarts};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Victims {
    now: f64,
    pods: Vec<RecordedPod>,
    #[serde(default)]
    other_related_pods: Option<Vec<RecordedPod>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[derive(Default)]
struct RecordedPod {
    name: String,
    uid: String,
    node: Option<String>,
    phase: String,
    created: Option<f64>,
    ready_since: Option<f64>,
    ready: Option<bool>,
    ready_changed: Option<f64>,
    deletion_cost: Option<Value>,
    restarts: Option<Value>,
    sidecar_restarts: Option<Vec<u32>>,
    replica_set: Option<String>,
    deleting: bool,
}

impl RecordedPod {
    fn observed(&self) -> Result<ObservedPod, String> {
        let readiness = match (self.ready_since, self.ready) {
            (Some(since), _) => Some((true, Some(since))),
            (None, Some(ready)) => Some((ready, self.ready_changed)),
            (None, None) => None,
        };
        let cost = match &self.deletion_cost {
            Some(Value::String(text)) => deletion_cost(text).unwrap_or(0),
            Some(number) => typed(number)?,
            None => 0,
        };
        let restarts: Vec<u32> = match &self.restarts {
            Some(Value::Array(all)) => all.iter().map(typed).collect::<Result<_, _>>()?,
            Some(number) => vec![typed(number)?],
            None => Vec::new(),
        };
        let apps = restarts.iter().map(|&count| (ContainerKind::App, count));
        let sidecars = self.sidecar_restarts.iter().flatten();
        let sidecars = sidecars.map(|&count| (ContainerKind::Sidecar, count));
        Ok(ObservedPod {
            name: self.name.as_str().into(),
            uid: self.uid.as_str().into(),
            node: self
                .node
                .as_deref()
                .filter(|node| !node.is_empty())
                .map(Into::into),
            phase: phase(&self.phase)?,
            readiness: readiness.map(|(is_ready, since)| Readiness {
                is_ready,
                since: since.map(seconds),
            }),
            restarts: Restarts::of(apps.chain(sidecars)),
            deletion_cost: cost,
            created: self.created.map(seconds),
            is_terminating: self.deleting,
        })
    }
}

/// The phase of a name.
pub(super) fn phase(name: &str) -> Result<ObservedPhase, String> {
    Ok(match name {
        "Pending" => ObservedPhase::Pending,
        "Unknown" => ObservedPhase::Unknown,
        "Running" => ObservedPhase::Running,
        "Succeeded" => ObservedPhase::Succeeded,
        "Failed" => ObservedPhase::Failed,
        _ => return Err(format!("no phase is called `{name}`")),
    })
}

pub(super) fn compare_victims(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input: Victims = typed(case.get("input").ok_or("no `input`")?)?;
    let pods = observed(input.pods.iter())?;
    let others = observed(input.other_related_pods.iter().flatten())?;
    let order = victims(seconds(input.now), &pods, &others);
    let ranks = ranks(&pods, &others);
    let ranks: Vec<i32> = order.iter().map(|&place| ranks[place]).collect();
    let decided = json!({"order": names(&pods, &order), "ranks": ranks});
    differences.loosely(
        "expect",
        case.get("expect").unwrap_or(&Value::Null),
        &decided,
    );
    Ok(())
}

pub(super) fn compare_scale_down(
    case: &Value,
    differences: &mut Differences,
) -> Result<(), String> {
    let input: Victims = typed(case)?;
    let of_set = |name: &'static str| {
        let pods = input.pods.iter();
        observed(pods.filter(move |pod| (pod.replica_set.as_deref() == Some("a")) == (name == "a")))
    };
    let (pods, others) = (of_set("a")?, of_set("b")?);
    let order = victims(seconds(input.now), &pods, &others);
    let decided = names(&pods, &order);
    differences.loosely(
        "expect",
        case.get("expect").unwrap_or(&Value::Null),
        &json!(decided),
    );
    Ok(())
}

fn observed<'a>(pods: impl Iterator<Item = &'a RecordedPod>) -> Result<Vec<ObservedPod>, String> {
    pods.map(RecordedPod::observed).collect()
}

fn names(pods: &[ObservedPod], order: &[usize]) -> Vec<String> {
    order
        .iter()
        .map(|&place| pods[place].name.to_string())
        .collect()
}
