//! Schedulers as components of the control plane: [`pipeline`] takes one pod at a time through
//! extension points, [`kube`] is kube-scheduler decision for decision, [`batch`] plans rigid jobs
//! over several nodes, [`sparrow`] samples nodes and lets them ask for tasks, [`flow`] places all
//! waiting tasks at once by the cheapest flow, and [`omega`]'s share a cluster without locks.

pub mod batch;
pub mod external;
pub mod flow;
pub mod kube;
pub mod omega;
pub mod pipeline;
mod retry;
pub mod sharing;
pub mod sparrow;

pub use batch::BatchPlanner;
pub use pipeline::{
    ClassContext, Pipeline, Plugin, PluginSlot, Points, Profile, QueueOrder, Reason, Scope,
    ScoreTree, Select, Ties,
};
