//! How a simulation is set up, and how it ended.

use std::sync::atomic::AtomicBool;

use thiserror::Error;

use control::Stepping;
use control::node_life::Observing;
use rng::Distribution;
use trace::TraceError;
use units::{Duration, Instant};

/// When a run is over. What happens at the instant of a stop is still part of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// At an instant, whether anything can still happen or not.
    At(Instant),
    /// When every pod that was submitted has ended and none will come.
    Drained,
    /// When nothing more can happen.
    Idle,
    /// When it is drained, at the latest at an instant.
    DrainedOrAt(Instant),
    /// When nothing more can happen, at the latest at an instant.
    IdleOrAt(Instant),
}

impl Stop {
    /// The instant beyond which nothing happens.
    pub const fn latest(self) -> Option<Instant> {
        match self {
            Self::At(at) | Self::DrainedOrAt(at) | Self::IdleOrAt(at) => Some(at),
            Self::Drained | Self::Idle => None,
        }
    }

    /// Whether the run ends once it is drained.
    pub const fn is_when_drained(self) -> bool {
        matches!(self, Self::Drained | Self::DrainedOrAt(_))
    }

    /// The instant that passes even if nothing more can happen until then.
    pub const fn awaited(self) -> Option<Instant> {
        match self {
            Self::At(at) | Self::DrainedOrAt(at) => Some(at),
            Self::Drained | Self::Idle | Self::IdleOrAt(_) => None,
        }
    }
}

/// How long a scheduler takes to decide, as charged by the driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecisionTime {
    /// For every pod.
    pub per_pod: Duration,
    /// For every job, in addition.
    pub per_job: Duration,
}

impl DecisionTime {
    /// The time charged for a step.
    #[inline]
    pub fn charge(self, pods: u32, jobs: u32) -> Duration {
        if self == Self::default() {
            return Duration::ZERO;
        }
        let pods = self.per_pod.checked_mul(i64::from(pods));
        let jobs = self.per_job.checked_mul(i64::from(jobs));
        pods.zip(jobs)
            .and_then(|(pods, jobs)| pods.checked_add(jobs))
            .unwrap_or(Duration::MAX)
    }
}

/// How long a pod's processes take to start.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum StartUp {
    /// No time.
    #[default]
    None,
    /// A draw per pod from its own stream.
    Drawn(Distribution),
    /// The same, after something boots that the pod's processes run in, once on its node.
    Sandboxed {
        /// How long that takes.
        boot: Distribution,
        /// How long each start takes then; `None` takes no time.
        start: Option<Distribution>,
    },
}

/// Fate of the pods on a node that goes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeLoss {
    /// They are lost.
    #[default]
    Lose,
    /// They are submitted again from the start, as new pods.
    Resubmit,
}

/// How the control plane learns of its nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeLife {
    /// It is told at once when one goes down, and the pods on it are lost with it.
    #[default]
    Declared,
    /// By their heartbeats alone: its components find out and act.
    Observed(Observing),
}

/// A set-up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of every random stream.
    pub seed: u64,
    /// When the run is over.
    pub stop: Stop,
    /// How long deciding takes.
    pub decision_time: DecisionTime,
    /// How long starting takes.
    pub start_up: StartUp,
    /// When the control plane acts.
    pub stepping: Stepping,
    /// Fate of pods on lost nodes.
    pub node_loss: NodeLoss,
    /// How the control plane learns of its nodes.
    pub node_life: NodeLife,
    /// How much later components see what happens.
    pub view_lag: Duration,
}

/// The caller's hand on a run.
pub struct RunControl<'a> {
    /// Set from outside to stop at the next consistent point: between two events or two steps of a
    /// component.
    pub interrupted: &'a AtomicBool,
    /// Told now and then how far the run is.
    pub progress: &'a mut dyn FnMut(Reached),
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Simulated time.
    pub now: Instant,
    /// Events so far.
    pub events: u64,
    /// How much of what arrives was read, and how much there is, where that is known.
    pub read: Option<(u64, u64)>,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// The instant it was to stop at.
    Reached,
    /// Every pod has ended.
    Drained,
    /// Nothing more can happen.
    Idle,
    /// It was interrupted.
    Interrupted,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub cause: EndCause,
    /// When.
    pub at: Instant,
    /// Changes applied, over all cells.
    pub changes: u64,
    /// Decisions taken, over all cells.
    pub decisions: u64,
    /// Digest over all cells, in order.
    pub digest: String,
}

/// Why a run can't go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SimError {
    /// The trace can't be read on.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// What the scenario declares can't be.
    #[error("{what}: {why}")]
    Declaration {
        /// Which object.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A source of arrivals broke its promise.
    #[error(
        "`{name}` arrives at {at}, after an arrival of {last}: arrivals must be in order of \
         submission"
    )]
    OutOfOrder {
        /// Who arrives.
        name: String,
        /// When.
        at: Instant,
        /// The latest arrival before.
        last: Instant,
    },
    /// Components keep each other busy at one instant.
    #[error(
        "livelock at {at}: {components} keep writing without end; after {rounds} rounds the run \
         was stopped"
    )]
    Livelock {
        /// When.
        at: Instant,
        /// Who.
        components: String,
        /// How often every component was asked.
        rounds: u64,
    },
    /// Something starts over without end in a run that no instant ends.
    #[error(
        "stop: the run can't end: {object} {deed} without end ({times} times by {at}, with no \
         arrival, operation or failure since {since}); give the run an end, such as \
         `stop: {{at: 1d}}`"
    )]
    Endless {
        /// Which object.
        object: String,
        /// What happens to it.
        deed: &'static str,
        /// How often that happened.
        times: u64,
        /// The last instant at which anything came from outside.
        since: Instant,
        /// When the run was stopped.
        at: Instant,
    },
    /// Something that can't be happened.
    #[error(
        "an invariant broke at {at}: {what}; please report it with seed {seed} and the scenario"
    )]
    Invariant {
        /// When.
        at: Instant,
        /// What.
        what: String,
        /// The run's seed.
        seed: u64,
    },
}
