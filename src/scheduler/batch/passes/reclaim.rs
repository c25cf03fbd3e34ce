//! Reclaiming: where the order lets it, a waiting job ends running ones that have its room (spec:
//! orchestrators-b.md section 7.6, in the order of Kueue's candidates).
//!
//! The first waiting job of each tenant is tried, in the order of the queue, once the rule starts nothing
//! more. Running jobs that it may end go from the newest start to the oldest until it fits; those that
//! turn out not to be needed are kept. If it would not fit even then, none ends. Jobs that end wait again
//! from their start, and the job that they end for is the next to start.

use std::cmp::Reverse;

use cluster::Store;
use control::Outbox;
use control::admission::Creation;
use model::{EndReason, EvictionCause};
use units::Instant;

use super::super::free_amounts::FutureRoom;
use super::super::job::{Job, JobNumber, JobOrder};
use super::super::running_jobs::{RunningJob, RunningJobs};
use super::PassPlanner;

/// The question which running jobs end for a waiting one.
struct Question<'a> {
    now: Instant,
    store: &'a Store,
    order: &'a dyn JobOrder,
    running: &'a RunningJobs,
    job: &'a Job,
    /// Number of members that fit now.
    room: u64,
}

impl Question<'_> {
    /// The jobs that end; `None` if that makes no room, or if there is room already, which is the rule's
    /// to give.
    fn victims(&self) -> Option<Vec<JobNumber>> {
        let mut candidates: Vec<(&JobNumber, &RunningJob)> = self.running.jobs().collect();
        candidates.sort_by_key(|&(&number, job)| Reverse((job.started, number)));
        let mut order = self.order.clone_order();
        let mut room = self.now_free();
        if self.fits(&room, &*order) {
            return None;
        }
        let mut victims = Vec::new();
        for (&number, running) in candidates {
            let held = running.held();
            if !order.may_reclaim(&self.job.facts, &held) {
                continue;
            }
            order.ended(self.now, &held);
            room.end(running);
            victims.push(number);
            if self.fits(&room, &*order) {
                return Some(self.needed(victims));
            }
        }
        None
    }

    fn now_free(&self) -> FutureRoom<'_> {
        FutureRoom::new(self.store, self.job, self.room)
    }

    fn fits(&self, room: &FutureRoom<'_>, order: &dyn JobOrder) -> bool {
        room.fits() && !order.holds_back(&self.job.facts)
    }

    /// The victims without those that are not needed, looked for from the last but one to the first.
    fn needed(&self, mut victims: Vec<JobNumber>) -> Vec<JobNumber> {
        for place in (0..victims.len().saturating_sub(1)).rev() {
            let mut order = self.order.clone_order();
            let mut room = self.now_free();
            for (own, &number) in victims.iter().enumerate() {
                if let Some(running) = self.running.get(number).filter(|_| own != place) {
                    order.ended(self.now, &running.held());
                    room.end(running);
                }
            }
            if self.fits(&room, &*order) {
                victims.remove(place);
            }
        }
        victims
    }
}

impl PassPlanner {
    /// Ends running jobs for the first waiting job that may have their room.
    pub(super) fn reclaim(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        // Under a late view, those that were ordered to end are seen a while longer.
        let is_pending = !self.leaving.is_empty();
        if is_pending || !self.order.reclaims() || !self.reservations.is_empty() {
            return;
        }
        let (rooms, running) = (&mut self.rooms, &self.running);
        let found = self.queue.heads().into_iter().find_map(|(number, job)| {
            let question = Question {
                now,
                store,
                order: &*self.order,
                running,
                job,
                room: rooms.of_job(store, job),
            };
            Some((number, question.victims()?))
        });
        let Some((number, victims)) = found else {
            return;
        };
        self.nominated = Some(number);
        let reason = EndReason::Evicted(EvictionCause::Preemption);
        let jobs = victims.iter().filter_map(|&victim| running.get(victim));
        for place in jobs.flat_map(|job| job.places.iter().filter(|place| place.held)) {
            let pod = place.pod;
            self.leaving.insert(pod);
            out.creations.push(Creation::Replacement { pod, reason });
        }
    }
}
