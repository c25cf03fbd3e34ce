//! Autoscalers as pure state machines: typed observations and the time come in, decisions come
//! out. Nothing here reads the store, so a component, a test or a recorded case can drive them
//! alike.
//!
//! [`horizontal`] decides how many replicas a workload has, [`vertical`] how much each of its
//! containers asks for, [`cluster`] how many nodes there are (spec: kubernetes.md part 3); [`rules`]
//! are those of other platforms; [`manager`] is the component that runs the first two, and scaling by
//! the clock, in a cluster.
//! Specifications are checked before use; what is wrong with one is a [`Finding`].

pub mod cluster;
pub mod finding;
mod float;
pub mod horizontal;
pub mod manager;
pub mod nodes;
pub mod provisioner;
pub mod rules;
pub mod vertical;

pub use finding::{Finding, Problem};
