//! Single files that are being written: where writing ends early, by an error or a signal, the part
//! that was written goes.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{At as _, FolderError, refuse_other_than_file};

/// Temporary names of the files being written.
static PATHS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file being written, removed unless its end is reached.
pub(super) struct Unfinished {
    path: PathBuf,
    /// Locked as long as the file has its temporary name.
    lock: Option<File>,
}

impl Unfinished {
    /// Makes a file under a temporary name, which no other program writes under. No file is made once
    /// unfinished ones are removed.
    pub(super) fn begin(path: &Path) -> Result<(Self, File), FolderError> {
        with_paths(|paths| {
            let (path, file) = temporary(path)?;
            paths.push(path.clone());
            let lock = Some(file.try_clone().at(&path)?);
            Ok((Self { path, lock }, file))
        })
    }

    /// The temporary name.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file has its final name.
    pub(super) fn end(mut self) {
        self.lock = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        with_paths(|paths| paths.retain(|path| *path != self.path));
        // What stands under the name of a finished file is another's.
        if self.lock.is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens a file under a temporary name: `NAME.partial`, or another where a program that writes has that one.
fn temporary(path: &Path) -> Result<(PathBuf, File), FolderError> {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let named = |ending: &str| {
        let mut name = path.to_path_buf().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    };
    let usual = named(".partial");
    refuse_other_than_file(&usual)?;
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    let file = options.open(&usual).at(&usual)?;
    let is_busy = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
    let is_there =
        || std::io::Result::Ok((file.metadata()?.ino(), fs::symlink_metadata(&usual)?.ino()));
    // Before it was locked, the file may have got its final name.
    if !is_busy && is_there().is_ok_and(|(own, named)| own == named) {
        file.set_len(0).at(&usual)?;
        return Ok((usual, file));
    }
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let other = named(&format!(".{}-{number}.partial", std::process::id()));
    let file = File::create_new(&other).at(&other)?;
    Ok((other, file))
}

/// Does what no other program does at the same time with the files beside one.
pub fn locked<T>(file: &Path, act: impl FnOnce() -> T) -> T {
    let folder = file.parent().filter(|own| !own.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new(".")));
    // Some file systems have no locks; there the guard is absent.
    let _guard = folder.ok().filter(|folder| folder.lock().is_ok());
    act()
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
