//! The lab: experiments over runs, and what they leave behind.

pub mod build;
pub mod experiment;
#[expect(
    clippy::disallowed_methods,
    reason = "this is the module that writes a run's files, under temporary names"
)]
pub mod folder;
pub mod inputs;
pub mod names;
mod paths;
pub mod run;
pub mod summary;
pub mod tables;
pub mod verify;
