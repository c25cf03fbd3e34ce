//! The folder of an agent: made for its owner alone, and locked as long as the agent lives.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::{Account, NameError, order};

/// Failure to open the runtime's folder.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The name of the node can't be the name of a cgroup.
    #[error(transparent)]
    Name(#[from] NameError),
    /// An agent runs with this folder.
    #[error("{}: an agent runs with this folder; end it, or choose another folder", .0.display())]
    InUse(PathBuf),
    /// Containers' user can't get to the folder.
    #[error(
        "{}: containers run as the user {uid}, who can't pass `{}`; choose a folder below /var/lib, or another \
         user with `--run-as`",
        folder.display(), closed.display()
    )]
    Closed {
        /// The folder.
        folder: PathBuf,
        /// Folder on the way to it that is closed.
        closed: PathBuf,
        /// Number of the user.
        uid: u32,
    },
    /// The folder cannot be read or made.
    #[error("{}: {source}; choose a folder that can be written", path.display())]
    Folder {
        /// Folder or file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

/// Folder of the working directories of containers, in that of the agent.
const WORK: &str = ".work";

/// The working directory of an attempt, by the folder of its records.
pub(super) fn work_of(attempt: &Path) -> PathBuf {
    let name = attempt.file_name().unwrap_or_default();
    attempt.with_file_name(WORK).join(name)
}

/// Makes the working directory of an attempt, for its user alone.
pub(super) fn make_work(attempt: &Path, account: Option<Account>) -> io::Result<PathBuf> {
    let work = work_of(attempt);
    DirBuilder::new().mode(0o700).create(&work)?;
    if let Some(Account { uid, gid }) = account {
        std::os::unix::fs::chown(&work, Some(uid), Some(gid))?;
    }
    Ok(work)
}

/// Lets a user get to the working directories in the folder of an agent, and to nothing else there.
pub(super) fn open_to(folder: &Path, account: Option<Account>) -> Result<(), OpenError> {
    let failed = |path: &Path, source| OpenError::Folder {
        path: path.to_owned(),
        source,
    };
    let passable = || Permissions::from_mode(if account.is_some() { 0o711 } else { 0o700 });
    let work = folder.join(WORK);
    for folder in [folder, &work] {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        let set = made.and_then(|()| std::fs::set_permissions(folder, passable()));
        set.map_err(|error| failed(folder, error))?;
    }
    let closed = account.and_then(|own| Some((own.uid, own.closed_on_the_way(&work)?)));
    match closed {
        None => Ok(()),
        Some((uid, closed)) => Err(OpenError::Closed {
            folder: folder.to_owned(),
            closed: closed.to_owned(),
            uid,
        }),
    }
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
