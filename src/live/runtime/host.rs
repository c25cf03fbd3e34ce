//! Capacity of the host, as a node registers with it: that of the machine, cut to the limits of the
//! agent's own cgroups and processors.

use std::fs;
use std::path::Path;

use super::cgroup::{Version, mounts};

/// Label with the limits that a node keeps, separated by dots, or `none`.
pub const LIMITS: &str = "windtunnel.io/limits";

/// Label with the attitude of a node to limits that it can't keep.
pub const ENFORCEMENT: &str = "windtunnel.io/enforcement";

/// Value of [`ENFORCEMENT`]: containers that state such a limit are not started.
pub const STRICT: &str = "strict";

/// Capacity of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Processor time, in thousandths of a processor.
    pub cpu_milli: u64,
    /// Memory, bytes.
    pub memory_bytes: u64,
}

/// Capacity that this process may give to containers.
pub fn capacity() -> Capacity {
    let processors =
        rustix::thread::sched_getaffinity(None).map_or(1, |set| u64::from(set.count()));
    let mut capacity = Capacity {
        cpu_milli: processors.saturating_mul(1_000),
        memory_bytes: total_memory(),
    };
    for mount in mounts(None) {
        let (memory, cpu) = match mount.version {
            Version::V1 => ("memory.limit_in_bytes", quota_version_1(&mount.own)),
            Version::V2 => ("memory.max", quota_version_2(&mount.own)),
        };
        if let Some(bytes) = number(&mount.own.join(memory)) {
            capacity.memory_bytes = capacity.memory_bytes.min(bytes);
        }
        if let Some(milli) = cpu {
            capacity.cpu_milli = capacity.cpu_milli.min(milli);
        }
    }
    capacity
}

/// Labels that the node of a host has whatever its runtime, as a kubelet sets them: its own name, and
/// the names that Go has for the operating system and the processor.
pub fn labels(node: &str) -> [(&'static str, String); 3] {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    [
        ("kubernetes.io/hostname", node.to_owned()),
        ("kubernetes.io/os", "linux".to_owned()),
        ("kubernetes.io/arch", arch.to_owned()),
    ]
}

fn total_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or(0).saturating_mul(1024)
}

fn quota_version_1(own: &Path) -> Option<u64> {
    // No quota is -1, which is no number here.
    let quota = number(&own.join("cpu.cfs_quota_us"))?;
    let period = number(&own.join("cpu.cfs_period_us"))?;
    quota.checked_mul(1_000)?.checked_div(period)
}

fn quota_version_2(own: &Path) -> Option<u64> {
    let text = fs::read_to_string(own.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    let quota: u64 = quota.parse().ok()?;
    quota.checked_mul(1_000)?.checked_div(period.parse().ok()?)
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_host_has_some_capacity() {
        let capacity = super::capacity();
        assert!(
            capacity.cpu_milli >= 1 && capacity.memory_bytes >= 1 << 20,
            "{capacity:?}"
        );
    }
}
