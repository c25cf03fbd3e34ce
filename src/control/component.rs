//! Components: schedulers, controllers, autoscalers. They talk through the store only: each reads
//! changes from its own cursor, decides, and hands back writes.

use std::sync::Arc;

use crate::admission::Creation;
use crate::probe::Probe;
use crate::program::{DurableState, Program};
use crate::provider::{MachineOrder, OrderFailure, ProviderRequest};
use cluster::{Conflict, Store, UsageSamples};
use model::{ClusterObjects, Event, Node, PodRef, Text};
use units::{Duration, Instant, Revision};

/// A change that a component asks for, with the revision that the decision was based on.
#[derive(Clone, Debug)]
pub struct Write {
    /// The change.
    pub event: Event,
    /// The newest revision that the component had seen when it decided.
    pub decided_on: Revision,
    /// The node as the component saw it, of a node's new declaration: what the two differ in is what it
    /// asks for.
    pub seen: Option<Arc<Node>>,
    /// Whether all that was asked for after it in the same step is given up if it is refused.
    pub is_required: bool,
}

/// The result of one step of a component: writes, creations, requests and wake-ups.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// Changes to the store, in the order in which they are made.
    pub writes: Vec<Write>,
    /// New objects and pods, created in order after the writes.
    pub creations: Vec<Creation>,
    /// Requests to the provider of machines, in order.
    pub requests: Vec<ProviderRequest>,
    /// Pods without a node for which the component orders no machine, each with the reason; `None` where it no longer
    /// holds.
    pub unprovided: Vec<(PodRef, Option<Text>)>,
    /// The instant of the next step even if nothing changes.
    pub wake: Option<Instant>,
    /// The instant of the next step if the run lasts that long: the step has no effect as long as
    /// nothing changes, so a run does not go on for its sake.
    pub wake_idle: Option<Instant>,
    /// The number of pods decided on in this step, which a model of decision time charges for.
    pub decided_pods: u32,
    /// The number of jobs (gangs or single pods) decided on in this step.
    pub decided_jobs: u32,
    /// Reason why the component can't go on, as a program outside that it asks has failed. It ends the
    /// run.
    pub failure: Option<Text>,
}

impl Outbox {
    /// Asks for a change that was decided on the present revision of `store`.
    #[inline]
    pub fn write(&mut self, store: &Store, event: Event) {
        let seen = match &event {
            Event::NodeUpdated { node, .. } => store.nodes().object(*node).cloned(),
            _ => None,
        };
        self.writes.push(Write {
            event,
            decided_on: store.revision(),
            seen,
            is_required: false,
        });
    }

    /// Asks for a change without which nothing that is asked for later in this step is to be made.
    pub fn write_required(&mut self, store: &Store, event: Event) {
        self.write(store, event);
        if let Some(write) = self.writes.last_mut() {
            write.is_required = true;
        }
    }

    /// Asks for a wake-up at `at`, or earlier if one is asked for already.
    pub fn wake_at(&mut self, at: Instant) {
        self.wake = Some(self.wake.map_or(at, |known| known.min(at)));
    }

    /// Asks for a wake-up at `at` that does not keep a run going, or earlier if one is asked for
    /// already.
    pub fn wake_idle_at(&mut self, at: Instant) {
        self.wake_idle = Some(self.wake_idle.map_or(at, |known| known.min(at)));
    }

    /// Empties the box and keeps its memory.
    #[inline]
    pub fn clear(&mut self) {
        self.writes.clear();
        self.creations.clear();
        self.requests.clear();
        self.unprovided.clear();
        self.wake = None;
        self.wake_idle = None;
        self.decided_pods = 0;
        self.decided_jobs = 0;
        self.failure = None;
    }
}

/// The answer of a component whether it has more to do at the present instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The component has nothing to do until something changes or it is woken.
    Idle,
    /// The component has more to do and is stepped again after its writes were made.
    More,
}

/// Knowledge that a component needs which takes over from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Memory {
    /// The store holds all of it.
    Store,
    /// This text holds the rest.
    Text(String),
    /// Not all of it can be written down.
    Lost,
}

