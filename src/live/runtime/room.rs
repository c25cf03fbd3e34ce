//! Room that a host has left for more containers: on the disk of their folder, and for processes.

use std::fs;
use std::io;
use std::path::Path;

use super::cgroup::mounts;

/// An amount of which a part is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The part that is left.
    pub left: u64,
    /// The whole.
    pub of: u64,
}

/// Room on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that users other than root may write.
    pub bytes: Room,
    /// Files that may be made; `None` of a file system that sets no limit.
    pub files: Option<Room>,
}

/// The room on the disk of a folder.
///
/// # Errors
/// The folder can't be examined.
pub fn disk(folder: &Path) -> io::Result<Disk> {
    let disk = rustix::fs::statvfs(folder)?;
    let files = Room {
        left: disk.f_favail,
        of: disk.f_files,
    };
    Ok(Disk {
        bytes: Room {
            left: disk.f_bavail.saturating_mul(disk.f_frsize),
            of: disk.f_blocks.saturating_mul(disk.f_frsize),
        },
        files: (files.of > 0).then_some(files),
    })
}

/// The room for processes and threads: that of the host, or of the agent's own cgroups where it is less;
/// `None` of a host that does not say.
pub fn processes() -> Option<Room> {
    let most = ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"];
    let most = most
        .iter()
        .filter_map(|file| number(Path::new(file)))
        .min()?;
    let load = fs::read_to_string("/proc/loadavg").ok()?;
    let (_, used) = load.split_whitespace().nth(3)?.split_once('/')?;
    let mut room = Room {
        left: most.saturating_sub(used.parse().ok()?),
        of: most,
    };
    for mount in mounts(None) {
        // Without a limit the file says `max`, which is no number.
        let limit = number(&mount.own.join("pids.max"));
        let used = number(&mount.own.join("pids.current"));
        if let (Some(of), Some(used)) = (limit, used) {
            let own = Room {
                left: of.saturating_sub(used),
                of,
            };
            if own.left < room.left {
                room = own;
            }
        }
    }
    Some(room)
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_some_room() {
        let disk = disk(&std::env::temp_dir()).expect("a disk");
        assert!(disk.bytes.left <= disk.bytes.of && disk.bytes.of > 0);
        let processes = processes().expect("a limit");
        assert!(processes.left > 0 && processes.left < processes.of);
        assert!(super::disk(Path::new("/nowhere/at/all")).is_err());
    }
}
