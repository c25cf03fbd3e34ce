//! Two accounts of one run beside each other: the recorded events and those that the simulator predicts
//! for the same story, paired by object and reason in their order.

use units::{Duration, Instant, SortedMap, SortedSet};

use crate::driver::events::{EventRow, assigned_node};
use crate::wire::pressure::PressureKind;

/// Reasons that are about messages, and not about conditions.
const LEFT_OUT: [&str; 2] = ["Silent", "Heard"];

/// Whether a reason is that of a shortage of a node, which the simulator is given and does not predict.
fn is_shortage(reason: &str) -> bool {
    let mut kinds = PressureKind::ALL.into_iter();
    kinds.any(|kind| {
        [true, false]
            .map(|holds| kind.event(holds))
            .contains(&reason)
    })
}

/// An event that both accounts have, or one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Object of the event.
    pub object: String,
    /// Reason of the event.
    pub reason: String,
    /// Instant in the record.
    pub recorded: Option<Instant>,
    /// Instant in the prediction.
    pub predicted: Option<Instant>,
    /// Nodes that a pod was given in both, where the event is that.
    pub nodes: [Option<String>; 2],
}

impl Pair {
    /// Whether both accounts gave a pod the same node; `None` of other events, and of those that one lacks.
    pub fn is_same_node(&self) -> Option<bool> {
        let [one, other] = &self.nodes;
        Some(one.as_ref()? == other.as_ref()?)
    }

    /// Instant by which the pair stands among the others.
    pub fn at(&self) -> Instant {
        let known = self.recorded.or(self.predicted);
        known.unwrap_or(Instant::ZERO)
    }

    /// Time by which the prediction is late; negative if it is early.
    pub fn late(&self) -> Option<Duration> {
        let (recorded, predicted) = (self.recorded?, self.predicted?);
        let nanos = predicted.as_nanos() - recorded.as_nanos();
        Some(Duration::from_nanos(nanos))
    }
}

/// Sum of the pairs of a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sum {
    /// Reason, of nodes or of pods.
    pub reason: String,
    /// Events in the record.
    pub recorded: usize,
    /// Events in the prediction.
    pub predicted: usize,
    /// Events that both have.
    pub both: usize,
    /// Mean distance of those, early or late.
    pub mean: Duration,
    /// Greatest distance.
    pub most: Duration,
}

/// Pairs the events of two accounts, in the order of the record.
pub fn pairs(recorded: &[EventRow], predicted: &[EventRow]) -> Vec<Pair> {
    let (one, two) = (by_kind(recorded), by_kind(predicted));
    let kinds: SortedSet<&Kind<'_>> = one.keys().chain(two.keys()).collect();
    let mut pairs = Vec::new();
    for kind in kinds {
        let empty = Vec::new();
        let one = one.get(kind).unwrap_or(&empty);
        let two = two.get(kind).unwrap_or(&empty);
        for place in 0..one.len().max(two.len()) {
            pairs.push(Pair {
                object: kind.object.to_owned(),
                reason: kind.reason.to_owned(),
                recorded: one.get(place).map(|(at, _)| *at),
                predicted: two.get(place).map(|(at, _)| *at),
                nodes: [one, two].map(|own| own.get(place).and_then(|(_, node)| node.clone())),
            });
        }
    }
    pairs.sort_by_key(Pair::at);
    pairs
}

/// Object and reason of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind<'e> {
    object: &'e str,
    reason: &'e str,
}

/// Instants of events, with the nodes that they name, by their kind.
fn by_kind(rows: &[EventRow]) -> SortedMap<Kind<'_>, Vec<(Instant, Option<String>)>> {
    let mut kinds: SortedMap<Kind<'_>, Vec<(Instant, Option<String>)>> = SortedMap::new();
    for row in rows {
        if LEFT_OUT.contains(&row.reason.as_str()) || is_shortage(&row.reason) {
            continue;
        }
        let kind = Kind {
            object: &row.object,
            reason: &row.reason,
        };
        let instants = kinds.entry(kind).or_default();
        let node = assigned_node(row).map(str::to_owned);
        instants.push((Instant::from_nanos(row.at_ns), node));
    }
    kinds
}

/// Sums of pairs, by the kind of their objects and reason.
pub fn sums(pairs: &[Pair]) -> Vec<Sum> {
    let mut sums: SortedMap<String, Sum> = SortedMap::new();
    let mut total: SortedMap<String, i64> = SortedMap::new();
    for pair in pairs {
        let kind = pair.object.split('/').next().unwrap_or_default();
        let reason = format!("{kind} {}", pair.reason);
        let sum = sums.entry(reason.clone()).or_insert_with(|| Sum {
            reason: reason.clone(),
            recorded: 0,
            predicted: 0,
            both: 0,
            mean: Duration::ZERO,
            most: Duration::ZERO,
        });
        sum.recorded += usize::from(pair.recorded.is_some());
        sum.predicted += usize::from(pair.predicted.is_some());
        if let Some(late) = pair.late() {
            let distance = Duration::from_nanos(late.as_nanos().saturating_abs());
            sum.both += 1;
            sum.most = sum.most.max(distance);
            *total.entry(reason).or_insert(0) += distance.as_nanos();
        }
    }
    for (reason, sum) in &mut sums {
        let count = i64::try_from(sum.both).unwrap_or(1).max(1);
        let nanos = total.get(reason).copied().unwrap_or(0);
        sum.mean = Duration::from_nanos(nanos / count);
    }
    sums.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seconds: i64, object: &str, reason: &str) -> EventRow {
        EventRow {
            number: 0,
            at_ns: seconds * 1_000_000_000,
            is_warning: false,
            object: object.to_owned(),
            reason: reason.to_owned(),
            message: String::new(),
        }
    }

    #[test]
    fn events_are_paired_in_their_order_and_the_others_stay_alone() {
        let recorded = [
            row(1, "Pod/default/a", "Ready"),
            row(4, "Pod/default/a", "Ready"),
            row(5, "Node/n0", "NotReady"),
            row(5, "Node/n0", "Silent"),
        ];
        let predicted = [
            row(2, "Pod/default/a", "Ready"),
            row(9, "Node/n0", "NotReady"),
            row(9, "Pod/default/b", "Killing"),
        ];
        let pairs = pairs(&recorded, &predicted);
        let shown: Vec<_> = pairs
            .iter()
            .map(|pair| (pair.reason.as_str(), pair.late().map(Duration::as_nanos)))
            .collect();
        let second = 1_000_000_000;
        let expected = [
            ("Ready", Some(second)),
            ("Ready", None),
            ("NotReady", Some(4 * second)),
            ("Killing", None),
        ];
        assert_eq!(shown, expected);
        let sums = sums(&pairs);
        let ready = sums.iter().find(|sum| sum.reason == "Pod Ready");
        let ready = ready.expect("a sum");
        assert_eq!((ready.recorded, ready.predicted, ready.both), (2, 1, 1));
        assert_eq!(ready.mean, Duration::from_secs(1));
    }
}
