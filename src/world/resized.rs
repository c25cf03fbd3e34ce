//! Resizes of tasks that a trace has and a run has not, as its system changes no request of a pod that runs.

use intake::Ledger;
use units::plural::count;

/// Notes on the answer of a run that leaves changed requests of running tasks out; none where the trace
/// has none, or the run follows them.
pub fn resizes_left_out(system: &str, ledger: &Ledger) -> Vec<String> {
    let grown = ledger.first_requests(["more cores", "more memory"]);
    let shrunk = ledger.first_requests(["fewer cores", "less memory"]);
    let mut effects = Vec::new();
    if grown > 0 {
        effects.push(format!(
            "what was asked for later ({}) is free for others, so waits and allocation are lower than with resizes",
            count(grown, "change")
        ));
    }
    if shrunk > 0 {
        effects.push(format!(
            "what was given back ({}) stays taken, so waits and allocation are higher than with resizes",
            count(shrunk, "change")
        ));
    }
    if effects.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "the trace resizes tasks, which `{system}` does not: each holds what it first requested; {} \
         (`largestRequest: true` has tasks hold the most they ever request)",
        effects.join("; ")
    )]
}
