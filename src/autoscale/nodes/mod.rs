//! What autoscalers of nodes have in common: the cluster as the scheduler's filters see it, pods that
//! wait, and nodes that are emptied before they go.

pub mod declared;
pub mod leaving;
pub mod seen;

pub use declared::Declared;
pub use leaving::{Leaving, Left, Patience};
pub use seen::{Daemons, Seen};
