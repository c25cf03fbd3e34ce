//! The driver of real hosts as a pure core. Inputs come in with their instant; answers and commands
//! to nodes go out, and the instant at which the driver has to be stepped even if nothing comes in.
//! There is no clock, thread or socket here, so equal inputs give equal commands: a recorded run
//! replays, and a restarted control server is where its predecessor was.
//!
//! One step is one instant, by the rules of the simulator: first what came in, in its order, then
//! what is due by the clock, then the components in order of registration until none of them has
//! anything to do.

mod commit;
pub mod conditions;
mod ended;
pub mod events;
mod handover;
pub mod input;
pub(crate) mod labels;
mod links;
mod machines;
pub mod mirror;
mod nodes;
pub mod objects;
pub(crate) mod requests;
mod seats;
mod services;
pub mod snapshot;
mod tally;
mod usage;
pub mod view;

use cluster::{Commitment, Digest, Store};
use control::Component;
use model::Text;
use serde::{Deserialize, Serialize};
use systems::SystemParts;
use systems::entry::RunsWorkloads;
use thiserror::Error;
use units::{ComponentId, Duration, Instant, NodeId, SortedSet};

use ended::Ended;
use events::{EventRow, Events};
use input::{Answer, Input};
use labels::OwnLabels;
use links::Links;
use machines::Machines;
use mirror::{Mirror, MirrorSettings};
use seats::Seats;
use services::Ports;
use tally::Tallies;
use usage::Measured;

/// Name of the component that makes the pods of workloads.
const CONTROLLERS: &str = "controller-manager";

/// Rounds at one instant that are always allowed.
const ROUNDS_ALLOWED: u64 = 1 << 20;

/// Time between two heartbeats of a node (spec: kubernetes.md part 4, leases).
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// The control plane that a driver runs.
pub struct Plane {
    /// Name of the modelled system.
    pub system: Text,
    /// Components, in the order in which they take turns.
    pub components: Vec<Box<dyn Component>>,
    /// The party that keeps nodes from holding more than they have.
    pub commitment: Commitment,
    /// `true` if the nodes' agents put right what is wrongly believed of them.
    pub posts_status: bool,
    /// Time between two heartbeats of a node.
    pub heartbeat: Duration,
    /// Seconds of the cluster's time that pass in a real second.
    pub pace: u32,
    /// `true` if something makes the pods of workloads.
    pub runs_workloads: bool,
    /// Settings of a cluster that another control plane runs, where there is one.
    pub mirror: Option<MirrorSettings>,
}

impl Plane {
    /// The control plane of a system, with heartbeats at their usual distance.
    pub fn new(system: &str, parts: SystemParts) -> Self {
        let entry = systems::registry::find(system).ok();
        let runs_workloads = match entry.map(|entry| entry.workloads) {
            Some(RunsWorkloads::Never) => false,
            Some(RunsWorkloads::Always) => true,
            Some(RunsWorkloads::WithControllers) | None => {
                let mut components = parts.components.iter();
                components.any(|component| component.name() == CONTROLLERS)
            }
        };
        Self {
            system: system.into(),
            runs_workloads,
            posts_status: parts.agent.posts_status(),
            components: parts.components,
            commitment: parts.commitment,
            heartbeat: HEARTBEAT,
            pace: 1,
            mirror: None,
        }
    }

    /// No scheduler: a cluster that another control plane runs is watched. `zero_unix_secs` is the wall clock at the
    /// run's zero.
    pub fn watching(zero_unix_secs: i64) -> Self {
        Self {
            system: "kubernetes".into(),
            components: Vec::new(),
            commitment: Commitment::Admitted,
            posts_status: false,
            heartbeat: HEARTBEAT,
            pace: 1,
            runs_workloads: false,
            mirror: Some(MirrorSettings {
                zero_unix_secs,
                ..MirrorSettings::default()
            }),
        }
    }

    /// The schedulers of a cluster that another control plane runs.
    #[must_use]
    pub fn mirroring(self, settings: MirrorSettings) -> Self {
        Self {
            // What others have placed is there, whether it fits or not.
            commitment: Commitment::Admitted,
            mirror: Some(settings),
            ..self
        }
    }

    /// The control plane with a clock that runs faster than real time.
    #[must_use]
    pub fn at_pace(self, pace: u32) -> Self {
        Self { pace, ..self }
    }
}