/// A state machine of the control plane: a scheduler, a controller manager or an autoscaler.
///
/// The driver steps a component whenever the store has changed or a wake-up is due. The component
/// reads the log from its cursor, decides, and leaves its writes in an [`Outbox`]; the store accepts
/// or refuses each of them. A component reads no clock and draws random numbers from streams of its
/// own only, so equal stores lead to equal decisions.
///
/// ```
/// use std::sync::Arc;
///
/// use cluster::{Conflict, Store};
/// use control::{Component, Outbox, Progress, Write};
/// use model::{Event, Node};
/// use units::{Instant, Revision};
///
/// /// Cordons every node that joins.
/// #[derive(Clone, Default)]
/// struct Cordon {
///     cursor: Revision,
/// }
///
/// impl Component for Cordon {
///     fn name(&self) -> &str {
///         "cordon"
///     }
///
///     fn cursor(&self) -> Revision {
///         self.cursor
///     }
///
///     fn step(&mut self, _now: Instant, view: &Store, out: &mut Outbox) -> Progress {
///         for entry in view.log().since(self.cursor) {
///             if let Event::NodeAdded { node, object } = &entry.event {
///                 let object = Arc::new(Node {
///                     unschedulable: true,
///                     ..Node::clone(object)
///                 });
///                 out.write(view, Event::NodeUpdated { node: *node, object });
///             }
///         }
///         self.cursor = view.revision();
///         Progress::Idle
///     }
///
///     fn refused(&mut self, _write: &Write, _conflict: &Conflict) {}
///
///     fn clone_component(&self) -> Box<dyn Component> {
///         Box::new(self.clone())
///     }
/// }
///
/// let mut store = Store::new();
/// let joined = store.node_added(Arc::new(Node::default()));
/// store.apply(Instant::ZERO, joined)?;
/// let (mut cordon, mut out) = (Cordon::default(), Outbox::default());
/// assert_eq!(cordon.step(Instant::ZERO, &store, &mut out), Progress::Idle);
/// assert_eq!(out.writes.len(), 1);
/// # Ok::<(), Conflict>(())
/// ```
pub trait Component: Send {
    /// Returns the name of the component, for messages and profiles.
    fn name(&self) -> &str;

    /// Returns the revision up to which the component has read the log.
    fn cursor(&self) -> Revision;

    /// Reads the new changes, takes at most one decision, and leaves the resulting writes in `out`.
    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress;

    /// Takes note of a refused write; the component may decide otherwise in its next step.
    fn refused(&mut self, write: &Write, conflict: &Conflict);

    /// Takes note of a refused creation; the component may decide otherwise in its next step.
    fn declined(&mut self, creation: &Creation, conflict: &Conflict) {
        let _ = (creation, conflict);
    }

    /// Takes note that a machine this component ordered will not come.
    fn order_failed(&mut self, now: Instant, failed: &OrderFailure) {
        let _ = (now, failed);
    }

    /// Takes note of a machine that an earlier component of this purpose ordered and that has yet to join,
    /// before the first step. One of a group that this component does not keep is none of its business.
    fn awaits(&mut self, now: Instant, order: &MachineOrder) {
        let _ = (now, order);
    }

    /// Returns whether the component reads measurements before its step at an instant.
    fn reads_metrics(&self, now: Instant) -> bool {
        let _ = now;
        false
    }

    /// Reads measurements of the pods and nodes in `view`.
    fn metrics(&mut self, now: Instant, view: &Store, usage: &dyn UsageSamples) {
        let _ = (now, view, usage);
    }

    /// Attaches a profiling probe, which the component labels with the part (such as a plugin) that
    /// is at work.
    fn attach(&mut self, probe: &Probe) {
        let _ = probe;
    }

    /// Returns the delay with which the component sees changes, in addition to that of all components.
    fn watch_delay(&self) -> Duration {
        Duration::ZERO
    }

    /// Returns the time that the component takes to decide on a pod, in addition to that of all
    /// components.
    fn decision_time(&self) -> Duration {
        Duration::ZERO
    }

    /// Returns whether the component is a scheduler.
    fn places_pods(&self) -> bool {
        false
    }

    /// Returns whether pods that are evicted come back with the rest of their work, as the component
    /// takes them off their nodes to go on with them later or elsewhere.
    fn resumes_pods(&self) -> bool {
        false
    }

    /// Returns whether the component moves running pods to other nodes, where they go on with the rest of
    /// their work.
    fn moves_pods(&self) -> bool {
        false
    }

