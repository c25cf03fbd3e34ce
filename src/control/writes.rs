//! Writes of components as the API server takes them (spec: kubernetes.md 1.4).
//!
//! An object is written as a whole, with the version that its writer saw: the API server refuses the
//! write of one that was changed meanwhile. What the writer changed itself since it looked is no news to
//! it, as the answer to each of its requests has the new version. Of nodes, controllers write taints,
//! labels and cordons by patches that they make again when one is refused; so of a node only what a
//! component changed is written, and what others did meanwhile stays.

use std::sync::Arc;

use cluster::{Conflict, Store};
use model::{Event, Labels, Node, ObjectChange, Taint};
use units::{ObjectId, Revision, SortedMap};

use crate::Write;

/// The changes of objects that a component made since it last looked, so that they are no news to it.
#[derive(Clone, Debug, Default)]
pub struct OwnWrites(SortedMap<ObjectId, Revision>);

impl OwnWrites {
    /// The component looks again: whatever it does not see now is news to it.
    #[inline]
    pub fn clear(&mut self) {
        if !self.0.is_empty() {
            self.0 = SortedMap::new();
        }
    }

    /// The change that a write makes of the store as it is; `None` if it is so already.
    ///
    /// # Errors
    /// The object was changed by others since the component saw it.
    #[inline]
    pub fn taken(&self, store: &Store, write: &Write) -> Result<Option<Event>, Conflict> {
        match &write.event {
            Event::Object(ObjectChange::Updated { id, object }) => {
                let is_stale = store.is_stale(&write.event, write.decided_on);
                let row = store.objects().get(*id);
                if is_stale && self.0.get(id) != row.map(|row| &row.changed) {
                    return Err(Conflict::Stale);
                }
                // The server stores nothing for an object that is so already, and notifies no watcher
                // (etcd3 store, `GuaranteedUpdate`).
                let is_news = row.is_none_or(|row| row.object != *object);
                Ok(is_news.then(|| write.event.clone()))
            }
            Event::NodeUpdated { node, object } => {
                let (node, now) = (*node, store.nodes().object(*node));
                let (Some(now), Some(seen)) = (now, &write.seen) else {
                    return Ok(Some(write.event.clone()));
                };
                if Arc::ptr_eq(now, seen) || now == seen {
                    return Ok((object != now).then(|| write.event.clone()));
                }
                let object = merged(now, seen, object);
                let is_news = object != **now;
                Ok(is_news.then(|| Event::NodeUpdated {
                    node,
                    object: Arc::new(object),
                }))
            }
            event => Ok(Some(event.clone())),
        }
    }

    /// The store made a write as its change number `at`.
    #[inline]
    pub fn made(&mut self, write: &Write, at: Revision) {
        if let Event::Object(ObjectChange::Updated { id, .. }) = &write.event {
            self.0.insert(*id, at);
        }
    }
}

/// The node as it is, with what a writer changed of the node that it saw.
fn merged(now: &Node, seen: &Node, wanted: &Node) -> Node {
    Node {
        name: wanted.name.clone(),
        labels: merged_labels(now, seen, wanted),
        taints: merged_taints(now, seen, wanted),
        unschedulable: *changed(
            &now.unschedulable,
            &seen.unschedulable,
            &wanted.unschedulable,
        ),
        allocatable: changed(&now.allocatable, &seen.allocatable, &wanted.allocatable).clone(),
        capacity: changed(&now.capacity, &seen.capacity, &wanted.capacity).clone(),
        gpu: changed(&now.gpu, &seen.gpu, &wanted.gpu).clone(),
        images: changed(&now.images, &seen.images, &wanted.images).clone(),
        avoids: changed(&now.avoids, &seen.avoids, &wanted.avoids).clone(),
        guard: *changed(&now.guard, &seen.guard, &wanted.guard),
        is_leaving: now.is_leaving,
    }
}

/// What a writer wants where it changed what it saw; else what is there.
fn changed<'a, T: PartialEq>(now: &'a T, seen: &T, wanted: &'a T) -> &'a T {
    if seen == wanted { now } else { wanted }
}

fn merged_labels(now: &Node, seen: &Node, wanted: &Node) -> Labels {
    let mut labels = now.labels.clone();
    for key in seen.labels.keys() {
        if !wanted.labels.contains_key(key) {
            labels.remove(key);
        }
    }
    for (key, value) in &wanted.labels {
        if seen.labels.get(key) != Some(value) {
            labels.insert(key.clone(), value.clone());
        }
    }
    labels
}

/// A node has one taint of a key and an effect.
fn merged_taints(now: &Node, seen: &Node, wanted: &Node) -> Vec<Taint> {
    let mut taints = now.taints.clone();
    taints.retain(|taint| !seen.taints.contains(taint) || wanted.taints.contains(taint));
    for new in &wanted.taints {
        if seen.taints.contains(new) || taints.contains(new) {
            continue;
        }
        taints.retain(|taint| taint.key != new.key || taint.effect != new.effect);
        taints.push(new.clone());
    }
    taints
}

#[cfg(test)]
mod tests;
