//! Killing all processes of a container, and removing its groups.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::reading::members;
use super::{Controller, Group, TREE, write};

/// Looks at a group that freezes, and the time between them.
const FREEZING_LOOKS: u32 = 20;
const FREEZING_PAUSE: Duration = Duration::from_millis(5);

impl Group {
    /// Sends SIGKILL to every process of the container. They may take a moment to end.
    pub(in super::super) fn kill(&self) -> io::Result<()> {
        self.thaw();
        if let Some(place) = self.place(Controller::Containment) {
            let file = place.folder.join("cgroup.kill");
            if file.exists() {
                return write(&file, "1");
            }
        }
        let Some(freezer) = self.place(Controller::Freezer) else {
            for pid in self.members() {
                kill(pid, |pid| self.members().contains(&pid));
            }
            return Ok(());
        };
        // Frozen processes start no others meanwhile, and die once thawed.
        let state = freezer.folder.join("freezer.state");
        if !state.exists() {
            return Ok(());
        }
        write(&state, "FROZEN")?;
        for _ in 0..FREEZING_LOOKS {
            let now = fs::read_to_string(&state).unwrap_or_default();
            if now.trim() == "FROZEN" {
                break;
            }
            thread::sleep(FREEZING_PAUSE);
        }
        for pid in members(&freezer.folder) {
            kill(pid, |pid| members(&freezer.folder).contains(&pid));
        }
        write(&state, "THAWED")
    }

    /// Thaws the container: a frozen process of version 1 does not die.
    fn thaw(&self) {
        if let Some(place) = self.place(Controller::Freezer) {
            let state = place.folder.join("freezer.state");
            let is_frozen = fs::read_to_string(&state).is_ok_and(|now| now.trim() != "THAWED");
            if is_frozen {
                // A group that is gone needs no thawing.
                let _ = write(&state, "THAWED");
            }
        }
    }

    /// Removes the groups, and those above that are empty then. A group with processes stays.
    pub(in super::super) fn remove(&self) {
        for place in self.distinct() {
            remove_below(&place.folder);
            for folder in place.folder.ancestors() {
                let is_removed = fs::remove_dir(folder).is_ok() || !folder.exists();
                if !is_removed || folder.ends_with(TREE) {
                    break;
                }
            }
        }
    }
}

/// Removes groups that the workload made below its own.
fn remove_below(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_below(&entry.path());
            // With processes in it, it stays.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Kills a process if it is still the one that was meant once there is a handle of it.
fn kill(pid: u32, is_meant: impl Fn(u32) -> bool) {
    let id = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let handle = id.map(|id| pidfd_open(id, PidfdFlags::empty()));
    if let Some(Ok(handle)) = handle
        && is_meant(pid)
    {
        // It has ended by itself.
        let _ = pidfd_send_signal(handle, Signal::KILL);
    }
}
