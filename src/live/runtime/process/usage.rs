//! Use of resources by processes, where no cgroup accounts for it.

use super::super::procfs;
use super::Usage;

/// Use by the processes below a shim. Processes that have ended no longer count, and pages that
/// several share count for each.
pub(super) fn below(shim: u32) -> Usage {
    let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
    let page_bytes = rustix::param::page_size() as u64;
    let mut usage = Usage::default();
    for stat in procfs::descendants(shim)
        .into_iter()
        .filter_map(|pid| procfs::stat(pid).ok())
    {
        let cpu_ns = stat
            .cpu_ticks
            .saturating_mul(1_000_000_000 / ticks_per_second);
        usage.cpu_ns = usage.cpu_ns.saturating_add(cpu_ns);
        let memory_bytes = stat.resident_pages.saturating_mul(page_bytes);
        usage.memory_bytes = usage.memory_bytes.saturating_add(memory_bytes);
        usage.process_count += 1;
    }
    usage
}
