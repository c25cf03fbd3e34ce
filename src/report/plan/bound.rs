//! The proof of a plan's bound as JSON: the rules with the pods that they add up and the nodes that
//! hold them, and the inequality in words.

use serde_json::{Value, json};

use super::PlanReport;
use crate::grid::object;
use lab::plan::least::Branch;
use lab::plan::planned::node_object;
use lab::plan::proof::{Proof, ProofClass, ProofKind};
use lab::plan::rules::{Rule, RuleSort};
use units::plural;

/// Version of the format.
const SCHEMA: u32 = 1;

impl PlanReport<'_> {
    /// The proof of the bound; `None` if the plan has none.
    pub fn bound(&self) -> Option<Value> {
        let of_drain = self.plan.drain.as_ref().map(|own| &own.proof);
        let of_purchase = self.plan.buy.as_ref().and_then(|own| own.proof.as_ref());
        let proof = of_drain.or(of_purchase)?;
        let status = if proof.is_tight() { "proved" } else { "gap" };
        let rules = proof.rules.iter().zip(proof.prices.iter().zip(&proof.idle));
        Some(json!({
            "schemaVersion": SCHEMA,
            "counts": if proof.counts_nodes { "nodes" } else { "price" },
            "bound": proof.bound,
            "reached": proof.reached,
            "status": status,
            "survivesNode": proof.survives_node,
            "survivesZone": proof.lost_zones > 0,
            "zones": proof.lost_zones,
            "closed": proof.closed,
            "inequality": inequality(proof),
            "rules": rules.map(|(own, (price, idle))| rule(own, *price, *idle)).collect::<Vec<Value>>(),
            "proof": proof.branch.as_ref().map(branch),
            "nodes": proof.kinds.iter().map(kind).collect::<Vec<Value>>(),
            "classes": proof.classes.iter().map(class).collect::<Vec<Value>>(),
        }))
    }
}

/// A tree of splits, whose leaves state the shares of the bound that rules pay.
fn branch(own: &Branch) -> Value {
    match own {
        Branch::Shares(shares) => json!({"shares": shares}),
        Branch::Split {
            kind,
            at,
            fewer,
            more,
        } => json!({"kind": kind, "at": at, "fewer": branch(fewer), "more": branch(more)}),
    }
}

/// The bound in words.
fn inequality(proof: &Proof) -> String {
    if proof.kinds.iter().all(|own| own.count.is_some()) {
        let untouched: u64 =
            proof.closed + proof.kinds.iter().map(|own| own.untouched).sum::<u64>();
        let rules = proof.rules.iter().map(|own| {
            let most = own.gives.iter().max().copied().unwrap_or(0);
            format!(
                "{}: {} more needed, {most} a node at most",
                own.what, own.need
            )
        });
        let rules: Vec<String> = rules.collect();
        return format!(
            "{}; {} whatever is planned: {} at least",
            rules.join("; "),
            staying(untouched),
            plural::count(proof.bound, "node")
        );
    }
    let rules = proof.rules.iter().zip(&proof.prices);
    let parts: Vec<String> = rules
        .filter(|(_, price)| **price > 0.0)
        .map(|(own, price)| format!("{} of {} at {price:.6}", own.need, own.what))
        .collect();
    format!(
        "no kind of node gives more of the rules than it costs at these prices, so that what is \
         needed costs at least their sum ({}); of the whole numbers of nodes that keep every rule, \
         none costs less than {}",
        parts.join(" + "),
        proof.bound
    )
}

fn staying(nodes: u64) -> String {
    let stay = plural::either(nodes, "stays", "stay");
    format!("{} {stay}", plural::count(nodes, "node"))
}

fn rule(own: &Rule, price: f64, idle: i64) -> Value {
    let (sort, of) = match &own.sort {
        RuleSort::Resource(name) => ("resource", json!({ name.as_str(): 1 })),
        RuleSort::Size(size) => ("size", object(size.iter().cloned())),
        RuleSort::Worth(worths) => ("worth", object(worths.iter().copied())),
        RuleSort::Apart => ("apart", json!({})),
        RuleSort::Spread => ("spread", json!({})),
    };
    json!({
        "rule": own.what,
        "sort": sort,
        "of": of,
        "need": own.need,
        "given": own.given,
        "idle": idle,
        "gives": own.gives,
        "price": price,
        "pods": own.pods,
        "classes": own.classes,
    })
}

fn kind(own: &ProofKind) -> Value {
    let elsewhere = own.elsewhere.iter().map(|node| node_object(node));
    json!({
        "name": own.name,
        "count": own.count,
        "untouched": own.untouched,
        "cost": own.cost,
        "free": object(own.free.iter().cloned()),
        "node": node_object(&own.node),
        "elsewhere": elsewhere.collect::<Vec<Value>>(),
    })
}

fn class(own: &ProofClass) -> Value {
    json!({"requests": object(own.requests.iter().cloned()), "pods": own.pods})
}
