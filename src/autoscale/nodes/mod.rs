//! Parts that autoscalers of nodes have in common: the cluster as the scheduler's filters see it,
//! pods that wait, and nodes that are emptied before they go.

pub mod cluster_view;
mod daemons;
pub mod declaration_cache;
pub mod departures;
pub mod drain;
mod order_refusals;
mod pod_events;
pub mod pods;
mod start_up;

pub use cluster_view::ClusterView;
pub use daemons::Daemons;
pub use declaration_cache::DeclarationCache;
pub use departures::{Departures, DrainRules, Patience, RemovalResults};
pub use order_refusals::OrderRefusals;
pub use start_up::{has_started, started};
