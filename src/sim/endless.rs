//! Runs that would never end: a run without a latest instant goes on while anything happens, so
//! something that starts over and over (a container that always restarts, a pod that is always
//! replaced) keeps it going for ever. Such a run is stopped with words.
//!
//! What the scenario brings from outside (arrivals, operations, declared failures) comes to an end. Once
//! it has, an object may start over as often as it has pods, and then some; beyond that, it does so
//! without end.

use cluster::Store;
use model::{Event, Object, ObjectChange, Pod, PodChange, PodRef, PullStep};
use units::{ClassId, Instant, SortedMap};

use super::SimError;
use super::context::Context;
use super::followers::{Change, Follower};

/// Number of times that an object may start over, besides those that its pods need.
const FREE: u64 = 10_000;
/// Number of times that each pod of the cluster may start over.
const FREE_PER_POD: u64 = 4;

/// Something that starts over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Repetition {
    /// Object, such as `ReplicaSet default/web-1`.
    object: String,
    /// Deed that is done to the object again and again.
    deed: &'static str,
}

/// Counts what starts over since anything last came from outside.
#[derive(Clone, Debug, Default)]
pub(super) struct Endless {
    quiet_since: Instant,
    /// Whether what happens comes from outside right now.
    is_arriving: bool,
    /// Whether pods that no object owns come back to continue their work, which has an end.
    is_resuming: bool,
    counts: SortedMap<Repetition, u64>,
    found: Option<Repetition>,
}

impl Endless {
    /// Something came from outside.
    pub(super) fn disturbed(&mut self, now: Instant) {
        self.quiet_since = now;
        if self.found.is_none() && !self.counts.is_empty() {
            self.counts.clear();
        }
    }

    /// An arrival begins, or is over; so does what the cluster consists of at the start.
    pub(super) fn arriving(&mut self, now: Instant, begins: bool) {
        self.is_arriving = begins;
        self.disturbed(now);
    }

    /// Pods that no object owns are the rest of work that was interrupted.
    pub(super) const fn allow_resuming(&mut self) {
        self.is_resuming = true;
    }

    /// The error of a run that can't end.
    pub(super) fn error(&self, now: Instant) -> Option<SimError> {
        let found = self.found.as_ref()?;
        Some(SimError::Endless {
            object: found.object.clone(),
            deed: found.deed,
            times: self.counts.get(found).copied().unwrap_or_default(),
            since: self.quiet_since,
            at: now,
        })
    }

    fn count(&mut self, repetition: Repetition, store: &Store) {
        let count = self.counts.entry(repetition.clone()).or_default();
        *count += 1;
        if *count > FREE + FREE_PER_POD * store.pods().living() as u64 {
            self.found.get_or_insert(repetition);
        }
    }
}

impl Follower for Endless {
    fn follow(&mut self, change: Change<'_>, ctx: &mut Context<'_>) {
        let is_bounded = ctx.options().stop.latest().is_some();
        if self.is_arriving || is_bounded || self.found.is_some() {
            return;
        }
        let store = change.store;
        let (object, deed) = match change.event {
            Event::PodChanged { pod, change } => match change {
                PodChange::Restarted(_) => (of_pod(store, *pod), "restarts containers"),
                PodChange::Pull {
                    step: PullStep::Failed { .. },
                    ..
                } => (of_pod(store, *pod), "fails to pull an image"),
                _ => return,
            },
            Event::PodCreated(created) => {
                // Jobs create no more pods than they have completions and retries.
                let owner = created
                    .owner
                    .and_then(|owner| store.objects().get(owner.object));
                match owner.map(|row| &row.object) {
                    Some(Object::Job(_)) => return,
                    Some(object) => (named(object), "creates pods"),
                    None if self.is_resuming => return,
                    // Frameworks create pods that no object owns.
                    None => (of_class(store, created.class), "creates pods"),
                }
            }
            Event::Object(ObjectChange::Created {
                owner: Some(owner), ..
            }) => match store.objects().get(*owner).map(|row| &row.object) {
                Some(object @ Object::CronJob(_)) => (named(object), "creates jobs"),
                _ => return,
            },
            Event::NodeAdded { .. } => ("the provider".to_owned(), "adds nodes"),
            _ => return,
        };
        self.count(Repetition { object, deed }, store);
    }
}

/// The name of the object that a pod belongs to, or its own.
fn of_pod(store: &Store, pod: PodRef) -> String {
    let Some(pod): Option<&Pod> = store.pods().get(pod) else {
        return "a pod".to_owned();
    };
    let spec = &store.class(pod.class).spec;
    match &spec.owner {
        Some(owner) => format!("{} {}/{}", owner.kind, spec.namespace, owner.name),
        None => format!("Pod {}/{}", spec.namespace, pod.name),
    }
}

/// The name of what pods of a class belong to.
fn of_class(store: &Store, class: ClassId) -> String {
    let spec = &store.class(class).spec;
    match &spec.owner {
        Some(owner) => format!("{} {}/{}", owner.kind, spec.namespace, owner.name),
        None => format!("a framework of namespace `{}`", spec.namespace),
    }
}

/// The kind, namespace and name of an object.
pub(super) fn named(object: &Object) -> String {
    format!("{} {}/{}", object.kind(), object.namespace(), object.name())
}
