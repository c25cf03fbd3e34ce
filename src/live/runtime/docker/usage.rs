//! Use of resources by a container, from the groups of its process: the engine takes a second for an
//! answer of its own.

use std::fs;
use std::path::Path;

use crate::runtime::Usage;
use crate::runtime::cgroup::{Version, mounts_of};

/// Use by the groups that a process is in; `None` if it has none.
pub(super) fn usage_of(pid: u32) -> Option<Usage> {
    let mut usage = Usage::default();
    let mut any = false;
    for mount in mounts_of(pid) {
        let has = |controller: &str| match mount.version {
            Version::V1 => mount.controllers.iter().any(|own| own == controller),
            Version::V2 => true,
        };
        let number = |file: &str| number(&mount.own.join(file));
        let field = |file: &str, name: &str| field(&mount.own.join(file), name);
        let (cpu, memory, inactive) = match mount.version {
            Version::V1 => (
                number("cpuacct.usage"),
                number("memory.usage_in_bytes"),
                field("memory.stat", "total_inactive_file"),
            ),
            Version::V2 => (
                field("cpu.stat", "usage_usec").map(|micros| micros.saturating_mul(1_000)),
                number("memory.current"),
                field("memory.stat", "inactive_file"),
            ),
        };
        if let Some(cpu) = cpu.filter(|_| has("cpuacct") && usage.cpu_ns == 0) {
            (usage.cpu_ns, any) = (cpu, true);
        }
        if let Some(memory) = memory.filter(|_| has("memory")) {
            usage.memory_bytes = memory.saturating_sub(inactive.unwrap_or(0));
            any = true;
        }
        if let Some(count) = number("pids.current").filter(|_| has("pids")) {
            usage.process_count = count;
            usage.refused_processes = field("pids.events", "max").unwrap_or(0);
        }
    }
    any.then_some(usage)
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn field(file: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something_where_groups_account_for_it() {
        if let Some(usage) = usage_of(std::process::id()) {
            assert!(usage.cpu_ns > 0 || usage.memory_bytes > 0, "{usage:?}");
        }
    }
}
