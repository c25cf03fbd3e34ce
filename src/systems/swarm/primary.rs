//! Which manager is the primary. Campaigns that change nothing are left out: only while a manager is
//! away are they held (spec: orchestrators-a.md section 1.5).

use crate::units::{Duration, Instant};

use super::manager::Managers;

/// The managers, and whether one of them takes requests.
#[derive(Clone, Debug)]
pub(super) struct Primary {
    managers: Managers,
    is_there: bool,
}

impl Primary {
    /// So many managers, the first of them primary.
    pub(super) fn new(count: usize, ttl: Duration) -> Self {
        let mut managers = Managers::new(count, ttl);
        managers.campaign(Instant::ZERO);
        Self {
            managers,
            is_there: true,
        }
    }

    /// Whether requests are taken.
    pub(super) fn accepts(&self) -> bool {
        self.is_there
    }

    /// A campaign: whether there is a primary who was not there before, and when the next campaign
    /// is due, if one is needed.
    pub(super) fn campaign(&mut self, now: Instant) -> (bool, Option<Instant>) {
        let next = self.managers.campaign(now);
        let was_there = self.is_there;
        self.is_there = self.managers.primary(now).is_some();
        (
            self.is_there && !was_there,
            (!self.is_there).then_some(next),
        )
    }
}
