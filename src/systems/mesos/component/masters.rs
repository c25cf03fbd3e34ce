//! Fail-over of masters: while nobody leads nothing is offered, and tasks run on
//! (spec: orchestrators-b.md section 1.7).

use crate::cluster::Store;
use crate::control::Outbox;
use crate::units::{Duration, Instant};

use super::super::master::SESSION_TIMEOUT;
use super::MesosMaster;

impl MesosMaster {
    /// Whether somebody leads; if not, when the masters campaign next is asked for.
    pub(super) fn lead(&mut self, store: &Store, out: &mut Outbox) -> bool {
        while let Some(&(at, lasts)) = self.failures.last()
            && at <= self.now
        {
            self.failures.pop();
            self.fail(at, lasts, store, out);
        }
        while let Some(&(at, master)) = self.returns.first()
            && at <= self.now
        {
            self.returns.pop_first();
            self.masters.set_up(master, true);
        }
        if self.campaigns.is_some_and(|at| at <= self.now) {
            let next = self.masters.beat(self.now);
            self.campaigns = Some(next);
            if self.masters.leader(self.now).is_some() {
                self.campaigns = None;
                self.restart(store);
                self.register_again(store);
            }
        }
        for at in (self.failures.last().map(|(at, _)| *at))
            .into_iter()
            .chain(self.campaigns)
        {
            out.wake_at(at);
        }
        self.campaigns.is_none()
    }

    /// The leader fails: its session ends a while after its last beat.
    fn fail(&mut self, at: Instant, lasts: Option<Duration>, store: &Store, out: &mut Outbox) {
        if self.campaigns.is_none() {
            let beat = SESSION_TIMEOUT.as_nanos() / 3;
            let last = Instant::from_nanos(at.as_nanos() / beat * beat);
            self.campaigns = Some(self.masters.beat(last));
            self.rescind(|_| true, store, out);
        }
        if let Some(leader) = self.masters.leader_or_last() {
            self.masters.set_up(leader, false);
            if let Some(lasts) = lasts {
                self.returns.insert((at.saturating_add(lasts), leader));
            }
        }
    }
}
