//! Metrics of what failures take, which have no value where a failure took nothing.

use metrics::NO_LOSS;
use units::plural;

use super::run::Entry;
use super::{BaselineEntry, Gate, Outcome};
use crate::compare::Pairs;
use crate::objects::field_changes;
use crate::statistics::mean;
use crate::summary::VariantSummary;

fn took_nothing(run: &VariantSummary, id: &str) -> bool {
    let note = run.metrics.get(id).and_then(|own| own.note.as_deref());
    note.is_some_and(|note| note.starts_with(NO_LOSS))
}

/// Whether a metric lacks values in some runs, and only because no failure took anything in these.
pub(super) fn lacks_for_want_of_loss(entry: &Entry, id: &str) -> bool {
    let has = |run: &VariantSummary| run.metrics.get(id).is_some_and(|own| own.value.is_some());
    let mut runs = entry.runs.iter();
    runs.all(|run| has(run) || took_nothing(run, id)) && !entry.runs.iter().all(has)
}

/// Mean of the values of all runs; of those that there are, where some may lack.
pub(super) fn mean_of(values: &[Option<f64>], may_lack: bool) -> Option<f64> {
    let known: Option<Vec<f64>> = if may_lack {
        Some(values.iter().copied().flatten().collect())
    } else {
        values.iter().copied().collect()
    };
    known.as_deref().and_then(mean)
}

/// Leaves the pairs that have both values, if any has, and says how many they are: a share of what a failure
/// took is no less bad for failures that took nothing.
pub(super) fn whole_pairs(pairs: &mut Pairs) -> Option<String> {
    let both = pairs.base.iter().zip(&pairs.head);
    let both = both.filter(|(base, head)| base.is_some() && head.is_some());
    let (base, head): (Vec<_>, Vec<_>) = both.map(|(base, head)| (*base, *head)).unzip();
    let (left, all) = (base.len(), pairs.base.len());
    if left == 0 || left == all {
        return None;
    }
    (pairs.base, pairs.head) = (base, head);
    let all = plural::count(all, "seed");
    Some(format!("over {left} of {all}: in the others {NO_LOSS}"))
}

/// Kinds of parts of a scenario that say what is taken, and when that counts.
const PARTS_OF_LOSSES: [&str; 4] = ["failure", "operation", "metrics", "stop"];

/// A metric that has no value in any run because nothing was lost still has its subject, as long as the
/// same is struck in the same time.
pub(super) fn spare_losses(
    entry: &Entry,
    stored: Option<&BaselineEntry>,
    id: &str,
    gates: &mut [Gate],
) {
    let is_same = stored.is_none_or(|stored| {
        let changes = field_changes(&stored.objects, &entry.objects);
        let mut kinds = changes.iter().map(|own| own.object.kind.as_str());
        !kinds.any(|kind| PARTS_OF_LOSSES.contains(&kind))
    });
    if is_same && entry.runs.iter().all(|run| took_nothing(run, id)) {
        let vanished = gates.iter_mut();
        let vanished = vanished.filter(|own| own.outcome == Outcome::Vanished);
        vanished.for_each(|own| own.outcome = Outcome::NotMeasurable);
    }
}
