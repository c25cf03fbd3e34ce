//! Decisions about one workload: the state of the trees, the flavors, the places, the victims.

use serde_json::{Map, Value, json};

use super::super::cases::Differences;
use super::world;
use ::kueue::assign::{Attempt, FitMode, SetAssignment};
use ::kueue::preempt::Possibility;
use ::kueue::tree::NodeId;
use ::kueue::{Nomination, Snapshot, nominate};

/// Holds a case's recorded decision against the one taken.
pub(super) fn compare(case: &Value) -> Result<Differences, String> {
    let mut world = world::read(case)?;
    let mut differences = Differences::default();
    let expected = |path: &str| case.pointer(&format!("/expect/{path}"));
    compare_nodes(&world.snapshot, case, &mut differences);
    let pending = world.pending(case)?;
    let decided = nominate(&mut world.snapshot, &pending);
    let assignment = assignment(&world.snapshot, &decided);
    for (key, value) in &assignment {
        let recorded = expected("assignment").and_then(|own| own.get(key));
        let field = format!("assignment.{key}");
        match recorded {
            None => differences.field(&field, recorded, value),
            Some(recorded) => differences.loosely(&field, recorded, value),
        }
    }
    let targets = decided.targets.iter().map(|target| {
        let holding = world.snapshot.holding(target.holding);
        json!({
            "name": &*holding.workload.name,
            "clusterQueue": &*world.snapshot.tree.node(holding.queue).name,
            "reason": target.reason.name(),
        })
    });
    let targets: Value = targets.collect();
    differences.loosely(
        "targets",
        expected("targets").unwrap_or(&Value::Null),
        &targets,
    );
    compare_nodes(&world.snapshot, case, &mut differences);
    Ok(differences)
}

/// Holds quotas, usage and shares of the trees against the recording.
fn compare_nodes(snapshot: &Snapshot, case: &Value, differences: &mut Differences) {
    for (kind, is_queue) in [("clusterQueues", true), ("cohorts", false)] {
        let recorded = case.pointer(&format!("/expect/nodes/{kind}"));
        for (name, recorded) in recorded.and_then(Value::as_object).into_iter().flatten() {
            let id = if is_queue {
                snapshot.queue_named(name)
            } else {
                snapshot.cohort_named(name)
            };
            let Some(id) = id else {
                differences.field(name, Some(recorded), &Value::Null);
                continue;
            };
            let quotas = recorded.get("quota").and_then(Value::as_object);
            for (pair, recorded) in quotas.into_iter().flatten() {
                let decided = quota(snapshot, id, pair, is_queue);
                differences.field(&format!("{name} {pair}"), Some(recorded), &decided);
            }
            if let Some(recorded) = recorded.get("share").and_then(Value::as_str) {
                let share = snapshot.share(id).precise();
                let known: f64 = recorded.parse().unwrap_or(f64::NAN);
                if share.total_cmp(&known).is_ne() {
                    let decided = Value::from(share.to_string());
                    let recorded = Value::from(recorded);
                    differences.field(&format!("share of {name}"), Some(&recorded), &decided);
                }
            }
        }
    }
}

fn quota(snapshot: &Snapshot, id: NodeId, pair: &str, is_queue: bool) -> Value {
    let (flavor, resource) = pair.split_once('/').unwrap_or((pair, ""));
    let names = &snapshot.names;
    let flavor = names.known_flavor(flavor);
    let pair = flavor.zip(names.known_resource(resource));
    let pair = pair.and_then(|(flavor, resource)| names.known_pair(flavor, resource));
    let Some(pair) = pair else {
        return Value::Null;
    };
    let tree = &snapshot.tree;
    let (owned, used) = (tree.subtree(id, pair), tree.usage(id, pair));
    if is_queue {
        json!([
            owned,
            used,
            snapshot.available(id, pair),
            tree.potential(id, pair)
        ])
    } else {
        json!([owned, used])
    }
}

/// An assignment in the recording's words.
fn assignment(snapshot: &Snapshot, decided: &Nomination) -> Map<String, Value> {
    let assignment = &decided.assignment;
    let names = &snapshot.names;
    let usage = assignment.usage.iter().map(|(pair, amount)| {
        let (flavor, resource) = names.split(*pair);
        let (flavor, resource) = (names.flavor_name(flavor), names.resource_name(resource));
        (format!("{flavor}/{resource}"), Value::from(*amount))
    });
    let usage: Map<String, Value> = usage.collect();
    let cursor = assignment.cursor.iter().map(|own| {
        let own = own.iter();
        let own = own.map(|(resource, tried)| (names.resource_name(*resource).to_string(), *tried));
        own.map(|(name, tried)| (name, Value::from(tried)))
            .collect::<Map<_, _>>()
    });
    let cursor: Value = cursor.collect();
    let sets: Value = assignment
        .sets
        .iter()
        .map(|set| pod_set(snapshot, set))
        .collect();
    let fields = json!({
        "mode": assignment.mode().name(),
        "borrowing": assignment.borrowing,
        "usage": usage,
        "lastTriedFlavorIdx": cursor,
        "message": assignment.message(),
        "podSets": sets,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn pod_set(snapshot: &Snapshot, set: &SetAssignment) -> Value {
    let names = &snapshot.names;
    let flavors = set.flavors.iter().map(|(resource, chosen)| {
        let chosen_words = json!({
            "flavor": &**names.flavor_name(chosen.flavor),
            "mode": chosen.mode.name(),
            "triedFlavorIdx": chosen.tried,
        });
        (names.resource_name(*resource).to_string(), chosen_words)
    });
    let flavors: Map<String, Value> = flavors.collect();
    // The recording has them in order of flavor.
    let mut attempts: Vec<&Attempt> = set.attempts.iter().collect();
    attempts.sort_by_key(|own| names.flavor_name(own.flavor));
    let attempts: Value = attempts
        .into_iter()
        .map(|own| attempt(snapshot, own))
        .collect();
    let topology = set.topology.as_ref().map(|own| {
        let domains = own.domains.iter();
        let domains = domains.map(|(values, count)| json!([texts(values), count]));
        json!({
            "levels": texts(&own.levels),
            "domains": domains.collect::<Value>(),
        })
    });
    json!({
        "name": &*set.name,
        "count": set.count,
        "flavors": flavors,
        "attempts": attempts,
        "topologyAssignment": topology,
    })
}

fn texts(texts: &[model::Text]) -> Value {
    texts.iter().map(|text| Value::from(&**text)).collect()
}

fn attempt(snapshot: &Snapshot, attempt: &Attempt) -> Value {
    let preemption = match attempt.way {
        FitMode::Preempt(Possibility::NoCandidates) => Some("NoCandidates"),
        FitMode::Preempt(Possibility::Preempt) => Some("Preempt"),
        FitMode::Preempt(Possibility::Reclaim) => Some("Reclaim"),
        FitMode::NoFit | FitMode::Fit => None,
    };
    json!({
        "flavor": &**snapshot.names.flavor_name(attempt.flavor),
        "mode": attempt.way.mode().name(),
        "borrow": attempt.borrowing,
        "preemption": preemption,
        "reasons": attempt.reasons,
    })
}
