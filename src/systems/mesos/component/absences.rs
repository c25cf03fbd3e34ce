//! Frameworks that are away: their offers go to others, and their tasks run on until their
//! `failover_timeout` is over (spec: orchestrators-b.md section 1.7).

use crate::parts::turn::Turn;
use model::PodRef;

use super::super::framework::kill;
use super::MesosMaster;

impl MesosMaster {
    /// Heeds which frameworks went away or are back, and ends what has outlived its framework.
    pub(super) fn attend(&mut self, turn: &mut Turn<'_>) {
        for (place, is_up) in std::mem::take(&mut self.absences) {
            let Some(seat) = self.seats.get_mut(place) else {
                continue;
            };
            if seat.is_away != is_up {
                continue;
            }
            seat.is_away = !is_up;
            self.lapses.retain(|(_, known)| *known != place);
            if is_up {
                // It subscribes again, and hears what became of its tasks.
                (seat.is_served, seat.is_touched) = (true, true);
                self.allocator.revive(place as u32);
                self.is_requested = true;
            } else {
                self.leaves(place, turn);
            }
        }
        while let Some(&(at, place)) = self.lapses.first()
            && at <= self.now
        {
            self.lapses.pop_first();
            self.end_tasks(place, turn);
        }
    }

    fn leaves(&mut self, place: usize, turn: &mut Turn<'_>) {
        let seat = &mut self.seats[place];
        (seat.is_served, seat.wakes) = (false, None);
        (seat.revives_at, seat.repeats_at) = (None, None);
        let clients = seat.clients.clone();
        self.allocator.suppress(place as u32);
        self.rescind(|offer| clients.contains(&offer.client), turn);
        self.needs_batch = true;
        let timeout = self.options.frameworks[place].failover_timeout;
        self.lapses
            .insert((self.now.saturating_add(timeout), place));
    }

    /// All tasks of a framework are killed.
    fn end_tasks(&self, place: usize, turn: &mut Turn<'_>) {
        let held = self.held.iter().flatten();
        let own = held.filter(|held| held.framework == place && held.task.is_some());
        let mut tasks: Vec<PodRef> = own.map(|held| held.pod).collect();
        tasks.sort_unstable();
        for pod in tasks {
            kill(pod, turn);
        }
    }
}
