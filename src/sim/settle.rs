//! Letting a control plane settle: components run in order of registration, repeated until nobody
//! has anything to do. A bound guards against components that keep each other busy.

use std::sync::atomic::{AtomicBool, Ordering};

use cluster::Conflict;
use control::admission::{Creation, admit};
use control::{Progress, Write};
use model::{EndReason, Event, Object, Pod, PodChange, PodRef, PodSpec};
use rng::{Distribution, Stream};
use units::{ComponentId, Duration, Revision};

use super::SimError;
use super::cell::{Cell, Seat};
use super::control_faults::give_up;
use super::engine::Engine;
use super::progress::Left;
use super::queue::Upcoming;
use super::traffic::UsageAndTraffic;

/// Rounds at one instant that are always allowed.
const ROUNDS_ALLOWED: u64 = 1 << 20;

/// Rounds allowed besides for every living pod and node.
const ROUNDS_PER_OBJECT: u64 = 64;

impl Engine<'_> {
    /// Runs components until none has anything to do at this instant. An instant can be long, so
    /// it ends between two steps when it is interrupted; then `false` comes back.
    pub(super) fn settle(
        &mut self,
        cell: &mut Cell,
        interrupted: &AtomicBool,
    ) -> Result<bool, SimError> {
        if !cell.acts {
            return Ok(true);
        }
        let objects = (cell.store.pods().living() + cell.store.nodes().len()) as u64;
        let bound = ROUNDS_ALLOWED + ROUNDS_PER_OBJECT * objects;
        let mut rounds = 0_u64;
        loop {
            let mut busy = false;
            if interrupted.load(Ordering::Relaxed) {
                return Ok(false);
            }
            for index in 0..cell.components.len() {
                busy |= self.step(cell, index)?;
            }
            if !busy {
                break;
            }
            rounds += 1;
            if rounds > bound {
                return Err(self.livelock(cell, rounds));
            }
        }
        if !self.keeps_log {
            truncate(cell);
        }
        Ok(true)
    }

    /// Steps a component if it has anything to do; returns whether it had.
    #[expect(
        clippy::too_many_lines,
        reason = "one step from what is seen to what is written"
    )]
    fn step(&mut self, cell: &mut Cell, index: usize) -> Result<bool, SimError> {
        let now = self.now;
        let seat = &mut cell.components[index];
        if seat.is_absent {
            return Ok(false);
        }
        give_up(now, seat);
        if seat.deciding.is_some() {
            return Ok(false);
        }
        let component = ComponentId::from_index(index);
        if let Some(view) = &mut seat.view
            && let Some(due) = view.advance(&cell.store, now)
            && seat.delivery != Some(due)
        {
            seat.delivery = Some(due);
            self.queue
                .push(due, Upcoming::Wake(component).of(cell.number));
        }
        let seen = seat.view.as_ref().map_or(&cell.store, |view| view.store());
        if !seat.due && seat.component.cursor() >= seen.revision() {
            return Ok(false);
        }
        seat.outbox.clear();
        if seat.component.reads_metrics(now) {
            if let Some(traffic) = &mut cell.traffic {
                traffic.advance(now, &mut *self.observer);
                traffic.load_pods(&mut cell.usage);
            }
            let usage = cell.usage.samples(now);
            let samples = UsageAndTraffic::new(&usage, cell.traffic.as_deref());
            seat.component.metrics(now, seen, &samples);
        }
        let progress = seat.component.step(now, seen, &mut seat.outbox);
        seat.due = progress == Progress::More;
        // A wake-up at this instant comes after what else happens at it, so each counts.
        if let Some(at) = seat.outbox.wake
            && (at <= now || seat.wake != Some(at))
        {
            seat.wake = Some(at);
            self.queue
                .push(at.max(now), Upcoming::Wake(component).of(cell.number));
        }
        if let Some(at) = seat.outbox.wake_idle
            && (at <= now || seat.wake_idle != Some(at))
        {
            seat.wake_idle = Some(at);
            self.queue
                .push(at.max(now), Upcoming::IdleWake(component).of(cell.number));
        }
        let (pods, jobs) = (seat.outbox.decided_pods, seat.outbox.decided_jobs);
        cell.decisions += u64::from(pods);
        let writes = std::mem::take(&mut seat.outbox.writes);
        let creations = std::mem::take(&mut seat.outbox.creations);
        let requests = std::mem::take(&mut seat.outbox.requests);
        let charge = self.options.decision_time.charge(pods, jobs);
        let count = writes.len() + creations.len();
        let slow = cell.faults.charge(&*seat.component, count);
        let charge = charge.checked_add(slow).unwrap_or(Duration::MAX);
        if charge > Duration::ZERO {
            seat.deciding = Some((writes, creations));
            self.queue.push(
                now.saturating_add(charge),
                Upcoming::Decided(component).of(cell.number),
            );
        } else {
            let writes = self.write_all(cell, index, writes)?;
            let creations = self.create_all(cell, index, creations)?;
            let outbox = &mut cell.components[index].outbox;
            (outbox.writes, outbox.creations) = (writes, creations);
        }
        self.provide(cell, index, requests)?;
        Ok(true)
    }

    /// A component has finished deciding: its writes are made.
    pub(super) fn decided(&mut self, cell: &mut Cell, index: usize) -> Result<(), SimError> {
        cell.components[index].due = true;
        if let Some((writes, creations)) = cell.components[index].deciding.take() {
            self.write_all(cell, index, writes)?;
            self.create_all(cell, index, creations)?;
        }
        Ok(())
    }

    /// Makes a component's writes in order; returns the emptied box for reuse.
    fn write_all(
        &mut self,
        cell: &mut Cell,
        index: usize,
        mut writes: Vec<Write>,
    ) -> Result<Vec<Write>, SimError> {
        for write in &writes {
            if let Some(fault) = cell.faults.hinders(write) {
                self.hindered(cell, index, write, fault);
                continue;
            }
            if cell.components[index].is_absent {
                break;
            }
            let made = if cell.store.is_stale(&write.event, write.decided_on) {
                Err(Conflict::Stale)
            } else {
                self.carry_out(cell, write.event.clone())?
            };
            if let Err(conflict) = made {
                let seat = &mut cell.components[index];
                seat.component.refused(write, &conflict);
                seat.due = true;
            }
        }
        writes.clear();
        Ok(writes)
    }

    /// Makes a change that somebody wants; whom it concerns on the nodes is told.
    pub(super) fn carry_out(
        &mut self,
        cell: &mut Cell,
        event: Event,
    ) -> Result<Result<(), Conflict>, SimError> {
        let told = Told::of(&event);
        let lapse = match &event {
            Event::HoldPlaced(hold) => hold.until.map(|until| (until, hold.owner, hold.number)),
            _ => None,
        };
        let doubted = match &event {
            Event::NodeReadiness { node, ready: false } => Some(*node),
            Event::PodChanged {
                pod,
                change: PodChange::Ready(false),
            } => cell.store.pods().get(*pod).and_then(Pod::node),
            _ => None,
        };
        if let Err(conflict) = self.commit(cell, event) {
            return Ok(Err(conflict));
        }
        if let Some(node) = doubted {
            self.doubted(cell, node);
        }
        if let Some((until, owner, number)) = lapse {
            let lapse = cell.lapses.add(owner, number);
            self.queue.push(until.max(self.now), lapse.of(cell.number));
        }
        match told {
            Told::Nobody => {}
            Told::Start(pod) => self.assign(cell, pod)?,
            Told::Stop(pod, how) => self.stop(cell, pod, how)?,
            Told::Release(pod) => self.release(cell, pod)?,
        }
        Ok(Ok(()))
    }

    /// Creates what a component asked for, in order; returns the emptied box for reuse.
    fn create_all(
        &mut self,
        cell: &mut Cell,
        index: usize,
        mut creations: Vec<Creation>,
    ) -> Result<Vec<Creation>, SimError> {
        for creation in creations.drain(..) {
            if cell.components[index].is_absent {
                break;
            }
            if let Err(conflict) = self.create(cell, &creation)? {
                let seat = &mut cell.components[index];
                seat.component.declined(&creation, &conflict);
                seat.due = true;
            }
        }
        Ok(creations)
    }

    /// Creates something as the API does.
    pub(super) fn create(
        &mut self,
        cell: &mut Cell,
        creation: &Creation,
    ) -> Result<Result<(), Conflict>, SimError> {
        let replaced = match creation {
            Creation::Replacement { pod, .. } => Some(cell.machine.left(self.now, *pod))
                .filter(|_| cell.machine.work(*pod).is_some()),
            _ => None,
        };
        let events = match admit(&cell.store, creation) {
            Ok(events) => events,
            Err(conflict) => return Ok(Err(conflict)),
        };
        for event in events {
            let created = match &event {
                Event::PodCreated(created) => Some(created.pod),
                _ => None,
            };
            if let (Some(pod), Creation::Pod(new)) = (created, creation) {
                let run_time = self.drawn_run_time((cell.number, pod, 0), &new.spec)?;
                let left = run_time.map(Left::all);
                let owner = cell.store.objects().get(new.owner.object);
                let is_job = owner.is_some_and(|row| matches!(row.object, Object::Job(_)));
                let job = is_job.then_some(new.owner.object);
                cell.machine.resume(pod, left, job);
            }
            if let (Some(pod), Some(left)) = (created, replaced) {
                cell.machine.resume(pod, left, None);
            }
            if let Err(conflict) = self.commit(cell, event) {
                return Ok(Err(conflict));
            }
        }
        Ok(Ok(()))
    }

    /// How long a container will run, by what its pod's template states.
    pub(super) fn drawn_run_time(
        &self,
        (cell, pod, container): (u16, PodRef, usize),
        spec: &PodSpec,
    ) -> Result<Option<Duration>, SimError> {
        let Some(text) = spec.run_time(container) else {
            return Ok(None);
        };
        if let Ok(run_time) = text.parse::<Duration>() {
            return Ok(Some(run_time));
        }
        let distribution: Distribution = text.parse().map_err(|why| SimError::Declaration {
            what: format!("run time `{text}` of a pod"),
            why: format!("{why}"),
        })?;
        let entity = u64::from(cell) << 32 | u64::from(pod.id.0);
        let mut stream = match container {
            0 => Stream::new(self.options.seed, "run-time", entity),
            _ => Stream::new(self.options.seed, &format!("run-time {container}"), entity),
        };
        Ok(Some(distribution.sample(&mut stream)))
    }

    fn livelock(&self, cell: &Cell, rounds: u64) -> SimError {
        let busy = |seat: &&Seat| seat.due || seat.component.cursor() < cell.store.revision();
        let names: Vec<String> = cell
            .components
            .iter()
            .filter(busy)
            .map(|seat| format!("`{}`", seat.component.name()))
            .collect();
        SimError::Livelock {
            at: self.now,
            components: names.join(", "),
            rounds,
        }
    }
}

/// What a node is told of a change.
enum Told {
    Nobody,
    /// To start a pod.
    Start(PodRef),
    /// To stop it, within what time and why.
    Stop(PodRef, (Duration, EndReason)),
    /// To start it after all.
    Release(PodRef),
}

impl Told {
    const fn of(event: &Event) -> Self {
        match *event {
            Event::PodBound { pod, .. } => Self::Start(pod),
            Event::PodChanged {
                pod,
                change: PodChange::Terminating { grace, reason },
            } => Self::Stop(pod, (grace, reason)),
            Event::PodChanged {
                pod,
                change: PodChange::Released,
            } => Self::Release(pod),
            _ => Self::Nobody,
        }
    }
}

/// Forgets what every component has read.
fn truncate(cell: &mut Cell) {
    let mut read = cell.store.revision();
    for seat in &mut cell.components {
        let cursor: Revision = seat.component.cursor();
        match &mut seat.view {
            Some(view) => {
                view.truncate(cursor);
                read = read.min(view.cursor());
            }
            None => read = read.min(cursor),
        }
    }
    cell.store.truncate(read);
}
