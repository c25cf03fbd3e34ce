//! A journal that is a file of a log, to be read by others: records are added as they come, and are durable when the
//! file is.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::{Journal, JournalError};

/// A file of a log, or none.
#[derive(Debug, Default)]
pub struct FileJournal {
    file: Option<(PathBuf, File)>,
}

impl FileJournal {
    /// A journal that keeps nothing.
    pub fn nowhere() -> Self {
        Self::default()
    }

    /// A new file.
    ///
    /// # Errors
    /// The file is there, or can't be made.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let file = File::create_new(path).map_err(|error| JournalError {
            file: path.to_owned(),
            what: error.to_string(),
            fix: "choose another file",
        })?;
        Ok(Self {
            file: Some((path.to_owned(), file)),
        })
    }
}

impl Journal for FileJournal {
    fn records(&self) -> Result<Vec<Vec<u8>>, JournalError> {
        // It begins anew each time.
        Ok(Vec::new())
    }

    fn append(&mut self, record: &[u8]) -> Result<(), JournalError> {
        let Some((path, file)) = &mut self.file else {
            return Ok(());
        };
        let written = file.write_all(record).and_then(|()| file.write_all(b"\n"));
        written.map_err(|error| JournalError {
            file: path.clone(),
            what: error.to_string(),
            fix: "make room",
        })
    }

    fn replace(&mut self, records: &[&[u8]]) -> Result<(), JournalError> {
        // Such logs are never made short.
        records.iter().try_for_each(|record| self.append(record))
    }
}
