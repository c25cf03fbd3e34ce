//! The simulator's driver: pops what happens next, applies it, lets the control plane settle.

use std::sync::atomic::{AtomicBool, Ordering};

use cluster::{Digest, Observer, Store};
use trace::Ledger;
use units::Instant;

use super::cell::{Cell, CellParts, Seat};
use super::engine::Engine;
use super::kernel::{World, happen, next_instant};
use super::provider::Provider;
use super::queue::{EventQueue, Queued, Upcoming};
use super::{End, EndCause, Options, Reached, RunControl, SimError, Usage};

/// A running simulation.
pub struct Simulation<'o> {
    pub(super) engine: Engine<'o>,
    pub(super) cells: Vec<Cell>,
}

/// How many events pass between two reports of progress.
const PROGRESS_EVENTS: u64 = 1 << 14;

impl<'o> Simulation<'o> {
    /// Sets the world up at its zero: nodes are there with the pods found on them, nothing has
    /// arrived.
    #[expect(
        clippy::too_many_lines,
        reason = "one part of the world after the other"
    )]
    pub fn new(
        options: Options,
        worlds: Vec<CellParts>,
        observer: &'o mut dyn Observer,
    ) -> Result<Self, SimError> {
        let queue = EventQueue::default();
        let mut engine = Engine {
            options,
            now: Instant::ZERO,
            queue,
            observer,
            keeps_log: false,
        };
        let mut cells = Vec::new();
        for (number, parts) in worlds.into_iter().enumerate() {
            let mut cell = Cell::new(number as u16, &engine.options, parts.agent, parts.arrivals);
            cell.usage = Usage::new(parts.environment.usage);
            cell.provider = Provider::new(parts.environment.provider);
            let commitment = parts.environment.commitment;
            cell.store = Store::committed(commitment);
            if let Some(model) = parts.environment.images {
                cell.machine.set_images(model);
            }
            cell.contend_by(parts.environment.contention);
            if let Some(rule) = parts.environment.checkpoints {
                cell.machine.set_checkpoints(rule);
            }
            for node in parts.nodes {
                let event = cell.store.node_added(node.clone());
                engine
                    .commit(&mut cell, event)
                    .map_err(|why| SimError::Declaration {
                        what: format!("node `{}`", node.name),
                        why: why.to_string(),
                    })?;
            }
            for resident in &parts.residents {
                engine.settle_in(&mut cell, resident)?;
            }
            engine.await_price(&cell, 0);
            for (at, node, up) in parts.outages {
                let event = if up {
                    Upcoming::NodeUp(node)
                } else {
                    Upcoming::NodeDown(node)
                };
                engine.queue.push(at, event.of(cell.number));
            }
            let provisions = parts.environment.provisions;
            if provisions.slows_work || provisions.stragglers.is_some() {
                cell.machine.track(provisions.stragglers);
            }
            cell.faults.kill = provisions.kill;
            engine.expect_traffic(&mut cell, parts.environment.traffic);
            engine.expect_failures(&mut cell, parts.environment.failures);
            engine.expect_heartbeats(&cell);
            for (number, (at, operation)) in parts.operations.into_iter().enumerate() {
                cell.operations.push(operation);
                let event = Upcoming::Operation(number as u32);
                engine.queue.push(at, event.of(cell.number));
            }
            cell.operations_left = cell.operations.len();
            let lag = engine.options.view_lag;
            let seats = parts.components.into_iter();
            cell.components
                .extend(seats.map(|component| Seat::new(component, lag, commitment)));
            if parts.environment.provisions.loses_memory {
                engine.keeps_log = true;
                for seat in &mut cell.components {
                    seat.blank = Some(seat.component.clone_component());
                }
            }
            cell.fetch()?;
            engine.observer.settled(Instant::ZERO, &cell.store);
            cells.push(cell);
        }
        Ok(Self { engine, cells })
    }

    /// The store of a cell.
    pub fn store(&self, cell: usize) -> &Store {
        &self.cells[cell].store
    }

    /// Ledger of irregularities in a cell's arrivals.
    pub fn ledger(&self, cell: usize) -> &Ledger {
        self.cells[cell].arrivals.ledger()
    }

    /// For how long processes ran of pods that the control plane had given up, on hosts that it did
    /// not reach; counted when they stop.
    pub fn unseen_runtime(&self, cell: usize) -> units::Duration {
        self.cells[cell].hosts.unseen()
    }

    /// The store of a cell, taken out of the finished simulation.
    pub fn into_store(mut self, cell: usize) -> Store {
        self.cells.swap_remove(cell).store
    }

    /// Runs to the end.
    pub fn run(&mut self, control: &mut RunControl<'_>) -> Result<End, SimError> {
        let end = self.advance(None, control)?;
        Ok(end.unwrap_or_else(|| unreachable!("invariant: nothing holds it up")))
    }

    /// Runs to the end, or until nothing is left that happens at `until` or before.
    pub(super) fn advance(
        &mut self,
        until: Option<Instant>,
        control: &mut RunControl<'_>,
    ) -> Result<Option<End>, SimError> {
        let (mut events, mut told) = (0_u64, 0_u64);
        let stop = self.engine.options.stop;
        let cause = loop {
            if control.interrupted.load(Ordering::Relaxed) {
                break EndCause::Interrupted;
            }
            let Some(at) = next_instant(self) else {
                break EndCause::Idle;
            };
            if let Some(end) = stop.latest()
                && at > end
            {
                self.engine.now = end;
                break EndCause::Reached;
            }
            if until.is_some_and(|until| at > until) {
                return Ok(None);
            }
            debug_assert!(at >= self.engine.now, "invariant: time does not go back");
            self.engine.now = at;
            events += happen(self, at, self.engine.options.stepping)?;
            if !self.settle_all(control.interrupted)? {
                break EndCause::Interrupted;
            }
            if events >= told + PROGRESS_EVENTS {
                told = events;
                let read = self.cells.iter().find_map(|cell| cell.arrivals.progress());
                (control.progress)(Reached {
                    now: at,
                    events,
                    read,
                });
            }
            let drained = |cell: &Cell| {
                let nothing_comes = cell.upcoming.is_none() && cell.operations_left == 0;
                nothing_comes && cell.store.pods().living() == 0
            };
            if stop.is_when_drained() && self.cells.iter().all(drained) {
                break EndCause::Drained;
            }
        };
        let cause = match (cause, stop.awaited()) {
            (EndCause::Idle, Some(end)) => {
                self.engine.now = end;
                EndCause::Reached
            }
            (cause, _) => cause,
        };
        for cell in &mut self.cells {
            self.engine.end_traffic(cell);
        }
        Ok(Some(self.end(cause)))
    }

    pub(super) fn end(&self, cause: EndCause) -> End {
        let mut digest = Digest::new();
        for cell in &self.cells {
            digest.include(&cell.digest.value());
        }
        let value = if let [cell] = self.cells.as_slice() {
            cell.digest.value()
        } else {
            digest.value()
        };
        End {
            cause,
            at: self.engine.now,
            changes: self.cells.iter().map(|cell| cell.store.revision().0).sum(),
            decisions: self.cells.iter().map(|cell| cell.decisions).sum(),
            digest: value,
        }
    }

    /// Lets every cell settle; whether they did before it was interrupted.
    pub(super) fn settle_all(&mut self, interrupted: &AtomicBool) -> Result<bool, SimError> {
        for cell in &mut self.cells {
            if !self.engine.settle(cell, interrupted)? {
                return Ok(false);
            }
            self.engine.observer.settled(self.engine.now, &cell.store);
            self.engine.sample(cell);
        }
        Ok(true)
    }
}

impl World for Simulation<'_> {
    type Event = Queued;
    type Error = SimError;

    fn ahead(&self) -> &EventQueue {
        &self.engine.queue
    }

    fn ahead_mut(&mut self) -> &mut EventQueue {
        &mut self.engine.queue
    }

    fn arriving(&self) -> Option<Instant> {
        let upcoming = self.cells.iter().filter_map(|cell| cell.upcoming.as_ref());
        upcoming.map(|arrival| arrival.submit).min()
    }

    fn arrive(&mut self) -> Result<(), SimError> {
        let now = self.engine.now;
        let due = |cell: &&mut Cell| {
            let upcoming = cell.upcoming.as_ref();
            upcoming.is_some_and(|arrival| arrival.submit == now)
        };
        match self.cells.iter_mut().find(due) {
            Some(cell) => self.engine.arrive(cell),
            None => Ok(()),
        }
    }

    fn occur(&mut self, queued: Queued) -> Result<(), SimError> {
        let cell = &mut self.cells[usize::from(queued.cell)];
        self.engine.occur(cell, queued.event)
    }
}
