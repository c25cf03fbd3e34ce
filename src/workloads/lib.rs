//! Workloads that are generated, fitted to traces, and edited.

pub mod anonymous;
pub mod cut_gangs;
pub mod edit;
pub mod expression;
pub mod fit;
pub mod generate;
pub mod rewriting;
