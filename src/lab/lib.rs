//! The lab: experiments over runs, and what they leave behind.

mod alignment;
pub mod around;
pub mod broken;
pub mod by_system;
pub mod cells;
pub mod check;
mod classes;
pub mod columns;
pub mod compact;
pub mod compare;
pub mod compose;
pub mod conformance;
pub mod decisions;
pub mod diff;
mod difference;
pub mod events;
pub mod experiment;
pub mod explain;
#[cfg(test)]
mod fixture;
#[expect(
    clippy::disallowed_methods,
    reason = "this is the module that writes a run's files, under temporary names"
)]
pub mod folder;
pub mod hashes;
mod immediate_claims;
pub mod import;
pub mod inside;
pub mod journey;
pub mod limits;
pub mod names;
pub mod objects;
pub mod outputs;
mod own_program;
pub mod parquet;
pub mod paths;
pub mod place;
mod placements;
pub mod plan;
pub mod plan_audit;
mod pod_table;
pub mod program;
pub mod queue;
mod releases;
pub mod replicate;
pub mod reproduce;
pub mod results;
pub mod run;
mod sandbox;
pub mod shell;
pub mod sides;
pub mod snapshot;
pub mod source;
pub mod statistics;
pub mod steps;
mod summarize;
pub mod summary;
pub mod sweep;
pub mod tables;
pub mod tenants;
pub mod travel;
pub mod tune;
pub mod upgrade;
pub mod validate;
mod volume_reach;
mod waiting;
mod watched_source;
