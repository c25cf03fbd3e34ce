//! Durable storage of the log of a control server.

pub mod archive;
mod database;
mod file;
mod memory;
mod newest;

use std::path::PathBuf;

use thiserror::Error;

pub use database::{DatabaseJournal, Examined};
pub use file::FileJournal;
pub use memory::{Dies, MemoryJournal};

/// A problem of the storage.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}: {what}; {fix}", file.display())]
pub struct JournalError {
    /// The file.
    pub file: PathBuf,
    /// The problem.
    pub what: String,
    /// The remedy.
    pub fix: &'static str,
}

/// Storage of records, numbered from 0.
pub trait Journal {
    /// Reads all records, in order.
    ///
    /// # Errors
    /// The storage can't be read, or lacks a record.
    fn records(&self) -> Result<Vec<Vec<u8>>, JournalError>;

    /// Adds a record; it is durable once this returns.
    ///
    /// # Errors
    /// The storage can't be written.
    fn append(&mut self, record: &[u8]) -> Result<(), JournalError>;

    /// Replaces all records by others in one go: at any instant there are either those before or these,
    /// and these are durable once this returns.
    ///
    /// # Errors
    /// The storage can't be written.
    fn replace(&mut self, records: &[&[u8]]) -> Result<(), JournalError>;
}
