//! A queue of events in time for cases that tell a story: the machines say what comes next, this
//! hands it back at its instant. Equal instants go first in, first out.

use units::{Duration, Instant, SortedMap};

use super::Trouble;

/// Events by instant and by the order in which they were entered.
pub(super) struct Timeline<Event> {
    events: SortedMap<(Instant, u64), Event>,
    entered: u64,
}

impl<Event> Default for Timeline<Event> {
    fn default() -> Self {
        Self {
            events: SortedMap::new(),
            entered: 0,
        }
    }
}

impl<Event> Timeline<Event> {
    /// Enters an event.
    pub(super) fn at(&mut self, instant: Instant, event: Event) {
        self.events.insert((instant, self.entered), event);
        self.entered += 1;
    }

    /// Takes the next event.
    pub(super) fn next(&mut self) -> Option<(Instant, Event)> {
        let ((instant, _), event) = self.events.pop_first()?;
        Some((instant, event))
    }
}

/// An instant out of seconds of a case.
pub(super) fn instant(seconds: f64) -> Result<Instant, Trouble> {
    Ok(Instant::ZERO.saturating_add(duration(seconds)?))
}

/// A span out of seconds of a case.
pub(super) fn duration(seconds: f64) -> Result<Duration, Trouble> {
    Duration::checked_from_secs_f64(seconds)
        .ok_or_else(|| Trouble::Malformed(format!("{seconds} s is beyond 292 years")))
}
