//! A recorded sequence of decisions. The recorded node is taken at each step, so that one wrong
//! step does not spoil the rest.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Differences;
use super::decision::{best_names, nominations};
use super::fast::{Expected, Fast};
use super::world::{World, manifests};
use crate::cases::list;
use model::Changes;
use scheduler::kube::message::message;
use scheduler::kube::{Attempt, AttemptContext, PodInfo, Search};

/// Time at which sequences begin, in seconds since 1970: 2025-01-01T00:00:00Z.
const BEGIN_SECS: i64 = 1_735_689_600;

/// The number of pods that leave after the recorded steps of a sequence.
const DEPARTURES: usize = 12;

/// Number of nodes from which a search may end early.
pub(super) const SAMPLED: usize = 100;

/// Holds a case against the recording.
pub(super) fn compare(id: &str, case: &Value) -> Result<Differences, String> {
    let mut world = World::read(id, case, Changes::default())?;
    let mut differences = Differences::default();
    let expected = &case["expect"];
    let (steps, answers) = (list(case, "steps"), list(expected, "steps"));
    if let Some(order) = expected.get("nodeOrder") {
        let own: Vec<&str> = world.cache.nodes().map(|node| &**node.name()).collect();
        differences.field("nodeOrder", Some(order), &json!(own));
    }
    let is_sampling = case.get("percentageOfNodesToScore").is_some();
    let (mut start, mut fast, mut asked) = (0, Fast::new(), Vec::new());
    for (number, (step, answer)) in steps.iter().zip(&answers).enumerate() {
        let op = step.get("op").and_then(Value::as_str).unwrap_or_default();
        if op != "schedule" {
            let changed = change(&mut world, id, op, step);
            changed.map_err(|why| format!("step {number} ({op}): {why}"))?;
            continue;
        }
        let mut pod = world.pod(id, step.get("pod").unwrap_or(&Value::Null))?;
        let round = Round {
            answer,
            is_sampling,
        };
        let before = start;
        let decided = round.decide(&world, &pod, &mut start)?;
        let best = decided.get("best").and_then(Value::as_array);
        let best = best.into_iter().flatten().filter_map(Value::as_str);
        if is_sampling || world.cache.node_count() < SAMPLED {
            let expected = Expected {
                start: before,
                next_start: is_sampling.then_some(start),
                best: best.collect(),
            };
            let ctx = AttemptContext {
                cache: &world.cache,
                pod: &pod,
            };
            fast.check(world.profile(&pod)?, ctx, &expected, &mut differences);
        }
        for (field, recorded) in answer.as_object().into_iter().flatten() {
            let field_name = format!("step {number}: {field}");
            let decided = decided.get(field).unwrap_or(&Value::Null);
            differences.field(&field_name, Some(recorded), decided);
        }
        for field in decided
            .keys()
            .filter(|field| answer.get(field.as_str()).is_none())
        {
            let field_name = format!("step {number}: {field}");
            differences.field(&field_name, None, &decided[field]);
        }
        asked.push(pod.clone());
        pod.set_started_secs(Some(BEGIN_SECS + number as i64));
        settle(&mut world, pod, answer)?;
    }
    if steps.len() != answers.len() {
        return Err(format!("{} steps, {} answers", steps.len(), answers.len()));
    }
    depart(&mut world, &mut fast, &asked, &mut differences)?;
    Ok(differences)
}

/// Lets pods leave after the recorded steps, the latest first, and holds both forms to each other
/// as each asks for a place again.
fn depart(
    world: &mut World,
    fast: &mut Fast,
    asked: &[PodInfo],
    differences: &mut Differences,
) -> Result<(), String> {
    for pod in asked.iter().rev().take(DEPARTURES) {
        world.delete_pod(&pod.full_name());
        let profile = world.profile(pod)?;
        let cache = &world.cache;
        fast.check_random_ties(profile, AttemptContext { cache, pod }, 0, differences);
    }
    Ok(())
}

