//! Objects at an instant, by kind, with what their controllers made of them.

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::lists::has;
use super::variant::{NONE, ObjectId, Phase, Variant};

/// Most objects that are listed.
const MOST_OBJECTS: usize = 500;
/// Kinds of what is listed elsewhere, or is no object.
const OTHERS: [&str; 6] = ["Pod", "Node", "Scheduler", "Price", "Alert", "Notification"];

/// Search for objects.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ObjectSearch {
    /// Text in the name.
    pub(crate) q: String,
    /// Kind; every one if empty.
    pub(crate) of: String,
}

impl Variant {
    /// Objects at an instant that are looked for, with counts of the pods that they own, through others as well.
    pub(crate) fn objects_at(&self, time_ns: i64, search: &ObjectSearch) -> Value {
        let events = self.events_until(time_ns);
        let kind_of = |object: ObjectId| self.name(object).split('/').next().unwrap_or_default();
        let mut pods: FxHashMap<ObjectId, [u32; 2]> = FxHashMap::default();
        for (id, own) in self.objects.iter().enumerate() {
            if own.owner == NONE || kind_of(id as ObjectId) != "Pod" {
                continue;
            }
            let phase = self.pod_after(id as ObjectId, events).phase;
            if phase == Phase::Gone {
                continue;
            }
            let mut owner = own.owner;
            for _ in 0..8 {
                let counts = pods.entry(owner).or_default();
                counts[0] += 1;
                counts[1] += u32::from(phase == Phase::Running);
                owner = self.objects[owner as usize].owner;
                if owner == NONE {
                    break;
                }
            }
        }
        let mut kinds: Vec<(&str, u32)> = Vec::new();
        let mut rows = Vec::new();
        let mut count = 0_usize;
        for id in 0..self.objects.len() as ObjectId {
            let kind = kind_of(id);
            if OTHERS.contains(&kind) || !self.is_there(id, events) {
                continue;
            }
            match kinds.iter_mut().find(|(own, _)| *own == kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((kind, 1)),
            }
            let is_wanted = search.of.is_empty() || search.of == kind;
            if !is_wanted || !has(self.name(id), &search.q) {
                continue;
            }
            count += 1;
            if rows.len() < MOST_OBJECTS {
                let owner = self.objects[id as usize].owner;
                let [all, running] = pods.get(&id).copied().unwrap_or_default();
                rows.push(json!({
                    "name": self.name(id),
                    "owner": (owner != NONE).then(|| self.name(owner)),
                    "pods": all,
                    "running": running,
                }));
            }
        }
        kinds.sort_unstable();
        let kinds: Vec<Value> = { kinds.into_iter() }
            .map(|(kind, count)| json!({"kind": kind, "count": count}))
            .collect();
        json!({"kinds": kinds, "count": count, "rows": rows})
    }
}