/// A failure of the control plane itself.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DriverError {
    /// Components keep each other busy.
    #[error("at {at} the components {components} keep each other busy; please report this")]
    Livelock {
        /// The instant.
        at: Instant,
        /// Names of the components.
        components: String,
    },
    /// A program outside that a component asks has failed.
    #[error("{why}")]
    Failed {
        /// Reason.
        why: String,
    },
    /// A component can't go on from what is stored.
    #[error(
        "`{component}` can't write down what it knows of its tasks, so another can't go on from what is \
         stored; the whole log is kept, and another policy can decide from its beginning alone"
    )]
    Memory {
        /// Name of the component.
        component: String,
    },
    /// A component can't take up what an earlier one knew.
    #[error("`{component}` can't go on from what an earlier one knew: {why}")]
    Recall {
        /// Name of the component.
        component: String,
        /// Reason.
        why: String,
    },
    /// The simulator can't begin where a snapshot was taken.
    #[error(
        "the log begins with a snapshot, and `{component}` keeps more than what is stored, so the \
         simulator can't begin there; give the logs before it with `--archive`"
    )]
    Midst {
        /// Name of the component.
        component: String,
    },
    /// A snapshot can't be taken, or leads to no cluster.
    #[error("at {at} there is no snapshot: {why}")]
    Snapshot {
        /// The instant.
        at: Instant,
        /// Reason.
        why: String,
    },
}

/// A control plane with its store and its links to nodes.
pub struct Driver {
    system: Text,
    posts_status: bool,
    pace: u32,
    runs_workloads: bool,
    store: Store,
    seats: Seats,
    links: Links,
    machines: Machines,
    ports: Ports,
    labels: OwnLabels,
    /// Holds that lapse by themselves.
    lapses: SortedSet<Lapse>,
    /// Nodes that are being drained, by the instants at which evictions are tried again.
    drains: SortedSet<Drain>,
    digest: Digest,
    epoch: u64,
    /// Instant at which the term began.
    opened: Instant,
    now: Instant,
    /// The node whose report is being applied: it knows of a pod's end.
    reporter: Option<NodeId>,
    measured: Measured,
    events: Events,
    ended: Ended,
    tallies: Tallies,
    /// `true` if the log of the store is kept for control planes that take over.
    keeps_log: bool,
    /// A cluster that another control plane runs.
    mirror: Option<Mirror>,
}

/// The lapse of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Lapse {
    at: Instant,
    owner: ComponentId,
    number: u64,
}

/// The next attempt to evict pods of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Drain {
    at: Instant,
    node: Text,
}

impl Driver {
    /// A control plane of a cluster without nodes.
    pub fn new(plane: Plane) -> Self {
        // One heartbeat may be lost on its way; half a period is for delays.
        let silence = Duration::from_nanos(plane.heartbeat.as_nanos() / 2 * 3);
        Self {
            system: plane.system,
            posts_status: plane.posts_status,
            pace: plane.pace,
            runs_workloads: plane.runs_workloads,
            store: Store::committed(plane.commitment),
            seats: Seats::new(plane.components),
            links: Links::new(silence),
            machines: Machines::default(),
            ports: Ports::default(),
            labels: OwnLabels::default(),
            lapses: SortedSet::new(),
            drains: SortedSet::new(),
            digest: Digest::new(),
            epoch: 0,
            opened: Instant::ZERO,
            now: Instant::ZERO,
            reporter: None,
            measured: Measured::default(),
            events: Events::default(),
            ended: Ended::default(),
            tallies: Tallies::default(),
            keeps_log: false,
            mirror: plane.mirror.map(Mirror::new),
        }
    }

    /// The cluster as the control plane knows it.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Instant of the last step.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Number of the control server's term.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The digest of all changes and commands so far.
    pub fn digest(&self) -> String {
        self.digest.value()
    }

    /// Instant of the next step even if nothing comes in.
    pub fn next_wake(&self) -> Option<Instant> {
        let lapse = self.lapses.first().map(|lapse| lapse.at);
        let drain = self.drains.first().map(|drain| drain.at);
        let wakes = [
            self.seats.next_wake(),
            lapse,
            drain,
            self.links.next_silence(),
        ];
        wakes.into_iter().flatten().min()
    }

