//! Replicated managers: one primary behind a lock in the key-value store; without it nothing new is
//! accepted, and containers run on (spec: orchestrators-a.md section 1.5; classicswarm
//! `cli/manage.go`, `leadership/candidate.go`).

use crate::parts::lease::Candidates;
use units::{Duration, Instant};

/// Time for which the lock lasts without renewal (`--replication-ttl`).
pub const REPLICATION_TTL: Duration = Duration::from_secs(20);
/// Time for which a candidate waits after the store failed.
pub const STORE_RETRY: Duration = Duration::from_secs(10);
/// The managers of a cluster, by position.
#[derive(Clone, Debug)]
pub struct Managers {
    candidates: Candidates,
    is_store_up: bool,
}

/// Receiver of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// This manager itself.
    Primary,
    /// This one passes it on to the primary.
    Proxied {
        /// The primary.
        primary: usize,
    },
    /// Nobody: the manager is down, or there is no primary.
    Refused,
}

impl Managers {
    /// Managers, all up, with a lock that lasts `ttl` without renewal.
    pub fn new(count: usize, ttl: Duration) -> Self {
        Self {
            candidates: Candidates::new(count, ttl),
            is_store_up: true,
        }
    }

    /// A round of all candidates, in their order: the primary renews, the others try. When the next
    /// round is due.
    pub fn campaign(&mut self, now: Instant) -> Instant {
        if !self.is_store_up {
            return now.saturating_add(STORE_RETRY);
        }
        self.candidates.campaign(now)
    }

    /// The primary: it is up and holds the lock.
    pub fn primary(&self, now: Instant) -> Option<usize> {
        self.candidates.leader(now)
    }

    /// Returns the receiver of a request sent to a manager.
    pub fn receives(&self, now: Instant, manager: usize) -> Reception {
        if !self.candidates.is_up(manager) {
            return Reception::Refused;
        }
        match self.primary(now) {
            Some(primary) if primary == manager => Reception::Primary,
            Some(primary) => Reception::Proxied { primary },
            None => Reception::Refused,
        }
    }

    /// A manager fails or returns; it keeps the lock until the lock ends.
    pub fn set_up(&mut self, manager: usize, is_up: bool) {
        self.candidates.set_up(manager, is_up);
    }

    /// The key-value store fails or returns.
    pub fn set_store_up(&mut self, is_up: bool) {
        self.is_store_up = is_up;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_primary_is_replaced_after_the_lock_has_ended_and_nothing_is_taken_meanwhile() {
        let at = Instant::from_secs;
        let mut managers = Managers::new(3, REPLICATION_TTL);
        let next = managers.campaign(at(0));
        assert_eq!(managers.receives(at(1), 0), Reception::Primary);
        assert_eq!(
            managers.receives(at(1), 2),
            Reception::Proxied { primary: 0 }
        );
        managers.set_up(0, false);
        assert_eq!(managers.receives(at(1), 1), Reception::Refused);
        let mut due = next;
        while managers.primary(due).is_none() {
            due = managers.campaign(due);
        }
        assert_eq!((managers.primary(due), due <= at(27)), (Some(1), true));
        managers.set_up(0, true);
        assert_eq!(managers.receives(due, 0), Reception::Proxied { primary: 1 });
    }

    #[test]
    fn without_the_store_candidates_try_again_after_ten_seconds() {
        let mut managers = Managers::new(1, REPLICATION_TTL);
        managers.set_store_up(false);
        let next = managers.campaign(Instant::ZERO);
        assert_eq!(
            (next, managers.primary(next)),
            (Instant::from_secs(10), None)
        );
        managers.set_store_up(true);
        managers.campaign(next);
        assert_eq!(managers.primary(next), Some(0));
    }
}
