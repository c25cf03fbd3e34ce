//! A cluster at an instant: nodes by what is used of a resource, and one node or pod in full.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::variant::{Condition, Effect, NONE, ObjectId, PHASES, Phase, State, Variant};

/// Name of the resource that counts pods.
pub(crate) const PODS: &str = "pods";
/// Value of a node that isn't there.
const ABSENT: i32 = -1;
/// Most pods of a node that are listed.
const MOST_PODS: usize = 500;
/// Most events of an object that are listed.
const MOST_EVENTS: usize = 200;

/// Nodes at an instant, as the heat map draws them.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Heat {
    /// Count of events so far.
    pub(crate) events: usize,
    /// Count of pods by phase.
    pub(crate) phases: Map<String, Value>,
    /// Of each node, thousandths of what it has that are in use; -1 where it isn't there.
    pub(crate) values: Vec<i32>,
    /// Nodes that are down, by number.
    pub(crate) down: Vec<u32>,
    /// Whether nodes say how much they have; else the fullest counts as full.
    pub(crate) has_capacity: bool,
    /// Thousandths of the resource in use in all.
    pub(crate) used: i64,
    /// Thousandths of it that nodes have in all.
    pub(crate) capacity: i64,
}

/// State of a pod at an instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PodNow {
    /// Its phase.
    pub(crate) phase: Phase,
    /// Its node, if it has one.
    pub(crate) node: u32,
    /// Instant since which it is in this phase.
    pub(crate) since_ns: i64,
    /// What it asks for.
    pub(crate) amounts: u32,
    /// Times that containers were started again.
    pub(crate) restarts: u32,
}

/// Counts by phase, by the names of the page.
pub(crate) fn phases(counts: [u32; PHASES]) -> Map<String, Value> {
    let all = [
        Phase::Pending,
        Phase::Starting,
        Phase::Running,
        Phase::Terminating,
        Phase::Gone,
    ];
    let named = all.map(|phase| (phase.name().to_owned(), json!(counts[phase as usize])));
    named.into_iter().collect()
}

impl Variant {
    /// Resources that may be shown: those that nodes or pods name, and the count of pods.
    pub(crate) fn resources(&self) -> Vec<String> {
        let mut names = self.amounts.resources.clone();
        names.retain(|name| name != PODS);
        names.push(PODS.to_owned());
        names
    }

    /// Amount of a resource in use on a node, and what the node has of it.
    fn use_of(&self, state: &State, node: usize, resource: &str) -> (i64, i64) {
        let at = self
            .amounts
            .resources
            .iter()
            .position(|own| own == resource);
        let capacity = at.map_or(0, |at| self.amounts.of(state.capacity[node], at));
        if resource == PODS {
            return (i64::from(state.pods[node]) * 1_000, capacity);
        }
        let used = at.and_then(|at| Some(*state.used.get(at)?.get(node)?));
        (used.unwrap_or(0), capacity)
    }

    /// Nodes at an instant, by a resource.
    pub(crate) fn heat(&self, time_ns: i64, resource: &str) -> Heat {
        let events = self.events_until(time_ns);
        let state = self.state_after(events);
        let uses: Vec<(i64, i64)> = (0..state.pods.len())
            .map(|node| self.use_of(&state, node, resource))
            .collect();
        let has_capacity = uses.iter().any(|(_, capacity)| *capacity > 0);
        let most = uses.iter().map(|(used, _)| *used).max().unwrap_or(0).max(1);
        let (mut all_used, mut all_capacity) = (0, 0);
        let mut down = Vec::new();
        let mut values = vec![ABSENT; self.nodes.len()];
        for (node, (used, capacity)) in uses.into_iter().enumerate() {
            if state.condition[node] == Condition::Absent {
                continue;
            }
            if state.condition[node] == Condition::Down {
                down.push(node as u32);
            }
            all_used += used;
            all_capacity += capacity;
            let whole = if has_capacity { capacity } else { most };
            let share = if whole > 0 {
                (used as f64 * 1e3 / whole as f64).round() as i32
            } else {
                0
            };
            values[node] = share.max(0);
        }
        Heat {
            events,
            phases: phases(state.phases),
            values,
            down,
            has_capacity,
            used: all_used,
            capacity: all_capacity,
        }
    }

    /// State of a pod after the first events.
    pub(crate) fn pod_after(&self, pod: ObjectId, events: usize) -> PodNow {
        let own = &self.objects[pod as usize].events;
        let own = &own[..own.partition_point(|number| (*number as usize) < events)];
        let mut now = PodNow {
            phase: Phase::Gone,
            node: NONE,
            since_ns: 0,
            amounts: 0,
            restarts: 0,
        };
        for number in own {
            let at = *number as usize;
            match self.effects[at] {
                Effect::Created { amounts, .. } => {
                    (now.phase, now.since_ns) = (Phase::Pending, self.times[at]);
                    now.amounts = amounts;
                }
                Effect::Resized { after, .. } => now.amounts = after,
                Effect::Phase { to, .. } => (now.phase, now.since_ns) = (to, self.times[at]),
                Effect::Moved {
                    node, amounts, to, ..
                } => {
                    (now.phase, now.since_ns) = (to, self.times[at]);
                    now.amounts = amounts;
                    now.node = if to.holds_node() { node } else { NONE };
                }
                _ => {}
            }
            if self
                .kinds
                .get(usize::from(self.kind_of[at]))
                .is_some_and(|own| own == "restarted")
            {
                now.restarts += 1;
            }
        }
        now
    }