    /// Returns whether the component decides on its view alone, so that its own claims are to be
    /// part of the view as soon as they are made. A component that keeps a cache of its own, as
    /// kube-scheduler does, assumes its claims there.
    fn relies_on_view(&self) -> bool {
        false
    }

    /// Returns whether a node has to be as the component sees it where it places a hold: the hold is refused
    /// if others have claimed something there that its view does not show yet.
    fn claims_as_seen(&self) -> bool {
        false
    }

    /// Returns what a new component has to know beside the store to go on from here, between two
    /// instants. An original that keeps more than a store holds in a log of its own does so here.
    fn memory(&self) -> Memory {
        Memory::Store
    }

    /// Takes up the memory of an earlier component of this purpose at an instant, before the first step:
    /// it has read all changes in `view`, whose identities are those of the earlier one's, except for
    /// rows and classes of pods.
    ///
    /// # Errors
    /// The memory is that of another component, or does not fit the store.
    fn recall(&mut self, now: Instant, memory: &str, view: &Store) -> Result<(), String> {
        let _ = (now, memory, view);
        Err(format!("`{}` takes up no memory", self.name()))
    }

    /// Returns the program that the component lives in: with it the component is away, and forgets.
    fn program(&self) -> Program {
        if self.places_pods() {
            Program::Scheduler
        } else {
            Program::ControllerManager
        }
    }

    /// Returns the knowledge of a component whose program was lost that its successor reads back.
    fn kept(&self) -> Option<DurableState> {
        None
    }

    /// Reads back what an earlier component of this purpose knew, before the first step.
    fn reads_back(&mut self, now: Instant, kept: DurableState) {
        let _ = (now, kept);
    }

    /// Takes note that a program which the component relies on was lost, with what it had in memory, or is
    /// there again.
    fn relies_on(&mut self, program: Program, is_up: bool) {
        let _ = (program, is_up);
    }

    /// Starts the component at an instant, after a failover or a fork: it treats all unread changes
    /// as made now.
    fn restarted(&mut self, now: Instant) {
        let _ = now;
    }

    /// Sets the number of the component's managers that are away, the leader first; 0 if all are
    /// there. A component without managers ignores the call.
    fn managers_away(&mut self, now: Instant, away: u32) {
        let _ = (now, away);
    }

    /// Takes note that a framework, by its number, went away or came back. A component without
    /// frameworks ignores the call.
    fn framework(&mut self, now: Instant, framework: u32, is_up: bool) {
        let _ = (now, framework, is_up);
    }

    /// Takes note that the discovery service, which lists nodes, stopped or resumed answering. A
    /// component that learns of nodes from the store ignores the call.
    fn discovery(&mut self, now: Instant, is_up: bool) {
        let _ = (now, is_up);
    }

    /// Takes in the objects around nodes and pods: namespaces, budgets, services, owners, storage. A driver
    /// that follows another control plane says so before the step; in a run the objects are known from the
    /// beginning, or come by the log.
    fn surrounded(&mut self, now: Instant, objects: &ClusterObjects) {
        let _ = (now, objects);
    }

    /// Returns the number of pods that wait for a decision of this component.
    fn backlog(&self) -> usize {
        0
    }

    /// Returns the reason why a pod waits, as of its newest attempt; `None` if it does not wait here.
    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        let _ = pod;
        None
    }

    /// Returns the names of the filters that rejected a waiting pod in its newest attempt, where the
    /// component knows them.
    fn waiting_filters(&self, pod: PodRef) -> Vec<Text> {
        let _ = pod;
        Vec::new()
    }

    /// Returns lines about what the component refused, each once.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns an invariant of the component's decisions that it found broken: the run ends with an error.
    fn flaw(&self) -> Option<String> {
        None
    }

    /// Returns an equal component that evolves on its own from here.
    fn clone_component(&self) -> Box<dyn Component>;
}

impl Clone for Box<dyn Component> {
    fn clone(&self) -> Self {
        self.clone_component()
    }
}

/// The moments within an instant at which the control plane acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stepping {
    /// The control plane acts once all events of the instant have happened, in the order of ranks.
    #[default]
    PerInstant,
    /// The control plane acts after every single event, arrivals before ends, as published
    /// simulators of batch queues do
    /// (spec: published-results.md section 2).
    PerEvent,
}
