//! End of a workload: its status, its record, and the processes that it left.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::process::pidfd_send_signal;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, pidfd_open, wait};
use serde::Serialize;

use super::super::cgroup::Group;
use super::super::log::LOG;
use super::super::{ExitRecord, Outcome, clock, fault_point, files, procfs};
use super::{RESERVE, Running, Streams};

/// Time for the processes that a workload left to end after they were killed.
const CLEARING_NS: i64 = 4_000_000_000;
/// Time between two looks at processes that were killed.
const ROUND_NS: i64 = 5_000_000;
/// Time between two attempts to record an end on a full disk.
const RETRY: Duration = Duration::from_millis(200);

/// Copies output until the workload ends, records the end, and ends what it left.
pub(super) fn await_end(folder: &Path, group: &Group, running: Running) -> io::Result<()> {
    let Running {
        mut streams,
        workload,
    } = running;
    let status = loop {
        // A notice may come between the two calls; the stream keeps it.
        if let Some(status) = reap(workload) {
            break status;
        }
        streams.wait(None);
    };
    let ended_ns = clock::wall_ns();
    let exit = ExitRecord::new(outcome(status), Some(ended_ns), group.counters());
    fault_point::reached("before-exit");
    write_exit(folder, &exit)?;
    clear(group, &mut streams);
    streams.finish();
    Ok(())
}

fn outcome(status: WaitStatus) -> Outcome {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Outcome::Code(code),
        (None, Some(signal)) => Outcome::Signal(signal),
        (None, None) => Outcome::Unknown,
    }
}

/// Reaps every child that has ended; returns the status of the workload if it is among them.
fn reap(workload: u32) -> Option<WaitStatus> {
    let mut found = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if u32::try_from(pid.as_raw_nonzero().get()) == Ok(workload) {
            found = Some(status);
        }
    }
    found
}

/// Kills what the workload left and copies its last output, until nothing is left or time is up.
fn clear(group: &Group, streams: &mut Streams) {
    let this = std::process::id();
    let end_ns = clock::boot_ns() + CLEARING_NS;
    loop {
        reap(0);
        let left = procfs::children(this);
        let is_clear = left.is_empty() && group.members().is_empty();
        // Output in the pipes outlives its writers; a process elsewhere may hold them open.
        if (is_clear && !streams.is_open()) || clock::boot_ns() > end_ns {
            return;
        }
        if !is_clear {
            let _ = group.kill();
            left.into_iter().for_each(kill);
        }
        streams.wait(Some(ROUND_NS));
    }
}

/// Kills a child. It is not reaped meanwhile, so its id belongs to it.
fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(Ok(handle)) = pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())) {
        // It has ended by itself.
        let _ = pidfd_send_signal(handle, Signal::KILL);
    }
}

/// Writes a record; on a full disk in the space that was kept for it.
pub(in super::super) fn write_record<T: Serialize>(
    folder: &Path,
    name: &str,
    record: &T,
) -> io::Result<()> {
    match files::write(folder, name, record) {
        Err(error) if is_full(&error) => {}
        result => return result,
    }
    fs::remove_file(folder.join(RESERVE))?;
    let written = files::write(folder, name, record);
    // Kept again if there is room: a later record needs it, too.
    let _ = keep_reserve(folder);
    written
}

/// Writes the record of the end. On a full disk the log makes room; without any room the shim waits,
/// as an end without a record would be unknown.
pub(super) fn write_exit(folder: &Path, exit: &ExitRecord) -> io::Result<()> {
    loop {
        match write_record(folder, "exit", exit) {
            Err(error) if folder.is_dir() && is_full(&error) => make_room(folder),
            Err(error) if folder.is_dir() && error.kind() == io::ErrorKind::NotFound => {
                make_room(folder);
            }
            result => return result,
        }
        thread::sleep(RETRY);
    }
}

/// Keeps some space on the disk for the records of a shim.
pub(in super::super) fn keep_reserve(folder: &Path) -> io::Result<()> {
    fs::write(folder.join(RESERVE), [b'.'; 8 << 10])
}

/// Returns whether an error says that a disk is full.
pub(in super::super) fn is_full(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let full = [Errno::NOSPC, Errno::DQUOT].map(Errno::raw_os_error);
    error
        .raw_os_error()
        .is_some_and(|errno| full.contains(&errno))
}

/// Removes the oldest file of the log.
fn make_room(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let prefix = format!("{LOG}.");
    let number = |name: &str| name.strip_prefix(&prefix)?.parse::<u32>().ok();
    let rotated = entries.flatten().filter_map(|entry| {
        let name = entry.file_name();
        number(name.to_str()?).map(|number| (number, entry.path()))
    });
    let oldest = rotated.max_by_key(|&(number, _)| number);
    let path = oldest.map_or_else(|| folder.join(LOG), |(_, path)| path);
    // Gone already: then another writer has to make room.
    let _ = fs::remove_file(path);
}
