//! The decision of the Kubernetes scheduler, as exact as its specification (kubernetes.md part 1).
//!
//! It stands beside [`crate::pipeline::cycle`] and not on it: its plugins see pods and not classes (nominated
//! nodes, start times, claims named after the pod), reject with several reasons and a code, prepare
//! state per attempt that simulated evictions change and undo, and look at all nodes at once. The
//! state is the scheduler's own [`Cache`], as in the original: nodes with what is on them, in the
//! scheduler's order, built from objects of the model and kept by their changes.
//!
//! Open [`attempt`] first: `PreFilter`, `Filter`, `Score` and `PostFilter` of one pod.
//! An attempt is the plain form: every plugin asks its question anew, about every node. It is the
//! definition that the faster form ([`fast`]) is held to.

pub mod attempt;
pub mod cache;
pub mod cacheable;
pub mod change_log;
pub mod class_places;
pub mod cycle;
pub mod event;
pub mod extension;
pub mod fast;
pub mod fast_plugin;
pub mod group;
pub mod labels;
pub mod message;
pub mod node_info;
pub mod node_tree;
pub mod plugin;
mod pod_claims;
pub mod pod_counts;
pub mod pod_info;
pub mod preemption;
pub mod profile;
pub mod queue;
pub mod scheduler;
pub mod status;
mod term_index;
pub mod ties;
pub mod volumes;
pub mod witness;

pub use attempt::{Attempt, Ranking, Search, Verdict};
pub use cache::{Cache, CacheError, NodeOrder, RemovedNodes};
pub use class_places::{ClassPlaces, Placements};
pub use event::{ClusterEvent, EventKinds};
pub use extension::Extension;
pub use fast_plugin::{FastPlugin, Follow, Follower, Reach};
pub use group::{Group, GroupRef, Groups};
pub use node_info::{NodeInfo, NonZero};
pub use plugin::{
    AttemptContext, KubePermit, KubePlugin, NodeFilter, Normalization, Outside, PostFilter,
    PreFilterResult, PreScoreResult, Scores,
};
pub use pod_info::{Amounts, PodClass, PodInfo, RareFacts, Start};
pub use preemption::{Candidate, Preemption};
pub use profile::{KubePoints, KubeProfile};
pub use queue::{Queue, QueueContext};
pub use scheduler::{KubeOptions, KubeScheduler, PreemptionState, SchedulerPlace};
pub use status::{Code, Rejection, Status};
pub use ties::TieBreak;
pub use volumes::VolumeChoice;
pub use witness::{AttemptView, Witness};
