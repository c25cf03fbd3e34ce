//! Objects of the API, by id and by name, with what they control.

use super::conflict::Conflict;
use model::dra::DeviceId;
use model::{Namespace, Object, ObjectChange, PodOwner, PodRef, Text};
use units::{Identity, Instant, ObjectId, Revision, SortedMap};

/// An object as the store keeps it.
#[derive(Clone, Debug)]
pub struct ObjectRow {
    /// The object.
    pub object: Object,
    /// The object that controls the object row.
    pub owner: Option<ObjectId>,
    /// Instant of the object's creation.
    pub created: Instant,
    /// The revision of its last change.
    pub changed: Revision,
    /// Objects that it controls, oldest first.
    pub children: Vec<ObjectId>,
    /// Living pods that it controls, oldest first.
    pub pods: Vec<PodRef>,
    /// Marks an object that goes once its dependents are gone.
    pub is_terminating: bool,
    /// Stable identity of the object: kind, namespace, name, and how many objects had these before.
    pub identity: Identity,
    /// Pods ever created for each index of the object.
    turns: SortedMap<i32, u32>,
}

impl ObjectRow {
    /// Number of pods that the object had for an index so far.
    pub fn turn(&self, index: i32) -> u32 {
        self.turns.get(&index).copied().unwrap_or(0)
    }
}

/// All objects of a cell. Ids are never reused.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    rows: Vec<Option<Box<ObjectRow>>>,
    names: SortedMap<(&'static str, Text, Text), ObjectId>,
    /// Dependents that deleted objects left behind.
    orphans: SortedMap<ObjectId, Orphans>,
    /// Number of deleted objects of a kind, namespace and name, where any was.
    deleted: SortedMap<Identity, u32>,
    /// Devices that claims keep from others, with the claim.
    devices: SortedMap<DeviceId, ObjectId>,
}

/// Dependents of a deleted object that still exist.
#[derive(Clone, Debug, Default)]
pub struct Orphans {
    /// Objects, oldest first.
    pub children: Vec<ObjectId>,
    /// Living pods, oldest first.
    pub pods: Vec<PodRef>,
}

impl Orphans {
    const fn is_empty(&self) -> bool {
        self.children.is_empty() && self.pods.is_empty()
    }
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

    /// The namespace of a name, as an object.
    pub fn namespace(&self, name: &Text) -> Option<&Namespace> {
        let found = self.find("Namespace", &Text::default(), name);
        match &self.get(found?)?.object {
            Object::Namespace(own) => Some(own),
            _ => None,
        }
    }

    /// All objects, by id.
    pub fn iter(&self) -> impl Iterator<Item = (ObjectId, &ObjectRow)> {
        let rows = self.rows.iter().enumerate();
        rows.filter_map(|(index, row)| Some((ObjectId::from_index(index), row.as_deref()?)))
    }

    /// The objects of a kind in a namespace, by name.
    pub fn of_kind(
        &self,
        kind: &'static str,
        namespace: &Text,
    ) -> impl Iterator<Item = (ObjectId, &ObjectRow)> {
        let first = (kind, namespace.clone(), Text::default());
        let named = self.names.range(first..);
        let namespace = namespace.clone();
        let same = named.take_while(move |(key, _)| key.0 == kind && key.1 == namespace);
        same.filter_map(|(_, &id)| Some((id, self.get(id)?)))
    }

    /// Whether there is any object of a kind.
    pub fn has_kind(&self, kind: &'static str) -> bool {
        let first = (kind, Text::default(), Text::default());
        let next = self.names.range(first..).next();
        next.is_some_and(|(key, _)| key.0 == kind)
    }

    /// Dependents that a deleted object left behind.
    pub fn orphans(&self, owner: ObjectId) -> Option<&Orphans> {
        self.orphans.get(&owner)
    }

    /// The object that stands for an object where pods are counted: the deployment of a replica set, whose
    /// own name holds a hash; else the object itself.
    pub fn root(&self, id: ObjectId) -> ObjectId {
        let row = self.get(id);
        let row = row.filter(|row| matches!(row.object, Object::ReplicaSet(_)));
        let owner = row.and_then(|row| row.owner);
        owner
            .filter(|&owner| self.get(owner).is_some())
            .unwrap_or(id)
    }

    /// Number of pods that an object, or the deployment above it, had for an index so far.
    pub(super) fn turn_of_root(&self, owner: PodOwner) -> u32 {
        let root = self.get(self.root(owner.object));
        root.map_or(0, |row| row.turn(owner.index))
    }

    /// Number of pods that objects had for each of their indexes.
    pub(super) fn all_turns(&self) -> impl Iterator<Item = (PodOwner, u32)> {
        let turns = |(id, row): (ObjectId, &'_ ObjectRow)| {
            let turns = row.turns.iter();
            let turns = turns.map(move |(&index, &count)| (PodOwner::new(id, index), count));
            turns.collect::<Vec<_>>()
        };
        self.iter().flat_map(turns)
    }

    /// Sets the number of pods that an object had for an index so far.
    pub(super) fn set_turn(&mut self, owner: PodOwner, count: u32) -> Result<(), Conflict> {
        let row = self.get_mut(owner.object)?;
        row.turns.insert(owner.index, count);
        Ok(())
    }

    /// Number of deleted objects, by the identity of the first.
    pub(super) fn all_deleted(&self) -> impl Iterator<Item = (Identity, u32)> {
        self.deleted.iter().map(|(&first, &count)| (first, count))
    }

    /// Sets the number of deleted objects.
    pub(super) fn set_deleted(&mut self, deleted: &[(Identity, u32)]) {
        self.deleted = deleted.iter().copied().collect();
    }

