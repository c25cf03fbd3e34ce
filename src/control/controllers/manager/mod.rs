//! The controller manager: a component that runs the controllers of a cluster, one sync a step. It
//! reads the log once for all of them, keeps their work queue, and turns what their cores decide into
//! writes. Specification: kubernetes.md part 2.
//!
//! What happens at one instant is looked at as the original would if it were fast: an object that a
//! change names is synced at once, and once more when the instant has become quiet. Of the
//! original's queue the pauses after refused writes are kept, its bucket of 10 a second is not.

mod cron_job;
mod daemon_set;
mod deployment;
mod disruption;
pub mod entry;
mod garbage;
mod job;
mod namespace;
pub mod observe;
mod pod_gc;
mod queue;
pub mod registry;
mod replica_set;
mod resource_quota;
mod stateful_set;
mod sync;
mod template;
#[cfg(test)]
mod tests;
mod tracker;
mod ttl_after_finished;

use crate::admission::Creation;
use crate::{Component, Outbox, Progress, Write};
use cluster::{Conflict, Store};
use model::{Event, PodChange};
use units::{Instant, ObjectId, Revision};

use queue::{Work, WorkQueue};
pub use sync::Sync;
pub use tracker::Change;
use tracker::Tracker;

/// Settings of the controllers.
#[derive(Clone, Debug, Default)]
pub struct ControllerOptions {
    /// The date of the run's zero, in seconds since 1970-01-01T00:00:00Z.
    pub zero_unix_secs: i64,
}

/// A controller: says which objects a change makes it look at, and looks at them.
///
/// A controller that keeps every deployment at two replicas or more:
///
/// ```
/// use std::sync::Arc;
///
/// use cluster::Store;
/// use control::controllers::manager::{Change, Controller, Sync};
/// use model::Object;
/// use model::workload::Deployment;
/// use units::ObjectId;
///
/// #[derive(Clone)]
/// struct AtLeastTwo;
///
/// impl Controller for AtLeastTwo {
///     fn name(&self) -> &'static str {
///         "at-least-two"
///     }
///
///     fn read(&mut self, change: &Change<'_>, _store: &Store, look_at: &mut Vec<ObjectId>) {
///         look_at.extend(change.concerns(&["Deployment"]));
///     }
///
///     fn sync(&mut self, sync: &mut Sync<'_>) {
///         if let Some(Object::Deployment(own)) = sync.object()
///             && own.replicas < 2
///         {
///             let wanted = Deployment { replicas: 2, ..Deployment::clone(own) };
///             sync.update(sync.key, Object::Deployment(Arc::new(wanted)));
///         }
///     }
///
///     fn clone_controller(&self) -> Box<dyn Controller> {
///         Box::new(self.clone())
///     }
/// }
/// ```
pub trait Controller: Send {
    /// The controller's name, as the registry has it.
    fn name(&self) -> &'static str;

    /// Reads a change of the log, and names the objects to be looked at. `store` shows the cluster
    /// after all changes that are read now.
    fn read(&mut self, change: &Change<'_>, store: &Store, look_at: &mut Vec<ObjectId>);

    /// Looks at an object.
    fn sync(&mut self, sync: &mut Sync<'_>);

    /// It takes over at an instant from a predecessor, of which it knows what the log shows.
    fn restarted(&mut self, now: Instant) {
        let _ = now;
    }

    /// An equal machine that goes its own way from here.
    fn clone_controller(&self) -> Box<dyn Controller>;
}

impl Clone for Box<dyn Controller> {
    fn clone(&self) -> Self {
        self.clone_controller()
    }
}

/// The component that runs them.
#[derive(Clone)]
pub struct ControllerManager {
    controllers: Vec<Box<dyn Controller>>,
    tracker: Tracker,
    queue: WorkQueue,
    cursor: Revision,
    now: Instant,
    /// Work of the last step, and whether one of its writes was refused.
    last: Option<(Work, bool)>,
    look_at: Vec<ObjectId>,
}

impl ControllerManager {
    /// A manager of every controller of the registry that has seen nothing yet.
    pub fn new(options: &ControllerOptions) -> Self {
        let entries = registry::CONTROLLERS.iter();
        Self {
            controllers: entries.map(|entry| (entry.build)(options)).collect(),
            tracker: Tracker::default(),
            queue: WorkQueue::default(),
            cursor: Revision::default(),
            now: Instant::ZERO,
            last: None,
            look_at: Vec::new(),
        }
    }

    /// Reads what is new; whether there was anything.
    fn read(&mut self, store: &Store) -> bool {
        let head = store.revision();
        if self.cursor == head {
            return false;
        }
        for entry in store.log().since(self.cursor) {
            let change = self.tracker.read(entry.at, &entry.event);
            for (place, controller) in self.controllers.iter_mut().enumerate() {
                controller.read(&change, store, &mut self.look_at);
                for object in self.look_at.drain(..) {
                    self.queue.add(self.now, (place, object));
                }
            }
        }
        self.cursor = head;
        true
    }

    fn sync(&mut self, work: Work, store: &Store, out: &mut Outbox) {
        let (place, object) = work;
        let is_waiting = self.tracker.is_waiting(self.now, object);
        let mut sync = Sync::new(self.now, store, object, is_waiting, out);
        self.controllers[place].sync(&mut sync);
        let ordered = sync.finish();
        if ordered.creations > 0 || !ordered.deletions.is_empty() {
            let (creations, deletions) = (ordered.creations, ordered.deletions);
            self.tracker.expect(self.now, object, creations, deletions);
        }
        self.last = Some((work, false));
        match ordered.look_again {
            // As the original has it for what is overdue; at once would be for ever.
            Some(at) if at <= self.now => self.fail(),
            Some(at) => self.queue.add_at(at, work),
            None => {}
        }
        if ordered.has_failed {
            self.fail();
        }
    }

    /// The sync of the last step is tried again after a pause.
    fn fail(&mut self) {
        if let Some((work, has_failed @ false)) = &mut self.last {
            *has_failed = true;
            self.queue.fail(self.now, *work);
        }
    }
}

impl Component for ControllerManager {
    fn name(&self) -> &'static str {
        "controller-manager"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        if let Some((work, false)) = self.last.take() {
            self.queue.forget_failures(work);
        }
        self.now = now;
        let has_news = self.read(view);
        if let Some(work) = self.queue.take(now, has_news) {
            self.sync(work, view, out);
        }
        if let Some(at) = self.queue.next_due() {
            out.wake_at(at);
        }
        if self.queue.is_idle() {
            Progress::Idle
        } else {
            Progress::More
        }
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        if let Event::PodChanged {
            pod,
            change: PodChange::Terminating { .. },
        } = write.event
        {
            self.tracker.deletion_failed(pod);
        }
        self.fail();
    }

    fn declined(&mut self, creation: &Creation, _conflict: &Conflict) {
        if let Creation::Pod(pod) = creation {
            self.tracker.creation_failed(pod.owner.object);
        }
        self.fail();
    }

    fn restarted(&mut self, now: Instant) {
        for controller in &mut self.controllers {
            controller.restarted(now);
        }
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
