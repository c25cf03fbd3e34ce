//! The control plane of a cell: its store, its components in their places, and what is wrong with it.

mod faults;
mod livelock;
mod slot;
mod step;

use cluster::{Commitment, Conflict, Digest, Store, is_claim};
use control::node::MachineCommand;
use control::{Component, Program, Write};
use model::{Event, Pod, PodRef, Text};
use units::{ComponentId, Duration, Instant, Revision, SortedMap, SortedSet};

use super::context::Context;
use super::control_faults::{BindFault, ControlFaults};
use super::queue::{Lapses, QueueEvent};
pub(super) use faults::KillSwitch;
use slot::ComponentSlot;
pub(super) use step::Batch;

/// The control plane.
pub(super) struct ControlPlane {
    store: Store,
    seats: Vec<ComponentSlot>,
    /// Whether the control plane acts.
    acts: bool,
    faults: ControlFaults,
    /// A kill of the whole control plane at a change: which change, and for how long it is away.
    kill: Option<(u64, Duration)>,
    /// Programs without a leader.
    away: SortedSet<Program>,
    lapses: Lapses,
    digest: Digest,
    decisions: u64,
    /// Pods for which an autoscaler orders no node, and why.
    unprovided: SortedMap<PodRef, Text>,
}

/// A hold that is released by itself, if its owner does not release it before.
pub(super) struct Lapse {
    until: Instant,
    owner: ComponentId,
    number: u64,
}

impl Lapse {
    /// The lapse of the hold that a change places.
    #[inline]
    pub(super) fn of(event: &Event) -> Option<Self> {
        match event {
            Event::HoldPlaced(hold) => Some(Self {
                until: hold.until?,
                owner: hold.owner,
                number: hold.number,
            }),
            _ => None,
        }
    }
}

/// The fate of a write before the store sees it.
pub(super) enum WriteGate {
    /// The write is made.
    Open,
    /// The write is not made; its component knows, or will.
    Hindered,
    /// The component is away: neither the write nor those after it are made.
    Closed,
}

impl ControlPlane {
    /// A control plane without components.
    pub(super) fn new(seed: u64, commitment: Commitment) -> Self {
        Self {
            store: Store::committed(commitment),
            seats: Vec::new(),
            acts: true,
            faults: ControlFaults::new(seed),
            kill: None,
            away: SortedSet::new(),
            lapses: Lapses::default(),
            digest: Digest::new(),
            decisions: 0,
            unprovided: SortedMap::new(),
        }
    }

    #[inline]
    pub(super) const fn store(&self) -> &Store {
        &self.store
    }

    /// Whether a component has work that waits.
    pub(super) fn has_backlog(&self) -> bool {
        self.seats.iter().any(|seat| seat.component.backlog() > 0)
    }

    /// Lines about what the components refused.
    pub(super) fn remarks(&self) -> Vec<String> {
        let seats = self.seats.iter();
        seats.flat_map(|seat| seat.component.remarks()).collect()
    }

    /// An invariant that a component found broken.
    pub(super) fn flaw(&self) -> Option<String> {
        self.seats.iter().find_map(|seat| seat.component.flaw())
    }

    /// The last answer of the components about a pod without a node.
    pub(super) fn waiting_message(&self, pod: PodRef) -> Option<Text> {
        let mut seats = self.seats.iter();
        seats.find_map(|seat| seat.component.waiting_message(pod))
    }

    /// Names of the filters that rejected a pod without a node in its newest attempt.
    pub(super) fn waiting_filters(&self, pod: PodRef) -> Vec<Text> {
        let seats = self.seats.iter();
        let filters = seats.flat_map(|seat| seat.component.waiting_filters(pod));
        filters.collect()
    }

    /// The reason for which an autoscaler orders no node for a pod.
    pub(super) fn unprovided(&self, pod: PodRef) -> Option<Text> {
        self.unprovided.get(&pod).cloned()
    }

    pub(super) fn into_store(self) -> Store {
        self.store
    }

    pub(super) const fn acts(&self) -> bool {
        self.acts
    }

    pub(super) const fn decisions(&self) -> u64 {
        self.decisions
    }

    /// The digest of all changes and orders so far.
    pub(super) fn digest(&self) -> String {
        self.digest.value()
    }

    /// The control plane is killed right after so many changes.
    pub(super) const fn kill_at(&mut self, kill: Option<(u64, Duration)>) {
        self.kill = kill;
    }

    /// Components take their places; they keep their memory through a crash unless `forgets`.
    pub(super) fn employ(
        &mut self,
        components: Vec<Box<dyn Component>>,
        lag: Duration,
        forgets: bool,
    ) {
        let commitment = self.store.commitment();
        let seats = components.into_iter().map(|component| {
            let blank = forgets.then(|| component.clone_component());
            ComponentSlot {
                blank,
                ..ComponentSlot::new(component, lag, commitment)
            }
        });
        self.seats = seats.collect();
    }

    /// Applies a change to the store; the record of the pod that ended with it comes back.
    #[inline]
    pub(super) fn apply(&mut self, now: Instant, event: Event) -> Result<Option<Pod>, Conflict> {
        self.store.apply(now, event)
    }

    /// The store, and the followers of its changes that are the control plane's own.
    #[inline]
    pub(super) fn followed(&mut self) -> (&Store, &mut Digest, KillSwitch<'_>) {
        let switch = KillSwitch::new(self.kill, &mut self.seats);
        (&self.store, &mut self.digest, switch)
    }

