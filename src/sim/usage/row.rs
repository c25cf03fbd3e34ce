//! The processes of a pod, as far as its use goes by them.

use model::usage::Curve;
use model::{Object, PodRef, ResourceUsage};
use units::{ClassId, Duration, Instant, NodeId, ObjectId, PodId};

use cluster::Store;

/// The pods that share work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sharers {
    /// The pods of an object and of those it controls.
    Object(ObjectId),
    /// The pods of a class.
    Class(ClassId),
}

/// A pod of which processes are up.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: PodId,
    pub(super) spec: ClassId,
    pub(super) node: NodeId,
    pub(super) processes: Processes,
    pub(super) sharers: Sharers,
    pub(super) is_serving: bool,
    /// The use that traffic causes.
    pub(super) traffic: ResourceUsage,
}

/// Processes of a pod.
#[derive(Clone, Debug)]
pub(super) enum Processes {
    /// All its containers are one process.
    One(LiveProcess),
    /// Each container is a process of its own; those that are up, by place.
    Each(Box<[Option<LiveProcess>]>),
}

/// A process that is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LiveProcess {
    /// The instant at which it came up.
    pub(super) since: Instant,
    /// The instant from which its recorded use counts.
    pub(super) recorded_from: Instant,
}

impl LiveProcess {
    /// A process that comes up, of whose recorded use so much is over.
    pub(super) fn new(now: Instant, over: Duration) -> Self {
        Self {
            since: now,
            recorded_from: before(now, over),
        }
    }

    /// The instant from which a curve counts that goes by the time since the start of the process.
    pub(super) fn start_of(self, curve: &Curve) -> Instant {
        match curve {
            Curve::Recorded(_) => self.recorded_from,
            _ => self.since,
        }
    }
}

impl Row {
    /// The process of the container at a place, if it is up.
    pub(super) fn up(&self, place: usize) -> Option<LiveProcess> {
        match &self.processes {
            Processes::One(up) => Some(*up),
            Processes::Each(all) => all.get(place).copied().flatten(),
        }
    }

    /// The first process that is up.
    pub(super) fn first_up(&self) -> Option<LiveProcess> {
        match &self.processes {
            Processes::One(up) => Some(*up),
            Processes::Each(all) => all.iter().flatten().copied().min_by_key(|up| up.since),
        }
    }

    /// The recorded use of all processes counts from another instant.
    pub(super) fn count_from(&mut self, recorded_from: Instant) {
        match &mut self.processes {
            Processes::One(up) => up.recorded_from = recorded_from,
            Processes::Each(all) => {
                for up in all.iter_mut().flatten() {
                    up.recorded_from = recorded_from;
                }
            }
        }
    }
}

/// The instant that lies a span before another.
pub(super) fn before(now: Instant, span: Duration) -> Instant {
    Instant::from_nanos(now.as_nanos().saturating_sub(span.as_nanos()))
}

/// With whom a pod shares: the pods of its deployment, else those of its owner, else its class.
pub(super) fn sharers(store: &Store, pod: PodRef, spec: ClassId) -> Sharers {
    let owner = store.pod_states().get(pod).and_then(|state| state.owner);
    let Some(owner) = owner.map(|owner| owner.object) else {
        return Sharers::Class(spec);
    };
    let objects = store.objects();
    let above = objects.get(owner).and_then(|row| row.owner);
    let is_deployment = |id: &ObjectId| {
        objects
            .get(*id)
            .is_some_and(|row| matches!(row.object, Object::Deployment(_)))
    };
    Sharers::Object(above.filter(is_deployment).unwrap_or(owner))
}
