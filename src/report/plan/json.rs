//! A plan as JSON.

use serde_json::{Value, json};

use super::PlanReport;
use intake::TraceError;
use lab::plan::buy::{Choice, Purchase};
use lab::plan::loss::Loss;
use lab::plan::pending::Pending;
use lab::plan::picture::{Picture, Pool, RESOURCES, Taken};
use lab::plan::possible::Way;
use lab::plan::rules::Rule;
use lab::plan::{BuyAnswer, DrainAnswer};

/// Version of the format.
const SCHEMA: u32 = 1;

impl PlanReport<'_> {
    /// JSON for programs.
    pub fn json(&self) -> Value {
        let plan = self.plan;
        json!({
            "schemaVersion": SCHEMA,
            "verdict": self.verdict(),
            "snapshot": self.snapshot,
            "command": self.command,
            "currency": self.currency,
            "pods": plan.pods,
            "waiting": plan.waiting,
            "pending": plan.pending.iter().map(pending).collect::<Vec<Value>>(),
            "podsWithoutController": plan.bare,
            "meetsGoals": plan.missed.is_none(),
            "missed": plan.missed.as_ref().map(unplaced),
            "unplaced": plan.unplaced,
            "today": picture(&plan.today),
            "drain": plan.drain.as_ref().map(drain),
            "buy": plan.buy.as_ref().map(buy),
            "months": plan.months.iter().map(|own| json!({
                "month": own.month,
                "pods": own.pods,
                "waiting": own.waiting,
                "first": own.first.as_ref().map(unplaced),
            })).collect::<Vec<Value>>(),
            "assumptions": self.assumptions,
            "warnings": self.warnings,
        })
    }

    /// JSON of the files of a plan: with the hashes of its inputs, and the node of each pod.
    ///
    /// # Errors
    /// If an input can't be read again.
    pub(super) fn json_with_inputs(&self) -> Result<Value, TraceError> {
        let mut inputs = Vec::new();
        for input in self.inputs {
            inputs.push(json!({"path": &*input.name, "blake3": input.blake3()?}));
        }
        let placement = self.plan.planned.nodes_of_pods.iter();
        let placement = placement.map(|(pod, node)| json!({"pod": pod, "node": &**node}));
        let mut value = self.json();
        value["inputs"] = inputs.into();
        value["placement"] = placement.collect();
        Ok(value)
    }
}

fn unplaced(own: &lab::plan::loss::Unplaced) -> Value {
    json!({"pod": own.pod, "message": own.message})
}

fn pending(own: &Pending) -> Value {
    let nodes = own.nodes.iter();
    let nodes = nodes.map(|(node, pods)| json!({"node": &**node, "pods": pods}));
    json!({
        "first": own.first,
        "pods": own.pods,
        "nodes": nodes.collect::<Vec<Value>>(),
        "unplaced": own.unplaced.as_ref().map(unplaced),
    })
}

fn loss(own: &Loss) -> Value {
    json!({
        "domain": own.domain,
        "requeued": own.requeued,
        "waiting": own.waiting,
        "first": own.first.as_ref().map(unplaced),
    })
}

fn taken(own: &Taken) -> Value {
    let mut fields = serde_json::Map::new();
    for (place, resource) in RESOURCES.iter().enumerate() {
        let amounts = json!({
            "requested": own.requested[place],
            "offered": own.offered[place],
            "stranded": own.stranded[place],
        });
        fields.insert((*resource).to_owned(), amounts);
    }
    fields.into()
}

fn pool(own: &Pool) -> Value {
    json!({
        "pool": &*own.name,
        "nodes": own.nodes,
        "full": own.full,
        "binding": RESOURCES[own.taken.binding()],
        "resources": taken(&own.taken),
    })
}

fn picture(own: &Picture) -> Value {
    let kinds = own.kinds.iter();
    let kinds = kinds
        .map(|((kind, zone), count)| json!({"type": &**kind, "zone": &**zone, "nodes": count}));
    let headroom = own.headroom.iter().map(|room| {
        json!({
            "pod": room.pod,
            "cpuMilli": room.cpu_milli,
            "memoryBytes": room.memory,
            "fits": room.fits,
            "reason": room.reason,
        })
    });
    json!({
        "nodes": own.nodes,
        "kinds": kinds.collect::<Vec<Value>>(),
        "priceMicroPerHour": own.price,
        "resources": taken(&own.taken),
        "pools": own.pools.iter().map(pool).collect::<Vec<Value>>(),
        "nodeLosses": own.node_losses.iter().map(loss).collect::<Vec<Value>>(),
        "zoneLosses": own.zone_losses.iter().map(loss).collect::<Vec<Value>>(),
        "headroom": headroom.collect::<Vec<Value>>(),
    })
}

