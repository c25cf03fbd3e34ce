//! Limits that a change makes looser: a gate is held to the limit that was accepted, until a looser one
//! is accepted, too.

use serde::Serialize;

use super::BaselineEntry;
use super::limit::{bounds, limit, number};
use super::run::Entry;
use metrics::{Direction, registry};
use scenario::scalar::Bound;
use scenario::schema::Objective;
use units::SortedMap;

/// An objective that is looser than the baseline's, or gone, or fewer seeds than it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoosenedLimit {
    /// The entry.
    pub entry: String,
    /// The metric; `seeds` of fewer seeds.
    pub metric: String,
    /// The baseline's limit in words.
    pub base: String,
    /// The limit now; none where the objective is gone.
    pub head: Option<String>,
}

impl LoosenedLimit {
    /// The change in words, with what helps.
    pub(super) fn words(&self, is_of_base: bool) -> String {
        let head = self.head.as_deref().unwrap_or("none");
        let (side, until) = if is_of_base {
            ("base", "")
        } else {
            ("baseline", " until `--accept`")
        };
        format!(
            "{} {}: {} in the {side}, {head} here; the {side}'s is held{until}",
            self.entry, self.metric, self.base
        )
    }
}

/// The objectives that an entry is held to, with their places among its own: those of the baseline where
/// its own are looser or gone.
pub(super) fn held(
    entry: &Entry,
    stored: Option<&BaselineEntry>,
) -> (Vec<(usize, Objective)>, Vec<LoosenedLimit>) {
    let mut of_base: SortedMap<String, Vec<&Objective>> = SortedMap::new();
    for objective in stored.into_iter().flat_map(|stored| &stored.objectives) {
        of_base.entry(objective.id()).or_default().push(objective);
    }
    let told = |base: &Objective, head: Option<&Objective>| LoosenedLimit {
        entry: entry.report.name.clone(),
        metric: base.id(),
        base: words(entry, stored, base),
        head: head.map(|head| words(entry, stored, head)),
    };
    let fewer = entry.fewer_seeds.map(|[base, head]| LoosenedLimit {
        entry: entry.report.name.clone(),
        metric: "seeds".to_owned(),
        base: base.to_string(),
        head: Some(head.to_string()),
    });
    let (mut held, mut loosened) = (Vec::new(), Vec::from_iter(fewer));
    for (place, head) in entry.objectives.iter().enumerate() {
        let base = of_base.get_mut(&head.id());
        let base = base.and_then(|all| (!all.is_empty()).then(|| all.remove(0)));
        let base = base.filter(|base| is_looser(base, head));
        loosened.extend(base.map(|base| told(base, Some(head))));
        held.push((place, base.unwrap_or(head).clone()));
    }
    for base in of_base.into_values().flatten() {
        loosened.push(told(base, None));
        let id = base.id();
        // A class of pods that no objective asks for is not measured.
        if entry.runs.iter().any(|run| run.metrics.contains_key(&id)) {
            held.push((usize::MAX, base.clone()));
        }
    }
    (held, loosened)
}

/// Whether an objective lets something pass that the baseline's does not.
fn is_looser(base: &Objective, head: &Objective) -> bool {
    let is_above = |base: Option<f64>, head: Option<f64>| {
        base.is_some_and(|base| head.is_none_or(|head| head > base))
    };
    let of = |bound: &Option<Bound>| bound.as_ref().map(number);
    let least = |bound: &Option<Bound>| of(bound).map(|least| -least);
    let share = |own: &Objective| own.tolerance.as_ref().map(|share| share.as_f64());
    is_above(of(&base.max), of(&head.max))
        || is_above(least(&base.min), least(&head.min))
        || is_above(share(base), share(head))
        || is_above(of(&base.threshold), of(&head.threshold))
        || base.is_relative() && (!head.is_relative() || head.test && !base.test)
        || head.advisory && !base.advisory
}

/// The limits of an objective in words.
fn words(entry: &Entry, stored: Option<&BaselineEntry>, objective: &Objective) -> String {
    let id = objective.id();
    let metric = entry.runs.iter().find_map(|run| run.metrics.get(&id));
    // What is gated no more is not measured.
    let of_base = stored.and_then(|stored| stored.metrics.get(&id));
    let unit = metric
        .map(|metric| &metric.unit)
        .or(of_base.map(|own| &own.unit));
    let unit = unit.map_or("", String::as_str);
    let better = registry::find(&objective.metric).map(|(_, statistic)| statistic.direction);
    let better = better.unwrap_or(Direction::None);
    let relative = objective
        .is_relative()
        .then(|| limit(objective, better, unit));
    let all = [Some(bounds(objective, unit)), relative];
    let all = all.into_iter().flatten().filter(|words| !words.is_empty());
    let words = all.collect::<Vec<_>>().join(", ");
    if objective.advisory {
        format!("{words}, advisory")
    } else {
        words
    }
}
