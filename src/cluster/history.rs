//! The history of a store made short: changes that lead to its present state, without those about what
//! is gone. A store that is restored from it, and components that read its log from the beginning, know
//! what is stored, as a new leader of a real system does.

mod timeline;

use model::{Event, Object, ObjectChange, PodOwner};
use serde::{Deserialize, Serialize};
use units::{Identity, Instant, ObjectId, PodId, SortedMap};

use super::conflict::Conflict;
use super::{Commitment, LogEntry, Store};
use timeline::ChangeTimeline;

/// A short history. Identities are those of the store, except for rows of pods and for classes, which
/// are numbered anew. Holds are no part of it: they belong to components.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The changes, in order of their instants.
    pub entries: Vec<LogEntry>,
    numbers: Numbers,
}

/// Numbers that changes about what is gone would have led to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Numbers {
    /// Identity of the next pod.
    next_pod: u32,
    /// Identity of the next object.
    next_object: u32,
    /// Number of deleted objects of a kind, namespace and name.
    deleted: Vec<(Identity, u32)>,
    /// Number of pods that objects had so far.
    turns: Vec<IncarnationCount>,
    /// Number of earlier pods of pods that were not the first of their owner's index, and of those that
    /// have a state and no owner.
    pod_turns: Vec<(PodId, u32)>,
}

/// Number of pods that an object had for an index so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct IncarnationCount {
    owner: PodOwner,
    count: u32,
}

impl Store {
    /// The short history of the store at an instant.
    pub fn history(&self, now: Instant) -> History {
        let turns = self.objects().all_turns();
        let turns = turns.map(|(owner, count)| IncarnationCount { owner, count });
        let numbers = Numbers {
            next_pod: self.pods().created(),
            next_object: self.objects().next().0,
            deleted: self.objects().all_deleted().collect(),
            turns: turns.collect(),
            pod_turns: self.pod_turns(),
        };
        History {
            entries: ChangeTimeline::of(self, now).into_entries(),
            numbers,
        }
    }

    /// The store that a history leads to, with the whole history in its log.
    ///
    /// # Errors
    /// The history is none of a store.
    pub fn restored(commitment: Commitment, history: &History) -> Result<Self, Conflict> {
        // What nodes hold was decided when they took it, and they may have less to offer since.
        let mut store = Self::committed(Commitment::Decided);
        let numbers = &history.numbers;
        store.objects.set_deleted(&numbers.deleted);
        let pod_turns: SortedMap<PodId, u32> = numbers.pod_turns.iter().copied().collect();
        for entry in &history.entries {
            match &entry.event {
                Event::Object(ObjectChange::Created { id, .. }) => {
                    store.objects.number_from(*id)?;
                }
                Event::PodCreated(created) => {
                    store.pods.number_from(created.pod.id)?;
                    let turn = pod_turns.get(&created.pod.id).copied().unwrap_or(0);
                    if let Some(owner) = created.owner {
                        let root = store.objects.root(owner.object);
                        let counter = PodOwner::new(root, owner.index);
                        store.objects.set_turn(counter, turn)?;
                    }
                }
                _ => {}
            }
            store.apply(entry.at, entry.event.clone())?;
            if let Event::PodCreated(created) = &entry.event
                && created.owner.is_none()
                && let Some(&turn) = pod_turns.get(&created.pod.id)
            {
                store.pod_states.set_turn(created.pod, turn, entry.at);
            }
        }
        store.pods.number_from(PodId(numbers.next_pod))?;
        let objects = &mut store.objects;
        objects.number_from(ObjectId(numbers.next_object))?;
        objects.set_deleted(&numbers.deleted);
        for turns in &numbers.turns {
            objects.set_turn(turns.owner, turns.count)?;
        }
        store.commitment = commitment;
        Ok(store)
    }

    /// Turns of living and finished pods, where they don't follow from the changes.
    fn pod_turns(&self) -> Vec<(PodId, u32)> {
        let states = self.pod_states();
        let living = self.pods().iter();
        let living = living.filter_map(|pod| Some((pod.pod.id, states.get(pod.pod)?)));
        let finished = states.all_finished();
        let finished = finished.map(|one| (one.pod.pod.id, &one.state));
        let known = living.chain(finished);
        let told = known.filter(|(_, state)| state.turn > 0 || state.owner.is_none());
        let mut turns: Vec<(PodId, u32)> = told.map(|(pod, state)| (pod, state.turn)).collect();
        turns.sort_unstable();
        turns
    }
}

/// An object in place of one that is gone while its dependents are still there.
fn placeholder(id: ObjectId) -> Object {
    let named = model::NamedObject {
        namespace: "".into(),
        name: format!("{id} (gone)").into(),
    };
    Object::ConfigMap(named.into())
}

#[cfg(test)]
mod tests;
