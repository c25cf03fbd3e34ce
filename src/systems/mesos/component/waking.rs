//! Instants at which the master acts: runs over all agents, and what frameworks and agents wait for.

use control::Outbox;
use units::{Duration, Instant};

use super::MesosMaster;

impl MesosMaster {
    /// Asks for wake-ups for what is due next.
    pub(super) fn wakes(&mut self, out: &mut Outbox) {
        let now = self.now;
        let of_seats = self.seats.iter();
        let of_seats = of_seats.flat_map(|seat| seat.wakes.into_iter().chain(seat.revives_at));
        let answer = self.standing.keys().next().map(|(at, _)| *at);
        let overdue = self.overdue.first().map(|(at, _)| *at);
        let registering = self.registering.first().map(|(at, _)| *at);
        let removal = self.removals.wakes(now);
        let lapse = self.lapses.first().map(|(at, _)| *at);
        let others = [answer, overdue, registering, removal, lapse];
        for at in of_seats.chain(others.into_iter().flatten()) {
            out.wake_at(at);
        }
        for at in self.seats.iter().filter_map(|seat| seat.repeats_at) {
            out.wake_idle_at(at);
        }
        match self.next_report() {
            Some(at) if self.reports.matters => out.wake_at(at),
            Some(at) => out.wake_idle_at(at),
            None => {}
        }
        if !self.allocator.is_anyone_served() {
            return;
        }
        if self.needs_batch {
            out.wake_at(self.next_batch());
        } else if let Some(&ends) = self.expiries.first() {
            let at = self.batch_after(ends).max(self.next_batch());
            if self.awaited.is_some_and(|last| ends <= last) {
                out.wake_at(at);
            } else {
                out.wake_idle_at(at);
            }
        }
    }

    /// Instant of the next run over all agents.
    pub(super) fn next_batch(&self) -> Instant {
        let interval = self.options.stated.allocation_interval.as_nanos().max(1);
        let past = self.now.as_nanos() % interval;
        if past == 0 && self.last_batch != Some(self.now) {
            return self.now;
        }
        Instant::from_nanos(self.now.as_nanos() - past)
            .saturating_add(Duration::from_nanos(interval))
    }

    /// The first run over all agents after an instant.
    pub(super) fn batch_after(&self, at: Instant) -> Instant {
        let interval = self.options.stated.allocation_interval.as_nanos().max(1);
        let past = at.as_nanos() % interval;
        Instant::from_nanos(at.as_nanos() - past).saturating_add(Duration::from_nanos(interval))
    }
}
