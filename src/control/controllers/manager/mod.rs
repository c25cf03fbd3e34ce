//! The controller manager: a component that runs the controllers of a cluster, one sync a step. It
//! reads the log once for all of them, keeps their work queue, and turns what their cores decide into
//! writes. Specification: kubernetes.md part 2.
//!
//! What happens at one instant is looked at as the original would if it were fast: an object that a
//! change names is synced at once, and once more when the instant has become quiet. Of the
//! original's queue the pauses after refused writes are kept, its bucket of 10 a second is not. Where
//! clients are limited, the requests of a sync are sent one by one (`flow`).

mod cron_job;
mod daemon_set;
mod deployment;
mod disruption;
pub mod entry;
mod flow;
mod garbage;
mod guard;
mod job;
mod namespace;
pub mod observe;
mod pod_gc;
mod queue;
pub mod registry;
mod replica_set;
mod resource_quota;
mod scope;
mod stateful_set;
mod sync;
mod template;
#[cfg(test)]
mod tests;
mod tracker;
mod ttl_after_finished;

use crate::admission::Creation;
use crate::client_limit::ClientLimit;
use crate::volumes::AttachOptions;
use crate::{Component, Outbox, Progress, Write};
use cluster::{Conflict, Store};
use model::{Change as ReleaseChange, Changes, Event, PodChange};
use units::{Duration, Instant, ObjectId, Revision, SortedSet};

use flow::{Flow, SyncResult};
use guard::Guard;
use queue::{Work, WorkQueue};
pub use scope::ControllerScope;
pub use sync::Sync;
pub use tracker::Change;
use tracker::Tracker;

/// Settings of the controllers.
#[derive(Clone, Debug, Default)]
pub struct ControllerOptions {
    /// The date of the run's zero, in seconds since 1970-01-01T00:00:00Z.
    pub zero_unix_secs: i64,
    /// The limit of the client that each controller has; `None` sends everything at once.
    pub client: Option<ClientLimit>,
    /// Attaching and detaching of volumes; `None` has every volume on every node.
    pub volumes: Option<AttachOptions>,
    /// The names of controllers that do not run, as another component of the system does their work.
    pub replaced: &'static [&'static str],
    /// Objects that the manager looks at.
    pub scope: ControllerScope,
    /// Switches of the release that the controllers follow.
    pub changes: Changes,
    /// Number of ended pods that the pod garbage collector keeps; `None` is the default of the original, and
    /// 0 keeps all.
    pub terminated_pods: Option<usize>,
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

    /// How long the objects wait that the change read last has named, so that several changes lead to
    /// one look.
    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether the controller looks at objects that go once their dependents are gone.
    fn sees_terminating(&self) -> bool {
        false
    }

    /// Looks at an object.
    fn sync(&mut self, sync: &mut Sync<'_>);

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
    scope: ControllerScope,
    name: String,
    tracker: Tracker,
    /// Own writes that have not been seen yet, where they hold syncs back.
    guard: Option<Guard>,
    queue: WorkQueue,
    /// The clients, where they are limited.
    flow: Option<Flow>,
    /// Work that is to be looked at again once its requests are sent.
    deferred: SortedSet<Work>,
    cursor: Revision,
    now: Instant,
    /// What was sent in the last step, and whether it was refused.
    last: Option<LastSync>,
    look_at: Vec<ObjectId>,
}

/// What was sent in a step.
#[derive(Clone, Copy, Debug)]
struct LastSync {
    sent: SyncResult,
    has_failed: bool,
}

impl ControllerManager {
    /// A manager of every controller of the registry, but for those that are replaced, that has seen
    /// nothing yet.
    pub fn new(options: &ControllerOptions) -> Self {
        let entries = registry::CONTROLLERS.iter();
        let entries = entries.filter(|entry| !options.replaced.contains(&entry.name));
        let controllers: Vec<_> = entries.map(|entry| (entry.build)(options)).collect();
        Self {
            flow: (options.client).map(|limit| Flow::new(limit, controllers.len())),
            controllers,
            name: options.scope.manager(),
            scope: options.scope.clone(),
            tracker: Tracker::default(),
            guard: (options.changes)
                .has(ReleaseChange::StaleGuard)
                .then(Guard::default),
            queue: WorkQueue::default(),
            deferred: SortedSet::new(),
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
            if let Some(guard) = &mut self.guard {
                guard.read(&entry.event);
            }
            for (place, controller) in self.controllers.iter_mut().enumerate() {
                controller.read(&change, store, &mut self.look_at);
                self.look_at
                    .retain(|&object| self.scope.holds(store, object));
                let patience = controller.patience();
                for object in self.look_at.drain(..) {
                    if patience > Duration::ZERO {
                        let at = self.now.saturating_add(patience);
                        self.queue.add_at(at, (place, object));
                    } else {
                        self.queue.add(self.now, (place, object));
                    }
                }
            }
        }
        self.cursor = head;
        true
    }

