//! Systems: how each composes components and policies.

pub mod batch;
