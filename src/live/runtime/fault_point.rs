//! Named places at which tests end a process as a crash would, and a wall clock that tests can shift.
//! Release builds have neither.

/// Ends the process without any cleaning up if `WT_CRASH_AT` names the place.
pub(crate) fn reached(place: &str) {
    if cfg!(debug_assertions) && std::env::var("WT_CRASH_AT").is_ok_and(|named| named == place) {
        std::process::abort();
    }
}

/// Seconds by which tests shift the wall clock: `WT_WALL_SHIFT` names a file with the number. Release
/// builds know no shift.
pub(crate) fn wall_shift_ns() -> i64 {
    let read = || {
        let file = std::env::var_os("WT_WALL_SHIFT")?;
        let seconds: i64 = std::fs::read_to_string(file).ok()?.trim().parse().ok()?;
        seconds.checked_mul(1_000_000_000)
    };
    if cfg!(debug_assertions) {
        read().unwrap_or(0)
    } else {
        0
    }
}
