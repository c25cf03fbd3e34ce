//! Letting a control plane settle: components run in order of registration, repeated until none of them
//! has anything to do. A bound guards against components that keep each other busy.

use std::sync::atomic::{AtomicBool, Ordering};

use units::{Instant, Revision};

use super::super::SimError;
use super::super::context::Context;
use super::super::control_plane::{Batch, WriteGate};
use super::super::message::ToSurroundings;
use super::super::traffic::UsageAndTraffic;
use super::Engine;

impl Engine {
    /// Runs components until none has anything to do at this instant. An instant can be long, so
    /// it ends between two steps when it is interrupted; then `false` comes back.
    pub(in super::super) fn settle(
        &mut self,
        ctx: &mut Context<'_>,
        interrupted: &AtomicBool,
        keeps_log: bool,
    ) -> Result<bool, SimError> {
        if !self.control.acts() {
            return Ok(true);
        }
        loop {
            let mut busy = false;
            if interrupted.load(Ordering::Relaxed) {
                return Ok(false);
            }
            for index in 0..self.control.component_count() {
                busy |= self.step(ctx, index)?;
            }
            if !busy {
                break;
            }
            self.count(ctx.now())?;
        }
        if !keeps_log {
            self.control.truncate();
        }
        Ok(true)
    }

    /// Counts an event or round of this instant.
    ///
    /// # Errors
    ///
    /// The parts of the cell keep each other busy.
    #[inline]
    pub(super) fn count(&mut self, now: Instant) -> Result<(), SimError> {
        if self.busy.is_endless(now, self.control.store()) {
            return Err(self
                .control
                .livelock(now, self.busy.count(), self.busy.begun()));
        }
        Ok(())
    }

    /// Steps a component if it has anything to do; returns whether it had.
    fn step(&mut self, ctx: &mut Context<'_>, index: usize) -> Result<bool, SimError> {
        if !self.control.is_due(ctx, index) {
            return Ok(false);
        }
        let now: Instant = ctx.now();
        if self.control.reads_metrics(now, index) {
            self.load_pods(ctx);
            let usage = self.nodes.samples(now);
            let measured = UsageAndTraffic::new(&usage, self.surroundings.traffic());
            self.control.show(now, index, &measured);
        }
        let batch = self.control.step(ctx, index)?;
        let empty = self.make(ctx, index, batch)?;
        self.control.reuse(index, empty);
        Ok(true)
    }

    /// Makes what a component wants, in order; returns the emptied boxes for reuse.
    pub(super) fn make(
        &mut self,
        ctx: &mut Context<'_>,
        index: usize,
        mut batch: Batch,
    ) -> Result<Batch, SimError> {
        let mut given_up = None;
        for write in &batch.writes {
            if let Some(conflict) = &given_up {
                self.control.refuse(index, write, conflict);
                continue;
            }
            match self.control.passage(ctx, index, write) {
                WriteGate::Open => {}
                WriteGate::Hindered => continue,
                WriteGate::Closed => break,
            }
            let at = Revision(self.control.store().revision().0 + 1);
            let made = match self.control.taken(index, write) {
                Ok(Some(event)) => self.carry_out(ctx, event)?,
                Ok(None) => continue,
                Err(conflict) => Err(conflict),
            };
            match made {
                Ok(()) => self.control.made(ctx.now(), index, write, at),
                Err(conflict) => {
                    self.control.refuse(index, write, &conflict);
                    given_up = write.is_required.then_some(conflict);
                }
            }
        }
        batch.writes.clear();
        if let Some(conflict) = given_up {
            for creation in batch.creations.drain(..) {
                self.control.decline(index, &creation, &conflict);
            }
        }
        // Most batches hold writes alone, and draining an empty list costs more than a look at it.
        if !batch.creations.is_empty() || !batch.requests.is_empty() {
            self.pass_on(ctx, index, &mut batch)?;
        }
        self.deliver(ctx, 0)?;
        Ok(batch)
    }

    /// Creates what a component wants created, and passes on what it asks of the provider.
    fn pass_on(
        &mut self,
        ctx: &mut Context<'_>,
        index: usize,
        batch: &mut Batch,
    ) -> Result<(), SimError> {
        for creation in batch.creations.drain(..) {
            if self.control.is_absent(index) {
                break;
            }
            if let Err(conflict) = self.create(ctx, &creation)? {
                self.note_refusal(&creation, &conflict);
                self.control.decline(index, &creation, &conflict);
            } else {
                self.refusals.forget(&creation);
            }
        }
        for request in batch.requests.drain(..) {
            ctx.send(ToSurroundings::Provide {
                component: index,
                request: Box::new(request),
            });
        }
        Ok(())
    }
}
