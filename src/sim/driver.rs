//! The simulator's driver: pops what happens next, applies it, lets the control plane settle.

use std::sync::atomic::{AtomicBool, Ordering};

use cluster::{Digest, Observer, Store};
use intake::Ledger;
use model::{PodRef, Text};
use units::Instant;

use super::context::Context;
use super::engine::{Engine, RefusedPods};
use super::kernel::{World, happen, next_instant};
use super::parts::CellParts;
use super::queue::{EventQueue, QueueEntry};
use super::{End, EndCause, Options, RunControl, RunProgress, SimError, Stop};

/// A running simulation.
pub struct Simulation<'o> {
    pub(super) ctx: Context<'o>,
    pub(super) cells: Vec<Engine>,
    /// Whether the log is kept although every component has read it.
    pub(super) keeps_log: bool,
    /// Whether the control plane has settled on what is there at zero.
    has_begun: bool,
}

/// Number of events between two reports of progress.
const PROGRESS_EVENTS: u64 = 1 << 14;

impl<'o> Simulation<'o> {
    /// Sets the world up at its zero: nodes are there with the pods found on them, nothing has
    /// arrived.
    pub fn new(
        options: Options,
        worlds: Vec<CellParts>,
        observer: &'o mut dyn Observer,
    ) -> Result<Self, SimError> {
        let mut ctx = Context::new(options, observer);
        let mut keeps_log = false;
        let mut cells = Vec::new();
        for (number, parts) in worlds.into_iter().enumerate() {
            ctx.enter(number as u16);
            keeps_log |= parts.environment.provisions.loses_memory;
            cells.push(Engine::new(&mut ctx, parts)?);
        }
        Ok(Self {
            ctx,
            cells,
            keeps_log,
            has_begun: false,
        })
    }

    /// The store of a cell.
    pub fn store(&self, cell: usize) -> &Store {
        self.cells[cell].control().store()
    }

    /// The findings in the arrivals of a cell.
    pub fn ledger(&self, cell: usize) -> Ledger {
        self.cells[cell].surroundings().ledger()
    }

    /// Lines about what a cell's API server and schedulers refused.
    pub fn remarks(&self, cell: usize) -> Vec<String> {
        self.cells[cell].remarks()
    }

    /// Pods of a cell's controllers that its API server refuses now.
    pub fn refused(&self, cell: usize) -> Vec<RefusedPods> {
        self.cells[cell].refused()
    }

    /// The last answer of a cell's schedulers about a pod without a node, where they keep one.
    pub fn waiting_message(&self, cell: usize, pod: PodRef) -> Option<Text> {
        self.cells[cell].control().waiting_message(pod)
    }

    /// Names of the filters of a cell's schedulers that rejected a pod without a node last.
    pub fn waiting_filters(&self, cell: usize, pod: PodRef) -> Vec<Text> {
        self.cells[cell].control().waiting_filters(pod)
    }

    /// The reason for which an autoscaler of a cell orders no node for a pod that waits.
    pub fn unprovided(&self, cell: usize, pod: PodRef) -> Option<Text> {
        self.cells[cell].control().unprovided(pod)
    }

    /// Run time of processes of pods that the control plane had given up, on hosts that it did not
    /// reach; counted when they stop.
    pub fn unseen_runtime(&self, cell: usize) -> units::Duration {
        self.cells[cell].nodes().unseen()
    }

    /// The store of a cell, taken out of the finished simulation.
    pub fn into_store(mut self, cell: usize) -> Store {
        self.cells.swap_remove(cell).into_store()
    }

    /// Runs to the end.
    pub fn run(&mut self, control: &mut RunControl<'_>) -> Result<End, SimError> {
        let end = self.advance(None, control)?;
        Ok(end.unwrap_or_else(|| unreachable!("invariant: nothing holds it up")))
    }

    /// Instant that the control plane looks at next. The first is zero, whether anything happens at it or
    /// not: components list what is there when they start, as informers do.
    fn next_instant(&self) -> Option<Instant> {
        if self.has_begun {
            next_instant(self)
        } else {
            Some(Instant::ZERO)
        }
    }