    /// Whether a node falls silent by an instant unless it was heard since.
    pub(crate) fn awaits_heartbeats(&self, now: Instant) -> bool {
        self.links.next_silence().is_some_and(|at| at <= now)
    }

    /// Whether a component reads measured usage in a step at an instant.
    pub(crate) fn reads_usage(&self, now: Instant) -> bool {
        self.seats.read_usage(now)
    }

    /// The last events after a number, oldest first.
    pub fn events_after(&self, number: u64) -> Vec<EventRow> {
        self.events.after(number)
    }

    /// Makes a step: takes in what came, does what is due by now, and lets the components settle. An
    /// instant before the last one counts as that. The answers stand in the order of the inputs.
    ///
    /// # Errors
    /// Components keep each other busy.
    pub fn step(&mut self, now: Instant, inputs: &[Input]) -> Result<Vec<Answer>, DriverError> {
        self.now = now.max(self.now);
        if let [Input::Compacted {}] = inputs {
            self.compacted(self.now)?;
            return Ok(vec![Answer::None]);
        }
        let mut drafts = Vec::with_capacity(inputs.len());
        for input in inputs {
            drafts.push(self.take(input));
        }
        loop {
            let mut any = self.pass_time();
            any |= self.settle()?;
            if !any {
                break;
            }
        }
        self.tell_failures();
        if !self.keeps_log {
            self.store.truncate(self.seats.read(self.store.revision()));
        }
        let drafts = inputs.iter().zip(drafts);
        let finished = drafts.map(|(input, draft)| self.finish(input, draft));
        Ok(finished.collect())
    }

    /// Takes an input in.
    fn take(&mut self, input: &Input) -> Answer {
        match input {
            Input::Opened { epoch } => {
                if *epoch > self.epoch + 1 {
                    // Servers of the terms between may have gone on with the sessions.
                    self.links.close_sessions();
                }
                self.epoch = self.epoch.max(*epoch);
                self.opened = self.now;
                self.links.took_over(self.now);
                Answer::None
            }
            // It stands alone: what came with it would be taken in twice.
            Input::Compacted {} => Answer::None,
            Input::Register { message } => Answer::Node(self.register(message)),
            Input::Update { message } => Answer::Node(self.update(message)),
            Input::Heard { nodes } => {
                for heard in nodes {
                    let at = Instant::from_nanos(heard.at_ns);
                    self.links.heard(NodeId(heard.node), at);
                }
                Answer::None
            }
            Input::Measured { pods } => {
                self.measured = Measured::of(pods);
                Answer::None
            }
            Input::Machines { news } => {
                self.provided(news);
                Answer::None
            }
            Input::Ask { message } => Answer::User(self.ask(message)),
            Input::Observed { seen } => {
                self.observe(seen);
                Answer::None
            }
            Input::Unwritten { pods } => {
                for uid in pods {
                    self.unwritten(uid);
                }
                Answer::None
            }
        }
    }

    /// Does what is due by the clock; returns whether anything was.
    fn pass_time(&mut self) -> bool {
        let now = self.now;
        let mut any = self.fall_silent();
        while let Some(&lapse) = self.lapses.first()
            && lapse.at <= now
        {
            self.lapses.pop_first();
            any = true;
            if let Some(release) = self.store.lapsed(now, lapse.owner, lapse.number) {
                self.happened(release);
            }
        }
        while let Some(drain) = self.drains.first().cloned()
            && drain.at <= now
        {
            self.drains.pop_first();
            any = true;
            self.go_on_draining(&drain.node);
        }
        any | self.seats.wake(now)
    }

    /// Runs components until none has anything to do; returns whether any had.
    fn settle(&mut self) -> Result<bool, DriverError> {
        let mut rounds = 0_u64;
        let mut any = false;
        loop {
            let mut is_busy = false;
            for index in 0..self.seats.len() {
                if let Some(batch) = self
                    .seats
                    .step(self.now, &self.store, &self.measured, index)
                {
                    is_busy = true;
                    if let Some(why) = &batch.failure {
                        return Err(DriverError::Failed {
                            why: why.to_string(),
                        });
                    }
                    self.make(index, batch);
                }
            }
            if !is_busy {
                return Ok(any);
            }
            any = true;
            rounds += 1;
            if rounds > ROUNDS_ALLOWED {
                return Err(DriverError::Livelock {
                    at: self.now,
                    components: self.seats.busy(&self.store),
                });
            }
        }
    }
}
