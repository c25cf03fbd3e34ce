//! Secrets and configs: a task is placed and prepared, and starts once all that it needs is declared
//! (spec: orchestrators-a.md section 2.1, the ladder's dependencies; swarmkit
//! `agent/dependency.go`).
//!
//! What is deleted meanwhile keeps running tasks running: they have their copy.

use model::{ConfigReference, Object, PodSpec, Text};
use units::{ObjectId, SortedMap, SortedSet};

/// One of them in its namespace.
type Key = (Text, ConfigReference);

/// Declared objects, and the tasks that wait for others.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    declared: SortedMap<ObjectId, Key>,
    present: SortedSet<Key>,
    /// Tasks that wait, by number, with what they lack.
    waiting: SortedMap<u64, SortedSet<Key>>,
    /// Tasks that lack nothing any longer, and that nobody was told of.
    ready: Vec<u64>,
}

impl Needs {
    /// An object is declared.
    pub(super) fn declare(&mut self, id: ObjectId, object: &Object) {
        let needed = match object {
            Object::Secret(own) => ConfigReference::Secret(own.name.clone()),
            Object::ConfigMap(own) => ConfigReference::ConfigMap(own.name.clone()),
            _ => return,
        };
        let key = (object.namespace().clone(), needed);
        self.declared.insert(id, key.clone());
        self.present.insert(key.clone());
        let ready = &mut self.ready;
        self.waiting.retain(|&number, lacking| {
            lacking.remove(&key);
            if lacking.is_empty() {
                ready.push(number);
            }
            !lacking.is_empty()
        });
    }

    /// The tasks that lack nothing any longer, each once.
    pub(super) fn take_ready(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.ready)
    }

    /// An object is deleted.
    pub(super) fn delete(&mut self, id: ObjectId) {
        if let Some(key) = self.declared.remove(&id) {
            self.present.remove(&key);
        }
    }

    /// Whether something that a pod needs is missing.
    pub(super) fn lacks(&self, pod: &PodSpec) -> bool {
        self.missing(pod).next().is_some()
    }

    fn missing<'a>(&'a self, pod: &'a PodSpec) -> impl Iterator<Item = Key> + 'a {
        let keys = pod.needs.0.iter();
        let keys = keys.map(|needed| (pod.namespace.clone(), needed.clone()));
        keys.filter(|key| !self.present.contains(key))
    }

    /// A task waits for what it lacks.
    pub(super) fn wait(&mut self, number: u64, pod: &PodSpec) {
        let missing = self.missing(pod).collect();
        self.waiting.insert(number, missing);
    }

    /// A task waits no longer.
    pub(super) fn forget(&mut self, number: u64) {
        self.waiting.remove(&number);
    }

    /// Needs that a task waits for, in words.
    pub(super) fn message(&self, number: u64) -> Option<Text> {
        let lacking = self.waiting.get(&number)?.iter();
        let names: Vec<String> = lacking.map(|(_, needed)| needed.to_string()).collect();
        Some(format!("waits for {}", names.join(", ")).into())
    }
}
