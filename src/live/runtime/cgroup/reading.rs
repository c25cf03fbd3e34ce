//! Counters and use of a container's groups.

use std::fs;
use std::path::Path;

use super::super::{Counters, Usage};
use super::{Controller, Group, Place, Version, keyed, number};

impl Group {
    /// Counters of the container so far.
    pub(in super::super) fn counters(&self) -> Counters {
        let memory = self.place(Controller::Memory);
        let cpu = self.place(Controller::Cpu);
        let keyed_in = |place: Option<&Place>, file: &str, name: &str| {
            place
                .and_then(|place| keyed(&place.folder.join(file), name))
                .unwrap_or(0)
        };
        let memory_file = match memory.map(|place| place.version) {
            Some(Version::V2) => "memory.events",
            _ => "memory.oom_control",
        };
        let peak_file = match memory.map(|place| place.version) {
            Some(Version::V2) => "memory.peak",
            _ => "memory.max_usage_in_bytes",
        };
        Counters {
            oom_kills: keyed_in(memory, memory_file, "oom_kill"),
            refused_processes: self.refused_processes(),
            throttled_periods: keyed_in(cpu, "cpu.stat", "nr_throttled"),
            cpu_ns: self.cpu_ns().unwrap_or(0),
            memory_peak_bytes: memory
                .and_then(|place| number(&place.folder.join(peak_file)))
                .unwrap_or(0),
        }
    }

    /// Use of processor time and memory; a part is absent where no controller accounts for it.
    pub(in super::super) fn usage(&self) -> Option<Usage> {
        Some(Usage {
            cpu_ns: self.cpu_ns()?,
            memory_bytes: self.working_set()?,
            process_count: self.members().len() as u64,
            refused_processes: self.refused_processes(),
        })
    }

    fn refused_processes(&self) -> u64 {
        let place = self.place(Controller::Pids);
        let refused = place.and_then(|place| keyed(&place.folder.join("pids.events"), "max"));
        refused.unwrap_or(0)
    }

    fn cpu_ns(&self) -> Option<u64> {
        if let Some(place) = self.place(Controller::CpuAccount)
            && place.version == Version::V1
        {
            return number(&place.folder.join("cpuacct.usage"));
        }
        let place = self.place(Controller::Containment)?;
        keyed(&place.folder.join("cpu.stat"), "usage_usec")?.checked_mul(1_000)
    }

    /// Memory in use without the inactive file cache, as a kubelet counts it.
    fn working_set(&self) -> Option<u64> {
        let place = self.place(Controller::Memory)?;
        let (usage, inactive) = match place.version {
            Version::V1 => ("memory.usage_in_bytes", "total_inactive_file"),
            Version::V2 => ("memory.current", "inactive_file"),
        };
        let usage = number(&place.folder.join(usage))?;
        let inactive = keyed(&place.folder.join("memory.stat"), inactive).unwrap_or(0);
        Some(usage.saturating_sub(inactive))
    }

    /// Processes in the container's groups; zombies are none.
    pub(in super::super) fn members(&self) -> Vec<u32> {
        let by_worth = [
            Controller::Containment,
            Controller::Freezer,
            Controller::Pids,
        ];
        let place = by_worth
            .into_iter()
            .find_map(|controller| self.place(controller));
        let place = place.or(self.places.first());
        place
            .map(|place| members(&place.folder))
            .unwrap_or_default()
    }
}

/// Processes in a group and those below it.
pub(super) fn members(folder: &Path) -> Vec<u32> {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    let mut found: Vec<u32> = text
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect();
    // The workload may have made groups of its own.
    if let Ok(entries) = fs::read_dir(folder) {
        let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        for entry in entries.flatten().filter(is_folder) {
            found.extend(members(&entry.path()));
        }
    }
    found
}
