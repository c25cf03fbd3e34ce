//! Cleaning up, also of what runs left that crashed: names hold the process id and start time of the
//! run, and what belongs to a run that is gone is removed. Processes go first, folders after.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use live::runtime::process::ProcessRuntime;
use live::runtime::{Change, Runtime, clock, procfs};

use crate::agent;

/// Prefix of every name of a run: of folders, nodes and network namespaces.
const PREFIX: &str = "wt";

/// Name of this run: `wt-PID-START`.
pub(crate) fn run_name() -> String {
    let pid = std::process::id();
    let start = procfs::stat(pid).expect("this process").start_ticks;
    format!("{PREFIX}-{pid}-{start}")
}

/// Folder of this run.
pub(crate) fn run_folder() -> PathBuf {
    std::env::temp_dir().join(format!("live-{}", run_name()))
}

/// Returns whether a name is that of a run that is gone.
pub(crate) fn is_of_gone_run(name: &str) -> bool {
    let mut parts = name.split('-');
    if parts.next() != Some(PREFIX) {
        return false;
    }
    let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
    let (Some(pid), Some(start)) = (number(), number()) else {
        return false;
    };
    let stat = u32::try_from(pid)
        .ok()
        .and_then(|pid| procfs::stat(pid).ok());
    !stat.is_some_and(|stat| stat.start_ticks == start && stat.is_alive())
}

/// Removes what runs left that are gone.
pub(crate) fn earlier_runs() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(run) = name.strip_prefix("live-").filter(|run| is_of_gone_run(run)) else {
            continue;
        };
        println!("removing what the run {run} left");
        for host in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
            let folder = host.path();
            let host = host.file_name().to_string_lossy().into_owned();
            let number = host.trim_start_matches("host-");
            end_all(&folder, &format!("{run}-{number}"));
        }
        let _ = fs::remove_dir_all(entry.path());
    }
    crate::fabric::remove_earlier();
}

/// Ends every attempt of a host, whose agent does not run, and removes its folder.
pub(crate) fn end_all(folder: &Path, node: &str) {
    if !folder.join("state").is_dir() {
        return;
    }
    let end_ns = clock::boot_ns() + 8_000_000_000;
    // An agent of a crashed run ends a moment after it.
    let opened = loop {
        let config = agent::config(folder, node);
        match ProcessRuntime::open(config) {
            Ok(runtime) => break Some(runtime),
            Err(_) if clock::boot_ns() < end_ns => std::thread::sleep(Duration::from_millis(20)),
            Err(_) => break None,
        }
    };
    if let Some(mut runtime) = opened {
        while !runtime.list().is_empty() && clock::boot_ns() < end_ns {
            for listed in runtime.list() {
                runtime.stop(&listed.attempt, Duration::ZERO, "cleaning up");
            }
            for happening in runtime.poll(Duration::from_millis(20)) {
                if matches!(happening.change, Change::Ended(_)) {
                    runtime.acknowledge(&happening.attempt);
                }
            }
        }
    }
    unmount(&folder.join("state"));
    let _ = fs::remove_dir_all(folder);
}

/// Unmounts a folder if it is a mount.
pub(crate) fn unmount(folder: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let is_mounted = mounts
        .lines()
        .any(|line| line.split(' ').nth(1) == folder.to_str());
    if is_mounted {
        let _ = Command::new("umount").arg("-l").arg(folder).status();
    }
}
