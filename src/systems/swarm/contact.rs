//! Contact of the manager with its engines: rounds of refreshes, failures in a row, states (spec:
//! orchestrators-a.md section 1.5; classicswarm `cluster/engine.go`).

use crate::parts::delay::Growth;
use rng::Stream;
use units::Duration;

use super::engine::health_indicator;

/// Options of the contact with engines; the original's defaults are [`ContactOptions::default`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContactOptions {
    /// The shortest wait between two rounds.
    pub refresh_min: Duration,
    /// The end of the longest wait between two rounds, itself excluded.
    pub refresh_max: Duration,
    /// Number of failures in a row from which an engine is unhealthy.
    pub failure_retry: i64,
    /// Whether waits are drawn; otherwise each is the shortest.
    pub has_jitter: bool,
}

impl Default for ContactOptions {
    fn default() -> Self {
        Self {
            refresh_min: Duration::from_secs(30),
            refresh_max: Duration::from_secs(60),
            failure_retry: 3,
            has_jitter: true,
        }
    }
}

/// Greatest number of times that a lost engine's wait grows.
const LONGEST_BACKOFF: i64 = 1_000;
/// The least wait before an engine that was never validated is tried again.
const PENDING_BASE: Duration = Duration::from_secs(30);
/// The longest wait before such an engine is tried again.
const PENDING_MOST: Duration = Duration::from_secs(4 * 3_600);

impl ContactOptions {
    /// The shortest wait before the next round after so many failures, and where waits end.
    pub fn wait_bounds(&self, failures: i64) -> (Duration, Duration) {
        let beyond = (failures - self.failure_retry).clamp(0, LONGEST_BACKOFF);
        let shortest = self
            .refresh_min
            .checked_mul(1 + beyond)
            .unwrap_or(Duration::MAX);
        let spread = self.refresh_max.as_nanos() - self.refresh_min.as_nanos();
        (shortest, shortest + Duration::from_nanos(spread))
    }

    /// The wait before the next round.
    pub fn wait(&self, failures: i64, rng: &mut Stream) -> Duration {
        let (shortest, end) = self.wait_bounds(failures);
        let span = end.as_nanos() - shortest.as_nanos();
        if !self.has_jitter || span <= 0 {
            return shortest;
        }
        shortest + Duration::from_nanos(rng.below(span as u64) as i64)
    }
}

/// The wait before a broken stream of events is opened again.
pub fn event_stream_wait(failures: i64) -> Duration {
    Duration::from_secs((failures + 1).clamp(1, 10))
}

/// The wait before an engine that was never validated is tried again.
pub fn pending_wait(failures: u32) -> Duration {
    let doubling = Growth {
        first: Duration::from_secs(1),
        factor: 2.0,
        most: PENDING_MOST,
    };
    (doubling.after(failures.saturating_add(1)) + PENDING_BASE).min(PENDING_MOST)
}

/// State of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineState {
    /// Never validated.
    Pending,
    /// It answers.
    Healthy,
    /// It failed too often.
    Unhealthy,
    /// Discovery lost it.
    Disconnected,
}

/// Event of a contact for the rest of the manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactEvent {
    /// The engine is lost.
    Disconnect,
    /// The engine is back; it is refreshed at once.
    Reconnect,
}

/// The manager's contact with one engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    state: EngineState,
    failures: i64,
    failure_retry: i64,
}

impl Contact {
    /// An engine that was just found.
    pub fn new(options: &ContactOptions) -> Self {
        Self {
            state: EngineState::Pending,
            failures: 0,
            failure_retry: options.failure_retry,
        }
    }

    /// The contact's state.
    pub fn state(&self) -> EngineState {
        self.state
    }

    /// Failures in a row.
    pub fn failures(&self) -> i64 {
        self.failures
    }

    /// The contact's health in per cent, 0 unless it is healthy.
    pub fn health(&self) -> i64 {
        match self.state {
            EngineState::Healthy => health_indicator(self.failures, self.failure_retry),
            _ => 0,
        }
    }

    /// A contact failed: a round, a request of a user, the stream of events.
    pub fn failed(&mut self) -> Option<ContactEvent> {
        self.failures = self.failures.saturating_add(1);
        let is_lost = self.failures >= self.failure_retry && self.state == EngineState::Healthy;
        is_lost.then(|| {
            self.state = EngineState::Unhealthy;
            ContactEvent::Disconnect
        })
    }

    /// A contact succeeded.
    pub fn succeeded(&mut self) -> Option<ContactEvent> {
        self.failures = 0;
        let was = std::mem::replace(&mut self.state, EngineState::Healthy);
        (was == EngineState::Unhealthy).then_some(ContactEvent::Reconnect)
    }

    /// Discovery lost the engine.
    pub fn disconnected(&mut self) -> Option<ContactEvent> {
        let was = std::mem::replace(&mut self.state, EngineState::Disconnected);
        (was == EngineState::Healthy).then_some(ContactEvent::Disconnect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_beyond_the_tolerated_failures() {
        let options = ContactOptions::default();
        let bounds = [0, 2, 3, 5].map(|failures| options.wait_bounds(failures));
        let expected = [(30, 60), (30, 60), (30, 60), (90, 120)];
        let expected =
            expected.map(|(low, high)| (Duration::from_secs(low), Duration::from_secs(high)));
        assert_eq!(bounds, expected);
        assert_eq!(
            options.wait_bounds(i64::MAX).0,
            Duration::from_secs(30 * 1_001)
        );
        let mut rng = Stream::new(1, "swarm.refresh", 0);
        for failures in 0..200 {
            let (low, high) = options.wait_bounds(failures);
            let drawn = options.wait(failures, &mut rng);
            assert!(low <= drawn && drawn < high);
        }
    }

    #[test]
    fn the_third_failure_loses_an_engine_and_a_success_brings_it_back() {
        let mut contact = Contact::new(&ContactOptions::default());
        assert_eq!(contact.health(), 0);
        assert_eq!(contact.succeeded(), None);
        assert_eq!((contact.failed(), contact.health()), (None, 67));
        assert_eq!((contact.failed(), contact.health()), (None, 34));
        assert_eq!(contact.failed(), Some(ContactEvent::Disconnect));
        assert_eq!(
            (contact.failed(), contact.state()),
            (None, EngineState::Unhealthy)
        );
        assert_eq!(contact.succeeded(), Some(ContactEvent::Reconnect));
        assert_eq!((contact.health(), contact.failures()), (100, 0));
        assert_eq!(contact.disconnected(), Some(ContactEvent::Disconnect));
        assert_eq!(contact.state(), EngineState::Disconnected);
    }

    #[test]
    fn waits_of_pending_engines_and_event_streams_have_an_end() {
        let secs = Duration::from_secs;
        assert_eq!(
            [0, 1, 3, 40].map(pending_wait),
            [31, 32, 38, 14_400].map(secs)
        );
        assert_eq!([0, 3, 50].map(event_stream_wait), [1, 4, 10].map(secs));
    }
}