    /// An order to a machine is part of the record.
    #[inline]
    pub(super) fn record_order(&mut self, now: Instant, command: MachineCommand) {
        match command {
            MachineCommand::Start { pod, node } => self.digest.start(now, pod, node),
            MachineCommand::Stop { pod, node } => self.digest.stop(now, pod, node),
            MachineCommand::StartContainer { pod, container } => {
                self.digest.container(now, pod, container, true);
            }
            MachineCommand::StopContainer { pod, container } => {
                self.digest.container(now, pod, container, false);
            }
        }
    }

    /// Whether a write of a component gets to the store.
    pub(super) fn passage(
        &mut self,
        ctx: &mut Context<'_>,
        index: usize,
        write: &Write,
    ) -> WriteGate {
        if let Some(fault) = self.faults.hinders(write, &self.store) {
            self.hinder(ctx, index, write, fault);
            return WriteGate::Hindered;
        }
        if self.seats[index].is_absent {
            WriteGate::Closed
        } else {
            WriteGate::Open
        }
    }

    /// Whether others have claimed something on a node that the component does not see yet which wants to
    /// hold something there and has to see all of it.
    fn is_unseen(&self, index: usize, write: &Write) -> bool {
        let seat = &self.seats[index];
        let (Event::HoldPlaced(own), Some(view)) = (&write.event, &seat.view) else {
            return false;
        };
        seat.component.claims_as_seen()
            && view.unseen(&self.store).any(|entry| match &entry.event {
                Event::PodBound { node, .. } => *node == own.node,
                // One that was dropped again was no claim.
                Event::HoldPlaced(other) => {
                    let is_there = self.store.hold(other.owner, other.number).is_some();
                    other.node == own.node && other.owner != own.owner && is_there
                }
                _ => false,
            })
    }

    /// A binding was refused, or got lost: then that is known after a while.
    fn hinder(&mut self, ctx: &mut Context<'_>, index: usize, write: &Write, by: BindFault) {
        let Some(timeout) = by.timeout else {
            self.refuse(index, write, &Conflict::Refused);
            return;
        };
        let at = ctx.now().saturating_add(timeout);
        self.seats[index].unanswered.push((at, write.clone()));
        ctx.expect(at, QueueEvent::Wake(ComponentId::from_index(index)));
    }

    /// Whether a component is away.
    pub(super) fn is_absent(&self, index: usize) -> bool {
        self.seats[index].is_absent
    }

    /// The change that a component's write makes of the store as it is; `None` if it is so already.
    #[inline]
    pub(super) fn taken(&self, index: usize, write: &Write) -> Result<Option<Event>, Conflict> {
        if self.is_unseen(index, write) {
            return Err(Conflict::Stale);
        }
        self.seats[index].own.taken(&self.store, write)
    }

    /// The store made a component's write as its change number `at`. A view that lags shows a claim
    /// of its reader at once, or the reader would give the same room away twice.
    pub(super) fn made(&mut self, now: Instant, index: usize, write: &Write, at: Revision) {
        let seat = &mut self.seats[index];
        seat.own.made(write, at);
        if let Some(view) = &mut seat.view
            && is_claim(&write.event)
            && seat.component.relies_on_view()
        {
            view.assume(now, write.event.clone(), at);
        }
    }

    /// A component learns that its write was refused.
    pub(super) fn refuse(&mut self, index: usize, write: &Write, conflict: &Conflict) {
        let seat = &mut self.seats[index];
        seat.component.refused(write, conflict);
        seat.due = true;
    }

    /// A component learns that what it wanted to create was refused.
    pub(super) fn decline(
        &mut self,
        index: usize,
        creation: &control::admission::Creation,
        conflict: &Conflict,
    ) {
        let seat = &mut self.seats[index];
        seat.component.declined(creation, conflict);
        seat.due = true;
    }

    /// A component learns that a machine which it ordered will not come.
    pub(super) fn order_failed(
        &mut self,
        now: Instant,
        index: usize,
        failed: &control::provider::OrderFailure,
    ) {
        if let Some(seat) = self.seats.get_mut(index) {
            seat.component.order_failed(now, failed);
            seat.due = true;
        }
    }

    /// A component is due to act.
    #[inline]
    pub(super) fn wake(&mut self, component: ComponentId) {
        self.seats[component.index()].due = true;
    }

    /// The lapse of a hold lies ahead.
    pub(super) fn expect_lapse(&mut self, ctx: &mut Context<'_>, lapse: &Lapse) {
        let event = self.lapses.add(lapse.owner, lapse.number);
        ctx.expect(lapse.until.max(ctx.now()), event);
    }

    /// The release of a hold that lapses now; `None` if it was released, or placed anew for longer.
    pub(super) fn lapsed(&mut self, now: Instant, row: u32) -> Option<Event> {
        let (owner, number) = self.lapses.take(row);
        self.store.lapsed(now, owner, number)
    }

    /// The releases of all holds: what a scheduler claimed without binding was in its memory alone.
    pub(super) fn releases(&self) -> Vec<Event> {
        let holds = self.store.holds();
        let releases = holds.map(|hold| Event::HoldReleased {
            owner: hold.owner,
            number: hold.number,
        });
        releases.collect()
    }

    /// Forgets the changes that every component has read.
    pub(super) fn truncate(&mut self) {
        let mut read = self.store.revision();
        for seat in &mut self.seats {
            let cursor: Revision = seat.component.cursor();
            match &mut seat.view {
                Some(view) => {
                    view.truncate(cursor);
                    read = read.min(view.cursor());
                }
                None => read = read.min(cursor),
            }
        }
        self.store.truncate(read);
    }
}
