//! Which manager is the primary. Campaigns that change nothing are left out: only while a manager is
//! away are they held (spec: orchestrators-a.md section 1.5).

use crate::units::{Duration, Instant};

use super::manager::Managers;

/// The least time between two campaigns.
const RETRY: Duration = Duration::from_secs(1);

/// The managers, and whether one of them takes requests.
#[derive(Clone, Debug)]
pub(super) struct Primary {
    managers: Managers,
    count: usize,
    /// How often the primary renews its lock.
    renewal: Duration,
    is_there: bool,
}

impl Primary {
    /// So many managers, the first of them primary.
    pub(super) fn new(count: usize, ttl: Duration) -> Self {
        let mut managers = Managers::new(count, ttl);
        let next = managers.campaign(Instant::ZERO);
        Self {
            managers,
            count,
            renewal: next.since(Instant::ZERO),
            is_there: true,
        }
    }

    /// Whether requests are taken.
    pub(super) fn accepts(&self) -> bool {
        self.is_there
    }

    /// So many managers are away from now on, the primary first; when the next campaign is due.
    pub(super) fn lose(&mut self, now: Instant, away: usize) -> Instant {
        self.renew(now);
        let leader = self.managers.primary(now).unwrap_or(0);
        for step in 0..away.min(self.count) {
            self.managers.set_up((leader + step) % self.count, false);
        }
        self.is_there = self.managers.primary(now).is_some();
        self.managers.campaign(now)
    }

    /// All managers are back; when the next campaign is due.
    pub(super) fn regain(&mut self, now: Instant) -> Instant {
        for manager in 0..self.count {
            self.managers.set_up(manager, true);
        }
        now
    }

    /// A campaign: whether there is a primary who was not there before, and when the next campaign
    /// is due, if one is needed.
    pub(super) fn campaign(&mut self, now: Instant) -> (bool, Option<Instant>) {
        // A lock that has ended without anybody to take it is looked at again a renewal later.
        let next = self.managers.campaign(now).max(now.saturating_add(RETRY));
        let was_there = self.is_there;
        self.is_there = self.managers.primary(now).is_some();
        (
            self.is_there && !was_there,
            (!self.is_there).then_some(next),
        )
    }

    /// The last renewal before an instant, as a primary in good health has made it.
    fn renew(&mut self, now: Instant) {
        if self.is_there {
            let every = self.renewal.as_nanos().max(1);
            let last = now.as_nanos() / every * every;
            self.managers.campaign(Instant::from_nanos(last));
        }
    }
}
