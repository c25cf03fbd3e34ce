//! Whole runs: what happens to workloads and queues from instant to instant, cycle by cycle.

use serde_json::{Map, Value, json};

use super::super::cases::{Differences, list};
use super::world;
use ::kueue::run::{
    CheckState, Controller, Cycle, Entry, RequeueReason, Stage, State, Status, WaitForPodsReady,
};
use ::kueue::tree::NodeId;
use k8s::queueing;
use units::{Duration, Instant, SortedMap};

/// Namespace of all workloads of the recordings.
const NAMESPACE: &str = "default";

/// Holds the steps of a recorded run against the controller's.
pub(super) fn compare(case: &Value) -> Result<Differences, String> {
    let snapshot = world::read(case)?.snapshot;
    let start = world::instant(case, "start");
    let limits = case.get("waitForPodsReady").map(wait_for_pods_ready);
    let mut controller = Controller::new(snapshot, limits, start);
    let local = case.get("localQueues").and_then(Value::as_object);
    for (name, queue) in local.into_iter().flatten() {
        controller.add_local_queue(NAMESPACE, name, queue.as_str().unwrap_or_default());
    }
    let mut run = Run {
        controller,
        start,
        shown: SortedMap::default(),
        differences: Differences::default(),
    };
    for step in list(case, "steps") {
        run.step(step)?;
        if !run.differences.is_empty() {
            break;
        }
    }
    Ok(run.differences)
}

fn wait_for_pods_ready(value: &Value) -> WaitForPodsReady {
    let number = |field: &str| value.get(field).and_then(Value::as_i64);
    let span = |field: &str| number(field).map(Duration::from_secs);
    WaitForPodsReady {
        timeout: span("timeoutSeconds").unwrap_or(Duration::from_secs(1800)),
        recovery_timeout: span("recoveryTimeoutSeconds"),
        backoff_base: span("backoffBaseSeconds").unwrap_or(Duration::from_secs(60)),
        backoff_max: span("backoffMaxSeconds").unwrap_or(Duration::from_secs(3600)),
        backoff_limit: number("backoffLimitCount"),
        ..WaitForPodsReady::default()
    }
}

struct Run {
    controller: Controller,
    start: Instant,
    /// Workloads as the last step showed them.
    shown: SortedMap<String, Value>,
    differences: Differences,
}

impl Run {
    fn step(&mut self, step: &Value) -> Result<(), String> {
        let secs = step.get("t").and_then(Value::as_i64).unwrap_or(0);
        let at = format!("at {secs} s");
        let now = self.start.saturating_add(Duration::from_secs(secs));
        let retried = self.controller.advance(now);
        let retried = self.names(retried);
        let nothing = Value::Null;
        let recorded = step.get("requeued").unwrap_or(&nothing);
        self.differences
            .loosely(&format!("{at} requeued"), recorded, &retried);
        for operation in list(step, "ops") {
            self.operate(operation)?;
        }
        let mut recorded = list(step, "cycles").into_iter();
        let mut number = 0;
        while let Some(cycle) = self.controller.cycle() {
            number += 1;
            if number > 1 && !cycle.has_changed {
                break;
            }
            let at = format!("{at} cycle {number}");
            let Some(recorded) = recorded.next() else {
                self.differences.field(&at, None, &self.heads(&cycle));
                return Ok(());
            };
            self.compare_cycle(&at, recorded, &cycle);
            if !self.differences.is_empty() {
                return Ok(());
            }
        }
        if let Some(more) = recorded.next() {
            let heads = more.get("heads");
            self.differences
                .field(&format!("{at} cycle {}", number + 1), heads, &Value::Null);
        }
        let decided = self.changed();
        let recorded = step.get("workloads").unwrap_or(&nothing);
        self.differences
            .loosely(&format!("workloads {at}"), recorded, &decided);
        if let Some(recorded) = step.get("queues") {
            self.differences
                .loosely(&format!("{at} queues"), recorded, &self.queues());
        }
        Ok(())
    }

