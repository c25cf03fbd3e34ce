//! Start of an attempt: its folder, its cgroups, its shim, in this order, so that an agent that is
//! killed in between leaves what the next one understands.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::super::record::OrderRecord;
use super::super::shim::{self, SHIM_MARK};
use super::super::{Order, StartError, fault_point, files, own_folder};
use super::ProcessRuntime;
use super::attempt::{Attempt, Process};

/// File that a shim holds locked as long as it lives. The agent locks it and hands it to the shim, so
/// there is no instant at which a shim exists and the file is not locked.
const LOCK: &str = "lock";
/// Prefix of folders that are being removed.
pub(super) const DISCARDED: &str = ".gone-";

impl ProcessRuntime {
    /// Makes the folder of an attempt and starts its shim.
    pub(super) fn launch(&self, order: &Order) -> Result<Attempt, StartError> {
        let folder = self.folder(&order.attempt);
        let group = self.hierarchies.group(&self.config.node, &order.attempt);
        let mut order = order.clone();
        order.account = self.config.account;
        if order.folder.is_none() {
            order.folder = Some(own_folder::work_of(&folder));
        }
        let record = OrderRecord::new(order, group);
        let launched = self.launch_in(&folder, &record);
        if launched.is_err() {
            discard(&folder);
            record.group.remove();
        }
        Ok(Attempt::starting(folder, record.group, launched?))
    }

    fn launch_in(&self, folder: &Path, record: &OrderRecord) -> Result<Process, StartError> {
        let written = DirBuilder::new()
            .mode(0o700)
            .create(folder)
            .and_then(|()| own_folder::make_work(folder, record.order.account))
            .and_then(|_| shim::keep_reserve(folder))
            .and_then(|()| files::sync(&self.config.folder))
            .and_then(|()| files::write(folder, "order", record));
        written.map_err(|source| refused("can't write the order", folder, source))?;
        fault_point::reached("after-folder");
        let created = record.group.create(&record.order.limits);
        created.map_err(|source| refused("can't make the cgroups", folder, source))?;
        if !record.group.members().is_empty() {
            let left = io::Error::other("processes of an earlier start are in its cgroups");
            return Err(refused("can't start twice", folder, left));
        }
        let lock = locked(folder);
        let lock = lock.map_err(|source| refused("can't lock the folder", folder, source))?;
        let (program, arguments) = self.config.shim.split_first().ok_or_else(|| {
            let missing = io::Error::other("the configuration names no program");
            refused("can't start a shim", folder, missing)
        })?;
        let child = Command::new(program)
            .args(arguments)
            .arg(folder)
            .arg("--")
            .args(&record.order.command)
            .env(SHIM_MARK, shim::mark(&record.order.attempt))
            .current_dir("/")
            .stdin(lock)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let program = PathBuf::from(program);
        let child = child.map_err(|source| refused("can't start the shim", &program, source))?;
        fault_point::reached("after-spawn");
        let pid = child.id();
        // Nothing has waited for the child, so its id is its own.
        let id = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let handle = id.map_or(Err(rustix::io::Errno::SRCH), |id| {
            pidfd_open(id, PidfdFlags::empty())
        });
        let handle =
            handle.map_err(|errno| refused("can't watch the shim", folder, errno.into()))?;
        Ok(Process { handle, pid })
    }
}

fn refused(action: &'static str, path: &Path, source: io::Error) -> StartError {
    let path = path.to_owned();
    if shim::is_full(&source) {
        StartError::DiskFull { path, source }
    } else {
        StartError::Failed {
            action,
            path,
            source,
        }
    }
}

/// Locks the folder of an attempt.
fn locked(folder: &Path) -> io::Result<File> {
    let file = File::create(folder.join(LOCK))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// Returns whether a shim of the folder lives, be it before its first record.
pub(super) fn is_locked(folder: &Path) -> bool {
    File::open(folder.join(LOCK))
        .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_err())
}

/// Removes the folder of an attempt. It loses its name first: half a folder means nothing.
pub(super) fn discard(folder: &Path) {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let gone = folder.with_file_name(format!("{DISCARDED}{name}"));
    let _ = fs::remove_dir_all(own_folder::work_of(folder));
    // What remains is removed when an agent starts.
    if fs::rename(folder, &gone).is_ok() {
        let _ = fs::remove_dir_all(&gone);
    }
}
