//! The order in which a worker serves the reservations in its queue: one queue for all of them, or one
//! for each user or priority (spec: orchestrators-b.md section 6.2).
//!
//! Users are served in turns by start-time fair queuing, one unit a task: a user's next task starts at
//! the worker's clock or after the user's last one, whichever is later, and the earliest start is
//! served. No user saves up turns while away, and no two users who both wait get tasks at different
//! rates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::SortedMap;

/// Queues of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "WorkerQueues")]
pub enum QueueOrder {
    /// One queue, first come, first served.
    #[default]
    One,
    /// A queue for each user (tenant or namespace), served in turns.
    ByUser,
    /// A queue for each priority, the highest served first; nothing is preempted.
    ByPriority,
}

/// The number of a queue within a worker: a user's number, or a priority.
pub type Line = i64;

/// Turns that the users of a worker have had.
#[derive(Clone, Debug, Default)]
pub(super) struct TurnClock {
    /// The number of turns that the worker has begun, as the most favored user sees it.
    clock: u64,
    /// End of the last turn of each user.
    ends: SortedMap<Line, u64>,
}

impl TurnClock {
    /// Start of a user's next turn.
    fn start(&self, line: Line) -> u64 {
        let end = self.ends.get(&line).copied();
        end.map_or(self.clock, |end| end.max(self.clock))
    }

    /// Gives a user a turn.
    pub(super) fn charge(&mut self, line: Line) {
        let start = self.start(line);
        self.clock = start;
        // What ended in the past starts at the clock, as without an entry.
        self.ends.retain(|_, end| *end > start);
        self.ends.insert(line, start + 1);
    }
}

impl QueueOrder {
    /// The place of the reservation that is served next, of those with these lines.
    pub(super) fn next(
        self,
        lines: impl Iterator<Item = Line>,
        turns: &TurnClock,
    ) -> Option<usize> {
        let places = lines.enumerate();
        let found = match self {
            Self::One => return places.map(|(place, _)| place).next(),
            Self::ByUser => places.min_by_key(|&(place, line)| (turns.start(line), place)),
            Self::ByPriority => places.min_by_key(|&(place, line)| (line.saturating_neg(), place)),
        };
        found.map(|(place, _)| place)
    }
}