/// Pods and nodes come and go between decisions; the fast form follows them by the cache's log.
fn change(world: &mut World, id: &str, op: &str, step: &Value) -> Result<(), String> {
    let name = || {
        let name = step.get("name").and_then(Value::as_str);
        name.ok_or_else(|| "no `name`".to_owned())
    };
    match op {
        "deletePod" => {
            world.delete_pod(name()?);
            Ok(())
        }
        "deleteNode" => {
            world.cache.remove_node(name()?);
            Ok(())
        }
        "addNode" | "updateNode" => {
            let read = manifests(id, &[step.get("node").unwrap_or(&Value::Null)])?;
            let node = read.nodes.into_iter().next().ok_or("no `node`")?;
            let changed = if op == "addNode" {
                world.cache.add_node(Arc::new(node))
            } else {
                world.cache.update_node(Arc::new(node))
            };
            changed.map_err(|error| error.to_string())
        }
        _ => Err("no such operation is known".to_owned()),
    }
}

/// Does what the recording says: victims leave, the pod goes to its node.
fn settle(world: &mut World, pod: PodInfo, answer: &Value) -> Result<(), String> {
    let Some(node) = answer.get("node").and_then(Value::as_str) else {
        return Ok(());
    };
    let victims = answer.get("victims").and_then(Value::as_array);
    for victim in victims.into_iter().flatten().filter_map(Value::as_str) {
        let known = world.cache.node(node).and_then(|info| {
            let mut pods = info.pods.iter();
            pods.find(|known| known.full_name() == victim).cloned()
        });
        let known = known.ok_or_else(|| format!("no pod `{victim}` on {node}"))?;
        world.cache.remove_pod(&known, node);
    }
    let added = world.cache.add_pod(Arc::new(pod), node);
    added.map_err(|error| error.to_string())
}

/// One step.
struct Round<'a> {
    answer: &'a Value,
    is_sampling: bool,
}

impl Round<'_> {
    fn decide(
        &self,
        world: &World,
        pod: &PodInfo,
        start: &mut usize,
    ) -> Result<Map<String, Value>, String> {
        let profile = world.profile(pod)?;
        let attempt = Attempt::begin(profile, &world.cache, pod);
        let nodes = world.cache.node_count();
        let search = match &attempt.refusal {
            Some(_) => Search::default(),
            None => attempt.search(*start, profile.wanted(nodes)),
        };
        let mut decided = Map::new();
        if self.is_sampling {
            let evaluated = search.feasible.len() + search.rejected.len();
            decided.insert("startIndex".into(), json!(*start));
            decided.insert("evaluated".into(), json!(evaluated));
            *start = (*start + evaluated) % nodes.max(1);
        }
        if search.feasible.is_empty() {
            self.fail(&attempt, &search, &mut decided);
            return Ok(decided);
        }
        let ranking = attempt.rank(&search.feasible);
        let best = best_names(&search, &ranking.best());
        decided.insert("node".into(), json!(best.first()));
        decided.insert("total".into(), json!(ranking.totals.iter().max()));
        decided.insert("best".into(), json!(best));
        decided.insert("feasible".into(), json!(search.feasible.len()));
        if self.answer.get("totals").is_some() {
            let names = search.feasible.iter().map(ToString::to_string);
            let totals = ranking.totals.iter().map(|&total| Value::from(total));
            let totals: Map<String, Value> = names.zip(totals).collect();
            decided.insert("totals".into(), Value::Object(totals));
        }
        Ok(decided)
    }

    fn fail(&self, attempt: &Attempt<'_>, search: &Search, decided: &mut Map<String, Value>) {
        let mut text = String::new();
        if !self.is_sampling {
            let aftermath = attempt.make_room(&search.rejected);
            if aftermath.is_success {
                let (nominated, victims) = nominations(&aftermath.preemption);
                decided.insert("node".into(), json!(nominated.first()));
                decided.insert("nominated".into(), json!(nominated));
                decided.insert("victims".into(), json!(victims));
            }
            text = aftermath.text;
        }
        let text = message(attempt, &search.rejected, &text);
        decided.insert("message".into(), text.into());
    }
}