fn rule(own: &Rule) -> Value {
    json!({
        "rule": own.what,
        "need": own.need,
        "gives": own.gives,
        "pods": own.pods,
        "first": own.named,
    })
}

fn status(reached: i64, bound: i64) -> &'static str {
    if reached <= bound { "proved" } else { "gap" }
}

fn drain(own: &DrainAnswer) -> Value {
    let names = |names: &[model::Text]| -> Vec<Value> {
        names.iter().map(|name| Value::from(&**name)).collect()
    };
    let moves = own.drained.moves.iter().map(|one| {
        json!({
            "pod": one.pod,
            "from": &*one.from,
            "to": &*one.to,
            "wave": one.turn.wave,
            "budget": one.turn.budget.as_deref(),
            "budgetLeft": one.turn.budget_left,
            "swaps": one.turn.swaps,
        })
    });
    let kept = own
        .drained
        .kept
        .iter()
        .map(|(node, first)| json!({"node": &**node, "first": unplaced(first)}));
    json!({
        "reached": own.reached,
        "bound": own.bound,
        "status": status(own.reached as i64, own.bound as i64),
        "isLocal": own.is_local,
        "orders": {"fits": own.orders.fits, "tried": own.orders.tried},
        "rule": own.rule.as_ref().map(rule),
        "gone": names(&own.drained.gone),
        "untouched": names(&own.drained.untouched),
        "kept": kept.collect::<Vec<Value>>(),
        "moves": moves.collect::<Vec<Value>>(),
        "plan": picture(&own.picture),
    })
}

fn choice(own: &Choice, answer: &BuyAnswer) -> Value {
    let counts = answer.types.iter().zip(&own.counts);
    let counts: serde_json::Map<String, Value> = counts
        .filter(|(_, count)| **count > 0)
        .map(|((name, _), count)| (name.to_string(), Value::from(*count)))
        .collect();
    let price = answer.types.iter().zip(&own.counts);
    let price: i64 = price.map(|((_, price), count)| price * *count as i64).sum();
    json!({
        "nodes": own.counts.iter().sum::<u64>(),
        "counts": counts,
        "priceMicroPerHour": price,
    })
}

fn buy(own: &BuyAnswer) -> Value {
    let purchase: &Purchase = &own.purchase;
    let refuted = purchase.refuted.iter().map(|one| {
        json!({
            "choice": choice(&one.choice, own),
            "waiting": one.waiting,
            "first": unplaced(&one.first),
        })
    });
    let reached = purchase.reached.as_ref().map(|choice| choice.price);
    json!({
        "types": own.types.iter().map(|(name, price)| {
            json!({"type": &**name, "priceMicroPerHour": price})
        }).collect::<Vec<Value>>(),
        "reached": purchase.reached.as_ref().map(|one| choice(one, own)),
        "possible": purchase.possible.as_ref().map(|one| choice(&one.choice, own)),
        "possibleBy": purchase.possible.as_ref().map(|one| match one.way {
            Way::Given => "given",
            Way::Large => "large-first",
            Way::Packed => "large-first, most-allocated",
            Way::Seeded => "seeded",
        }),
        "bound": purchase.bound,
        "status": reached.map(|reached| status(reached, purchase.bound)),
        "isComplete": purchase.is_complete,
        "rule": purchase.binding.as_ref().map(rule),
        "refuted": refuted.collect::<Vec<Value>>(),
        "orders": {"fits": purchase.orders.0, "tried": purchase.orders.1},
        "hopeless": purchase.hopeless.as_ref().map(unplaced),
        "hopelessPods": purchase.hopeless_pods,
        "hopelessRule": purchase.hopeless_rule,
        "nodes": own.nodes.iter().map(|node| {
            json!({
                "name": &*node.node.name,
                "type": &*own.types[node.kind].0,
                "zone": &*node.zone,
            })
        }).collect::<Vec<Value>>(),
        "plan": own.picture.as_ref().map(picture),
    })
}
