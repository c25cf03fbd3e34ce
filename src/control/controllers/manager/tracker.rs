//! Tracker of the log for the controller manager: the owners of pods, the objects and their owners,
//! and orders that have not been seen back yet. The store itself no longer tells this of what is
//! gone.

use crate::controllers::replica_set::Expectations;
use model::{Event, ObjectChange, PodChange, PodOwner, PodRef};
use units::{Instant, ObjectId, PodId, SortedMap, SortedSet};

/// A change of the log, with whom it concerns.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Instant of the change.
    pub at: Instant,
    /// The event.
    pub event: &'a Event,
    /// The object that it is about, or that the pod it is about belongs to, with its kind.
    pub object: Option<(ObjectId, &'static str)>,
    /// Owner of that object.
    pub owner: Option<(ObjectId, &'static str)>,
    /// Position of a pod in its owner.
    pub pod: Option<(PodRef, PodOwner)>,
}

impl Change<'_> {
    /// The object of one of these kinds that has to be looked at: the one that changed or whose pod
    /// did, or the owner of an object that changed.
    pub fn concerns(&self, kinds: &[&str]) -> impl Iterator<Item = ObjectId> {
        let is_of = |known: &(ObjectId, &'static str)| kinds.contains(&known.1);
        // A Job that has counted a pod knows of it.
        let is_counted = |known: &(ObjectId, &'static str)| {
            let change = PodChange::Forgotten;
            known.1 == "Job"
                && matches!(self.event, Event::PodChanged { change: own, .. } if *own == change)
        };
        let object = self.object.filter(is_of).filter(|own| !is_counted(own));
        // How a pod is does not bear on its owner's owner, only that it is gone.
        let reaches_owner = matches!(self.event, Event::Object(_) | Event::PodEnded { .. });
        let owner = self.owner.filter(|_| reaches_owner).filter(is_of);
        object.into_iter().chain(owner).map(|(id, _)| id)
    }
}

/// Remembered state.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracker {
    /// Owned pods, by slot.
    pods: Vec<Option<PodOwnership>>,
    /// Owners of pods that have ended and are kept until they are deleted.
    finished: SortedMap<PodId, PodOwner>,
    /// Objects by id; those that are gone, too.
    objects: Vec<Option<ObjectRecord>>,
    expected: SortedMap<ObjectId, ObjectExpectations>,
}

#[derive(Clone, Copy, Debug)]
struct PodOwnership {
    id: PodId,
    owner: PodOwner,
    is_terminating: bool,
}

#[derive(Clone, Copy, Debug)]
struct ObjectRecord {
    kind: &'static str,
    owner: Option<ObjectId>,
}

/// Orders for an object that were not yet observed.
#[derive(Clone, Debug, Default)]
struct ObjectExpectations {
    counts: Expectations,
    deletions: SortedSet<PodId>,
}

