//! One recorded decision: every verdict, score, total, the message and the preemption.

use serde_json::{Map, Value, json};

use super::Differences;
use super::fast::{Expected, Fast};
use super::sequence::SAMPLED;
use super::world::{CaseObjects, World};
use model::Changes;
use scheduler::kube::attempt::PostFilterOutcome;
use scheduler::kube::message::message;
use scheduler::kube::{Attempt, AttemptContext, KubeProfile, Preemption, Search, Status};

/// Holds a case, as a release with these switches decides it, against the recording.
pub(crate) fn compare(id: &str, case: &Value, changes: Changes) -> Result<Differences, String> {
    let expected = case.get("expect").unwrap_or(&Value::Null);
    compare_read(id, &CaseObjects::read(id, case)?, case, expected, changes)
}

/// Holds a case whose objects are read against what a release with these switches decided.
pub(crate) fn compare_read(
    id: &str,
    objects: &CaseObjects,
    case: &Value,
    expected: &Value,
    changes: Changes,
) -> Result<Differences, String> {
    let mut world = World::of(objects, changes)?;
    let pod = world.pod(id, case.get("pod").unwrap_or(&Value::Null))?;
    let profile = world.profile(&pod)?;
    let mut differences = Differences::default();
    let mut decided = Map::new();
    if let Err(status) = Attempt::gate(profile, &pod, &world.cache.objects) {
        decided.insert("result".into(), "gated".into());
        decided.insert("preEnqueue".into(), status_value(&status));
        compare_all(expected, &decided, &mut differences);
        return Ok(differences);
    }
    let attempt = Attempt::begin(profile, &world.cache, &pod);
    let search = match &attempt.refusal {
        Some(refusal) => {
            decided.insert("preFilter".into(), status_value(refusal));
            Search::default()
        }
        None => attempt.search_all(),
    };
    if let Some(words) = attempt.panic() {
        decided.insert("result".into(), "error".into());
        decided.insert("error".into(), words.into());
        check_fast(&world, profile, attempt.ctx, &decided, &mut differences);
        compare_all(expected, &decided, &mut differences);
        return Ok(differences);
    }
    if attempt.refusal.is_none() {
        decided.insert("filters".into(), filters(&attempt, &search));
    }
    if search.feasible.is_empty() {
        let aftermath = attempt.make_room(&search.rejected);
        decided.insert("result".into(), "unschedulable".into());
        let text = message(&attempt, &search.rejected, &aftermath.text);
        decided.insert("message".into(), text.into());
        decided.insert("preemption".into(), preemption(&aftermath));
    } else {
        decided.insert("result".into(), "scheduled".into());
        rank(&attempt, &search, &mut decided);
    }
    check_fast(&world, profile, attempt.ctx, &decided, &mut differences);
    compare_all(expected, &decided, &mut differences);
    Ok(differences)
}

/// Holds the fast form to what the plain one decided.
fn check_fast(
    world: &World,
    profile: &KubeProfile,
    ctx: AttemptContext<'_>,
    decided: &Map<String, Value>,
    differences: &mut Differences,
) {
    if world.cache.node_count() < SAMPLED {
        let best = decided.get("best").and_then(Value::as_array);
        let best = best.into_iter().flatten().filter_map(Value::as_str);
        let expected = Expected {
            start: 0,
            next_start: None,
            best: best.collect(),
        };
        Fast::new().check(profile, ctx, &expected, differences);
    }
}

fn compare_all(expected: &Value, decided: &Map<String, Value>, differences: &mut Differences) {
    for field in ["result", "error", "preEnqueue", "preFilter"] {
        let decided = decided.get(field).unwrap_or(&Value::Null);
        differences.field(field, expected.get(field), decided);
    }
    for field in ["filters", "totals", "scores"] {
        differences.entries(field, expected.get(field), decided.get(field));
    }
    for field in ["best", "nominatedNodeShortcut", "message"] {
        let decided = decided.get(field).unwrap_or(&Value::Null);
        differences.field(field, expected.get(field), decided);
    }
    let field = "preemption";
    differences.entries(field, expected.get(field), decided.get(field));
}

