//! The lab: experiments over runs, and what they leave behind.

pub mod build;
pub mod columns;
pub mod experiment;
#[expect(
    clippy::disallowed_methods,
    reason = "this is the module that writes a run's files, under temporary names"
)]
pub mod folder;
pub mod inputs;
pub mod names;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod report_data;
pub mod results;
pub mod run;
pub mod summary;
pub mod tables;
pub mod verify;
