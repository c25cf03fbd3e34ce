//! Schedulers are components. [`pipeline`] is the one with extension points (queue order, filter,
//! score, reserve, permit, bind), [`batch`] plans rigid jobs over several nodes. A newcomer opens
//! [`cycle`] first: one scheduling attempt from queue to command.

pub mod batch;
pub mod context;
pub mod cycle;
pub mod evaluate;
pub mod explain;
pub mod kube;
pub mod permit;
pub mod pipeline;
pub mod plugin;
mod probed;
pub mod profile;
pub mod queue;
pub mod reason;
pub mod rooms;
pub mod standings;

pub use batch::BatchPlanner;
pub use context::ClassContext;
pub use pipeline::Pipeline;
pub use plugin::{Plugin, Points, Scope, Select};
pub use profile::{PluginSlot, Profile};
pub use queue::QueueOrder;
pub use reason::Reason;
pub use standings::{Standings, Ties};
