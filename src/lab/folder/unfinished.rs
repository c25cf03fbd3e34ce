//! Single files that are being written: where writing ends early, by an error or a signal, the part
//! that was written goes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Temporary names of the files being written.
static PATHS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file being written, removed unless its end is reached.
pub(super) struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// Makes the file under its temporary name. No file is made once unfinished ones are removed.
    pub(super) fn begin(path: &Path) -> io::Result<(Self, File)> {
        with_paths(|paths| {
            let file = File::create(path)?;
            paths.push(path.to_path_buf());
            let path = path.to_path_buf();
            Ok((Self { path }, file))
        })
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

/// Removes the files that are being written, before the program ends at once. From then on no other
/// thread begins or ends a file: it stands still until the program is gone, instead of telling that its
/// file has vanished.
pub fn remove_unfinished() {
    let mut paths = PATHS.lock().unwrap_or_else(PoisonError::into_inner);
    for path in paths.drain(..) {
        // What can't be removed is replaced by the next try.
        let _ = fs::remove_file(path);
    }
    std::mem::forget(paths);
}

fn with_paths<T>(act: impl FnOnce(&mut Vec<PathBuf>) -> T) -> T {
    act(&mut PATHS.lock().unwrap_or_else(PoisonError::into_inner))
}
