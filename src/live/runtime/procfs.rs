//! Processes as `/proc` shows them.

use std::fs;
use std::io;

/// Part of a process's status line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// State: a letter, `Z` of zombies.
    pub state: char,
    /// Process id of the parent.
    pub parent: u32,
    /// Processor time, in clock ticks.
    pub cpu_ticks: u64,
    /// Start time in clock ticks since boot.
    pub start_ticks: u64,
    /// Memory in use, in pages.
    pub resident_pages: u64,
}

impl Stat {
    /// Returns whether the process lives: zombies and the dead still have a status.
    pub const fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// Status of a process.
pub fn stat(pid: u32) -> io::Result<Stat> {
    let text = fs::read(format!("/proc/{pid}/stat"))?;
    parse(&String::from_utf8_lossy(&text)).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("/proc/{pid}/stat: no status line"),
        )
    })
}

/// Returns whether an error of reading `/proc` says that the process is gone.
pub(super) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// A status line. The name of the command may itself hold `) R (`, so the line is split after its last
/// parenthesis.
fn parse(line: &str) -> Option<Stat> {
    let (_, rest) = line.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        cpu_ticks: number(11)?.checked_add(number(12)?)?,
        start_ticks: number(19)?,
        resident_pages: number(21).unwrap_or(0),
    })
}

/// Id of the host's boot.
pub fn boot_id() -> io::Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim().to_owned())
}

/// Children of a process, those of all its threads; empty if it is gone.
pub fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return found;
    };
    for task in tasks.flatten() {
        let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        found.extend(
            text.split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
    }
    found
}

/// Processes below a process, itself left out.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut open = children(pid);
    // A process is seen twice if it gets a new parent meanwhile.
    while let Some(pid) = open.pop() {
        if !found.contains(&pid) {
            found.push(pid);
            open.extend(children(pid));
        }
    }
    found
}

/// Live processes whose environment held a variable of this value when they were executed.
pub(super) fn marked(name: &str, value: &str) -> Vec<u32> {
    let wanted = format!("{name}={value}");
    let is_marked = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|variable| variable == wanted.as_bytes())
            && stat(*pid).is_ok_and(|stat| stat.is_alive())
    };
    processes().into_iter().filter(is_marked).collect()
}

/// Every process id, in order.
fn processes() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut found: Vec<u32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_named_like_a_status_changes_nothing() {
        let line =
            "42 (x) R (y) S 7 42 42 0 -1 4194560 1 0 0 0 30 12 0 0 20 0 1 0 206696 1000 25 0";
        let stat = parse(line).expect("a status line");
        let expected = Stat {
            state: 'S',
            parent: 7,
            cpu_ticks: 42,
            start_ticks: 206_696,
            resident_pages: 25,
        };
        assert_eq!(stat, expected);
        assert!(stat.is_alive());
        assert!(parse("42 (x) Z 7 42").is_none());
        assert!(parse("").is_none());
    }

    #[test]
    fn this_process_lives_and_has_a_parent() {
        let stat = stat(std::process::id()).expect("this process");
        assert!(stat.is_alive() && stat.parent > 0 && stat.start_ticks > 0);
    }
}
