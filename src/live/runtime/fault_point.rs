//! Named places at which tests end a process as a crash would. Release builds have none.

/// Ends the process without any cleaning up if `WT_CRASH_AT` names the place.
pub(crate) fn reached(place: &str) {
    if cfg!(debug_assertions) && std::env::var("WT_CRASH_AT").is_ok_and(|named| named == place) {
        std::process::abort();
    }
}
