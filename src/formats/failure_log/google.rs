//! Machine events of Google's traces as a failure log: a machine is down from its REMOVE to its
//! next ADD, and before its first one.

use serde::{Deserialize, Serialize};

use super::{FailureLog, LoggedOutage, places_of};
use crate::parts::timeline::{self, Rank, Timed};
use crate::prelude::*;
use crate::readers::google_2011::machines::{self, Event, TakeEvent};
use crate::readers::google_2019;
use units::SortedMap;

/// Whether a machine is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is there.
    Up,
    /// It is away since an instant.
    Down(Instant),
}

/// A reader of the machine events of a trace.
pub(super) type EachEvent = fn(&Input, &mut Journal, &mut TakeEvent<'_>) -> Result<(), TraceError>;

/// The formats of machine events with their readers.
pub(super) const LOGS: &[(FormatEntry, EachEvent)] = &[
    (machines::ENTRY, machines::each_event),
    (
        google_2019::machines::ENTRY,
        google_2019::machines::each_event,
    ),
];

/// The outages of nodes with these names, which are the machines' numbers.
pub(super) fn read(
    each_event: EachEvent,
    input: &Input,
    mut journal: Journal,
    nodes: &[&str],
) -> Result<FailureLog, TraceError> {
    let places = places_of(nodes);
    let mut events: Timed<NodeEvent> = Timed::default();
    each_event(input, &mut journal, &mut |journal, line, event| {
        let Event {
            machine,
            kind,
            time,
        } = event;
        let Some(&node) = places.get(machine.to_string().as_str()) else {
            let kind = "events of machines that are not in the cluster";
            return Ok(journal.dirt(kind, Action::Drop, line)?);
        };
        let Some(time) = time else {
            return Ok(journal.dirt("event after the trace", Action::Drop, line)?);
        };
        Ok(events.push(journal, line, Some(time), NodeEvent { node, kind, time })?)
    })?;
    let mut course = Course::default();
    events.each(&mut journal, |journal, line, event| {
        course.take(journal, line, &event)
    })?;
    Ok(FailureLog {
        outages: course.finish(),
        ledger: journal.ledger,
    })
}

/// An event at a node of the cluster.
#[derive(Serialize, Deserialize)]
struct NodeEvent {
    node: usize,
    kind: i64,
    time: Instant,
}

impl timeline::Event for NodeEvent {
    type Object = usize;

    fn object(&self) -> usize {
        self.node
    }

    fn rank(&self) -> Rank {
        if self.kind == 1 {
            Rank::Goes
        } else {
            Rank::Comes
        }
    }
}

/// States and outages of all machines, from their events up to an instant.
#[derive(Default)]
struct Course {
    states: SortedMap<usize, State>,
    outages: Vec<LoggedOutage>,
}

impl Course {
    /// Takes an event of a kind at a node, after all that are earlier.
    fn take(&mut self, journal: &mut Journal, line: u64, event: &NodeEvent) -> Result<(), Refused> {
        let NodeEvent { node, kind, time } = *event;
        let state = self.states.get(&node).copied();
        match (kind, state.unwrap_or(State::Down(Instant::ZERO))) {
            (0, State::Down(since)) => {
                self.states.insert(node, State::Up);
                if time > since {
                    self.outages.push(LoggedOutage {
                        node,
                        down: since,
                        up: Some(time),
                    });
                }
            }
            (0, State::Up) => {
                journal.dirt("machine added while it is there", Action::Keep, line)?;
            }
            (1, State::Up) => {
                self.states.insert(node, State::Down(time));
            }
            (1, State::Down(_)) => {
                let kind = "machine removed while it is away";
                journal.dirt(kind, Action::Keep, line)?;
            }
            _ => journal.dirt("change of a capacity, not enforced", Action::Waive, line)?,
        }
        Ok(())
    }

    /// All outages in order of time.
    fn finish(self) -> Vec<LoggedOutage> {
        let mut outages = self.outages;
        for (node, state) in self.states {
            if let State::Down(down) = state {
                outages.push(LoggedOutage {
                    node,
                    down,
                    up: None,
                });
            }
        }
        outages.sort_by_key(|outage| (outage.down, outage.node));
        outages
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LogOptions, read};
    use super::*;
    use crate::tests::prelude::*;

    #[test]
    fn machines_are_down_from_remove_to_add() {
        let rows = "#Time,Machine\n0,5,0,p,0.5,0.2\n9000000,6,0,p,0.5,0.2\n12000000,5,1,p,,\n\
                    13000000,7,0,p,0.5,0.2\n14000000,6,2,p,1,0.2\n20000000,5,0,p,0.5,0.2\n\
                    30000000,6,1,p,,\n31000000,6,1,p,,\n";
        let input = Input::bytes("machines.csv", rows.as_bytes());
        let log = read(&input, &LogOptions::default(), &["5", "6", "9"]).expect("a log");
        let secs = |at: Instant| at.as_nanos() / 1_000_000_000;
        let seen: Vec<_> = { log.outages.iter() }
            .map(|own| (own.node, secs(own.down), own.up.map(secs)))
            .collect();
        assert_eq!(seen, [(1, 0, Some(9)), (0, 12, Some(20)), (1, 30, None)]);
        log.ledger.has_once([
            "events of machines that are not in the cluster",
            "change of a capacity, not enforced",
            "machine removed while it is away",
        ]);
        let system = LogOptions {
            system: Some(2),
            ..LogOptions::default()
        };
        let error = read(&input, &system, &["5"]).expect_err("no system");
        assert!(
            error
                .to_string()
                .contains("`system` applies only to the Los Alamos log")
        );
    }

    #[test]
    fn events_out_of_order_are_sorted() {
        let rows = "0,5,0,p,0.5,0.2\n20000000,5,0,p,0.5,0.2\n12000000,5,1,p,,\n";
        let log = read(&file("machines.csv", rows), &LogOptions::default(), &["5"]).expect("a log");
        let spans: Vec<_> = { log.outages.iter() }
            .map(|own| (own.down, own.up))
            .collect();
        let at = Instant::from_secs;
        assert_eq!(spans, [(at(12), Some(at(20)))]);
        assert_eq!(log.ledger.count(crate::parts::timeline::OUT_OF_ORDER), 1);
    }

    #[test]
    fn machine_events_are_found_among_the_tables_of_a_trace() {
        let bytes = archive(&[
            ("README", "about"),
            ("job_events/part-0.csv", "0,,7,0,ann,2,name=,logical=\n"),
            (
                "machine_events/part-0.csv",
                "0,5,0,p,0.5,0.2\n9000000,5,1,p,,\n",
            ),
            ("task_events/part-0.csv", "0,,7,0,,0,ann,2,9,0.1,0.1,0,0\n"),
        ]);
        let log = read(&file("trace.tar", bytes), &LogOptions::default(), &["5"]).expect("a log");
        assert_eq!(log.outages.len(), 1);
    }
}