    fn sync(&mut self, work: Work, store: &Store, out: &mut Outbox) {
        let (place, object) = work;
        let row = store.objects().get(object);
        if row.is_some_and(|row| row.is_terminating) && !self.controllers[place].sees_terminating()
        {
            return;
        }
        // The event that it waits for brings the object back.
        if (self.guard.as_ref()).is_some_and(|guard| guard.is_stale(object)) {
            return;
        }
        let is_waiting = self.tracker.is_waiting(self.now, object);
        let mut sync = Sync::new(self.now, store, object, is_waiting, out);
        self.controllers[place].sync(&mut sync);
        let ordered = sync.finish();
        if ordered.creations > 0 || !ordered.deletions.is_empty() {
            let (creations, deletions) = (ordered.creations, ordered.deletions);
            self.tracker.expect(self.now, object, creations, deletions);
        }
        if let Some(guard) = &mut self.guard {
            guard.wrote(object, store, out);
        }
        let is_complete = match &mut self.flow {
            None => true,
            Some(flow) => {
                flow.submit(work, out);
                !flow.is_busy(work)
            }
        };
        self.last = Some(LastSync {
            sent: SyncResult { work, is_complete },
            has_failed: false,
        });
        match ordered.look_again {
            // As the original has it for what is overdue; at once would be for ever.
            Some(at) if at <= self.now => self.fail(),
            Some(at) => self.queue.add_again_at(self.now, at, work),
            None => {}
        }
        if ordered.has_failed {
            self.fail();
        }
    }

    /// The sync of the last step is tried again after a pause.
    fn fail(&mut self) {
        if let Some(last) = &mut self.last
            && !last.has_failed
        {
            last.has_failed = true;
            self.queue.fail(self.now, last.sent.work);
        }
    }

    /// What came of the requests of the last step: a refused one ends its sync, and a sync that is
    /// complete may be made again.
    fn conclude(&mut self) {
        let Some(LastSync { sent, has_failed }) = self.last.take() else {
            return;
        };
        if has_failed && let Some(flow) = &mut self.flow {
            let (_, object) = sent.work;
            for _ in 0..flow.give_up(sent.work) {
                self.tracker.creation_failed(object);
            }
            if let Some(guard) = &mut self.guard {
                guard.forget(object);
            }
        }
        if sent.is_complete && !has_failed {
            self.queue.forget_failures(sent.work);
        }
        if (sent.is_complete || has_failed) && self.deferred.remove(&sent.work) {
            self.queue.add(self.now, sent.work);
        }
    }

    /// The next work whose requests are all sent.
    fn take(&mut self, has_news: bool) -> Option<Work> {
        loop {
            let work = self.queue.take(self.now, has_news)?;
            if (self.flow.as_ref()).is_none_or(|flow| !flow.is_busy(work)) {
                return Some(work);
            }
            self.deferred.insert(work);
        }
    }
}

impl Component for ControllerManager {
    fn name(&self) -> &str {
        &self.name
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.now = now;
        self.conclude();
        let has_news = self.read(view);
        let sent = self.flow.as_mut().and_then(|flow| flow.send(now, out));
        if let Some(sent) = sent {
            let has_failed = false;
            self.last = Some(LastSync { sent, has_failed });
        } else if let Some(work) = self.take(has_news) {
            self.sync(work, view, out);
        }
        let due = (self.flow.as_ref()).and_then(|flow| flow.next_due(now));
        for at in self.queue.next_due().into_iter().chain(due) {
            out.wake_at(at);
        }
        let can_send = (self.flow.as_ref()).is_some_and(|flow| flow.is_due(now));
        if self.queue.is_idle() && !can_send {
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
        if let (Some(guard), Some(last)) = (&mut self.guard, self.last) {
            guard.forget(last.sent.work.1);
        }
        self.fail();
    }

    fn declined(&mut self, creation: &Creation, _conflict: &Conflict) {
        if let Creation::Pod(pod) = creation {
            self.tracker.creation_failed(pod.owner.object);
            if let Some(guard) = &mut self.guard {
                guard.creation_seen(pod.owner.object);
            }
        }
        self.fail();
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
