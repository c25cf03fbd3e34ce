//! The nodes that a run gives the pods of an hour, beside those that they had.

use cluster::{Observer, Store};
use model::{Event, Pod};
use units::{Duration, Instant, SortedMap};

use super::Hour;

/// The nodes that pods are given in a run, by their names, with the instants.
#[derive(Debug, Default)]
pub struct Placements {
    /// First node of each pod.
    pub placed: SortedMap<String, (String, Instant)>,
}

impl Observer for Placements {
    fn observe(&mut self, at: Instant, event: &Event, _: Option<&Pod>, store: &Store) {
        let Event::PodBound { pod, node, .. } = event else {
            return;
        };
        let (Some(pod), Some(node)) = (store.pods().get(*pod), store.nodes().object(*node)) else {
            return;
        };
        let placed = self.placed.entry(pod.name.to_string());
        placed.or_insert_with(|| (node.name.to_string(), at));
    }
}

/// A pod in the record and in the prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// Namespace and name.
    pub pod: String,
    /// Instant at which it was first seen, since the beginning.
    pub seen: Duration,
    /// Node and instant in the record.
    pub recorded: Option<(String, Duration)>,
    /// Node and instant in the prediction.
    pub predicted: Option<(String, Duration)>,
}

/// The arrivals of an hour beside what a run made of them.
pub fn placements(hour: &Hour, run: &Placements) -> Vec<Placement> {
    let arrivals = hour.pods.iter().filter(|own| own.is_placed_here());
    let rows = arrivals.map(|own| Placement {
        pod: own.name.replacen('.', "/", 1),
        seen: own.seen.since(hour.origin),
        recorded: own
            .placed
            .as_ref()
            .map(|(node, at)| (node.clone(), at.since(hour.origin))),
        predicted: run
            .placed
            .get(&own.name)
            .map(|(node, at)| (node.clone(), at.since(Instant::ZERO))),
    });
    rows.collect()
}
