//! Jobs that are killed at the time limits that they declare, where the trace says so.

use arrivals::stream::ClassTotal;
use scenario::Scenario;
use scenario::schema::{WorkloadSource, WorkloadTrace};
use units::{SortedSet, plural};

/// The format whose jobs always end at their limits.
const ALWAYS: &str = "batsim";

/// The parts of a workload whose jobs are killed at their limits, by their places.
pub fn limited_parts(scenario: &Scenario) -> SortedSet<u16> {
    let parts = scenario.workload.iter().zip(0_u16..);
    let limited = parts
        .filter(|(source, _)| matches!(source, WorkloadSource::Trace(trace) if is_limited(trace)));
    limited.map(|(_, part)| part).collect()
}

fn is_limited(trace: &WorkloadTrace) -> bool {
    trace.kill_at_walltime || trace.format == ALWAYS
}

/// A note on the jobs of a trace whose limits end them.
pub(super) fn note(trace: &WorkloadTrace, classes: &[ClassTotal]) -> Option<String> {
    let count: u64 = classes.iter().map(|class| class.at_limit).sum();
    (count > 0 && is_limited(trace)).then(|| {
        format!(
            "{} of `{}` killed at the time limit: the outcome is `time_limit`, which is no success",
            plural::count(count as usize, "job"),
            trace.path
        )
    })
}
