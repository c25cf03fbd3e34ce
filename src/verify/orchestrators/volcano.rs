//! Cases of Volcano's and YuniKorn's queues and of Volcano's binpack (spec: orchestrators-b.md section
//! 7.6).

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Case, Decide, Trouble, read};
use policy::job_order::volcano::{Claim, deserved};
use policy::job_order::yunikorn::{QueueFacts, ResourceUse, share};
use policy::score::volcano_binpack::{BinpackResource, score};

/// The judge of a kind.
pub(super) fn decide(kind: &str) -> Option<Decide> {
    let decide: Decide = match kind {
        "volcano-proportion" => proportion,
        "volcano-binpack" => binpack,
        "yunikorn-queue" => queues,
        _ => return None,
    };
    Some(decide)
}

/// Amounts by resource.
type Amounts = IndexMap<String, f64>;

#[derive(Deserialize)]
struct Asking {
    q: String,
    weight: f64,
    request: f64,
    capability: Option<f64>,
    guarantee: Option<f64>,
}

fn proportion(case: &Case) -> Result<Value, Trouble> {
    let totals: Amounts = read(&case.nodes)?;
    let Some((_, &total)) = totals.first().filter(|_| totals.len() == 1) else {
        let words = "a queue of these cases asks for one resource";
        return Err(Trouble::Unsupported(words.to_owned()));
    };
    let asking: Vec<Asking> = read(&case.request)?;
    let claims: Vec<Claim> = (asking.iter())
        .map(|own| Claim {
            weight: own.weight,
            request: own.request,
            capability: own.capability.unwrap_or(f64::INFINITY),
            guaranteed: own.guarantee.unwrap_or(0.0),
        })
        .collect();
    let names = asking.iter().map(|own| own.q.clone());
    let deserved = deserved(total, &claims).into_iter().map(Value::from);
    let deserved: Map<String, Value> = names.zip(deserved).collect();
    Ok(json!({ "deserved": deserved }))
}

#[derive(Deserialize)]
struct Task {
    request: Amounts,
    weights: Amounts,
    plugin_weight: f64,
}

fn binpack(case: &Case) -> Result<Value, Trouble> {
    let node: IndexMap<String, (f64, f64)> = read(&case.nodes)?;
    let task: Task = read(&case.request)?;
    // A resource without a weight has no say.
    let weighted = task.request.iter().filter_map(|(name, &request)| {
        let &weight = task.weights.get(name)?;
        let (used, allocatable) = node.get(name).copied().unwrap_or_default();
        Some(BinpackResource {
            weight,
            used,
            request,
            allocatable,
        })
    });
    Ok(json!({ "score": score(weighted) * task.plugin_weight }))
}

#[derive(Deserialize)]
struct Cluster {
    fair_max: Amounts,
}

#[derive(Deserialize)]
struct Queue {
    q: String,
    #[serde(default)]
    priority: i32,
    used: Amounts,
    guaranteed: Option<Amounts>,
    #[serde(default)]
    pending: Amounts,
}

impl Queue {
    fn standing(&self, fair_max: &Amounts) -> QueueFacts {
        let share = share(self.used.iter().map(|(name, &used)| {
            ResourceUse {
                used,
                guaranteed: self
                    .guaranteed
                    .as_ref()
                    .and_then(|own| own.get(name).copied()),
                fair_max: fair_max.get(name).copied(),
            }
        }));
        QueueFacts {
            priority: self.priority,
            share,
            pending: self.pending.values().sum(),
        }
    }
}

fn queues(case: &Case) -> Result<Value, Trouble> {
    let Cluster { fair_max } = read(&case.nodes)?;
    let queues: Vec<Queue> = read(&case.request)?;
    let mut order: Vec<(String, QueueFacts)> = (queues.iter())
        .map(|own| (own.q.clone(), own.standing(&fair_max)))
        .collect();
    let shares = order
        .iter()
        .map(|(name, own)| (name.clone(), own.share.into()));
    let shares: Map<String, Value> = shares.collect();
    order.sort_by(|(_, one), (_, other)| one.order(other));
    let order: Vec<String> = order.into_iter().map(|(name, _)| name).collect();
    Ok(json!({ "share": shares, "order": order }))
}
