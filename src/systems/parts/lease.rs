//! A lease in a key-value store: one holder at a time, for a span that the holder renews. Swarm
//! classic's manager lock, Fleet's engine lease and a `ZooKeeper` session end the same way
//! (spec: orchestrators-a.md sections 1.5 and 5, orchestrators-b.md section 1.7).

use crate::units::{Duration, Instant};

/// A lease, held or free. Holders are positions among the candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    ttl: Duration,
    held: Option<(usize, Instant)>,
}

impl Lease {
    /// A free lease that lasts so long without renewal.
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, held: None }
    }

    /// Who holds it at this instant.
    pub fn holder(&self, now: Instant) -> Option<usize> {
        self.held
            .filter(|&(_, until)| now < until)
            .map(|(holder, _)| holder)
    }

    /// When it ends unless it is renewed; `None` if it is free already.
    pub fn ends(&self) -> Option<Instant> {
        self.held.map(|(_, until)| until)
    }

    /// Takes or renews it. Whether `candidate` holds it then.
    pub fn claim(&mut self, now: Instant, candidate: usize) -> bool {
        let is_free = self.holder(now).is_none_or(|holder| holder == candidate);
        if is_free {
            self.held = Some((candidate, now.saturating_add(self.ttl)));
        }
        is_free
    }

    /// Takes it whoever holds it; its end stays where it was, as a holder of a newer version does
    /// that steals it and then waits out the remaining time.
    pub fn steal(&mut self, now: Instant, candidate: usize) -> Instant {
        let until = self.held.map_or(now, |(_, until)| until).max(now);
        self.held = Some((candidate, until.max(now.saturating_add(self.ttl))));
        until
    }

    /// Gives it up.
    pub fn release(&mut self, candidate: usize) {
        if self.held.is_some_and(|(holder, _)| holder == candidate) {
            self.held = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_candidate_holds_it_until_it_ends() {
        let at = Instant::from_secs;
        let mut lease = Lease::new(Duration::from_secs(20));
        assert!(lease.claim(at(0), 0) && !lease.claim(at(19), 1));
        assert_eq!(
            (lease.holder(at(19)), lease.holder(at(20))),
            (Some(0), None)
        );
        assert!(lease.claim(at(20), 1));
        lease.release(0);
        assert_eq!(lease.holder(at(21)), Some(1));
        assert_eq!(lease.steal(at(22), 2), at(40));
        assert_eq!(lease.holder(at(41)), Some(2));
        lease.release(2);
        assert_eq!(lease.ends(), None);
    }
}
