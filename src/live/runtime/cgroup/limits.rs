//! Making a container's groups and writing its limits.

use std::io;
use std::path::Path;

use super::super::Limits;
use super::probe::{enable, make};
use super::{Controller, Group, Place, TREE, Version, number, write};

/// Period of the limit on processor time, microseconds.
const PERIOD_US: u64 = 100_000;
/// Smallest quota that the kernel accepts, microseconds.
const LEAST_QUOTA_US: u64 = 1_000;
/// The shim starts the workload from within its groups, so a limit of one process would admit none.
const LEAST_PROCESSES: u64 = 2;

impl Group {
    /// Makes the groups and writes the limits; limits without a controller are left out.
    pub(in super::super) fn create(&self, limits: &Limits) -> io::Result<()> {
        for place in &self.places {
            create_folders(place)?;
        }
        for place in &self.places {
            match place.controller {
                Controller::Cpu => limit_cpu(place, limits)?,
                Controller::Memory => limit_memory(place, limits)?,
                Controller::Pids => {
                    if let Some(count) = limits.process_count {
                        let count = count.max(LEAST_PROCESSES);
                        write(&place.folder.join("pids.max"), &count.to_string())?;
                    }
                }
                Controller::CpuAccount | Controller::Freezer | Controller::Containment => {}
            }
        }
        Ok(())
    }
}

/// Makes the folders from the tree's root down.
fn create_folders(place: &Place) -> io::Result<()> {
    let mut folders: Vec<&Path> = place.folder.ancestors().collect();
    folders.reverse();
    let root = folders.iter().position(|folder| folder.ends_with(TREE));
    let below = &folders[root.unwrap_or(0)..];
    for (depth, folder) in below.iter().enumerate() {
        make(folder)?;
        let is_leaf = depth + 1 == below.len();
        let is_limit = matches!(
            place.controller,
            Controller::Cpu | Controller::Memory | Controller::Pids
        );
        if place.version == Version::V2 && is_limit && !is_leaf {
            enable(folder, place.controller)?;
        }
    }
    Ok(())
}

fn limit_cpu(place: &Place, limits: &Limits) -> io::Result<()> {
    let set = |file: &str, value: String| write(&place.folder.join(file), &value);
    let quota = limits.cpu_milli.map(quota_us);
    match place.version {
        Version::V1 => {
            if let Some(milli) = limits.cpu_request_milli {
                set("cpu.shares", shares(milli).to_string())?;
            }
            if let Some(quota) = quota {
                set("cpu.cfs_period_us", PERIOD_US.to_string())?;
                set("cpu.cfs_quota_us", quota.to_string())?;
            }
        }
        Version::V2 => {
            if let Some(milli) = limits.cpu_request_milli {
                set("cpu.weight", weight(milli).to_string())?;
            }
            if let Some(quota) = quota {
                set("cpu.max", format!("{quota} {PERIOD_US}"))?;
            }
        }
    }
    Ok(())
}

fn limit_memory(place: &Place, limits: &Limits) -> io::Result<()> {
    let Some(bytes) = limits.memory_bytes else {
        return Ok(());
    };
    let file = |name: &str| place.folder.join(name);
    match place.version {
        Version::V1 => {
            // The limit with swap can't be below the limit without; a new group has neither.
            write(&file("memory.limit_in_bytes"), &bytes.to_string())?;
            if number(&file("memory.memsw.limit_in_bytes")).is_some() {
                write(&file("memory.memsw.limit_in_bytes"), &bytes.to_string())?;
            }
        }
        Version::V2 => {
            write(&file("memory.max"), &bytes.to_string())?;
            if file("memory.swap.max").exists() {
                write(&file("memory.swap.max"), "0")?;
            }
            // The container ends as a whole, as kubelets have it.
            write(&file("memory.oom.group"), "1")?;
        }
    }
    Ok(())
}

/// Shares of version 1: 1024 for a processor.
fn shares(milli: u64) -> u64 {
    (milli.saturating_mul(1024) / 1000).clamp(2, 262_144)
}

/// Weight of version 2: 100, the default, for a processor.
fn weight(milli: u64) -> u64 {
    (milli / 10).clamp(1, 10_000)
}

/// Processor time in a period, microseconds.
fn quota_us(milli: u64) -> u64 {
    milli.saturating_mul(PERIOD_US / 1000).max(LEAST_QUOTA_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_weights_and_quotas_keep_to_the_kernels_bounds() {
        assert_eq!(
            [0, 1, 1000, 2500, u64::MAX].map(shares),
            [2, 2, 1024, 2560, 262_144]
        );
        assert_eq!([0, 1000, 2500, u64::MAX].map(weight), [1, 100, 250, 10_000]);
        assert_eq!(
            [0, 10, 50, 2000].map(quota_us),
            [1_000, 1_000, 5_000, 200_000]
        );
    }
}
