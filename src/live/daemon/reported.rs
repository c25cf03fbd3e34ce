//! The attempts whose end the control server has for good, in a file of the node's folder. The last one of
//! each container stays in the runtime as long as its pod is of the node: its log can be read, and the next
//! attempt gets the next number. A daemon that starts again does not report their ends a second time.

use std::io;
use std::path::{Path, PathBuf};

use units::SortedSet;

use crate::runtime::{AttemptId, read_record, write_record};

/// Name of the file.
const FILE: &str = ".reported";

/// The attempts that ended, were reported and are still in the runtime.
pub(super) struct Reported {
    folder: PathBuf,
    attempts: SortedSet<AttemptId>,
}

impl Reported {
    /// The attempts that the file in a folder names; without a file that can be read, none.
    pub(super) fn of_folder(folder: &Path) -> Self {
        let names: Option<Vec<String>> = read_record(folder, FILE).whole();
        let names = names.into_iter().flatten();
        Self {
            folder: folder.to_owned(),
            attempts: names.filter_map(|name| name.parse().ok()).collect(),
        }
    }

    pub(super) fn contains(&self, attempt: &AttemptId) -> bool {
        self.attempts.contains(attempt)
    }

    /// The attempts that are kept from now on; durable when this returns.
    ///
    /// # Errors
    /// The folder can't be written.
    pub(super) fn keep(&mut self, attempts: SortedSet<AttemptId>) -> io::Result<()> {
        if attempts != self.attempts {
            let names: Vec<String> = attempts.iter().map(AttemptId::to_string).collect();
            write_record(&self.folder, FILE, &names)?;
            self.attempts = attempts;
        }
        Ok(())
    }
}
