//! Options of a simulation, and its end.

use std::sync::atomic::AtomicBool;

use thiserror::Error;

use control::Stepping;
use control::client_limit::ClientLimit;
use control::node_life::ObservationMode;
use intake::TraceError;
use rng::Distribution;
use units::{Duration, Instant};

/// Condition under which a run is over. What happens at the instant of a stop is still part of the
/// run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// At an instant, whether anything can still happen or not.
    At(Instant),
    /// Every pod that was submitted has ended and none will come.
    Drained,
    /// Nothing more can happen.
    Idle,
    /// The run is drained, at the latest at an instant.
    DrainedOrAt(Instant),
    /// Nothing more can happen, at the latest at an instant.
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

/// Time that a scheduler takes to decide, as charged by the driver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecisionTime {
    /// Time for every pod.
    pub per_pod: Duration,
    /// Time for every job, in addition.
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

/// Time that a pod's processes take to start.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum StartUp {
    /// No time.
    #[default]
    None,
    /// A draw per pod from its own stream.
    Drawn(Distribution),
    /// As above, after the boot of a sandbox that the pod's processes run in, once on its node.
    Sandboxed {
        /// Time of the boot.
        boot: Distribution,
        /// Time of each start then; `None` takes no time.
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

/// Channel by which the control plane learns of its nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeLife {
    /// The outage of a node is noticed at once, and the pods on it are lost with it.
    #[default]
    Declared,
    /// By their heartbeats alone: its components find out and act.
    Observed(ObservationMode),
}

/// A set-up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of every random stream.
    pub seed: u64,
    /// Condition under which the run is over.
    pub stop: Stop,
    /// Time of decisions.
    pub decision_time: DecisionTime,
    /// Time of starts.
    pub start_up: StartUp,
    /// Moments at which the control plane acts.
    pub stepping: Stepping,
    /// Fate of pods on lost nodes.
    pub node_loss: NodeLoss,
    /// Channel by which the control plane learns of its nodes.
    pub node_life: NodeLife,
    /// Time for which a node that went down may not answer until the pods on it are lost, where going down is
    /// told ([`NodeLife::Declared`]); they are lost once it comes back, too.
    pub node_timeout: Duration,
    /// The limit of each node's client; `None` has none.
    pub node_client: Option<ClientLimit>,
    /// Time between two looks of an agent at its processes, whose starts and ends it reports then;
    /// zero is at once.
    pub relist: Duration,
    /// Time from the joining of a node, while the run goes on, until it is Ready; zero is at once.
    pub node_ready: Duration,
    /// Instant at which every node renews its lease first; `None` draws it for each of them.
    pub lease_offset: Option<Duration>,
    /// Delay with which components see what happens.
    pub view_lag: Duration,
    /// Whether the system takes everything off a node that drains, so that no evictions are requested.
    pub empties_nodes: bool,
}

/// The caller's hand on a run.
pub struct RunControl<'a> {
    /// Set from outside to stop at the next consistent point: between two events or two steps of a
    /// component.
    pub interrupted: &'a AtomicBool,
    /// Told now and then how far the run is.
    pub progress: &'a mut dyn FnMut(RunProgress),
}

/// Progress of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunProgress {
    /// Simulated time.
    pub now: Instant,
    /// Events so far.
    pub events: u64,
    /// Amount of the input that was read, and its total, where that is known.
    pub read: Option<(u64, u64)>,
}

/// Reason a run ended.
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
    /// It could not go on ([`SimError::keeps_results`]).
    Stopped,
}

/// End of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Reason for the end.
    pub cause: EndCause,
    /// Instant of the end.
    pub at: Instant,
    /// Changes applied, over all cells.
    pub changes: u64,
    /// Decisions taken, over all cells.
    pub decisions: u64,
    /// Digest over all cells, in order.
    pub digest: String,
}

/// Reason a run can't go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SimError {
    /// The trace can't be read on.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A declaration of the scenario that can't be.
    #[error("{what}: {why}")]
    Declaration {
        /// Declared object.
        what: String,
        /// Fault of the declaration.
        why: String,
    },
    /// A source of arrivals broke its promise.
    #[error(
        "`{name}` arrives at {at}, after an arrival of {last}: arrivals must be in order of \
         submission"
    )]
    OutOfOrder {
        /// Pod that arrives.
        name: String,
        /// Instant of the arrival.
        at: Instant,
        /// The latest arrival before.
        last: Instant,
    },
    /// Components keep each other busy at one instant.
    #[error(
        "livelock at {at}: {components} keep writing without end{last}; after {rounds} rounds at that \
         instant the run was stopped. What they do takes no time in this experiment: `models: \
         production` gives it the time that it takes in a cluster, and `models: {{watchDelay: 100ms}}` \
         lets components see what others did later"
    )]
    Livelock {
        /// Instant of the livelock.
        at: Instant,
        /// Components that never come to rest.
        components: String,
        /// The most frequent of their last changes, after a colon; empty if there is none.
        last: String,
        /// Number of times that every component was asked.
        rounds: u64,
    },
    /// Something starts over without end in a run that no instant ends.
    #[error(
        "the run can't end: {object} {deed} over and over ({times} times by {at}, and nothing \
         else was to come since {since}); give the run an end, such as `stop: {{at: 1d}}`"
    )]
    Endless {
        /// Object that starts over.
        object: String,
        /// Deed that is done to the object.
        deed: &'static str,
        /// Number of times that the deed was done.
        times: u64,
        /// The last instant at which anything came from outside.
        since: Instant,
        /// Instant at which the run was stopped.
        at: Instant,
    },
    /// A program outside that takes part in deciding failed.
    #[error("at {at}, {why}")]
    External {
        /// Instant of the failure.
        at: Instant,
        /// Failure, with the program's name.
        why: String,
    },
    /// Something that can't be happened.
    #[error(
        "an invariant broke at {at}: {what}; please report it with seed {seed} and the scenario"
    )]
    Invariant {
        /// Instant of the break.
        at: Instant,
        /// Invariant that broke.
        what: String,
        /// The run's seed.
        seed: u64,
    },
}

impl SimError {
    /// Whether the run simply can't go on, so that what happened before is as good as that of any run up
    /// to there: [`crate::Simulation::stopped`] has its end.
    pub const fn keeps_results(&self) -> bool {
        matches!(self, Self::Livelock { .. } | Self::Invariant { .. })
    }
}
