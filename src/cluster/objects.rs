//! Objects of the API, by id and by name, with what they control.

use std::collections::BTreeMap;

use super::store::Conflict;
use crate::model::{Object, ObjectChange, PodRef, Text};
use crate::units::{Instant, ObjectId};

/// An object as the store keeps it.
#[derive(Clone, Debug)]
pub struct ObjectRow {
    /// The object.
    pub object: Object,
    /// What controls it.
    pub owner: Option<ObjectId>,
    /// When it was created.
    pub created: Instant,
    /// Objects that it controls, oldest first.
    pub children: Vec<ObjectId>,
    /// Living pods that it controls, oldest first.
    pub pods: Vec<PodRef>,
}

/// All objects of a cell. Ids are never reused.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    rows: Vec<Option<Box<ObjectRow>>>,
    names: BTreeMap<(&'static str, Text, Text), ObjectId>,
}

impl Objects {
    /// The id that the next object will have.
    pub fn next(&self) -> ObjectId {
        ObjectId::from_index(self.rows.len())
    }

    /// An object that is there.
    pub fn get(&self, id: ObjectId) -> Option<&ObjectRow> {
        self.rows.get(id.index())?.as_deref()
    }

    /// The object of a kind, namespace and name.
    pub fn find(&self, kind: &'static str, namespace: &Text, name: &Text) -> Option<ObjectId> {
        let key = (kind, namespace.clone(), name.clone());
        self.names.get(&key).copied()
    }

    /// All objects, by id.
    pub fn iter(&self) -> impl Iterator<Item = (ObjectId, &ObjectRow)> {
        let rows = self.rows.iter().enumerate();
        rows.filter_map(|(index, row)| Some((ObjectId::from_index(index), row.as_deref()?)))
    }

    pub(super) fn apply(&mut self, now: Instant, change: &ObjectChange) -> Result<(), Conflict> {
        match change {
            ObjectChange::Created { id, owner, object } => self.create(now, *id, *owner, object),
            ObjectChange::Updated { id, object } => {
                let row = self.get_mut(*id)?;
                if key(&row.object) != key(object) {
                    return Err(Conflict::ObjectIdentity);
                }
                row.object = object.clone();
                Ok(())
            }
            ObjectChange::Deleted { id } => self.delete(*id),
        }
    }

    fn create(
        &mut self,
        now: Instant,
        id: ObjectId,
        owner: Option<ObjectId>,
        object: &Object,
    ) -> Result<(), Conflict> {
        if id != self.next() {
            return Err(Conflict::UnknownObject);
        }
        let key = key(object);
        if self.names.contains_key(&key) {
            return Err(Conflict::DuplicateObject(format!("{} {}", key.0, key.2)));
        }
        if let Some(owner) = owner {
            self.get_mut(owner)?.children.push(id);
        }
        self.names.insert(key, id);
        self.rows.push(Some(Box::new(ObjectRow {
            object: object.clone(),
            owner,
            created: now,
            children: Vec::new(),
            pods: Vec::new(),
        })));
        Ok(())
    }

    fn delete(&mut self, id: ObjectId) -> Result<(), Conflict> {
        let row = self.rows.get_mut(id.index()).and_then(Option::take);
        let row = row.ok_or(Conflict::UnknownObject)?;
        self.names.remove(&key(&row.object));
        if let Some(Ok(owner)) = row.owner.map(|owner| self.get_mut(owner)) {
            owner.children.retain(|&child| child != id);
        }
        Ok(())
    }

    /// The object of a pod that was created.
    pub(super) fn adopt(&mut self, owner: ObjectId, pod: PodRef) -> Result<(), Conflict> {
        self.get_mut(owner)?.pods.push(pod);
        Ok(())
    }

    /// A pod ended; its owner may have gone before it.
    pub(super) fn release(&mut self, owner: ObjectId, pod: PodRef) {
        if let Ok(row) = self.get_mut(owner)
            && let Some(place) = row.pods.iter().position(|&own| own == pod)
        {
            row.pods.remove(place);
        }
    }

    fn get_mut(&mut self, id: ObjectId) -> Result<&mut ObjectRow, Conflict> {
        let row = self.rows.get_mut(id.index()).and_then(Option::as_deref_mut);
        row.ok_or(Conflict::UnknownObject)
    }
}

fn key(object: &Object) -> (&'static str, Text, Text) {
    let (namespace, name) = (object.namespace().clone(), object.name().clone());
    (object.kind(), namespace, name)
}