    /// Gives this id to the next object: those before it are gone, and are not used again.
    pub(super) fn number_from(&mut self, next: ObjectId) -> Result<(), Conflict> {
        if next.index() < self.rows.len() {
            return Err(Conflict::UnknownObject);
        }
        self.rows.resize_with(next.index(), || None);
        Ok(())
    }

    pub(super) fn apply(
        &mut self,
        now: Instant,
        at: Revision,
        change: &ObjectChange,
    ) -> Result<(), Conflict> {
        match change {
            ObjectChange::Created { id, owner, object } => {
                self.create(now, at, *id, *owner, object)
            }
            ObjectChange::Updated { id, object } => {
                if key(&self.get_mut(*id)?.object) != key(object) {
                    return Err(Conflict::ObjectIdentity);
                }
                self.take_devices(*id, object)?;
                let row = self.get_mut(*id)?;
                row.object = object.clone();
                row.changed = at;
                Ok(())
            }
            ObjectChange::Terminating { id } => {
                self.get_mut(*id)?.is_terminating = true;
                Ok(())
            }
            ObjectChange::Orphaned { id } => self.orphan(*id),
            ObjectChange::Deleted { id } => self.delete(*id),
        }
    }

    /// The objects and pods of an object belong to nothing from now on.
    fn orphan(&mut self, id: ObjectId) -> Result<(), Conflict> {
        let row = self.get_mut(id)?;
        row.pods.clear();
        for child in std::mem::take(&mut row.children) {
            if let Ok(child) = self.get_mut(child) {
                child.owner = None;
            }
        }
        Ok(())
    }

    fn create(
        &mut self,
        now: Instant,
        at: Revision,
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
        self.take_devices(id, object)?;
        if let Some(owner) = owner {
            self.get_mut(owner)?.children.push(id);
        }
        let first = identity(object);
        let earlier = self.deleted.get(&first).copied().unwrap_or(0);
        self.names.insert(key, id);
        self.rows.push(Some(Box::new(ObjectRow {
            object: object.clone(),
            owner,
            created: now,
            changed: at,
            children: Vec::new(),
            pods: Vec::new(),
            is_terminating: false,
            identity: first.nth(u64::from(earlier)),
            turns: SortedMap::new(),
        })));
        Ok(())
    }

    fn delete(&mut self, id: ObjectId) -> Result<(), Conflict> {
        let row = self.rows.get_mut(id.index()).and_then(Option::take);
        let row = row.ok_or(Conflict::UnknownObject)?;
        self.names.remove(&key(&row.object));
        if let Object::ResourceClaim(claim) = &row.object {
            for device in claim.held() {
                self.devices.remove(device);
            }
        }
        *self.deleted.entry(identity(&row.object)).or_default() += 1;
        if let Some(owner) = row.owner {
            self.leave(owner, |children, _| children.retain(|&child| child != id));
        }
        let left = Orphans {
            children: row.children,
            pods: row.pods,
        };
        if !left.is_empty() {
            self.orphans.insert(id, left);
        }
        Ok(())
    }

    /// Gives a new pod to its object; returns how many pods the object, or the deployment above it, had for
    /// its index before.
    pub(super) fn adopt(&mut self, owner: PodOwner, pod: PodRef) -> Result<u32, Conflict> {
        let (turn, root) = (self.turn_of_root(owner), self.root(owner.object));
        let row = self.get_mut(owner.object)?;
        row.pods.push(pod);
        let own = row.turn(owner.index);
        self.set_turn(owner, own.saturating_add(1))?;
        if root != owner.object {
            let above = PodOwner::new(root, owner.index);
            self.set_turn(above, turn.saturating_add(1))?;
        }
        Ok(turn)
    }

    /// A pod ended; its owner may have gone before it.
    pub(super) fn release(&mut self, owner: ObjectId, pod: PodRef) {
        self.leave(owner, |_, pods| {
            if let Some(place) = pods.iter().position(|&own| own == pod) {
                pods.remove(place);
            }
        });
    }

    /// Something leaves its owner, or what a deleted owner left behind.
    fn leave(
        &mut self,
        owner: ObjectId,
        remove: impl FnOnce(&mut Vec<ObjectId>, &mut Vec<PodRef>),
    ) {
        if let Ok(row) = self.get_mut(owner) {
            remove(&mut row.children, &mut row.pods);
        } else if let Some(left) = self.orphans.get_mut(&owner) {
            remove(&mut left.children, &mut left.pods);
            if left.is_empty() {
                self.orphans.remove(&owner);
            }
        }
    }

    /// The claim that keeps a device from others.
    pub fn holder(&self, device: &DeviceId) -> Option<ObjectId> {
        self.devices.get(device).copied()
    }

    /// Number of devices that claims keep from others.
    pub fn held_devices(&self) -> usize {
        self.devices.len()
    }

    /// A claim has devices from now on, and no others; one that another claim has is refused, so that
    /// no device is allocated twice.
    fn take_devices(&mut self, id: ObjectId, object: &Object) -> Result<(), Conflict> {
        let Object::ResourceClaim(claim) = object else {
            return Ok(());
        };
        let is_taken = |device: &&DeviceId| self.devices.get(*device).is_some_and(|&own| own != id);
        if let Some(device) = claim.held().find(is_taken) {
            return Err(Conflict::DeviceTaken(device.to_string()));
        }
        let row = self.rows.get(id.index()).and_then(Option::as_deref);
        if let Some(Object::ResourceClaim(before)) = row.map(|row| &row.object) {
            for device in before.held() {
                self.devices.remove(device);
            }
        }
        for device in claim.held() {
            self.devices.insert(device.clone(), id);
        }
        Ok(())
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

fn identity(object: &Object) -> Identity {
    let named = Identity::of(object.kind()).with(object.namespace());
    named.with(object.name())
}
