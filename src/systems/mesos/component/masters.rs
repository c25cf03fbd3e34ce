//! Fail-over of masters: while nobody leads nothing is offered, and tasks run on
//! (spec: orchestrators-b.md section 1.7).

use crate::parts::turn::Turn;
use units::Instant;

use super::super::master::SESSION_TIMEOUT;
use super::MesosMaster;

impl MesosMaster {
    /// Whether somebody leads; if not, when the masters campaign next is asked for.
    pub(super) fn lead(&mut self, turn: &mut Turn<'_>) -> bool {
        if let Some(away) = self.masters_away.take() {
            self.masters_leave(away, turn);
        }
        if self.campaigns.is_some_and(|at| at <= self.now) {
            let next = self.masters.beat(self.now);
            self.campaigns = Some(next);
            if self.masters.leader(self.now).is_some() {
                self.campaigns = None;
                self.restart(turn.store);
                self.register_again(turn.store);
            }
        }
        if let Some(at) = self.campaigns {
            turn.out.wake_at(at);
        }
        self.campaigns.is_none()
    }

    /// Takes a number of masters away, the leader first, whose session ends a while after its last
    /// beat; with 0 all are back. Whoever is back while nobody leads campaigns at the next beat.
    fn masters_leave(&mut self, away: usize, turn: &mut Turn<'_>) {
        let leader = self.masters.leader_or_last().unwrap_or(0);
        if away > 0 && self.campaigns.is_none() {
            let beat = SESSION_TIMEOUT.as_nanos() / 3;
            let last = Instant::from_nanos(self.now.as_nanos() / beat * beat);
            self.campaigns = Some(self.masters.beat(last));
            self.rescind(|_| true, turn);
        }
        let others = (0..self.options.stated.masters as usize).filter(|&master| master != leader);
        for (place, master) in std::iter::once(leader).chain(others).enumerate() {
            self.masters.set_up(master, place >= away);
        }
    }
}
