//! Locks of folders that are being written.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::FolderError;

/// Lock of a folder, given back once it is dropped: also where a process that was forked meanwhile, such as one of a
/// pool, still has its file open.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    /// Process that took it: a copy of this one has no say.
    process: u32,
}

impl Lock {
    /// Takes the lock of a file, for this process alone.
    pub(super) fn alone(file: File, folder: &Path) -> Result<Self, FolderError> {
        let taken = file.try_lock();
        Self::taken(file, &taken, folder)
    }

    /// Takes the lock of a file together with other processes.
    pub(super) fn shared(file: File, folder: &Path) -> Result<Self, FolderError> {
        let taken = file.try_lock_shared();
        Self::taken(file, &taken, folder)
    }

    fn taken(
        file: File,
        taken: &Result<(), TryLockError>,
        folder: &Path,
    ) -> Result<Self, FolderError> {
        match taken {
            Err(TryLockError::WouldBlock) => Err(FolderError::Busy(folder.to_path_buf())),
            // Some network file systems have no locks; there the guard is absent, the work goes on.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self {
                file,
                process: std::process::id(),
            }),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            // Where there are no locks there is none to give back.
            let _ = self.file.unlock();
        }
    }
}
