//! Frameworks as the master's component runs them: each is told of its tasks and of offers, and says
//! what it launches, what it stops and when it wants to act.

pub mod batch;
pub mod chronos;
pub mod marathon;

use crate::parts::turn::Turn;
use std::sync::Arc;

use cluster::{Class, Store};
use control::Outbox;
use control::admission::{Creation, NewName, NewPod};
use model::rules::{affinity, ports};
use model::{DeviceSet, EndReason, Event, Node, Owner, PodChange, PodOwner, PodRef, PodSpec, Text};
use units::{Duration, Instant, NodeId, ObjectId};

use super::columns::{Columns, GPUS};
use super::fast::amounts::{Amounts, Bundle, REVOCABLE, contains};
use super::fast::refusals::DEFAULT_REFUSAL;
use super::marathon::backoff::TaskStatus;

/// A status report to a framework about one of its tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskNews {
    /// It runs.
    Running,
    /// The task's health became this.
    Ready(bool),
    /// It ended.
    Ended(TaskEnd),
    /// It ended before it was launched.
    Withdrawn(EndReason),
}

/// End of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskEnd {
    /// Reason that the store has for it.
    pub reason: EndReason,
    /// State of Mesos in which the task ended.
    pub status: TaskStatus,
}

impl TaskEnd {
    /// End of a task that was not launched.
    const fn withdrawn(reason: EndReason) -> Self {
        let status = TaskStatus::Killed;
        Self { reason, status }
    }
}

/// State of Mesos in which a task ended: `is_killed` if its agent killed it for its health, which is
/// `TASK_KILLED` as well (`executor.cpp`), unlike a kill for want of memory or for its time limit.
pub(super) const fn status_of(reason: EndReason, is_killed: bool) -> TaskStatus {
    match reason {
        EndReason::Completed => TaskStatus::Finished,
        EndReason::Error if is_killed => TaskStatus::Killed,
        EndReason::Error | EndReason::TimeLimit => TaskStatus::Failed,
        EndReason::NodeLost => TaskStatus::Lost,
        EndReason::Rejected
        | EndReason::Refused(_)
        | EndReason::Evicted(_)
        | EndReason::Moved
        | EndReason::Cancelled => TaskStatus::Killed,
    }
}

/// A pod of a framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnPod {
    /// The pod.
    pub pod: PodRef,
    /// `true` once it was launched.
    pub is_launched: bool,
}

/// A framework.
///
/// A framework that launches each of its pods on the first offer with room:
///
/// ```
/// use cluster::Store;
/// use control::Outbox;
/// use model::PodRef;
/// use systems::mesos::framework::{Framework, Open, TaskNews};
/// use units::Instant;
///
/// #[derive(Clone, Default)]
/// struct FirstOffer {
///     waiting: Vec<PodRef>,
/// }
///
/// impl Framework for FirstOffer {
///     fn waits(&mut self, _now: Instant, pod: PodRef, _store: &Store) {
///         self.waiting.push(pod);
///     }
///
///     fn told(&mut self, _now: Instant, _pod: PodRef, _news: TaskNews, _store: &Store) {}
///
///     fn act(&mut self, _now: Instant, _store: &Store, _out: &mut Outbox) {}
///
///     fn offered(&mut self, open: &mut Open<'_>) {
///         self.waiting.retain(|&pod| !open.launch(pod));
///     }
///
///     fn wants_offers(&self, _now: Instant) -> bool {
///         !self.waiting.is_empty()
///     }
///
///     fn has_news(&mut self) -> bool {
///         false
///     }
///
///     fn wakes(&self, _now: Instant) -> Option<Instant> {
///         None
///     }
///
///     fn backlog(&self) -> usize {
///         self.waiting.len()
///     }
///
///     fn clone_framework(&self) -> Box<dyn Framework> {
///         Box::new(self.clone())
///     }
/// }
///
/// let store = Store::new();
/// let mut framework = FirstOffer::default();
/// framework.waits(Instant::ZERO, store.pods().next(), &store);
/// assert!(framework.wants_offers(Instant::ZERO));
/// assert_eq!(framework.backlog(), 1);
/// ```
pub trait Framework: Send {
    /// One of its pods was created, or could not be bound after all: it waits for an offer.
    fn waits(&mut self, now: Instant, pod: PodRef, store: &Store);

    /// A pod that was on a node before the run began is its own.
    fn found(&mut self, now: Instant, pod: PodRef, node: NodeId, store: &Store) {
        let _ = (now, pod, node, store);
    }

