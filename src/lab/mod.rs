//! The lab: experiments over runs, and what they leave behind.

#[expect(
    clippy::disallowed_methods,
    reason = "this is the module that writes a run's files, under temporary names"
)]
pub mod folder;
pub mod summary;
