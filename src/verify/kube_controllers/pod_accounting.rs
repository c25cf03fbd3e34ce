//! Class of service, score under memory pressure and use of quotas of a pod.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{replica_set, seconds, span};
use crate::cases::{Differences, typed};
use control::controllers::pod_accounting::{is_charged, oom_score, qos_class, quota_usage};
use model::{Container, PodSpec, ResourceList};
use units::{QuantityError, SortedMap};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    now: f64,
    phase: String,
    deletion_timestamp: Option<f64>,
    deletion_grace_period_seconds: Option<f64>,
    node_memory_capacity: i64,
    containers: Vec<SeenContainer>,
    #[serde(default)]
    init_containers: Option<Vec<SeenContainer>>,
    #[serde(default)]
    overhead: Option<SortedMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeenContainer {
    name: String,
    #[serde(default)]
    requests: Option<SortedMap<String, String>>,
    #[serde(default)]
    limits: Option<SortedMap<String, String>>,
    #[serde(default)]
    sidecar: bool,
}

pub(super) fn compare(case: &Value, differences: &mut Differences) -> Result<(), String> {
    let input: Input = typed(case.get("input").ok_or("no `input`")?)?;
    let decided = decide(&input)?;
    differences.loosely(
        "expect",
        case.get("expect").unwrap_or(&Value::Null),
        &decided,
    );
    Ok(())
}

fn decide(input: &Input) -> Result<Value, String> {
    let wrong = |error: QuantityError| error.to_string();
    let containers = |seen: &[SeenContainer]| -> Result<Vec<Container>, String> {
        seen.iter().map(SeenContainer::container).collect()
    };
    let spec = PodSpec {
        containers: containers(&input.containers)?,
        init_containers: containers(input.init_containers.as_deref().unwrap_or_default())?,
        overhead: amounts(input.overhead.as_ref())?,
        ..PodSpec::default()
    };
    let mut scores = Map::new();
    for container in spec.containers.iter().chain(&spec.init_containers) {
        let score = oom_score(&spec, container, input.node_memory_capacity).map_err(wrong)?;
        scores.insert(container.name.to_string(), Value::from(score));
    }
    let is_charged = is_charged(
        seconds(input.now),
        replica_set::phase(&input.phase)?,
        input.deletion_timestamp.map(seconds),
        input.deletion_grace_period_seconds.map(span),
    );
    let usage = quota_usage(&spec, is_charged).map_err(wrong)?;
    let usage = usage.iter();
    let usage: Map<String, Value> = usage
        .map(|(name, amount)| (name.to_owned(), Value::from(amount.to_string())))
        .collect();
    let class = format!("{:?}", qos_class(&spec).map_err(wrong)?);
    Ok(json!({"oomScoreAdj": scores, "qos": class, "quotaUsage": usage}))
}

fn amounts(list: Option<&SortedMap<String, String>>) -> Result<ResourceList, String> {
    let mut amounts = ResourceList::default();
    for (name, amount) in list.into_iter().flatten() {
        let amount = amount
            .parse()
            .map_err(|error: QuantityError| error.to_string())?;
        amounts.set(name, amount);
    }
    Ok(amounts)
}

impl SeenContainer {
    fn container(&self) -> Result<Container, String> {
        Ok(Container {
            name: self.name.as_str().into(),
            requests: amounts(self.requests.as_ref())?,
            limits: amounts(self.limits.as_ref())?,
            restartable: self.sidecar,
            ..Container::default()
        })
    }
}
