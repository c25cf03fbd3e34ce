//! The cluster autoscaler against the specification (kubernetes.md 3.3), over a cluster that looks at
//! room alone.

mod expanders;
mod growing;
mod properties;
mod room;
mod shrinking;
