//! The lab: experiments over runs, and what they leave behind.

pub mod build;
pub mod inputs;
pub mod summary;
pub mod verify;
