//! Schedulers as components of the control plane: [`pipeline`] takes one pod at a time through
//! extension points, [`kube`] is kube-scheduler decision for decision, [`batch`] plans rigid jobs
//! over several nodes, [`sparrow`] samples nodes and lets them ask for tasks.

pub mod batch;
pub mod kube;
pub mod pipeline;
mod retry;
pub mod sharing;
pub mod sparrow;

pub use batch::BatchPlanner;
pub use pipeline::{
    ClassContext, Pipeline, Plugin, PluginSlot, Points, Profile, QueueOrder, Reason, Scope, Select,
    Standings, Ties,
};
