//! Recorded operations on the scheduling queue: after each the moves that time made, the pod
//! popped, and the whole state.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Differences;
use super::world::manifests;
use crate::cases::list;
use k8s::ManifestPod;
use model::{Changes, SchedulerConfig, Text};
use policy::kube_profiles::build_kube_profiles;
use scheduler::kube::event::{node_changes, pod_changes};
use scheduler::kube::queue::{Backoff, Move, Place, PluginMask, PodUid};
use scheduler::kube::{Cache, ClusterEvent, KubeProfile, NodeInfo, PodInfo, Queue, QueueContext};
use units::{Duration, Instant, SortedMap};

/// Holds a case against the recording.
pub(super) fn compare(id: &str, case: &Value) -> Result<Differences, String> {
    let mut replay = Replay::new(id, case)?;
    let (ops, answers) = (list(case, "ops"), list(&case["expect"], "ops"));
    if ops.len() != answers.len() {
        return Err(format!(
            "{} operations, {} answers",
            ops.len(),
            answers.len()
        ));
    }
    let mut differences = Differences::default();
    let mut recorded = Value::Null;
    for (number, (op, answer)) in ops.iter().zip(&answers).enumerate() {
        let name = op.get("op").and_then(Value::as_str).unwrap_or_default();
        let decided = replay
            .step(op, name)
            .map_err(|why| format!("operation {number} ({name}): {why}"))?;
        for field in ["flushed", "popped", "attempts"] {
            let own = decided.get(field).unwrap_or(&Value::Null);
            differences.field(
                &format!("{number} ({name}): {field}"),
                answer.get(field),
                own,
            );
        }
        if let Some(state) = answer.get("state") {
            recorded = state.clone();
        }
        let state = replay.state();
        differences.field(
            &format!("{number} ({name}): state"),
            Some(&recorded),
            &state,
        );
        if !differences.is_empty() {
            break;
        }
    }
    Ok(differences)
}

struct Replay {
    id: String,
    queue: Queue,
    profiles: Vec<KubeProfile>,
    cache: Cache,
    now: Instant,
    nodes: SortedMap<Text, Arc<NodeInfo>>,
    /// Pods with a node.
    assigned: SortedMap<Text, Arc<PodInfo>>,
    /// Identities of pods without a node.
    pending: SortedMap<Text, PodUid>,
    /// Identities of pods in flight.
    in_flight: SortedMap<Text, PodUid>,
    names: Vec<Text>,
}

impl Replay {
    fn new(id: &str, case: &Value) -> Result<Self, String> {
        let profiles = build_kube_profiles(&SchedulerConfig::default(), Changes::default())
            .map_err(|error| error.to_string())?;
        let seconds = |field: &str, default: Duration| {
            let stated = case.get(field).and_then(Value::as_i64);
            stated.map_or(default, Duration::from_secs)
        };
        let plain = Backoff::default();
        let backoff = Backoff {
            initial: seconds("podInitialBackoffSeconds", plain.initial),
            most: seconds("podMaxBackoffSeconds", plain.most),
        };
        Ok(Self {
            id: id.to_owned(),
            queue: Queue::new(&profiles, backoff, Instant::ZERO),
            profiles,
            cache: Cache::default(),
            now: Instant::ZERO,
            nodes: SortedMap::new(),
            assigned: SortedMap::new(),
            pending: SortedMap::new(),
            in_flight: SortedMap::new(),
            names: Vec::new(),
        })
    }

