//! Election of the primary manager. Campaigns that change nothing are left out: only while a
//! manager is away are they held (spec: orchestrators-a.md section 1.5).

use units::{Duration, Instant};

use super::manager::Managers;

/// The least time between two campaigns, however short the lock.
const LEAST: Duration = Duration::from_nanos(1);

/// The managers, and whether one of them takes requests.
#[derive(Clone, Debug)]
pub(super) struct Primary {
    managers: Managers,
    count: usize,
    /// Time between two renewals of the primary's lock.
    renewal: Duration,
    /// The newest campaign that was held; renewals fall at whole spans after it.
    newest: Instant,
    /// Number of managers that are away.
    away: usize,
    is_there: bool,
}

impl Primary {
    /// Managers, the first of them primary.
    pub(super) fn new(count: usize, ttl: Duration) -> Self {
        let mut managers = Managers::new(count, ttl);
        let next = managers.campaign(Instant::ZERO);
        Self {
            managers,
            count,
            renewal: next.since(Instant::ZERO),
            newest: Instant::ZERO,
            away: 0,
            is_there: true,
        }
    }

    /// Whether requests are taken.
    pub(super) fn accepts(&self) -> bool {
        self.is_there
    }

    /// Whether no manager is there at all, primary or not.
    pub(super) fn is_deserted(&self) -> bool {
        self.away >= self.count
    }

    /// Takes managers away from now on, the primary first; returns the instant of the next
    /// campaign, if a manager is left to hold it.
    pub(super) fn lose(&mut self, now: Instant, away: usize) -> Option<Instant> {
        self.renew(now);
        self.away = away.min(self.count);
        let leader = self.managers.primary(now).unwrap_or(0);
        for step in 0..self.count {
            let manager = (leader + step) % self.count;
            self.managers.set_up(manager, step >= self.away);
        }
        self.is_there = self.managers.primary(now).is_some();
        self.hold(now)
    }

    /// All managers are back; when the next campaign is due.
    pub(super) fn regain(&mut self, now: Instant) -> Instant {
        self.away = 0;
        for manager in 0..self.count {
            self.managers.set_up(manager, true);
        }
        now
    }

    /// A campaign: whether there is a primary who was not there before, and when the next campaign
    /// is due, if one is needed.
    pub(super) fn campaign(&mut self, now: Instant) -> (bool, Option<Instant>) {
        let was_there = self.is_there;
        self.renew(now);
        let next = self.hold(now);
        self.is_there = self.managers.primary(now).is_some();
        (self.is_there && !was_there, next.filter(|_| !self.is_there))
    }

    /// A round of campaigns; when the next one is due. Nobody holds one where all are away: it is
    /// their return that is waited for.
    fn hold(&mut self, now: Instant) -> Option<Instant> {
        let next = self.managers.campaign(now);
        self.newest = now;
        (self.away < self.count).then(|| next.max(now.saturating_add(LEAST)))
    }

    /// The last renewal before an instant, as a primary in good health has made it.
    fn renew(&mut self, now: Instant) {
        if self.is_there {
            let every = self.renewal.as_nanos().max(1);
            let passed = now.since(self.newest).as_nanos().max(0) / every * every;
            let last = self.newest.saturating_add(Duration::from_nanos(passed));
            self.managers.campaign(last);
        }
    }
}
