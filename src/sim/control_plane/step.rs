//! Steps of components: each sees what is new, decides, and hands back what it wants.

use std::collections::VecDeque;

use cluster::UsageSamples;
use control::admission::Creation;
use control::provider::ProviderRequest;
use control::{Progress, Write};
use units::{ComponentId, Duration, Instant};

use super::super::SimError;
use super::super::context::Context;
use super::super::queue::QueueEvent;
use super::ControlPlane;

/// The changes that a component wants after a step, in order.
#[derive(Default)]
pub(in super::super) struct Batch {
    pub(in super::super) writes: Vec<Write>,
    pub(in super::super) creations: Vec<Creation>,
    pub(in super::super) requests: Vec<ProviderRequest>,
}

/// Requests of a component that are held back: it is still deciding, or its client waits for tokens.
#[derive(Debug, Default)]
pub(super) struct RequestBuffer {
    writes: VecDeque<Write>,
    creations: VecDeque<Creation>,
    /// When each request is sent, writes first; nothing if all are sent once it has decided.
    sent: VecDeque<Instant>,
}

impl RequestBuffer {
    /// Adds to a batch what is sent by now.
    fn release(&mut self, now: Instant, batch: &mut Batch) {
        let all = self.writes.len() + self.creations.len();
        let due = if self.sent.is_empty() {
            all
        } else {
            self.sent.iter().take_while(|&&at| at <= now).count()
        };
        self.sent.drain(..due.min(self.sent.len()));
        let writes = due.min(self.writes.len());
        batch.writes.extend(self.writes.drain(..writes));
        batch.creations.extend(self.creations.drain(..due - writes));
    }
}

impl ControlPlane {
    /// The number of components.
    pub(in super::super) const fn component_count(&self) -> usize {
        self.seats.len()
    }

    /// Whether a component has anything to do; it is shown what it is to see by now.
    pub(in super::super) fn is_due(&mut self, ctx: &mut Context<'_>, index: usize) -> bool {
        let now = ctx.now();
        let seat = &mut self.seats[index];
        if seat.is_absent {
            return false;
        }
        seat.give_up(now);
        if seat.deciding.is_some() {
            return false;
        }
        if let Some(view) = &mut seat.view
            && let Some(due) = view.advance(&self.store, now)
            && seat.delivery != Some(due)
        {
            seat.delivery = Some(due);
            ctx.expect(due, QueueEvent::Wake(ComponentId::from_index(index)));
        }
        seat.due || seat.component.cursor() < seat.seen(&self.store).revision()
    }

    /// Whether a component wants to be shown what the world measures before its step.
    #[inline]
    pub(in super::super) fn reads_metrics(&self, now: Instant, index: usize) -> bool {
        self.seats[index].component.reads_metrics(now)
    }

    /// Shows a component what the world measures.
    pub(in super::super) fn show(
        &mut self,
        now: Instant,
        index: usize,
        measured: &dyn UsageSamples,
    ) {
        let seat = &mut self.seats[index];
        let seen = seat.view.as_ref().map_or(&self.store, |view| view.store());
        seat.component.metrics(now, seen, measured);
    }

    /// Has a component make a step. Where its deciding takes time, its writes and creations are held
    /// back until it has decided.
    pub(in super::super) fn step(
        &mut self,
        ctx: &mut Context<'_>,
        index: usize,
    ) -> Result<Batch, SimError> {
        let now = ctx.now();
        let seat = &mut self.seats[index];
        let component = ComponentId::from_index(index);
        let seen = seat.view.as_ref().map_or(&self.store, |view| view.store());
        seat.outbox.clear();
        seat.own.clear();
        let progress = seat.component.step(now, seen, &mut seat.outbox);
        if let Some(why) = seat.outbox.failure.take() {
            let why = why.to_string();
            return Err(SimError::External { at: now, why });
        }
        for (pod, why) in seat.outbox.unprovided.drain(..) {
            let observer = ctx.observer();
            observer.unprovided(now, pod, why.as_ref(), &self.store);
            match why {
                Some(why) => self.unprovided.insert(pod, why),
                None => self.unprovided.remove(&pod),
            };
        }
        if let Some(view) = &seat.view {
            // What the view assumes counts as revisions of its own.
            for write in &mut seat.outbox.writes {
                write.decided_on = write.decided_on.min(view.cursor());
            }
        }
        seat.due = progress == Progress::More;
        // A wake-up at this instant comes after what else happens at it, so each counts.
        if let Some(at) = seat.outbox.wake
            && (at <= now || seat.wake != Some(at))
        {
            seat.wake = Some(at);
            ctx.expect(at.max(now), QueueEvent::Wake(component));
        }
        if let Some(at) = seat.outbox.wake_idle
            && (at <= now || seat.wake_idle != Some(at))
        {
            seat.wake_idle = Some(at);
            ctx.expect(at.max(now), QueueEvent::IdleWake(component));
        }
        let (pods, jobs) = (seat.outbox.decided_pods, seat.outbox.decided_jobs);
        self.decisions += u64::from(pods);
        let mut batch = Batch {
            writes: std::mem::take(&mut seat.outbox.writes),
            creations: std::mem::take(&mut seat.outbox.creations),
            requests: std::mem::take(&mut seat.outbox.requests),
        };
        let own = seat.component.decision_time();
        let own = own.checked_mul(i64::from(pods)).unwrap_or(Duration::MAX);
        let charge = ctx.options().decision_time.charge(pods, jobs);
        let charge = charge.saturating_add(own);
        let count = batch.writes.len() + batch.creations.len();
        let decided = now.saturating_add(charge);
        let sent = self.faults.sent(decided, index, &*seat.component, count);
        if charge > Duration::ZERO || sent.last().is_some_and(|&last| last > now) {
            let mut held = RequestBuffer {
                writes: std::mem::take(&mut batch.writes).into(),
                creations: std::mem::take(&mut batch.creations).into(),
                sent: sent.into(),
            };
            if charge <= Duration::ZERO {
                held.release(now, &mut batch);
            }
            let next = held.sent.front().copied().unwrap_or(decided);
            seat.deciding = Some(held);
            ctx.expect(next.max(now), QueueEvent::Decided(component));
        }
        Ok(batch)
    }

    /// The changes that a component has finished deciding on and can send now; others follow.
    pub(in super::super) fn decided(
        &mut self,
        ctx: &mut Context<'_>,
        component: ComponentId,
    ) -> Batch {
        let now = ctx.now();
        let seat = &mut self.seats[component.index()];
        let mut batch = Batch::default();
        if let Some(held) = &mut seat.deciding {
            held.release(now, &mut batch);
            if let Some(&next) = held.sent.front() {
                ctx.expect(next, QueueEvent::Decided(component));
                return batch;
            }
        }
        seat.deciding = None;
        seat.due = true;
        batch
    }

    /// Gives a component the emptied boxes back, for reuse.
    #[inline]
    pub(in super::super) fn reuse(&mut self, index: usize, batch: Batch) {
        let outbox = &mut self.seats[index].outbox;
        outbox.writes = batch.writes;
        outbox.creations = batch.creations;
        outbox.requests = batch.requests;
    }
}
