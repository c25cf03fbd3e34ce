//! A load as a run shows it: the real one by its record, or the simulated one by its events. Both are read
//! by the same rules, so that they can stand side by side.

use serde::Serialize;
use units::{Duration, Instant};

use super::{Spread, agents, millis};
use crate::driver::events::EventRow;
use crate::story::delays::{Delays, quantile};
use crate::story::{DeedKind, Story};

/// A load in one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// Time of the cluster that passed, in seconds.
    pub time_s: f64,
    /// Heartbeats of the agents in that time.
    pub heartbeats: u64,
    /// Pods that were bound to a node.
    pub bindings: u64,
    /// Seconds from the first request until as many pods were ready as were asked for in the beginning;
    /// `None` if that did not come.
    pub ready_s: Option<f64>,
    /// Milliseconds from the binding of a pod to its first container that runs.
    pub start_ms: Spread,
    /// Nodes that were found lost.
    pub lost_nodes: u64,
    /// Pods that were ordered to end.
    pub ordered_ends: u64,
    /// Changes of what is stored.
    pub changes: u64,
}

impl Side {
    /// The load of a number of agents and pods in a run of `time`. `story` is that of the record, and
    /// `events` and `changes` are those of the run.
    pub fn of(load: &super::Load, story: &Story, time: Duration, run: Run<'_>) -> Self {
        let count = |reason: &str, kind: &str| {
            let events = run.events.iter();
            let alike = events.filter(|event| event.reason == reason);
            alike.filter(|event| event.object.starts_with(kind)).count() as u64
        };
        let delays = Delays::of(run.events, &story.silences);
        let at = |percent| quantile(&delays.start, percent).map_or(0.0, |at| millis(at.as_nanos()));
        let beats = f64::from(load.agents) * time.as_secs_f64() / agents::HEARTBEAT_S;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of heartbeats"
        )]
        let heartbeats = beats as u64;
        Self {
            time_s: time.as_secs_f64(),
            heartbeats,
            bindings: count("Scheduled", "Pod/"),
            ready_s: ready(load.pods, story, run.events).map(Duration::as_secs_f64),
            start_ms: Spread {
                p50: at(50),
                p99: at(99),
                samples: delays.start.len(),
            },
            lost_nodes: count("NotReady", "Node/"),
            ordered_ends: count("Killing", "Pod/"),
            changes: run.changes,
        }
    }
}

/// What a run led to.
#[derive(Clone, Copy, Debug)]
pub struct Run<'e> {
    /// Events of the run, oldest first.
    pub events: &'e [EventRow],
    /// Number of changes of what is stored.
    pub changes: u64,
}

/// Time from the first request until a number of pods were ready.
fn ready(pods: u32, story: &Story, events: &[EventRow]) -> Option<Duration> {
    let mut deeds = story.deeds.iter();
    let asked = deeds
        .find(|deed| matches!(deed.kind, DeedKind::Asked(_)))?
        .at;
    let mut ready = events
        .iter()
        .filter(|event| event.reason == "Ready" && event.object.starts_with("Pod/"));
    let last = ready.nth((pods as usize).checked_sub(1)?)?;
    Some(Instant::from_nanos(last.at_ns).since(asked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Load;
    use crate::story::Deed;
    use crate::wire::request::Request;

    fn row(millis: i64, object: &str, reason: &str) -> EventRow {
        EventRow {
            number: 0,
            at_ns: millis * 1_000_000,
            is_warning: false,
            object: object.to_owned(),
            reason: reason.to_owned(),
            message: "on n0".to_owned(),
        }
    }

    #[test]
    fn a_side_counts_by_events_and_reads_times_from_the_first_request_on() {
        let load = Load {
            agents: 4,
            pods: 2,
            decisions: 1,
            quiet: std::time::Duration::ZERO,
            patience: std::time::Duration::ZERO,
        };
        let story = Story {
            deeds: vec![Deed {
                at: Instant::from_secs(1),
                kind: DeedKind::Asked(Request::Delete {
                    object: String::new(),
                }),
            }],
            ..Story::default()
        };
        let events = [
            row(1_100, "Pod/default/a", "Scheduled"),
            row(1_100, "Pod/default/b", "Scheduled"),
            row(1_200, "Pod/default/a", "Started"),
            row(1_300, "Pod/default/b", "Started"),
            row(1_300, "Pod/default/a", "Ready"),
            row(1_500, "Node/n0", "Ready"),
            row(3_000, "Pod/default/b", "Ready"),
            row(9_000, "Node/n0", "NotReady"),
        ];
        let run = Run {
            events: &events,
            changes: 8,
        };
        let side = Side::of(&load, &story, Duration::from_secs(100), run);
        assert_eq!((side.bindings, side.lost_nodes), (2, 1));
        assert_eq!((side.heartbeats, side.ordered_ends), (40, 0));
        assert_eq!(side.ready_s, Some(2.0));
        assert!((side.start_ms.p50 - 100.0).abs() < 1e-9, "{side:?}");
        assert!((side.start_ms.p99 - 200.0).abs() < 1e-9, "{side:?}");
    }
}
