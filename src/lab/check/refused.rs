//! Pods that a controller wants and the API server refuses when a run ends: they are in no count, so that
//! limits on pods that wait or never run would hold because there are none.

use metrics::{is_of_jobs, registry};

use super::run::{Entry, SuiteResults};
use super::{Baseline, Gate, Outcome};
use crate::summary::{Refused, VariantSummary};

/// Subjects of metrics that count pods, beside those that follow jobs.
const SUBJECTS: [&str; 5] = ["disruptions", "exposure", "pods", "queue_length", "spread"];

/// The most objects of one run whose pods are refused when it ends, and which a metric would count.
pub(super) fn refused<'a>(
    runs: impl IntoIterator<Item = &'a VariantSummary>,
    metric: &str,
) -> usize {
    let counts = runs.into_iter().map(|run| counted(run, metric).count());
    counts.max().unwrap_or(0)
}

/// Refused pods of a run that a metric, which may be of a class, would count.
fn counted<'a>(run: &'a VariantSummary, metric: &str) -> impl Iterator<Item = &'a Refused> {
    let family = registry::find(metric).map(|(family, _)| family);
    let counts = |own| is_of_jobs(own) || SUBJECTS.contains(&own.subject);
    let class = metric.find('{').map(|at| metric[at..].to_owned());
    let all = run.refused.iter();
    all.filter(move |own| {
        let is_of = |class| own.classes.contains(class);
        family.is_some_and(counts) && class.as_ref().is_none_or(is_of)
    })
}

/// Has the gates of an entry fail which would count pods of more objects than in the baseline that are refused.
pub(super) fn set_refused_apart(
    gates: &mut [Gate],
    results: &SuiteResults,
    baseline: Option<&Baseline>,
) {
    for entry in &results.entries {
        let Some(stored) = baseline.and_then(|held| held.entries.get(&entry.report.name)) else {
            continue;
        };
        for gate in gates.iter_mut().filter(|gate| is_open(gate, entry)) {
            let known = stored.metrics.get(&gate.metric).and_then(|own| own.refused);
            let mut first = entry.runs.iter().flat_map(|run| counted(run, &gate.metric));
            if let Some(first) = first.next()
                && refused(&entry.runs, &gate.metric) > known.unwrap_or(0)
            {
                gate.outcome = Outcome::Vanished;
                gate.note = Some(first.words.clone());
            }
        }
    }
}

/// Whether a gate of an entry doesn't fail.
fn is_open(gate: &Gate, entry: &Entry) -> bool {
    let outcome = gate.outcome;
    gate.entry == entry.report.name && !outcome.is_failure() && outcome != Outcome::DifferentInputs
}
