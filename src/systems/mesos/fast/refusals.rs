//! Refusals: the offers of an agent that clients do not want, and until when. Refusals are kept
//! with their agent, so that a run has all of them at hand when it looks at it; a client that
//! revives its offers makes all of its refusals void at once, wherever they are, by beginning
//! another epoch.

use super::amounts::Bundle;
use units::{Duration, Instant};

/// Time for which declined resources are not offered again unless the framework says otherwise.
pub(in crate::mesos) const DEFAULT_REFUSAL: Duration = Duration::from_secs(5);
/// Longest time for which a framework may decline.
const LONGEST_REFUSAL: Duration = Duration::from_secs(365 * 86_400);

/// Client of a refusal, and the epoch in which it counts.
pub(super) type Whose = (u32, u32);

/// A refusal: an offer of no more than this is not made until then.
#[derive(Clone, Debug)]
struct Refusal {
    whose: Whose,
    until: Instant,
    resources: Bundle,
}

/// The refusals of one agent.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    known: Vec<Refusal>,
}

/// Number of refusals from which those that are over are looked for.
const MANY: usize = 8;

impl Refusals {
    /// A client refuses something.
    pub(super) fn add(&mut self, whose: Whose, resources: Bundle, now: Instant, until: Instant) {
        let is_many = self.known.len() >= MANY;
        // What is refused no longer and no more than this says nothing beside it.
        self.known.retain(|old| {
            if old.whose.0 == whose.0 {
                old.whose == whose && (old.until > until || !resources.contains(&old.resources))
            } else {
                !is_many || now <= old.until
            }
        });
        self.known.push(Refusal {
            whose,
            until,
            resources,
        });
    }

    /// Whether an offer is refused. A refusal still stands at the instant at which it ends.
    #[inline]
    pub(super) fn refuses(&self, now: Instant, whose: Whose, offer: &Bundle) -> bool {
        self.known.iter().any(|refusal| {
            refusal.whose == whose && now <= refusal.until && refusal.resources.contains(offer)
        })
    }
}

/// Life of a refusal: no shorter than the interval of runs.
pub(in crate::mesos) fn lifetime(span: Duration, interval: Duration) -> Duration {
    let span = if span < Duration::ZERO {
        DEFAULT_REFUSAL
    } else {
        span.min(LONGEST_REFUSAL)
    };
    span.max(interval)
}
