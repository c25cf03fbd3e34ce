//! Fields of a plan that follow from its other fields: sums over pools and types of nodes, states of bounds,
//! and the seal over all of them.

use serde_json::Value;

use super::{Case, array, number, text};
use intake::{Input, TraceError};
use units::SortedMap;

/// Field that holds the hash of all others.
const SEAL: &str = "seal";

/// Hash of all fields of a plan but the seal itself: it tells whether one was changed after the plan was made.
///
/// # Errors
/// If the text can't be hashed.
pub fn seal(plan: &Value) -> Result<String, TraceError> {
    let mut others = plan.clone();
    if let Some(fields) = others.as_object_mut() {
        fields.remove(SEAL);
    }
    let text = others.to_string();
    Input::bytes("plan.json", text.as_bytes()).blake3()
}

/// The statements of a plan about itself.
pub(super) fn cases(plan: &Value) -> Vec<(&'static str, Case)> {
    vec![
        ("seal", is_sealed(plan)),
        ("sums of pools", pools(plan)),
        ("losses", losses(plan)),
        ("purchase", purchase(plan)),
        ("bounds", bounds(plan)),
        ("assumptions", assumptions(plan)),
    ]
}

fn is_sealed(plan: &Value) -> Case {
    let found = seal(plan).map_err(|error| error.to_string())?;
    let said = text(&plan[SEAL]);
    if found == said {
        return Ok(());
    }
    Err(format!(
        "a field was changed after the plan was made: the hash of all fields is {found}, `{SEAL}` is `{said}`"
    ))
}

/// Clusters as a plan shows them, with their fields.
fn pictures(plan: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    let all = [
        ("today", &plan["today"]),
        ("drain.plan", &plan["drain"]["plan"]),
        ("buy.plan", &plan["buy"]["plan"]),
    ];
    all.into_iter().filter(|(_, own)| !own.is_null())
}

/// Nodes and amounts of the pools add up to those of the cluster.
fn pools(plan: &Value) -> Case {
    for (at, picture) in pictures(plan) {
        let nodes = number(&picture["nodes"]);
        for list in ["pools", "kinds"] {
            let sum: i64 = { array(&picture[list]).iter() }
                .map(|own| number(&own["nodes"]))
                .sum();
            if sum != nodes {
                return Err(format!(
                    "the numbers of `{at}.{list}` add up to {sum}, `{at}.nodes` is {nodes}"
                ));
            }
        }
        for (name, own) in picture["resources"].as_object().into_iter().flatten() {
            for field in ["requested", "offered", "stranded"] {
                let parts = array(&picture["pools"]).iter();
                let parts = parts.map(|pool| number(&pool["resources"][name][field]));
                let sum = parts.fold(0, i64::saturating_add);
                // Nodes that are no machines stand in their pools alone.
                let has_virtual = number(&picture["virtualNodes"]) > 0;
                let said = number(&own[field]);
                if sum < said || sum > said && !has_virtual {
                    return Err(format!(
                        "`{at}.pools` have {sum} of `{name}.{field}` together, `{at}.resources` has {}",
                        own[field]
                    ));
                }
            }
        }
    }
    Ok(())
}

/// No more pods wait after a loss than look for a node, and who waits is named.
fn losses(plan: &Value) -> Case {
    for (at, picture) in pictures(plan) {
        for list in ["nodeLosses", "zoneLosses"] {
            for (place, own) in array(&picture[list]).iter().enumerate() {
                let waiting = number(&own["waiting"]);
                if waiting > number(&own["requeued"]) || (waiting > 0) == own["first"].is_null() {
                    return Err(format!(
                        "`{at}.{list}[{place}]`: `waiting` is {waiting}, `requeued` {}, the first is {}",
                        own["requeued"], own["first"]["pod"]
                    ));
                }
            }
        }
    }
    Ok(())
}

/// The nodes that are bought are as many as are said, and cost so much.
fn purchase(plan: &Value) -> Case {
    let buy = &plan["buy"];
    let reached = &buy["reached"];
    if reached.is_null() {
        return Ok(());
    }
    let mut found: SortedMap<&str, i64> = SortedMap::new();
    for own in array(&buy["nodes"]) {
        *found.entry(text(&own["type"])).or_default() += 1;
    }
    let counts = reached["counts"].as_object();
    let said: SortedMap<&str, i64> = { counts.into_iter().flatten() }
        .map(|(name, own)| (name.as_str(), number(own)))
        .collect();
    let nodes = said.values().sum::<i64>();
    if found != said || nodes != number(&reached["nodes"]) {
        return Err(format!(
            "`buy.nodes` are {found:?} by type, `buy.reached` has {said:?}, {} together",
            reached["nodes"]
        ));
    }
    let price: i64 = { array(&buy["types"]).iter() }
        .map(|own| {
            number(&own["priceMicroPerHour"]) * said.get(text(&own["type"])).copied().unwrap_or(0)
        })
        .sum();
    if price != number(&reached["priceMicroPerHour"]) {
        return Err(format!(
            "`buy.reached.priceMicroPerHour` is {}, the nodes cost {price} by `buy.types`",
            reached["priceMicroPerHour"]
        ));
    }
    Ok(())
}

/// Bounds are called proved where they are reached, and lie at or below what is reached.
fn bounds(plan: &Value) -> Case {
    let drain = &plan["drain"];
    if drain.is_null() {
        return Ok(());
    }
    let (reached, bound) = (number(&drain["reached"]), number(&drain["bound"]));
    let status = if reached == bound { "proved" } else { "gap" };
    if bound > reached || text(&drain["status"]) != status {
        return Err(format!(
            "`drain.reached` is {reached}, `drain.bound` {bound}, `drain.status` `{}`",
            text(&drain["status"])
        ));
    }
    Ok(())
}

/// A plan says what it rests on, and how it was asked for.
fn assumptions(plan: &Value) -> Case {
    if array(&plan["assumptions"]).is_empty() {
        return Err("`assumptions` are missing".to_owned());
    }
    if !text(&plan["command"]).starts_with("windtunnel plan") {
        return Err(format!(
            "`command` is no plan: `{}`",
            text(&plan["command"])
        ));
    }
    Ok(())
}

/// The proof beside a plan is that of its bound.
pub(super) fn proof(plan: &Value, proof: &Value) -> Case {
    let at = if plan["drain"].is_null() {
        "buy"
    } else {
        "drain"
    };
    let (said, found) = (&plan[at]["bound"], &proof["bound"]);
    if said == found {
        return Ok(());
    }
    Err(format!(
        "`{at}.bound` is {said}, `bound.json` has {found} for `bound`"
    ))
}

/// A plan that states a bound has its proof beside it.
pub(super) fn without_proof(plan: &Value) -> Case {
    if plan["drain"].is_null() && plan["buy"]["reached"].is_null() {
        return Ok(());
    }
    Err("`bound.json`, the proof of the bound, is missing beside the plan".to_owned())
}