    fn names(&self, roots: Vec<NodeId>) -> Value {
        let tree = &self.controller.snapshot().tree;
        let names = roots.into_iter().map(|root| {
            let node = tree.node(root);
            let kind = if node.is_queue {
                "clusterQueue"
            } else {
                "cohort"
            };
            format!("{kind}:{}", node.name)
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        json!(names)
    }

    fn operate(&mut self, operation: &Value) -> Result<(), String> {
        let text = |field: &str| {
            operation
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (name, argument) = (text("name"), operation.get("arg"));
        let controller = &mut self.controller;
        match text("op") {
            "submit" => {
                let workload = operation.get("workload").unwrap_or(&Value::Null);
                let workload = queueing::workload(workload)?;
                controller
                    .submit(workload)
                    .map_err(|error| error.to_string())?;
            }
            "finish" => controller.finish_workload(NAMESPACE, name),
            "delete" => controller.delete(NAMESPACE, name),
            "podsReady" => controller.pods_ready(NAMESPACE, name),
            "podsLost" => controller.pods_lost(NAMESPACE, name),
            "deactivate" => controller.deactivate(NAMESPACE, name),
            "activate" => controller.activate(NAMESPACE, name),
            "reclaim" => {
                let pods = argument.and_then(Value::as_i64).unwrap_or(0);
                controller.reclaim(NAMESPACE, name, 0, pods);
            }
            "check" => {
                let part = |index: usize| argument?.get(index)?.as_str();
                let state = match part(1) {
                    Some("Ready") => CheckState::Ready,
                    Some("Retry") => CheckState::Retry,
                    Some("Rejected") => CheckState::Rejected,
                    _ => CheckState::Pending,
                };
                controller.set_check(NAMESPACE, name, part(0).unwrap_or_default(), state);
            }
            other => return Err(format!("the operation `{other}` is not known")),
        }
        Ok(())
    }

    fn heads(&self, cycle: &Cycle) -> Value {
        let tree = &self.controller.snapshot().tree;
        let heads = cycle.entries.iter().map(|entry| {
            let queue = tree.node(entry.pending.queue);
            format!("{}/{}", queue.name, entry.pending.workload.name)
        });
        let mut heads: Vec<String> = heads.collect();
        heads.sort();
        json!(heads)
    }

    fn compare_cycle(&mut self, at: &str, recorded: &Value, cycle: &Cycle) {
        let nothing = Value::Null;
        let part = |field: &str| recorded.get(field).unwrap_or(&nothing);
        let heads = self.heads(cycle);
        self.differences
            .loosely(&format!("{at} heads"), part("heads"), &heads);
        let recorded_order = self.by_tree(part("order"), cycle);
        let decided = cycle.entries[..cycle.processed].iter();
        let decided: Value = decided
            .map(|own| Value::from(&*own.pending.workload.name))
            .collect();
        let decided = self.by_tree(&decided, cycle);
        self.differences
            .loosely(&format!("{at} order"), &recorded_order, &decided);
        for entry in &cycle.entries {
            let name = entry.pending.workload.name.clone();
            let recorded = part("entries").get(&*name).unwrap_or(&nothing);
            let decided = self.entry(entry);
            self.differences
                .loosely(&format!("{at} {name}"), recorded, &decided);
        }
        let queues = self.queues();
        self.differences
            .loosely(&format!("{at} queues"), part("queues"), &queues);
    }

    /// An order, for each tree by itself where trees are independent of each other.
    fn by_tree(&self, order: &Value, cycle: &Cycle) -> Value {
        let snapshot = self.controller.snapshot();
        if snapshot.settings.fair_sharing.is_none() {
            return order.clone();
        }
        let mut trees: SortedMap<NodeId, Vec<Value>> = SortedMap::default();
        for name in order.as_array().into_iter().flatten() {
            let mut entries = cycle.entries.iter();
            let entry = entries.find(|own| Some(&*own.pending.workload.name) == name.as_str());
            if let Some(entry) = entry {
                let root = snapshot.tree.root(entry.pending.queue);
                trees.entry(root).or_default().push(name.clone());
            }
        }
        trees.into_values().map(Value::from).collect()
    }

    fn entry(&self, entry: &Entry) -> Value {
        let snapshot = self.controller.snapshot();
        let names = &snapshot.names;
        let status = match entry.status {
            Status::NotNominated => "",
            Status::Inadmissible => "inadmissible",
            Status::Skipped => "skipped",
            Status::Assumed => "assumed",
        };
        let assignment = entry.nomination.as_ref().map(|own| &own.assignment);
        let cursor = entry.cursor.as_ref().map(|cursor| {
            let sets = cursor.iter().map(|set| {
                let entries = set.iter();
                let entries = entries
                    .map(|(resource, tried)| (names.resource_name(*resource).to_string(), *tried));
                entries
                    .map(|(name, tried)| (name, Value::from(tried)))
                    .collect::<Map<_, _>>()
            });
            sets.collect::<Value>()
        });
        let flavors = assignment
            .filter(|_| entry.status == Status::Assumed)
            .map(|own| {
                let sets = own.sets.iter().map(|set| {
                    let flavors = set.flavors.iter().map(|(resource, chosen)| {
                        let flavor = Value::from(&**names.flavor_name(chosen.flavor));
                        (names.resource_name(*resource).to_string(), flavor)
                    });
                    let mut flavors: Map<String, Value> = flavors.collect();
                    flavors.insert("count".to_owned(), set.count.into());
                    (set.name.to_string(), Value::from(flavors))
                });
                sets.collect::<Map<_, _>>()
            });
        json!({
            "mode": assignment.map(|own| own.mode().name()),
            "borrowing": assignment.map(|own| own.borrowing),
            "status": status,
            "requeueReason": entry.reason.map(RequeueReason::name),
            "message": entry.message,
            "isPreemptor": entry.is_preemptor,
            "lastTriedFlavorIdx": cursor,
            "flavors": flavors,
            "targets": entry.targeted.iter().map(|(name, queue, reason)| json!({
                "name": &**name,
                "clusterQueue": &**queue,
                "reason": reason.name(),
            })).collect::<Value>(),
        })
    }

    /// Workloads that wait, by queue.
    fn queues(&self) -> Value {
        let (mut active, mut inadmissible) = (Map::new(), Map::new());
        let snapshot = self.controller.snapshot();
        for (id, _) in snapshot.queues() {
            let (tried, others) = self.controller.queued(id);
            for (map, mut names) in [(&mut active, tried), (&mut inadmissible, others)] {
                names.sort();
                if !names.is_empty() {
                    let names: Value = names.iter().map(|name| Value::from(&**name)).collect();
                    map.insert(snapshot.tree.node(id).name.to_string(), names);
                }
            }
        }
        json!({"active": active, "inadmissible": inadmissible})
    }

    /// Workloads that look otherwise than at the last step.
    fn changed(&mut self) -> Value {
        let mut changed = Map::new();
        let mut shown = SortedMap::default();
        for state in self.controller.states() {
            let name = state.workload.name.to_string();
            let own = self.show(state);
            if self.shown.get(&name) != Some(&own) {
                changed.insert(name.clone(), own.clone());
            }
            shown.insert(name, own);
        }
        self.shown = shown;
        Value::from(changed)
    }

    fn show(&self, state: &State) -> Value {
        let mut fields = Map::new();
        let status = match state.stage {
            Stage::Pending => "pending",
            Stage::QuotaReserved => "quotaReserved",
            Stage::Admitted => "admitted",
            Stage::Finished => "finished",
        };
        fields.insert("status".to_owned(), status.into());
        if state.stage != Stage::Pending
            && let Some(admission) = &state.workload.admission
        {
            fields.insert(
                "clusterQueue".to_owned(),
                (&*admission.cluster_queue).into(),
            );
        }
        if !state.workload.active {
            fields.insert("active".to_owned(), false.into());
        }
        if let Some(evicted) = &state.evicted {
            fields.insert("evicted".to_owned(), (&**evicted).into());
        }
        if state.requeue_count > 0 {
            fields.insert("requeueCount".to_owned(), state.requeue_count.into());
        }
        if let Some(at) = state.requeue_at {
            let secs = at.since(self.start).as_nanos() / 1_000_000_000;
            fields.insert("requeueAt".to_owned(), secs.into());
        }
        let checks = state.checks.iter();
        let checks = checks.map(|(name, check)| (name.to_string(), format!("{check:?}").into()));
        let checks: Map<String, Value> = checks.collect();
        if !checks.is_empty() {
            fields.insert("checks".to_owned(), checks.into());
        }
        Value::from(fields)
    }
}