    /// Runs to the end, or until nothing is left that happens at `until` or before.
    pub(super) fn advance(
        &mut self,
        until: Option<Instant>,
        control: &mut RunControl<'_>,
    ) -> Result<Option<End>, SimError> {
        let (mut events, mut told) = (0_u64, 0_u64);
        let stop = self.ctx.options().stop;
        let cause = loop {
            if control.interrupted.load(Ordering::Relaxed) {
                break EndCause::Interrupted;
            }
            let next = self.next_instant();
            if until.is_some_and(|until| is_quiet_until(until, next, stop)) {
                return Ok(None);
            }
            let Some(at) = next else {
                break EndCause::Idle;
            };
            if let Some(end) = stop.latest()
                && at > end
            {
                self.sample_before(end);
                self.ctx.pass_to(end);
                break EndCause::Reached;
            }
            self.has_begun = true;
            debug_assert!(at >= self.ctx.now(), "invariant: time does not go back");
            self.sample_before(at);
            self.ctx.pass_to(at);
            events += happen(self, at, self.ctx.options().stepping)?;
            if !self.settle_all(control.interrupted)? {
                break EndCause::Interrupted;
            }
            if let Some(endless) = self.cells.iter().find_map(|cell| cell.endless(at)) {
                return Err(endless);
            }
            if events >= told + PROGRESS_EVENTS {
                told = events;
                let mut cells = self.cells.iter();
                let read = cells.find_map(|cell| cell.surroundings().progress());
                (control.progress)(RunProgress {
                    now: at,
                    events,
                    read,
                });
            }
            if stop.is_when_drained() && self.cells.iter().all(Engine::is_drained) {
                break EndCause::Drained;
            }
        };
        let cause = match (cause, stop.awaited()) {
            (EndCause::Idle, Some(end)) => {
                self.sample_before(end);
                self.ctx.pass_to(end);
                EndCause::Reached
            }
            (cause, _) => cause,
        };
        let mut cells = self.cells.iter();
        if let Some(what) = cells.find_map(|cell| cell.control().flaw()) {
            return Err(SimError::Invariant {
                at: self.ctx.now(),
                what,
                seed: self.ctx.options().seed,
            });
        }
        self.end_traffic();
        Ok(Some(self.end(cause)))
    }

    /// The end of a run that can't go on: now, with all that happened before.
    pub fn stopped(&mut self) -> End {
        self.end_traffic();
        self.end(EndCause::Stopped)
    }

    /// Follows traffic to the end.
    fn end_traffic(&mut self) {
        for cell in &mut self.cells {
            self.ctx.enter(cell.number());
            cell.end_traffic(&mut self.ctx);
        }
    }

    /// Shows the observer what pods use between the last instant and one at which something happens next.
    fn sample_before(&mut self, next: Instant) {
        for cell in &mut self.cells {
            cell.sample_before(&mut self.ctx, next);
        }
    }

    pub(super) fn end(&self, cause: EndCause) -> End {
        let mut digest = Digest::new();
        for cell in &self.cells {
            digest.include(&cell.control().digest());
        }
        let value = if let [cell] = self.cells.as_slice() {
            cell.control().digest()
        } else {
            digest.value()
        };
        End {
            cause,
            at: self.ctx.now(),
            changes: { self.cells.iter() }
                .map(|cell| cell.control().store().revision().0)
                .sum(),
            decisions: { self.cells.iter() }
                .map(|cell| cell.control().decisions())
                .sum(),
            digest: value,
        }
    }

    /// Lets every cell settle; whether they did before it was interrupted.
    pub(super) fn settle_all(&mut self, interrupted: &AtomicBool) -> Result<bool, SimError> {
        for cell in &mut self.cells {
            let ctx = &mut self.ctx;
            ctx.enter(cell.number());
            if !cell.settle(ctx, interrupted, self.keeps_log)? {
                return Ok(false);
            }
            let now = ctx.now();
            ctx.observer().settled(now, cell.control().store());
            cell.sample(ctx);
        }
        Ok(true)
    }
}

/// Whether a run that goes on beyond an instant has nothing left that happens by then.
fn is_quiet_until(until: Instant, next: Option<Instant>, stop: Stop) -> bool {
    match next {
        Some(at) => at > until && stop.latest().is_none_or(|end| until < end),
        None => stop.awaited().is_some_and(|end| until < end),
    }
}

impl World for Simulation<'_> {
    type Event = QueueEntry;
    type Error = SimError;

    fn ahead(&self) -> &EventQueue {
        self.ctx.queue()
    }

    fn ahead_mut(&mut self) -> &mut EventQueue {
        self.ctx.queue_mut()
    }

    fn arriving(&self) -> Option<Instant> {
        self.cells.iter().filter_map(Engine::arriving).min()
    }

    fn arrive(&mut self) -> Result<(), SimError> {
        let now = Some(self.ctx.now());
        match self.cells.iter_mut().find(|cell| cell.arriving() == now) {
            Some(cell) => {
                self.ctx.enter(cell.number());
                cell.arrive(&mut self.ctx)
            }
            None => Ok(()),
        }
    }

    fn occur(&mut self, queued: QueueEntry) -> Result<(), SimError> {
        self.ctx.enter(queued.cell);
        let cell = &mut self.cells[usize::from(queued.cell)];
        cell.occur(&mut self.ctx, queued.event)
    }
}
