//! The simulator: virtual time, the machine under the node agents, and the driver that carries
//! commands and observations between them and the control plane.

mod admission;
pub mod cell;
pub mod check;
mod contact;
mod containers;
mod contention;
pub mod control_faults;
pub mod cores;
pub mod driver;
mod engine;
pub mod failures;
mod hosts;
pub mod images;
pub mod kernel;
pub mod machine;
pub mod network;
mod on_nodes;
mod operate;
pub mod options;
mod progress;
mod provider;
pub mod queue;
mod settle;
pub mod traffic;
mod travel;
pub mod usage;
pub mod wheel;

pub use cell::{Cell, CellParts, Environment, Provisions, Resident};
pub use contention::ContentionModel;
pub use driver::Simulation;
pub use hosts::{LEASE_PERIOD, Pace, Trouble};
pub use machine::{Machine, Stragglers};
pub use options::{
    DecisionTime, End, EndCause, NodeLife, NodeLoss, Options, Reached, RunControl, SimError,
    StartUp, Stop,
};
pub use provider::ProviderOptions;
pub use travel::{Standing, Turn};
pub use usage::{Usage, UsageOptions};
