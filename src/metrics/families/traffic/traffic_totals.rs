//! Names and reasons that metrics of client traffic share.

use model::traffic::{LatencyProfile, TrafficNames};

/// Reason a run without traffic has no value.
pub const NO_REQUESTS: &str = "no client made a request";

/// Whether there is anything to measure.
///
/// # Errors
/// Why not.
pub fn measures(offered: u64) -> Result<(), String> {
    if offered == 0 {
        return Err(NO_REQUESTS.to_owned());
    }
    Ok(())
}

/// Keeps the latency profiles seen so far; the list only grows.
pub fn keep_profiles(kept: &mut Vec<LatencyProfile>, names: &TrafficNames) {
    if kept.len() < names.profiles.len() {
        kept.extend_from_slice(&names.profiles[kept.len()..]);
    }
}
