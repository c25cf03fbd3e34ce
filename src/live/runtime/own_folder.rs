//! The folder of an agent: made for its owner alone, and locked as long as the agent lives.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::{NameError, order};

/// Failure to open the runtime's folder.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The name of the node can't be the name of a cgroup.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An agent runs with this folder.
    #[error("{}: an agent runs with this folder; end it, or choose another folder", .0.display())]
    InUse(PathBuf),
    /// The folder cannot be read or made.
    #[error("{}: {source}; choose a folder that can be written", path.display())]
    Folder {
        /// Folder or file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

/// Makes the folder of a node's agent and locks it; the lock holds until the file is closed.
pub(super) fn taken(folder: &Path, node: &str) -> Result<File, OpenError> {
    order::check_name("node", node)?;
    let failed = |path: &Path, source| OpenError::Folder {
        path: path.to_owned(),
        source,
    };
    // Orders hold the environments of workloads, which others need not read.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| failed(folder, error))?;
    let path = folder.join(".agent");
    let lock = File::options().append(true).create(true).open(&path);
    let lock = lock.map_err(|error| failed(&path, error))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| OpenError::InUse(folder.to_owned()))?;
    Ok(lock)
}