    /// Something is to be known of one of its tasks.
    fn told(&mut self, now: Instant, pod: PodRef, news: TaskNews, store: &Store);

    /// An object of its own was created, changed or deleted.
    fn object(&mut self, now: Instant, id: ObjectId, store: &Store) {
        let _ = (now, id, store);
    }

    /// An agent can't be reached, or can be again, with these tasks of its own on it.
    fn reached(&mut self, now: Instant, pods: &[PodRef], is_reached: bool, store: &Store) {
        let _ = (now, pods, is_reached, store);
    }

    /// Does what is due.
    fn act(&mut self, now: Instant, store: &Store, out: &mut Outbox);

    /// `true` if the framework might take something of an offer of these resources, wherever it is;
    /// if not, it declines.
    fn may_take(&self, offered: &Bundle) -> bool {
        let _ = offered;
        true
    }

    /// Takes what it needs of an offer.
    fn offered(&mut self, open: &mut Open<'_>);

    /// Time for which the framework does not want the rest of an offer that it took something of.
    fn rest_refusal(&self) -> Duration {
        DEFAULT_REFUSAL
    }

    /// `true` if the framework wants offers.
    fn wants_offers(&self, now: Instant) -> bool;

    /// `true` if the framework wants offers that it refused before, since it was asked last.
    fn has_news(&mut self) -> bool;

    /// `true` if the framework might take what it declined before, since it was asked last, and waits
    /// until it is offered again.
    fn has_relaxed(&mut self) -> bool {
        false
    }

    /// Instant at which the framework wants to act by itself, or wants offers again: `now` if it has
    /// something to do at once.
    fn wakes(&self, now: Instant) -> Option<Instant>;

    /// Number of tasks that wait for an offer.
    fn backlog(&self) -> usize;

    /// Reason a task waits that is not want of room, in words.
    fn why_waiting(&self, _now: Instant, _pod: PodRef) -> Option<Text> {
        None
    }

    /// The contents of the framework's own storage, as a text from which another goes on; `None` of one
    /// that can't say it.
    fn memory(&self) -> Option<String> {
        None
    }

    /// Takes up the memory of an earlier framework of its name, before anything else; `own` are its
    /// pods, in the order of their creation.
    ///
    /// # Errors
    /// The memory is none of its own.
    fn recall(
        &mut self,
        now: Instant,
        memory: &str,
        own: &[OwnPod],
        store: &Store,
    ) -> Result<(), String> {
        let _ = (now, own, store);
        Err(damaged(&format!("`{memory}` was not expected")))
    }

    /// An equal machine that goes its own way from here.
    fn clone_framework(&self) -> Box<dyn Framework>;
}

impl Clone for Box<dyn Framework> {
    fn clone(&self) -> Self {
        self.clone_framework()
    }
}

/// A launch out of an offer.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The pod.
    pub pod: PodRef,
    /// The devices it gets.
    pub devices: DeviceSet,
    /// Resources taken from the offer.
    pub taken: Bundle,
}

/// An offer while its framework takes from it.
pub struct Open<'a> {
    /// Present instant.
    pub now: Instant,
    /// The cluster.
    pub store: &'a Store,
    /// The agent.
    pub node: NodeId,
    columns: Columns,
    left: Bundle,
    sum: Amounts,
    devices: DeviceSet,
    launches: Vec<Launch>,
}

impl<'a> Open<'a> {
    /// An offer of an agent with these of its devices.
    pub fn new(
        now: Instant,
        store: &'a Store,
        columns: Columns,
        node: NodeId,
        offered: Bundle,
        devices: DeviceSet,
    ) -> Self {
        Self {
            now,
            store,
            node,
            columns,
            sum: offered.sum(),
            left: offered,
            devices,
            launches: Vec::new(),
        }
    }

