//! Gates on absolute bounds.

use metrics::NO_MEMBER;
use scenario::schema::Objective;

use super::gate::{has_lost, reason_of_none};
use super::limit::{bounds, number, within};
use super::run::Entry;
use super::{BaselineEntry, Gate, Outcome};

/// The gate of an objective on its bounds.
pub(super) fn bounded(
    gate: &Gate,
    entry: &Entry,
    objective: &Objective,
    stored: Option<&BaselineEntry>,
) -> Gate {
    let mut bounded = gate.clone();
    bounded.limit = bounds(objective, &gate.unit);
    if let Some(head) = bounded.head {
        bounded.outcome = within(objective, head);
        return bounded;
    }
    let id = &gate.metric;
    let known = stored.and_then(|stored| stored.metrics.get(id));
    bounded.base = known.and_then(|known| known.mean);
    bounded.note = Some(reason_of_none(entry, objective));
    let metrics = entry.runs.iter().map(|run| run.metrics.get(id));
    let values: Vec<Option<f64>> = metrics.clone().map(|own| own?.value).collect();
    let is_empty = { metrics.clone().flatten().next() }
        .and_then(|own| own.note.as_deref())
        .is_some_and(|note| note.starts_with(NO_MEMBER));
    let has_none = values.iter().all(Option::is_none);
    let least = metrics.map(|own| own.and_then(|own| own.value.or(own.least)));
    let least: Option<Vec<f64>> = least.collect();
    if is_beyond(objective, least.as_deref()) {
        bounded.outcome = Outcome::Regressed;
    } else if has_none && (bounded.base.is_some() || is_empty)
        || known.is_some_and(|own| has_lost(&own.values, &values))
    {
        bounded.outcome = Outcome::Vanished;
    }
    bounded
}

/// Whether the least that a mean can be is beyond its bound.
fn is_beyond(objective: &Objective, least: Option<&[f64]>) -> bool {
    let mean = least.and_then(crate::statistics::mean);
    let max = objective.max.as_ref().map(number);
    mean.zip(max).is_some_and(|(least, max)| least > max)
}
