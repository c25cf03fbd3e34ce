//! Parts that autoscalers of nodes have in common: the cluster as the scheduler's filters see it,
//! pods that wait, and nodes that are emptied before they go.

mod daemons;
pub mod declared;
pub mod drain;
pub mod leaving;
mod pod_events;
pub mod pods;
pub mod seen;
mod start_up;

pub use daemons::Daemons;
pub use declared::Declared;
pub use leaving::{DrainRules, Leaving, Left, Patience};
pub use seen::Seen;
pub use start_up::{has_started, started};