    /// The agent as declared.
    pub fn agent(&self) -> Option<&'a Arc<Node>> {
        self.store.nodes().object(self.node)
    }

    /// Number of pods of a class that the offer has room for.
    pub fn room(&self, class: &Class) -> u64 {
        let (Some(agent), Some(needs)) = (self.agent(), self.columns.needs(class)) else {
            return 0;
        };
        if !contains(&self.sum, &needs)
            || !self.admits(class)
            || !affinity::admits(&class.spec, agent)
        {
            return 0;
        }
        // Each task has all of a resource revocable, or nothing of it.
        let revocable = self.left.of_role(REVOCABLE);
        let both = (0..).zip(needs.iter().zip(&self.sum));
        let both = both.filter(|(_, (needs, _))| **needs > 0);
        let room = both.map(|(column, (needs, left))| {
            let revocable: i64 = revocable.map_or(0, |own| own[column]);
            revocable / needs + (left - revocable) / needs
        });
        room.min().map_or(1, |room| room.max(0) as u64)
    }

    /// Number of GPUs that are left of the offer.
    pub fn gpus(&self) -> i64 {
        self.sum[GPUS]
    }

    fn admits(&self, class: &Class) -> bool {
        if self.lacks_ports(class) {
            return false;
        }
        let model = self.store.nodes().gpu_model(self.node);
        let devices = usize::from(class.gpu.devices);
        devices == 0
            || (model != cluster::nodes::NO_MODEL
                && class.gpu.admits(model)
                && self.devices.len() >= devices)
    }

    /// Whether a fixed port of a class is taken: by a task of the agent, whose resource it is, or by a launch
    /// out of this offer.
    fn lacks_ports(&self, class: &Class) -> bool {
        if !class.takes_ports {
            return false;
        }
        let launched = self
            .launches
            .iter()
            .filter_map(|own| self.store.pods().get(own.pod));
        let classes = launched.map(|record| self.store.class(record.class));
        let taken = classes.flat_map(|own| own.spec.host_ports());
        class.lacks_ports(self.store, self.node)
            || ports::is_any_taken(&class.spec.host_ports(), taken)
    }

    /// Launches a pod; whether there was room for it.
    pub fn launch(&mut self, pod: PodRef) -> bool {
        let Some(record) = self.store.pods().get(pod) else {
            return false;
        };
        let class = self.store.class(record.class);
        let needs = self.columns.needs(class);
        let Some(needs) = needs.filter(|_| self.room(class) > 0) else {
            return false;
        };
        let taken = self.left.take(&needs);
        self.sum = self.left.sum();
        let mut devices = DeviceSet::EMPTY;
        for device in self.devices.iter().take(usize::from(class.gpu.devices)) {
            devices.insert(device);
        }
        self.devices = DeviceSet(self.devices.0 & !devices.0);
        self.launches.push(Launch {
            pod,
            devices,
            taken,
        });
        true
    }

    /// Number of pods launched.
    pub fn launched(&self) -> usize {
        self.launches.len()
    }

    /// Returns the launches and the remaining resources.
    pub fn close(self) -> (Vec<Launch>, Bundle) {
        (self.launches, self.left)
    }
}

/// Message that a memory can't be taken up.
fn damaged(why: &dyn std::fmt::Display) -> String {
    format!("the memory of a framework is damaged: {why}")
}

/// Asks for a pod of an object.
pub(super) fn create(out: &mut Outbox, object: ObjectId, prefix: &str, spec: &Arc<PodSpec>) {
    let owner = PodOwner::new(object, 0);
    out.creations.push(Creation::Pod(NewPod {
        owner,
        name: NewName::Prefix(format!("{prefix}-").into()),
        spec: spec.clone(),
    }));
}

/// Tells a pod to end, unless it was told.
pub(super) fn kill(pod: PodRef, turn: &mut Turn<'_>) {
    if turn.store.pods().get(pod).is_none() || turn.store.pod_states().is_terminating(pod) {
        return;
    }
    let (grace, reason) = (turn.store.grace_of(pod), EndReason::Cancelled);
    let change = PodChange::Terminating { grace, reason };
    turn.write(Event::PodChanged { pod, change });
}

/// Forgets a pod on an agent that is lost.
pub(super) fn forget(pod: PodRef, turn: &mut Turn<'_>) {
    if turn.store.pods().get(pod).is_some() {
        let reason = EndReason::NodeLost;
        turn.write(Event::PodEnded { pod, reason });
    }
}

/// Forgets what is kept of a pod of an object that ended.
pub(super) fn clear(pod: PodRef, turn: &mut Turn<'_>) {
    let change = PodChange::Forgotten;
    turn.write(Event::PodChanged { pod, change });
}

/// Spec of an object's pods: its template with its namespace and owner.
pub(super) fn made_of(
    template: &PodSpec,
    namespace: &Text,
    kind: &str,
    name: &Text,
) -> Arc<PodSpec> {
    Arc::new(PodSpec {
        namespace: namespace.clone(),
        owner: Some(Owner {
            kind: kind.into(),
            name: name.clone(),
        }),
        ..template.clone()
    })
}