/// A status as it is recorded.
pub(super) fn status_value(status: &Status) -> Value {
    let mut reasons: Vec<&str> = status.reasons.iter().map(AsRef::as_ref).collect();
    reasons.sort_unstable();
    json!({"plugin": status.plugin, "code": status.code.name(), "reasons": reasons})
}

fn filters(attempt: &Attempt<'_>, search: &Search) -> Value {
    let mut verdicts = Map::new();
    // A node left out without a status is recorded as missing.
    let missing = || json!({"plugin": "", "code": "missing", "reasons": []});
    let outside = attempt.outside.as_ref().map_or_else(missing, status_value);
    for node in attempt.ctx.cache.nodes() {
        verdicts.insert(node.name().to_string(), outside.clone());
    }
    for name in &search.feasible {
        verdicts.insert(name.to_string(), Value::Null);
    }
    for (name, status) in &search.rejected {
        verdicts.insert(name.to_string(), status_value(status));
    }
    Value::Object(verdicts)
}

fn rank(attempt: &Attempt<'_>, search: &Search, decided: &mut Map<String, Value>) {
    let ranking = attempt.rank(&search.feasible);
    let (mut scores, mut totals) = (Map::new(), Map::new());
    for (place, name) in search.feasible.iter().enumerate() {
        let points: Map<String, Value> = ranking
            .plugins
            .iter()
            .map(|(plugin, weight, scores)| {
                (
                    (*plugin).to_owned(),
                    json!(weight * scores.normalized[place]),
                )
            })
            .collect();
        scores.insert(name.to_string(), Value::Object(points));
        totals.insert(name.to_string(), ranking.totals[place].into());
    }
    decided.insert("scores".into(), Value::Object(scores));
    decided.insert("totals".into(), Value::Object(totals));
    let nominated = attempt.ctx.pod.nominated_node();
    let shortcut = nominated.filter(|name| search.feasible.contains(name));
    let best: Vec<&str> = if let Some(name) = shortcut {
        decided.insert("nominatedNodeShortcut".into(), true.into());
        vec![name]
    } else {
        best_names(search, &ranking.best())
    };
    decided.insert("best".into(), json!(best));
}

/// The names of the best nodes, sorted.
pub(super) fn best_names<'s>(search: &'s Search, best: &[usize]) -> Vec<&'s str> {
    let mut names: Vec<&str> = best.iter().map(|&place| &*search.feasible[place]).collect();
    names.sort_unstable();
    names
}

/// The nodes that a preemption would nominate and the victims on the first, as recorded.
pub(super) fn nominations(preemption: &Preemption) -> (Vec<&str>, Vec<String>) {
    let best = preemption
        .best
        .iter()
        .map(|&place| &preemption.candidates[place]);
    let mut best: Vec<_> = best.collect();
    best.sort_by_key(|candidate| &candidate.node);
    let victims = best.first().map(|first| &first.victims);
    let victims = victims.into_iter().flatten().map(|pod| pod.full_name());
    let names = best.iter().map(|candidate| &*candidate.node);
    (names.collect(), victims.collect())
}

fn preemption(aftermath: &PostFilterOutcome) -> Value {
    let found = &aftermath.preemption;
    let mut value = Map::new();
    let code = match (aftermath.is_success, aftermath.is_error) {
        (true, _) => "Success",
        (_, true) => "Error",
        _ => "Unschedulable",
    };
    value.insert("code".into(), code.into());
    if !aftermath.text.is_empty() {
        value.insert("message".into(), aftermath.text.as_str().into());
    }
    if !found.rejected.is_empty() {
        let rejected = found.rejected.iter();
        let rejected: Map<String, Value> = rejected
            .map(|(name, status)| (name.to_string(), status_value(status)))
            .collect();
        value.insert("rejected".into(), Value::Object(rejected));
    }
    if !found.candidates.is_empty() {
        let candidates = found.candidates.iter();
        let candidates: Map<String, Value> = candidates
            .map(|own| {
                let victims: Vec<String> = own.victims.iter().map(|pod| pod.full_name()).collect();
                let value = json!({"victims": victims, "pdbViolations": own.violations});
                (own.node.to_string(), value)
            })
            .collect();
        value.insert("candidates".into(), Value::Object(candidates));
        let (nominated, victims) = nominations(found);
        value.insert("nominated".into(), json!(nominated));
        value.insert("victims".into(), json!(victims));
    }
    Value::Object(value)
}
