//! The dispatcher: heartbeats of nodes, and when one counts as down (spec: orchestrators-a.md
//! section 2.8; swarmkit `manager/dispatcher/{dispatcher,nodes,period}.go`).

use crate::parts::membership::Membership;
use model::Text;
use rng::Stream;
use units::{Duration, Instant, SortedMap};

/// Options of nodes' heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatOptions {
    /// The period between two beats.
    pub period: Duration,
    /// Greatest difference between a drawn period and the plain one.
    pub epsilon: Duration,
    /// Number of periods without a beat after which a node is down.
    pub grace: i64,
}

/// Time after which a node that is down loses its tasks for good.
pub const ORPHAN_TIMEOUT: Duration = Duration::from_secs(86_400);
/// Number of registrations permitted to a node within [`REGISTRATION_WINDOW`].
pub const MAX_REGISTRATIONS: usize = 3;
/// See [`MAX_REGISTRATIONS`].
pub const REGISTRATION_WINDOW: Duration = Duration::from_secs(8);
/// Factor by which a new leader waits longer for nodes that it does not know yet.
const NEW_LEADER_FACTOR: i64 = 2;

impl Default for HeartbeatOptions {
    fn default() -> Self {
        Self {
            period: Duration::from_secs(5),
            epsilon: Duration::from_millis(500),
            grace: 3,
        }
    }
}

impl HeartbeatOptions {
    /// The shortest and the longest period between two beats.
    pub fn period_bounds(&self) -> (Duration, Duration) {
        let (period, epsilon) = (self.period.as_nanos(), self.epsilon.as_nanos());
        let bounds = (period - epsilon, period + epsilon);
        (
            Duration::from_nanos(bounds.0),
            Duration::from_nanos(bounds.1),
        )
    }

    /// Time after a beat with this period from which a node is down.
    pub fn grace_of(&self, period: Duration) -> Duration {
        period.checked_mul(self.grace).unwrap_or(Duration::MAX)
    }

    /// Time for which a new leader waits for a node.
    pub fn grace_after_election(&self, period: Duration) -> Duration {
        let grace = self.grace_of(period);
        grace
            .checked_mul(NEW_LEADER_FACTOR)
            .unwrap_or(Duration::MAX)
    }

    /// A drawn period.
    pub fn draw(&self, rng: &mut Stream) -> Duration {
        let (shortest, longest) = self.period_bounds();
        let span = longest.as_nanos() - shortest.as_nanos();
        if span <= 0 {
            return shortest;
        }
        shortest + Duration::from_nanos(rng.below(span as u64 + 1) as i64)
    }
}

/// The nodes that beat.
#[derive(Clone, Debug)]
pub struct Dispatcher {
    options: HeartbeatOptions,
    beating: Membership<Text>,
    registrations: SortedMap<Text, Vec<Instant>>,
    rng: Stream,
}

impl Dispatcher {
    /// A dispatcher without nodes; it draws from the stream `swarmkit.heartbeat`.
    pub fn new(options: HeartbeatOptions, seed: u64) -> Self {
        Self {
            options,
            beating: Membership::default(),
            registrations: SortedMap::new(),
            rng: Stream::new(seed, "swarmkit.heartbeat", 0),
        }
    }

    /// A node registers. Whether it may: it may not too often.
    pub fn register(&mut self, now: Instant, node: Text) -> bool {
        let recent = self.registrations.entry(node).or_default();
        recent.retain(|&at| now.since(at) < REGISTRATION_WINDOW);
        let may = recent.len() < MAX_REGISTRATIONS;
        if may {
            recent.push(now);
        }
        may
    }

    /// A node beats: when it beats next.
    pub fn beat(&mut self, now: Instant, node: Text) -> Instant {
        let period = self.options.draw(&mut self.rng);
        self.beating.heard(now, node, self.options.grace_of(period));
        now.saturating_add(period)
    }

    /// A new leader knows these nodes and has not heard of them: they have longer to beat.
    pub fn elected(&mut self, now: Instant, nodes: impl IntoIterator<Item = Text>) {
        for node in nodes {
            let period = self.options.draw(&mut self.rng);
            let grace = self.options.grace_after_election(period);
            self.beating.heard(now, node, grace);
        }
    }

    /// The nodes that are down now, in order.
    pub fn expire(&mut self, now: Instant) -> Vec<Text> {
        self.beating.expire(now)
    }

    /// Instant at which the next node is down unless it beats.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.beating.next_expiry()
    }
}
