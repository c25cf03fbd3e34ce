//! The lab: experiments over runs, and what they leave behind.

pub mod build;
#[expect(
    clippy::disallowed_methods,
    reason = "this is the module that writes a run's files, under temporary names"
)]
pub mod folder;
pub mod inputs;
pub mod summary;
pub mod verify;
