//! The status of budgets of disruption.

use serde::Deserialize;
use serde_json::{Value, json};

use super::seconds;
use crate::cases::{Differences, typed};
use control::controllers::disruption::{BudgetPod, sync};
use k8s::count;
use model::Text;
use model::workload::{BudgetLimit, ObservedPhase, ObservedPod, PodDisruptionBudget, Readiness};
use units::SortedMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    now: f64,
    max_unavailable: Option<Value>,
    min_available: Option<Value>,
    #[serde(default)]
    controllers: Option<Vec<Controller>>,
    #[serde(default)]
    pods: Option<Vec<SeenPod>>,
}

#[derive(Deserialize)]
struct Controller {
    name: String,
    replicas: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SeenPod {
    name: String,
    controller: Option<String>,
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    deleting: bool,
    disrupted_since: Option<f64>,
}

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input: Input = typed(case.get("input").ok_or("no `input`")?)?;
    let limit = match (&input.max_unavailable, &input.min_available) {
        (Some(most), _) => BudgetLimit::MaxUnavailable(count(most)?),
        (None, Some(least)) => BudgetLimit::MinAvailable(count(least)?),
        (None, None) => return Err("a budget without a limit".to_owned()),
    };
    let mut budget = PodDisruptionBudget {
        limit,
        ..PodDisruptionBudget::default()
    };
    let mut pods = Vec::new();
    for seen in input.pods.iter().flatten() {
        let name: Text = seen.name.as_str().into();
        if let Some(since) = seen.disrupted_since {
            budget.status.disrupted.insert(name.clone(), seconds(since));
        }
        pods.push(BudgetPod {
            pod: ObservedPod {
                name,
                phase: ObservedPhase::Running,
                readiness: Some(Readiness {
                    is_ready: seen.ready,
                    since: None,
                }),
                is_terminating: seen.deleting,
                ..ObservedPod::default()
            },
            controller: seen.controller.as_deref().map(Into::into),
        });
    }
    let controllers = input.controllers.iter().flatten();
    let scales: SortedMap<Text, i32> = controllers
        .map(|own| (own.name.as_str().into(), own.replicas))
        .collect();
    let status = sync(seconds(input.now), &budget, &pods, &scales);
    let condition = if status.disruptions_allowed > 0 {
        "True/SufficientPods"
    } else {
        "False/InsufficientPods"
    };
    let disrupted: Vec<&str> = status.disrupted.keys().map(|name| &**name).collect();
    let decided = json!({
        "condition": condition,
        "currentHealthy": status.current_healthy,
        "desiredHealthy": status.desired_healthy,
        "disruptedPods": disrupted,
        "disruptionsAllowed": status.disruptions_allowed,
        "expectedPods": status.expected_pods,
    });
    differences.loosely(
        "expect",
        case.get("expect").unwrap_or(&Value::Null),
        &decided,
    );
    Ok(())
}
