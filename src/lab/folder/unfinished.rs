//! Single files that are being written: where writing ends early, by an error or a signal, the part
//! that was written goes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Temporary names of the files being written.
static PATHS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file being written, removed unless its end is reached.
pub(super) struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// Writing begins under this temporary name.
    pub(super) fn begin(path: &Path) -> Self {
        with_paths(|paths| paths.push(path.to_path_buf()));
        Self {
            path: path.to_path_buf(),
        }
    }

    /// The file has its final name.
    pub(super) fn end(self) {
        drop(self);
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        with_paths(|paths| paths.retain(|path| *path != self.path));
        // A finished file is not there any more.
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes the files that are being written, before the program ends at once.
pub fn remove_unfinished() {
    with_paths(|paths| {
        for path in paths.drain(..) {
            // What can't be removed is replaced by the next try.
            let _ = fs::remove_file(path);
        }
    });
}

fn with_paths(act: impl FnOnce(&mut Vec<PathBuf>)) {
    act(&mut PATHS.lock().unwrap_or_else(PoisonError::into_inner));
}