    /// Amounts as the page shows them: thousandths by resource.
    fn amounts_json(&self, id: u32) -> Value {
        let own = self.amounts.get(id).iter();
        let own = own.map(|(at, milli)| (self.amounts.resources[*at].clone(), json!(milli)));
        Value::Object(own.collect())
    }

    /// A row about a pod.
    pub(crate) fn pod_row(&self, pod: ObjectId, now: PodNow) -> Value {
        let node = (now.node != NONE).then(|| self.node_name(now.node));
        let owner = self.objects[pod as usize].owner;
        json!({
            "name": self.name(pod),
            "phase": now.phase.name(),
            "node": node,
            "sinceNs": now.since_ns,
            "asks": self.amounts_json(now.amounts),
            "restarts": now.restarts,
            "owner": (owner != NONE).then(|| self.name(owner)),
        })
    }

    /// Pods that hold a node after the first events.
    fn pods_on(&self, node: u32, events: usize) -> Vec<(ObjectId, PodNow)> {
        let mut ever = self.pods_of[node as usize].clone();
        ever.sort_unstable();
        ever.dedup();
        let now = ever
            .into_iter()
            .map(|pod| (pod, self.pod_after(pod, events)));
        now.filter(|(_, now)| now.node == node).collect()
    }

    /// A node at an instant, with its pods.
    pub(crate) fn node_at(&self, name: &str, time_ns: i64) -> Option<Value> {
        let object = self.find(&format!("Node/{name}"))?;
        let node = self.objects[object as usize].node;
        if node == NONE {
            return None;
        }
        let events = self.events_until(time_ns);
        let state = self.state_after(events);
        let at = node as usize;
        let condition = match state.condition.get(at).copied().unwrap_or_default() {
            Condition::Absent => "not there",
            Condition::Up => "up",
            Condition::Down => "down",
        };
        let mut uses = Vec::new();
        if at < state.pods.len() {
            for resource in self.resources() {
                let (used, capacity) = self.use_of(&state, at, &resource);
                uses.push(json!({"resource": resource, "used": used, "capacity": capacity}));
            }
        }
        let mut pods = self.pods_on(node, events);
        pods.sort_by_key(|(_, now)| now.since_ns);
        let count = pods.len();
        let rows = pods.into_iter().take(MOST_PODS);
        let rows: Vec<Value> = rows.map(|(pod, now)| self.pod_row(pod, now)).collect();
        Some(json!({
            "name": name,
            "place": self.words.get(self.place_of[at]),
            "condition": condition,
            "uses": uses,
            "count": count,
            "pods": rows,
            "events": self.events_of(object, events),
        }))
    }

    /// An object at an instant, with its owners, what it owns, and its events.
    pub(crate) fn object_at(&self, name: &str, time_ns: i64) -> Option<Value> {
        let object = self.find(name)?;
        let events = self.events_until(time_ns);
        let mut owners = Vec::new();
        let mut owner = self.objects[object as usize].owner;
        while owner != NONE && owners.len() < 8 {
            owners.push(self.name(owner));
            owner = self.objects[owner as usize].owner;
        }
        let mut owned = Vec::new();
        let mut count = 0_usize;
        for (id, own) in self.objects.iter().enumerate() {
            if own.owner != object || !self.is_there(id as ObjectId, events) {
                continue;
            }
            count += 1;
            if owned.len() < MOST_PODS {
                let name = self.name(id as ObjectId);
                owned.push(if name.starts_with("Pod/") {
                    self.pod_row(id as ObjectId, self.pod_after(id as ObjectId, events))
                } else {
                    json!({"name": name})
                });
            }
        }
        let mut all = json!({
            "name": name,
            "isThere": self.is_there(object, events),
            "owners": owners,
            "owned": owned,
            "count": count,
            "events": self.events_of(object, events),
        });
        if name.starts_with("Pod/") {
            all["pod"] = self.pod_row(object, self.pod_after(object, events));
        }
        Some(all)
    }

    /// Whether an object exists after the first events.
    pub(crate) fn is_there(&self, object: ObjectId, events: usize) -> bool {
        let own = &self.objects[object as usize];
        if self.name(object).starts_with("Pod/") {
            return self.pod_after(object, events).phase != Phase::Gone;
        }
        let before = own
            .events
            .partition_point(|number| (*number as usize) < events);
        // The last event that says so decides; what was found at the start has no event of its creation.
        let kinds = own.events[..before].iter().rev();
        let mut kinds =
            kinds.map(|number| self.kinds[usize::from(self.kind_of[*number as usize])].as_str());
        let decided = kinds.find_map(|kind| match kind {
            "deleted" | "left" => Some(false),
            "created" | "joined" | "updated" => Some(true),
            _ => None,
        });
        decided.unwrap_or(before > 0)
    }

    /// Events of an object among the first ones, the latest first.
    fn events_of(&self, object: ObjectId, events: usize) -> Value {
        let own = &self.objects[object as usize].events;
        let before = own.partition_point(|number| (*number as usize) < events);
        let latest = own[..before].iter().rev().take(MOST_EVENTS);
        let rows: Vec<Value> = latest
            .map(|number| self.event_row(*number as usize))
            .collect();
        json!({"count": own.len(), "before": before, "rows": rows})
    }

    /// A row about an event.
    pub(crate) fn event_row(&self, number: usize) -> Value {
        json!({
            "number": number,
            "timeNs": self.times[number],
            "kind": self.kinds[usize::from(self.kind_of[number])],
            "object": self.name(self.object_of[number]),
            "what": self.words.get(self.what_of[number]),
        })
    }
}
