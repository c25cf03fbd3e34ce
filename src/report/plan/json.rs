//! A plan as JSON.

use serde_json::{Value, json};

use super::PlanReport;
use super::bill::bill;
use crate::grid::{object, pairs};
use crate::remedies::remedy;
use intake::{Input, TraceError};
use lab::plan::buy::Purchase;
use lab::plan::choice::{Choice, Way};
use lab::plan::growth::Rate;
use lab::plan::loss::Survive;
use lab::plan::pending::Pending;
use lab::plan::picture::{Picture, Pool, ResourceAmounts};
use lab::plan::purchase::BuyAnswer;
use lab::plan::rules::Rule;
use lab::plan::{DrainAnswer, Minimize, Questions};
use lab::plan_audit::seal;

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
            "goals": goals(self.questions),
            "pods": plan.pods,
            "waiting": plan.waiting,
            "unready": plan.unready.iter().map(|own| json!({
                "node": own.node,
                "pods": own.pods,
            })).collect::<Vec<Value>>(),
            "overfull": plan.overfull.iter().map(|own| json!({
                "node": own.node,
                "resource": own.resource,
                "requested": own.requested,
                "offered": own.offered,
                "pods": own.pods,
                "stays": own.stays,
            })).collect::<Vec<Value>>(),
            "offOverfull": plan.off_overfull.iter().map(|own| json!({
                "pod": own.pod,
                "from": own.from,
                "to": own.to,
            })).collect::<Vec<Value>>(),
            "aside": plan.aside,
            "expected": plan.expected,
            "pending": plan.pending.iter().map(pending).collect::<Vec<Value>>(),
            "podsWithoutController": plan.bare,
            "meetsGoals": plan.missed.is_none(),
            "missed": plan.missed,
            "unplaced": plan.unplaced,
            "today": picture(&plan.today),
            "drain": plan.drain.as_ref().map(drain),
            "buy": plan.buy.as_ref().map(buy),
            "months": plan.months.iter().map(|own| json!({
                "month": own.month,
                "day": self.day_of(own.month),
                "pods": own.pods,
                "waiting": own.waiting,
                "first": own.first,
                "missed": own.missed,
            })).collect::<Vec<Value>>(),
            "ahead": plan.ahead.map(|own| json!({"month": own.month, "pods": own.pods})),
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
        for (option, path) in &self.lists {
            let hash = Input::path(path).blake3()?;
            inputs.push(json!({"path": path, "blake3": hash, "option": option}));
        }
        let planned = &self.plan.planned;
        let placed = |starts| {
            let pods = planned.placement(starts);
            let pods = pods.map(|(pod, node)| json!({"pod": pod, "node": node}));
            pods.collect::<Value>()
        };
        let mut value = self.json();
        value["inputs"] = inputs.into();
        value["placement"] = placed(false);
        value["starts"] = placed(true);
        value["seal"] = seal(&value)?.into();
        Ok(value)
    }
}

/// Goals of a plan, in the words of the options.
fn goals(own: &Questions) -> Value {
    let survive = own.survive.iter().map(Survive::to_string);
    let room = own.room.iter();
    let room = room.map(|own| json!({"pod": own.pod.full_name(), "pods": own.count}));
    let growth = own.grow.iter().map(|own| match own.rate {
        Rate::Share(ppm) => json!({"workloads": own.pattern, "ppm": ppm, "pods": null}),
        Rate::Pods(pods) => json!({"workloads": own.pattern, "ppm": null, "pods": pods}),
    });
    json!({
        "minimize": own.minimize.map(|own| match own {
            Minimize::Nodes => "nodes",
            Minimize::Cost => "cost",
        }),
        "keep": own.keeps,
        "strict": own.is_strict,
        "survive": survive.collect::<Vec<String>>(),
        "freePpm": own.free_ppm,
        "room": room.collect::<Vec<Value>>(),
        "growth": growth.collect::<Vec<Value>>(),
        "months": own.horizon,
        "preemption": own.preempts,
    })
}

fn pending(own: &Pending) -> Value {
    json!({
        "first": own.first,
        "pods": own.pods,
        "nodes": pairs(["node", "pods"], &own.nodes),
        "unplaced": own.unplaced,
        "enough": own.remedies.iter().map(remedy).collect::<Vec<String>>(),
    })
}

fn taken(own: &ResourceAmounts) -> Value {
    object(own.all().map(|(resource, own)| {
        let amounts = json!({
            "requested": own.requested,
            "offered": own.offered,
            "stranded": own.stranded,
        });
        (resource, amounts)
    }))
}

fn pool(own: &Pool) -> Value {
    json!({
        "pool": own.name,
        "nodes": own.nodes,
        "full": own.full,
        "binding": own.taken.binding().0,
        "resources": taken(&own.taken),
    })
}

fn picture(own: &Picture) -> Value {
    let kinds = own.kinds.iter();
    let kinds =
        kinds.map(|((kind, zone), count)| json!({"type": kind, "zone": zone, "nodes": count}));
    json!({
        "nodes": own.nodes,
        "virtualNodes": own.virtual_nodes,
        "kinds": kinds.collect::<Vec<Value>>(),
        "priceMicroPerHour": own.price,
        "bill": bill(&own.bill),
        "resources": taken(&own.taken),
        "pools": own.pools.iter().map(pool).collect::<Vec<Value>>(),
        "nodeLosses": own.node_losses,
        "zoneLosses": own.zone_losses,
        "headroom": own.headroom,
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
    let moves = own.drained.moves.iter().map(|one| {
        json!({
            "pod": one.pod,
            "from": one.from,
            "to": one.to,
            "wave": one.turn.wave,
            "budget": one.turn.budget,
            "budgetLeft": one.turn.budget_left,
            "swaps": one.turn.swaps,
        })
    });
    json!({
        "reached": own.reached,
        "bound": own.bound,
        "status": status(own.reached as i64, own.bound as i64),
        "isLocal": own.drained.is_local,
        "isCut": own.drained.is_cut,
        "packs": own.drained.packs,
        "excused": own.excused,
        "shunned": own.shunned,
        "blockers": own.blockers,
        "orders": {"fits": own.orders.fits, "tried": own.orders.tried},
        "rule": own.rule.as_ref().map(rule),
        "gone": own.drained.gone,
        "untouched": own.drained.untouched,
        "kept": pairs(["node", "first"], &own.drained.kept),
        "moves": moves.collect::<Vec<Value>>(),
        "plan": picture(&own.picture),
    })
}

fn choice(own: &Choice, answer: &BuyAnswer) -> Value {
    let counts = answer.types.iter().zip(&own.counts);
    let counts = counts.filter(|(_, count)| **count > 0);
    let counts = object(counts.map(|((name, _), count)| (name, count)));
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
            "first": one.first,
        })
    });
    let reached = purchase.reached.as_ref().map(|choice| choice.price);
    json!({
        "types": pairs(["type", "priceMicroPerHour"], &own.types),
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
        "aside": own.aside,
        "hopeless": purchase.hopeless,
        "hopelessPods": purchase.hopeless_pods,
        "hopelessRule": purchase.hopeless_rule,
        "nodes": own.nodes.iter().map(|node| {
            json!({
                "name": node.node.name,
                "type": own.types[node.kind].0,
                "zone": node.zone,
            })
        }).collect::<Vec<Value>>(),
        "plan": own.picture.as_ref().map(picture),
    })
}
