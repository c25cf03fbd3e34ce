//! Temporary files of commands.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::Failure;

/// New folder for temporary files that nobody else may read, removed with all that is in it.
#[derive(Debug)]
pub(super) struct TemporaryFolder {
    path: PathBuf,
    /// Locked as long as the folder is needed.
    _lock: File,
}

impl TemporaryFolder {
    /// An empty folder.
    pub(super) fn new() -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            let place = std::env::temp_dir();
            let place = place.display();
            Failure::incomplete(format!(
                "a temporary folder in {place}: {error}; set TMPDIR to a folder that you may write to"
            ))
        };
        remove_stale();
        let made = new_folder().and_then(|path| {
            let lock = File::open(&path)?;
            // Without locks nothing takes the folder for one that was left behind.
            let _ = lock.try_lock();
            Ok(Self { path, _lock: lock })
        });
        made.map_err(failed)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What is left is in a folder for temporary files.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Beginning of the names of folders.
const NAME: &str = "windtunnel-base-";

/// Time after which a folder that nobody has locked was left behind.
const STALE: Duration = Duration::from_mins(1);

/// Removes folders that programs left which were ended at once: nobody holds them any more.
fn remove_stale() {
    let entries = fs::read_dir(std::env::temp_dir());
    for entry in entries.into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(NAME);
        let about = entry
            .metadata()
            .ok()
            .filter(|about| is_ours && about.is_dir());
        let age = about.and_then(|about| about.modified().ok()?.elapsed().ok());
        if age.is_none_or(|age| age < STALE) {
            continue;
        }
        // Those of others can't be opened.
        let lock = File::open(entry.path());
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn new_folder() -> io::Result<PathBuf> {
    static FOLDERS: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("{NAME}{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.and_then(|()| folder.canonicalize()),
        }
    }
}
