//! Pods that a controller wants and the API server refuses when a run ends: they are in no count, so that
//! limits on pods that wait or never run would hold because there are none.

use sim::REFUSED_AT_END;

use super::run::{Entry, SuiteResults};
use super::{Baseline, Gate, Outcome};
use crate::summary::VariantSummary;

/// Subjects of metrics of the pods that came to be.
const SUBJECTS: [&str; 4] = ["first_wait", "pending_time", "pods", "queue_length"];

/// The most objects of one run whose pods are refused when it ends.
pub(super) fn refused<'a>(runs: impl IntoIterator<Item = &'a VariantSummary>) -> usize {
    let counts = runs.into_iter().map(|run| lines(run).count());
    counts.max().unwrap_or(0)
}

fn lines(run: &VariantSummary) -> impl Iterator<Item = &String> {
    let all = run.ledger.iter();
    all.filter(|line| line.starts_with(REFUSED_AT_END))
}

/// Has the gates on all pods of an entry fail where the pods of more objects are refused than in the baseline.
pub(super) fn set_refused_apart(
    gates: &mut [Gate],
    results: &SuiteResults,
    baseline: Option<&Baseline>,
) {
    for entry in &results.entries {
        let stored = baseline.and_then(|held| held.entries.get(&entry.report.name));
        if stored.is_none_or(|stored| refused(&entry.runs) <= stored.refused.unwrap_or(0)) {
            continue;
        }
        for gate in gates.iter_mut().filter(|gate| is_of_pods(gate, entry)) {
            gate.outcome = Outcome::Vanished;
            gate.note = entry.runs.iter().flat_map(lines).next().cloned();
        }
    }
}

/// Whether a gate that does not fail is on all pods of an entry.
fn is_of_pods(gate: &Gate, entry: &Entry) -> bool {
    let is_open = !gate.outcome.is_failure() && gate.outcome != Outcome::DifferentInputs;
    gate.entry == entry.report.name && counts_pods(&gate.metric) && is_open
}

/// Whether a metric is of all pods of a run.
pub(super) fn counts_pods(metric: &str) -> bool {
    let subject = metric.split('.').next().unwrap_or_default();
    !metric.contains('{') && SUBJECTS.contains(&subject)
}
