//! Logs that were compacted away, kept as files that replay by themselves: each begins where the one
//! before it ended.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::JournalError;

/// A folder of logs.
#[derive(Clone, Debug)]
pub struct Archive {
    folder: PathBuf,
}

impl Archive {
    /// An archive in a folder, which is made with the first log.
    pub fn new(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self { folder }
    }

    /// Keeps a log; it is durable once this returns. `first` and `last` are the numbers of its steps in
    /// the run.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn keep(&self, first: u64, last: u64, lines: &[Vec<u8>]) -> Result<(), JournalError> {
        // The zeros keep the files in order of their names.
        let file = self
            .folder
            .join(format!("steps-{first:012}-{last:012}.log"));
        let kept = self.write(&file, lines);
        kept.map_err(|error| JournalError {
            what: error.to_string(),
            fix: "see that the folder can be written and has room",
            file,
        })
    }

    /// The logs that are kept, in order.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    fn write(&self, file: &Path, lines: &[Vec<u8>]) -> io::Result<()> {
        // A log holds manifests, which others need not read.
        let mut folder = DirBuilder::new();
        folder.recursive(true).mode(0o700).create(&self.folder)?;
        let temporary = file.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut written = options.open(&temporary)?;
        for line in lines {
            written.write_all(line)?;
            written.write_all(b"\n")?;
        }
        written.sync_all()?;
        std::fs::rename(&temporary, file)?;
        OpenOptions::new().read(true).open(&self.folder)?.sync_all()
    }
}