impl Tracker {
    /// Takes in a change and says whom it concerns.
    pub(super) fn read<'a>(&mut self, at: Instant, event: &'a Event) -> Change<'a> {
        let mut change = Change {
            at,
            event,
            object: None,
            owner: None,
            pod: None,
        };
        match event {
            Event::Object(object) => self.read_object(object, &mut change),
            Event::PodCreated(created) => {
                if let Some(owner) = created.owner {
                    self.track(created.pod, owner);
                    self.seen(owner.object, Expectations::creation_seen);
                    change.pod = Some((created.pod, owner));
                }
            }
            Event::PodBound { pod, .. }
            | Event::PodStarting { pod }
            | Event::PodRunning { pod }
            | Event::PodUnschedulable { pod } => change.pod = self.owned(*pod),
            Event::PodChanged {
                pod,
                change: PodChange::Forgotten,
            } => change.pod = self.finished.remove(&pod.id).map(|owner| (*pod, owner)),
            Event::PodChanged { pod, change: what } => {
                change.pod = self.owned(*pod);
                if matches!(what, PodChange::Terminating { .. }) {
                    self.deletion_seen(change.pod);
                    if change.pod.is_some()
                        && let Some(tracked) = &mut self.pods[pod.slot.index()]
                    {
                        tracked.is_terminating = true;
                    }
                }
            }
            Event::PodEnded { pod, reason } => {
                change.pod = self.owned(*pod);
                self.deletion_seen(change.pod);
                if change.pod.is_some()
                    && let Some(tracked) = self.pods[pod.slot.index()].take()
                    && !tracked.is_terminating
                    && reason.leaves_object()
                {
                    self.finished.insert(tracked.id, tracked.owner);
                }
            }
            _ => {}
        }
        if let Some((_, owner)) = change.pod {
            self.name(owner.object, &mut change);
        }
        change
    }

    fn read_object(&mut self, object: &ObjectChange, change: &mut Change<'_>) {
        let id = match object {
            ObjectChange::Created { id, owner, object } => {
                if self.objects.len() <= id.index() {
                    self.objects.resize(id.index() + 1, None);
                }
                let (kind, owner) = (object.kind(), *owner);
                self.objects[id.index()] = Some(ObjectRecord { kind, owner });
                *id
            }
            ObjectChange::Updated { id, .. } | ObjectChange::Terminating { id } => *id,
            ObjectChange::Orphaned { id } => {
                self.disown(*id);
                *id
            }
            ObjectChange::Deleted { id } => {
                self.expected.remove(id);
                *id
            }
        };
        self.name(id, change);
    }

    /// The dependents of an object belong to nothing from now on.
    fn disown(&mut self, id: ObjectId) {
        for known in self.objects.iter_mut().flatten() {
            known.owner = known.owner.filter(|owner| *owner != id);
        }
        for place in &mut self.pods {
            *place = place.filter(|tracked| tracked.owner.object != id);
        }
        self.finished.retain(|_, owner| owner.object != id);
    }

    fn name(&self, id: ObjectId, change: &mut Change<'_>) {
        let known = |id: ObjectId| self.objects.get(id.index()).copied().flatten();
        if let Some(own) = known(id) {
            change.object = Some((id, own.kind));
            change.owner = own
                .owner
                .and_then(|owner| Some((owner, known(owner)?.kind)));
        }
    }

    fn track(&mut self, pod: PodRef, owner: PodOwner) {
        if self.pods.len() <= pod.slot.index() {
            self.pods.resize(pod.slot.index() + 1, None);
        }
        self.pods[pod.slot.index()] = Some(PodOwnership {
            id: pod.id,
            owner,
            is_terminating: false,
        });
    }

    fn owned(&self, pod: PodRef) -> Option<(PodRef, PodOwner)> {
        let tracked = self.pods.get(pod.slot.index())?.as_ref()?;
        (tracked.id == pod.id).then_some((pod, tracked.owner))
    }

    /// Something was ordered for an object.
    pub(super) fn expect(
        &mut self,
        now: Instant,
        object: ObjectId,
        creations: usize,
        deletions: SortedSet<PodId>,
    ) {
        let counts = Expectations::ordered(now, creations as i32, deletions.len() as i32);
        self.expected
            .insert(object, ObjectExpectations { counts, deletions });
    }

    /// Whether something that was ordered for an object has not been seen yet.
    pub(super) fn is_waiting(&self, now: Instant, object: ObjectId) -> bool {
        let expected = self.expected.get(&object);
        expected.is_some_and(|expected| expected.counts.is_waiting(now))
    }

    /// A pod of an object will not come.
    pub(super) fn creation_failed(&mut self, object: ObjectId) {
        self.seen(object, Expectations::creation_seen);
    }

    /// A pod will not be deleted.
    pub(super) fn deletion_failed(&mut self, pod: PodRef) {
        self.deletion_seen(self.owned(pod));
    }

    fn deletion_seen(&mut self, pod: Option<(PodRef, PodOwner)>) {
        let Some((pod, owner)) = pod else { return };
        let expected = self.expected.get_mut(&owner.object);
        if expected.is_some_and(|expected| expected.deletions.remove(&pod.id)) {
            self.seen(owner.object, Expectations::deletion_seen);
        }
    }

    fn seen(&mut self, object: ObjectId, see: impl FnOnce(&mut Expectations)) {
        if let Some(expected) = self.expected.get_mut(&object) {
            see(&mut expected.counts);
        }
    }
}
