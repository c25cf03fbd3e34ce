//! Clocks of the host, in nanoseconds.

use super::fault_point::wall_shift_ns;
use rustix::time::{ClockId, Timespec, clock_gettime};

const NANOS_A_SECOND: i64 = 1_000_000_000;

/// Wall clock, nanoseconds since 1970. People set it; nothing waits for it.
pub fn wall_ns() -> i64 {
    nanos(clock_gettime(ClockId::Realtime)).saturating_add(wall_shift_ns())
}

/// Clock since boot, the time of sleep included, nanoseconds. All processes of a boot share it.
pub fn boot_ns() -> i64 {
    nanos(clock_gettime(ClockId::Boottime))
}

fn nanos(time: Timespec) -> i64 {
    time.tv_sec
        .saturating_mul(NANOS_A_SECOND)
        .saturating_add(time.tv_nsec)
}

/// Time span of nanoseconds for the system's waiting calls; none is negative.
pub(super) fn timespec(nanos: i64) -> Timespec {
    let nanos = nanos.max(0);
    Timespec {
        tv_sec: nanos / NANOS_A_SECOND,
        tv_nsec: nanos % NANOS_A_SECOND,
    }
}
