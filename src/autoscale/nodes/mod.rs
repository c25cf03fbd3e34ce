//! Parts that autoscalers of nodes have in common: the cluster as the scheduler's filters see it,
//! pods that wait, and nodes that are emptied before they go.

mod daemons;
pub mod declared;
pub mod drain;
pub mod leaving;
pub mod pods;
pub mod seen;

pub use daemons::Daemons;
pub use declared::Declared;
pub use leaving::{Leaving, Left, Patience};
pub use seen::Seen;
