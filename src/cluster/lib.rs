//! The one store of observed and desired state: a function of its log. Slabs with dense indexes,
//! interned pod specs (one index per equivalence class), per-node resource columns, the change log
//! that every watcher reads from its own cursor, views that may lag, holds, and cheap forks.

pub mod check;
pub mod class;
pub mod columns;
pub mod conflict;
pub mod digest;
pub mod fit;
pub mod fragmentation;
pub mod history;
mod holds;
mod identity;
pub mod interner;
pub mod log;
pub mod nodes;
pub mod objects;
pub mod observe;
mod pod_change;
pub mod pod_states;
pub mod pods;
pub mod store;
mod usage_samples;
pub mod view;

pub use class::{Class, GpuColumns, MAX_AMOUNT};
pub use conflict::Conflict;
pub use digest::Digest;
pub use history::History;
pub use interner::Interner;
pub use log::{Log, LogEntry, NodeRing};
pub use nodes::Nodes;
pub use objects::{ObjectRow, Objects, Orphans};
pub use observe::{Incident, Observer, UsageNews};
pub use pod_states::{FinishedPod, PodState, PodStates, Terminating};
pub use pods::Pods;
pub use store::{Commitment, Store};
pub use usage_samples::UsageSamples;
pub use view::{View, is_claim};