    /// Calls the queue with what it looks at.
    fn with_queue<T>(&mut self, call: impl FnOnce(&mut Queue, QueueContext<'_>) -> T) -> T {
        let ctx = QueueContext {
            now: self.now,
            profiles: &self.profiles,
            objects: &self.cache.objects,
        };
        call(&mut self.queue, ctx)
    }

    fn step(&mut self, op: &Value, name: &str) -> Result<Value, String> {
        let millis = op.get("t").and_then(Value::as_i64).ok_or("no time `t`")?;
        self.now = Instant::ZERO + Duration::from_millis(millis);
        let mut moves = self.with_queue(Queue::flush);
        let mut decided = json!({});
        if !moves.is_empty() {
            // Of one beat and one flush: by name.
            let names = &self.names;
            moves.sort_by_key(|own| (own.at, names[own.pod as usize].clone()));
            decided["flushed"] = moves.iter().map(|own| self.told(own)).collect();
        }
        match name {
            "wait" => {}
            "pop" => {
                let popped = self.queue.pop().map(|(uid, pod)| (uid, pod.attempts));
                decided["popped"] = "".into();
                if let Some((uid, attempts)) = popped {
                    let name = self.names[uid as usize].clone();
                    decided["popped"] = (*name).into();
                    decided["attempts"] = attempts.into();
                    self.in_flight.insert(name, uid);
                }
            }
            "addNode" | "updateNode" | "deleteNode" => self.node(op, name)?,
            "addPod" | "updatePod" | "deletePod" => self.pod(op, name)?,
            "addAssignedPod" | "updateAssignedPod" | "deleteAssignedPod" => {
                self.assigned_pod(op, name)?;
            }
            "fail" => self.fail(op)?,
            "bind" => self.bind(op)?,
            "activate" => {
                if let Some(&uid) = self.pending.get(&*text(op, "name")?) {
                    self.with_queue(|queue, ctx| queue.activate(ctx, uid));
                }
            }
            _ => return Err("this operation is not known".to_owned()),
        }
        Ok(decided)
    }

    fn told(&self, own: &Move) -> Value {
        let to = match own.to {
            Place::Active => "active",
            Place::Backoff => "backoff",
            Place::ErrorBackoff => "errorBackoff",
            Place::Unschedulable => "unschedulable",
            Place::InFlight => "inFlight",
        };
        let name: &str = &self.names[own.pod as usize];
        json!({"t": millis(own.at), "pod": name, "to": to})
    }

    fn happened(&mut self, event: ClusterEvent) {
        self.with_queue(|queue, ctx| queue.happened(ctx, event));
    }

    fn node(&mut self, op: &Value, name: &str) -> Result<(), String> {
        if name == "deleteNode" {
            if let Some(node) = self.nodes.remove(&*text(op, "name")?) {
                self.happened(ClusterEvent::NodeDeleted(node));
            }
            return Ok(());
        }
        let read = manifests(&self.id, &[op.get("object").unwrap_or(&Value::Null)])?;
        let node = read.nodes.into_iter().next().ok_or("no node")?;
        let node = NodeInfo::new(Arc::new(node)).map_err(|error| error.to_string())?;
        let node = Arc::new(node);
        let before = self.nodes.insert(node.name().clone(), node.clone());
        let events = match before {
            Some(before) => node_changes(&before, &node),
            None => vec![ClusterEvent::NodeAdded(node)],
        };
        for event in events {
            self.happened(event);
        }
        Ok(())
    }

    fn read_pod(&mut self, op: &Value) -> Result<Arc<PodInfo>, String> {
        let read = manifests(&self.id, &[op.get("object").unwrap_or(&Value::Null)])?;
        let pod: &ManifestPod = read.pods.first().ok_or("no pod")?;
        let class = self.cache.class(&pod.spec);
        let mut info = PodInfo {
            class: class.map_err(|error| error.to_string())?,
            name: pod.name.clone().into(),
            is_terminating: pod.is_terminating,
            ..PodInfo::default()
        };
        info.set_node_name(pod.node_name.clone());
        info.set_nominated_node(pod.nominated_node.clone());
        Ok(Arc::new(info))
    }

    fn pod(&mut self, op: &Value, name: &str) -> Result<(), String> {
        if name == "deletePod" {
            if let Some(uid) = self.pending.remove(&*text(op, "name")?) {
                self.queue.delete(uid);
            }
            return Ok(());
        }
        let pod = self.read_pod(op)?;
        let own = pod.name.text();
        let known = self.pending.get(&own).copied();
        let uid = known.unwrap_or(self.names.len() as PodUid);
        if known.is_none() {
            self.names.push(own.clone());
            self.pending.insert(own, uid);
        }
        self.with_queue(|queue, ctx| queue.update(ctx, uid, 0, pod));
        Ok(())
    }

    fn assigned_pod(&mut self, op: &Value, name: &str) -> Result<(), String> {
        if name == "deleteAssignedPod" {
            if let Some(pod) = self.assigned.remove(&*text(op, "name")?) {
                self.happened(ClusterEvent::PodDeleted(pod));
            }
            return Ok(());
        }
        let pod = self.read_pod(op)?;
        let before = self.assigned.insert(pod.name.text(), pod.clone());
        let events = match before {
            Some(before) => pod_changes(&before, &pod),
            None => vec![ClusterEvent::PodAdded(pod)],
        };
        for event in events {
            self.happened(event);
        }
        Ok(())
    }

    fn fail(&mut self, op: &Value) -> Result<(), String> {
        let name = text(op, "name")?;
        let uid = self
            .in_flight
            .remove(&*name)
            .ok_or("the pod is not in flight")?;
        let plugins = &self.profiles[0].plugins;
        let mask = |field: &str| -> Result<PluginMask, String> {
            let names = list(op, field).into_iter().filter_map(Value::as_str);
            names
                .map(|name| {
                    let mut plugins = plugins.iter();
                    let position = plugins.position(|plugin| plugin.name() == name);
                    position.ok_or_else(|| format!("no plugin `{name}`"))
                })
                .collect()
        };
        let (rejected_by, pending_on) = (mask("plugins")?, mask("pending")?);
        self.with_queue(|queue, ctx| queue.fail(ctx, uid, rejected_by, pending_on));
        Ok(())
    }

    fn bind(&mut self, op: &Value) -> Result<(), String> {
        let name = text(op, "name")?;
        let uid = self
            .in_flight
            .remove(&*name)
            .ok_or("the pod is not in flight")?;
        let info = self.queue.get(uid).map(|pod| pod.info.clone());
        self.queue.done(uid);
        self.pending.remove(&*name);
        if let Some(info) = info {
            let mut bound = (*info).clone();
            bound.set_node_name(Some(text(op, "node")?));
            let bound = Arc::new(bound);
            self.assigned.insert(bound.name.text(), bound.clone());
            self.happened(ClusterEvent::PodAdded(bound));
        }
        Ok(())
    }

    fn state(&self) -> Value {
        let name = |uid: PodUid| &*self.names[uid as usize];
        let sorted = |uids: Vec<PodUid>| {
            let mut names: Vec<&str> = uids.into_iter().map(name).collect();
            names.sort_unstable();
            names
        };
        let held_back = |is_gated: bool| {
            let pods = self.queue.pods().filter(|(_, pod)| {
                pod.place == Place::Unschedulable && pod.gated_by.is_some() == is_gated
            });
            sorted(pods.map(|(uid, _)| uid).collect())
        };
        let until =
            |(expiry, uid): (Instant, PodUid)| json!({"name": name(uid), "expiry": millis(expiry)});
        let active: Vec<&str> = self.queue.active().map(name).collect();
        // Of one expiry, by name.
        let mut after_errors: Vec<(Instant, PodUid)> = self.queue.after_errors().collect();
        after_errors.sort_by_key(|&(expiry, uid)| (expiry, name(uid)));
        json!({
            "active": active,
            "backoff": self.queue.waiting_out().map(until).collect::<Vec<_>>(),
            "errorBackoff": after_errors.into_iter().map(until).collect::<Vec<_>>(),
            "unschedulable": held_back(false),
            "gated": held_back(true),
            "inFlight": sorted(self.queue.in_flight().collect()),
        })
    }
}

fn millis(at: Instant) -> i64 {
    at.as_nanos() / 1_000_000
}

fn text(op: &Value, field: &str) -> Result<Text, String> {
    let text = op.get(field).and_then(Value::as_str);
    text.map(Into::into).ok_or_else(|| format!("no `{field}`"))
}
