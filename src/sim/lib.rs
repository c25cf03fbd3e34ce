//! The simulator: virtual time, and in every cell the three parts of a world: its control plane, its
//! nodes and its surroundings. An engine for each cell has them do what is due and passes their messages.
//!
//! Two pods that are on a node when the run begins, under the simplest agent that there can be:
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use std::sync::Arc;
//!
//! use model::{InitialState, Node, PodName, PodSpec, ResourceList};
//! use sim::check::Checker;
//! use sim::{CellParts, Environment, Options, Resident, RunControl, Simulation, Stop};
//! use arrivals::memory::{MemorySource, Recorded};
//! use units::{Duration, Instant, NodeId, Quantity};
//!
//! # use control::local_node::LocalNode;
//! # use control::node::{Assignment, Report, StopOrder};
//! # use control::{AgentOutput, MachineCommand, MachineEvent, NodeAgent};
//! # use model::{EndReason, PodRef};
//! # #[derive(Clone)]
//! # struct Agent;
//! # impl NodeAgent for Agent {
//! #     fn assigned(&mut self, _: Instant, told: Assignment, _: LocalNode<'_>, out: &mut AgentOutput) {
//! #         out.commands.push(MachineCommand::Start { pod: told.pod, node: told.node });
//! #     }
//! #     fn stopping(&mut self, _: Instant, order: StopOrder, out: &mut AgentOutput) {
//! #         out.commands.push(MachineCommand::Stop { pod: order.pod, node: order.node });
//! #     }
//! #     fn rebooted(&mut self, _: Instant, told: Assignment, _: Option<StopOrder>, out: &mut AgentOutput) {
//! #         out.reports.push(Report::Ended(told.pod, EndReason::NodeLost));
//! #     }
//! #     fn relisted(&mut self, _: Instant, _: PodRef, _: &mut AgentOutput) {}
//! #     fn machine(&mut self, _: Instant, pod: PodRef, event: MachineEvent, out: &mut AgentOutput) {
//! #         out.reports.push(match event {
//! #             MachineEvent::Started => Report::Running(pod),
//! #             _ => Report::Ended(pod, EndReason::Completed),
//! #         });
//! #     }
//! #     fn woken(&mut self, _: Instant, _: PodRef, _: &mut AgentOutput) {}
//! #     fn clone_agent(&self) -> Box<dyn NodeAgent> {
//! #         Box::new(self.clone())
//! #     }
//! # }
//! let node = Node {
//!     name: "n1".into(),
//!     allocatable: ResourceList::from_pairs([("pods", Quantity::from_units(10))]),
//!     ..Node::default()
//! };
//! let resident = |name: &str, seconds| Resident {
//!     name: PodName::Text(name.into()),
//!     spec: Arc::new(PodSpec::default()),
//!     time_limit: None,
//!     run_time: Some(Duration::from_secs(seconds)),
//!     devices: model::DeviceSet::EMPTY,
//!     found: InitialState { is_running: true, ..InitialState::on(NodeId(0)) },
//!     owner: None,
//! };
//! let cell = CellParts {
//!     nodes: vec![Arc::new(node)],
//!     components: Vec::new(),
//!     agent: Box::new(Agent),
//!     arrivals: Box::new(MemorySource::new(Recorded::default())),
//!     outages: Vec::new(),
//!     environment: Environment::default(),
//!     residents: vec![resident("a", 60), resident("b", 90)],
//!     operations: Vec::new(),
//! };
//! let options = Options {
//!     seed: 7,
//!     stop: Stop::Drained,
//!     decision_time: sim::DecisionTime::default(),
//!     start_up: sim::StartUp::None,
//!     stepping: control::Stepping::PerInstant,
//!     node_loss: sim::NodeLoss::Lose,
//!     node_life: sim::NodeLife::Declared,
//!     node_timeout: Duration::ZERO,
//!     node_client: None,
//!     relist: Duration::ZERO,
//!     node_ready: Duration::ZERO,
//!     lease_offset: None,
//!     view_lag: Duration::ZERO,
//!     empties_nodes: false,
//! };
//! let mut observer = Checker::default();
//! let mut simulation = Simulation::new(options, vec![cell], &mut observer)?;
//! let end = simulation.run(&mut RunControl {
//!     interrupted: &AtomicBool::new(false),
//!     progress: &mut |_| {},
//! })?;
//! assert_eq!(end.at, Instant::from_secs(90));
//! # Ok::<(), sim::SimError>(())
//! ```

mod busy_instant;
pub mod check;
mod containers;
mod contention;
mod context;
pub mod control_faults;
mod control_plane;
pub mod cores;
pub mod driver;
mod endless;
mod engine;
pub mod failures;
mod followers;
mod host_creations;
mod hosts;
pub mod images;
pub mod kernel;
pub mod machine;
mod message;
pub mod network;
mod node_plane;
pub mod options;
mod parts;
mod pause;
mod progress;
mod provider;
pub mod queue;
mod surroundings;
pub mod traffic;
pub mod usage;
pub mod wheel;

pub use contention::ContentionModel;
pub use driver::Simulation;
pub use engine::RefusedPods;
pub use host_creations::{CreationOutcome, HostCreationOptions, HostCreations};
pub use hosts::{LEASE_PERIOD, Pace, Trouble};
pub use machine::{Machine, Stragglers};
pub use options::{
    DecisionTime, End, EndCause, NodeLife, NodeLoss, Options, RunControl, RunProgress, SimError,
    StartUp, Stop,
};
pub use parts::{
    CellParts, Environment, InitialNode, InitialObjects, InitialTrouble, Provisions, Resident,
    ResidentObject, ResidentOwner, WaitingPod,
};
pub use pause::{RunPosition, SettingsChange};
pub use provider::ProviderOptions;
pub use surroundings::{SubmittedJobs, Submitter};
pub use usage::{Usage, UsageOptions};
