//! Numbers of pods that ended by themselves, by the object that controls them: some systems have their pods
//! forgotten at once, and users want to know how far a job is. Nothing is decided on them.

use cluster::{ObjectRow, Store};
use model::{Object, PodPhase, Text};
use serde::{Deserialize, Serialize};
use units::{Instant, ObjectId, SortedMap};

/// Ends by object.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallies(SortedMap<Counted, Tally>);

/// An object whose pods are counted: one that is made again under the name begins with none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Counted {
    kind: String,
    namespace: String,
    name: String,
    created: Instant,
}

/// Numbers of ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Tally {
    pub(super) succeeded: i32,
    pub(super) failed: i32,
    /// Instant of the last success.
    pub(super) last_success: Option<Instant>,
}

/// The ends of an object's pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NamedTally {
    object: Counted,
    tally: Tally,
}

impl Counted {
    fn of(row: &ObjectRow) -> Self {
        Self {
            kind: row.object.kind().to_owned(),
            namespace: row.object.namespace().to_string(),
            name: row.object.name().to_string(),
            created: row.created,
        }
    }

    fn is_there(&self, store: &Store) -> bool {
        let mut kinds = Object::KINDS.iter();
        let kind = kinds.find(|known| **known == self.kind.as_str());
        let names: [Text; 2] = [self.namespace.as_str().into(), self.name.as_str().into()];
        let id = kind.and_then(|kind| store.objects().find(kind, &names[0], &names[1]));
        let row = id.and_then(|id| store.objects().get(id));
        row.is_some_and(|row| row.created == self.created)
    }
}

impl Tallies {
    /// Counts the end of a pod of an object.
    pub(super) fn note(&mut self, now: Instant, store: &Store, owner: ObjectId, last: PodPhase) {
        let Some(row) = store.objects().get(owner) else {
            return;
        };
        let tally = self.0.entry(Counted::of(row)).or_default();
        if last == PodPhase::Succeeded {
            tally.succeeded = tally.succeeded.saturating_add(1);
            tally.last_success = Some(now);
        } else {
            tally.failed = tally.failed.saturating_add(1);
        }
    }

    /// The ends of an object's own pods.
    pub(super) fn of_object(&self, row: &ObjectRow) -> Tally {
        let tally = self.0.get(&Counted::of(row));
        tally.copied().unwrap_or_default()
    }

    /// The ends of the objects that are there.
    pub(super) fn present(&self, store: &Store) -> Vec<NamedTally> {
        let own = self.0.iter().filter(|(object, _)| object.is_there(store));
        let own = own.map(|(object, tally)| NamedTally {
            object: object.clone(),
            tally: *tally,
        });
        own.collect()
    }

    /// The ends of these objects.
    pub(super) fn of(objects: &[NamedTally]) -> Self {
        let objects = objects.iter();
        Self(objects.map(|own| (own.object.clone(), own.tally)).collect())
    }
}
