//! Trace formats: a reader a file, writers, and failure logs. The list is [`registry`].
#![expect(
    clippy::inline_always,
    reason = "values of a row that go from one call to the next through memory cost more than their parsing"
)]

mod batch_logs;
mod columns;
pub mod content_hash;
pub mod cut_file;
pub mod failure_log;
pub mod foreign_files;
pub mod parts;
pub mod planetlab;
mod prelude;
pub mod readers;
pub mod registry;
pub mod shards;
pub mod unrecognized;
pub mod writers;

#[cfg(test)]
#[path = "../intake/archive/packed.rs"]
mod packed;
#[cfg(test)]
mod tests;
