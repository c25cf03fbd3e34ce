//! A journal in memory, for tests and trials. Its clones share one storage, as openings of one file
//! do.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Journal, JournalError};

/// A journal in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    records: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Number of records after which the storage is full.
    room: Option<usize>,
    dies: Option<Dies>,
}

/// The moment at which a server dies that replaces its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dies {
    /// Before the records are replaced.
    Before,
    /// After the records were replaced.
    After,
}

impl MemoryJournal {
    /// A journal over this storage that has room for a number of records.
    #[must_use]
    pub fn with_room(&self, records: usize) -> Self {
        Self {
            room: Some(records),
            ..self.clone()
        }
    }

    /// A journal over this storage whose server dies when it replaces the records.
    #[must_use]
    pub fn dying(&self, dies: Dies) -> Self {
        Self {
            dies: Some(dies),
            ..self.clone()
        }
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        let records = self.records.lock();
        records.unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Journal for MemoryJournal {
    fn records(&self) -> Result<Vec<Vec<u8>>, JournalError> {
        let records = self.records.lock();
        Ok(records.unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn append(&mut self, record: &[u8]) -> Result<(), JournalError> {
        let records = self.records.lock();
        let mut records = records.unwrap_or_else(PoisonError::into_inner);
        if self.room.is_some_and(|room| records.len() >= room) {
            return Err(JournalError {
                file: PathBuf::from("memory"),
                what: "the storage is full".to_owned(),
                fix: "make room",
            });
        }
        records.push(record.to_vec());
        Ok(())
    }

    fn replace(&mut self, new: &[&[u8]]) -> Result<(), JournalError> {
        let records = self.records.lock();
        let mut records = records.unwrap_or_else(PoisonError::into_inner);
        if self.dies != Some(Dies::Before) {
            *records = new.iter().map(|record| record.to_vec()).collect();
        }
        match self.dies {
            None => Ok(()),
            Some(_) => Err(JournalError {
                file: PathBuf::from("memory"),
                what: "the server died".to_owned(),
                fix: "start it again",
            }),
        }
    }
}
