//! Components: schedulers, controllers, autoscalers. They talk through the store only: each reads
//! changes from its own cursor, decides, and hands back writes.

use crate::admission::Creation;
use crate::probe::Probe;
use crate::provider::{OrderFailed, ProviderRequest};
use cluster::{Conflict, Store, UsageSamples};
use model::{Event, PodRef, Text};
use units::{Instant, Revision};

/// A change that a component wants, with the revision it was decided on.
#[derive(Clone, Debug)]
pub struct Write {
    /// The change.
    pub event: Event,
    /// Revision that the component had seen when it decided.
    pub decided_on: Revision,
}

/// Output of one step of a component.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// Changes, in the order they are to be made.
    pub writes: Vec<Write>,
    /// Objects to create, in order, after the changes.
    pub creations: Vec<Creation>,
    /// Requests to the provider of machines, in order.
    pub requests: Vec<ProviderRequest>,
    /// When the component wants to be stepped even if nothing changes.
    pub wake: Option<Instant>,
    /// When the component wants to be stepped if anything else happens at all: what it would do
    /// then can lead to nothing as long as nothing changes, so a run need not go on for it.
    pub wake_idle: Option<Instant>,
    /// Pods decided on in this step; what a decision-time model charges for.
    pub decided_pods: u32,
    /// Jobs (gangs, or single pods) decided on in this step.
    pub decided_jobs: u32,
}

impl Outbox {
    /// Asks for a change, decided on what `store` shows.
    #[inline]
    pub fn write(&mut self, store: &Store, event: Event) {
        self.writes.push(Write {
            event,
            decided_on: store.revision(),
        });
    }

    /// Asks for a wake-up at `at`, or earlier if one is asked for already.
    pub fn wake_at(&mut self, at: Instant) {
        self.wake = Some(self.wake.map_or(at, |known| known.min(at)));
    }

    /// Asks for a wake-up at `at` that no run goes on for, or earlier if one is asked for already.
    pub fn wake_idle_at(&mut self, at: Instant) {
        self.wake_idle = Some(self.wake_idle.map_or(at, |known| known.min(at)));
    }

    /// Empties the box and keeps its memory.
    #[inline]
    pub fn clear(&mut self) {
        self.writes.clear();
        self.creations.clear();
        self.requests.clear();
        self.wake = None;
        self.wake_idle = None;
        self.decided_pods = 0;
        self.decided_jobs = 0;
    }
}

/// Whether a component has more to do at this instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The component has nothing to do until a change or a wake-up.
    Idle,
    /// There is more; step again once these writes were made.
    More,
}

/// A state machine of the control plane.
pub trait Component: Send {
    /// The component's name, for messages and profiles.
    fn name(&self) -> &str;

    /// Up to where it has read the log.
    fn cursor(&self) -> Revision;

    /// Reads what is new, decides at most one thing, hands back what it wants.
    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress;

    /// A write was refused; the component may try otherwise in its next step.
    fn refused(&mut self, write: &Write, conflict: &Conflict);

    /// A creation was refused; the component may try otherwise in its next step.
    fn declined(&mut self, creation: &Creation, conflict: &Conflict) {
        let _ = (creation, conflict);
    }

    /// A machine that it ordered will not come.
    fn order_failed(&mut self, now: Instant, failed: &OrderFailed) {
        let _ = (now, failed);
    }

    /// Whether it wants to be shown what the world measures before its step at an instant.
    fn reads_metrics(&self, now: Instant) -> bool {
        let _ = now;
        false
    }

    /// Is shown what the world measures, as `view` has the cluster.
    fn metrics(&mut self, now: Instant, view: &Store, usage: &dyn UsageSamples) {
        let _ = (now, view, usage);
    }

    /// Sets a label wherever its parts, such as plugins, do their work, if they can be told apart.
    fn attach(&mut self, probe: &Probe) {
        let _ = probe;
    }

    /// Whether it is a scheduler.
    fn places_pods(&self) -> bool {
        false
    }

    /// It begins at an instant with all that it has yet to read: what came before is seen now.
    fn restarted(&mut self, now: Instant) {
        let _ = now;
    }

    /// Sets the number of managers that are down from now on, the leader first; 0: all are up.
    /// Components without managers ignore it.
    fn managers_away(&mut self, now: Instant, away: u32) {
        let _ = (now, away);
    }

    /// A framework that shares it, by its number, is away from now on, or back. Of no concern to a
    /// component that has none.
    fn framework(&mut self, now: Instant, framework: u32, is_up: bool) {
        let _ = (now, framework, is_up);
    }

    /// The discovery service stops or resumes answering. Components that are notified of their
    /// nodes ignore it.
    fn discovery(&mut self, now: Instant, is_up: bool) {
        let _ = (now, is_up);
    }

    /// How many pods wait for a decision of this component.
    fn backlog(&self) -> usize {
        0
    }

    /// Why a pod waits, as of its newest attempt; `None` if it does not wait here.
    fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        let _ = pod;
        None
    }

    /// An equal machine that goes its own way from here.
    fn clone_component(&self) -> Box<dyn Component>;
}

impl Clone for Box<dyn Component> {
    fn clone(&self) -> Self {
        self.clone_component()
    }
}

/// When the control plane acts within an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stepping {
    /// Once everything of the instant has happened, by rank.
    #[default]
    PerInstant,
    /// After every single event, arrivals before ends, as published simulators of batch queues do
    /// (spec: published-results.md section 2).
    PerEvent,
}
