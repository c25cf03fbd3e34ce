//! The scheduler pipeline: one pod at a time through extension points (queue order, filter, score,
//! choice, reserve, permit, bind). A newcomer opens [`cycle`] first: one scheduling attempt from
//! queue to command.

pub mod context;
pub mod cycle;
pub mod evaluate;
pub mod explain;
pub mod permit;
pub mod plugin;
mod probed;
pub mod profile;
pub mod queue;
pub mod reason;
pub mod rooms;
mod scheduler;
pub mod score_tree;

pub use context::ClassContext;
pub use plugin::{Plugin, Points, Scope, Select};
pub use profile::{PluginSlot, Profile};
pub use queue::QueueOrder;
pub use reason::Reason;
pub use scheduler::Pipeline;
pub use score_tree::{ScoreTree, Ties};
