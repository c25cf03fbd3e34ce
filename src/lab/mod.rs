//! The lab: experiments over runs, and what they leave behind.

pub mod summary;
pub mod verify;
