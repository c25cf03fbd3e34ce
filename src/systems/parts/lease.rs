//! A lease in a key-value store: one holder at a time, for a span that the holder renews. Swarm
//! classic's manager lock, Fleet's engine lease and a `ZooKeeper` session end the same way
//! (spec: orchestrators-a.md sections 1.5 and 5, orchestrators-b.md section 1.7).

use super::quorum::quorum;
use units::{Duration, Instant};

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

    /// Holder of the lease at this instant.
    pub fn holder(&self, now: Instant) -> Option<usize> {
        self.held
            .filter(|&(_, until)| now < until)
            .map(|(holder, _)| holder)
    }

    /// Instant at which the lease ends unless it is renewed; `None` if it is free already.
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

/// Into how many parts a lease's life is divided: its holder renews it once a part.
const RENEWALS_A_TTL: i64 = 3;

/// Candidates for a lease, by position: one leads while it holds the lease and is up.
#[derive(Clone, Debug)]
pub struct Candidates {
    lease: Lease,
    renewal: Duration,
    is_up: Vec<bool>,
}

impl Candidates {
    /// Candidates, all up, for a lease that lasts `ttl` without renewal.
    pub fn new(count: usize, ttl: Duration) -> Self {
        Self {
            lease: Lease::new(ttl),
            renewal: Duration::from_nanos(ttl.as_nanos() / RENEWALS_A_TTL),
            is_up: vec![true; count],
        }
    }

    /// A round of all that are up, in their order: the holder renews, or the first one takes over.
    /// When the next round is due: at the next renewal, or when a lost holder's lease ends.
    pub fn campaign(&mut self, now: Instant) -> Instant {
        for candidate in 0..self.is_up.len() {
            if self.is_up[candidate] && self.lease.claim(now, candidate) {
                break;
            }
        }
        let renewed = now.saturating_add(self.renewal);
        match (self.leader(now), self.lease.ends()) {
            // With nobody up there is nothing to wait for but the next round.
            (None, Some(ends)) if ends > now => renewed.min(ends),
            _ => renewed,
        }
    }

    /// The leader.
    pub fn leader(&self, now: Instant) -> Option<usize> {
        self.lease
            .holder(now)
            .filter(|&candidate| self.is_up[candidate])
    }

    /// A candidate fails or returns; a lost holder's lease goes on until it ends.
    pub fn set_up(&mut self, candidate: usize, is_up: bool) {
        if let Some(state) = self.is_up.get_mut(candidate) {
            *state = is_up;
        }
    }

    /// Whether a candidate is up.
    pub fn is_up(&self, candidate: usize) -> bool {
        self.is_up.get(candidate).copied().unwrap_or(false)
    }

    /// Whether a majority is up.
    pub fn has_quorum(&self) -> bool {
        let up = self.is_up.iter().filter(|&&up| up).count();
        up >= quorum(self.is_up.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_go_on_while_nobody_is_up() {
        let at = Instant::from_secs;
        let mut both = Candidates::new(2, Duration::from_secs(9));
        assert_eq!(both.campaign(at(0)), at(3));
        (0..2).for_each(|one| both.set_up(one, false));
        // The lost holder's lease ends at 9 s, and rounds find nobody from then on.
        assert_eq!(both.campaign(at(8)), at(9));
        assert_eq!(both.campaign(at(9)), at(12));
        assert_eq!(both.campaign(at(12)), at(15));
        both.set_up(1, true);
        both.campaign(at(15));
        assert_eq!(both.leader(at(15)), Some(1));
    }

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
