//! Facts that metadata and status of a pod state: its phase and its times.

use crate::field::{Path, Problem, unix_secs};
use crate::raw;
use model::PodPhase;
use units::Duration;

/// Phase of a pod's life as its status states it.
pub(super) fn phase(status: &raw::PodStatus, has_node: bool) -> Result<PodPhase, Problem> {
    const EXPECTED: &str = "`Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`";
    let is_evicted = status.reason.as_deref() == Some("Evicted");
    match status.phase.as_deref() {
        None | Some("" | "Pending") if has_node => Ok(PodPhase::Bound),
        None | Some("" | "Pending") => Ok(PodPhase::Pending),
        // Of a pod in phase `Unknown` its node could not tell the state; it holds its place.
        Some("Running" | "Unknown") => Ok(PodPhase::Running),
        Some("Succeeded") => Ok(PodPhase::Succeeded),
        Some("Failed") if is_evicted => Ok(PodPhase::Evicted),
        Some("Failed") => Ok(PodPhase::Failed),
        Some(other) => Err(Path::root("status").field("phase").problem(EXPECTED, other)),
    }
}

/// Time of an object's creation, in seconds since 1970-01-01T00:00:00Z.
pub(super) fn created(text: Option<&str>) -> Result<Option<i64>, Problem> {
    let path = Path::root("metadata");
    let path = path.field("creationTimestamp");
    text.map(|text| unix_secs(text, &path)).transpose()
}

/// Time at which a pod's node took it up, in seconds since 1970-01-01T00:00:00Z.
pub(super) fn started(text: Option<&str>) -> Result<Option<i64>, Problem> {
    let path = Path::root("status");
    let path = path.field("startTime");
    text.map(|text| unix_secs(text, &path)).transpose()
}

/// Time of a pod's submission, by the annotation `windtunnel/at`.
pub(super) fn at(metadata: &raw::Metadata) -> Result<Option<Duration>, Problem> {
    const KEY: &str = "windtunnel/at";
    let Some(text) = metadata.annotations.get(KEY) else {
        return Ok(None);
    };
    let path = Path::root("metadata");
    let path = path.field("annotations");
    let path = path.key(KEY);
    let at: Duration = text.parse().map_err(|error| path.broken(error))?;
    if at < Duration::ZERO {
        return Err(path.problem("a duration of 0 or more", text));
    }
    Ok(Some(at))
}
