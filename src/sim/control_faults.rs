//! What is wrong with a control plane, as its components meet it: they are away, forget what they
//! knew, see late, and their requests are slow, refused or lost (spec: orchestrators-b.md 10.3).

use cluster::{Conflict, View};
use control::{Component, Write};
use model::Event;
use rng::Stream;
use units::{ComponentId, Duration, Instant};

use super::SimError;
use super::cell::{Cell, Seat};
use super::engine::Engine;
use super::queue::Upcoming;

/// A part of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Every component.
    All,
    /// What places pods.
    Scheduler,
    /// Everything else.
    Controllers,
}

impl Part {
    fn covers(self, component: &dyn Component) -> bool {
        match self {
            Self::All => true,
            Self::Scheduler => component.places_pods(),
            Self::Controllers => !component.places_pods(),
        }
    }

    /// What it is called while it has no leader.
    pub(super) const fn without_leader(self) -> &'static str {
        match self {
            Self::All => "no leader",
            Self::Scheduler => "no scheduler",
            Self::Controllers => "no controllers",
        }
    }
}

/// View of a component on changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All of it, so much later.
    Late(Duration),
    /// Nothing new.
    Stale,
}

/// Bindings that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindFault {
    /// With what probability, in millionths.
    pub millionths: u32,
    /// If requests are lost and not refused, after how long the scheduler gives up.
    pub timeout: Option<Duration>,
}

/// How slow requests are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApiLimit {
    /// How long each step of a component has to wait for its answers.
    pub delay: Duration,
    /// How long every single request takes, one after the other.
    pub per_request: Duration,
}

/// What is wrong with the control plane of a cell.
#[derive(Debug)]
pub(super) struct ControlFaults {
    pub(super) binds: Option<BindFault>,
    api: Vec<(Part, ApiLimit)>,
    stream: Stream,
    /// Operations that nobody took, to be tried again.
    pub(super) postponed: Vec<u32>,
    /// A control plane that is killed at a change: which change, and for how long.
    pub(super) kill: Option<(u64, Duration)>,
}

impl ControlFaults {
    pub(super) fn new(seed: u64, cell: u16) -> Self {
        Self {
            binds: None,
            api: Vec::new(),
            stream: Stream::new(seed, "bind-faults", u64::from(cell)),
            postponed: Vec::new(),
            kill: None,
        }
    }

    /// Requests of a part are slow, or no more.
    pub(super) fn limit(&mut self, part: Part, limit: Option<ApiLimit>) {
        self.api.retain(|(known, _)| *known != part);
        self.api.extend(limit.map(|limit| (part, limit)));
    }

    /// How long so many requests of a component take.
    pub(super) fn charge(&self, component: &dyn Component, requests: usize) -> Duration {
        if self.api.is_empty() || requests == 0 {
            return Duration::ZERO;
        }
        let limits = self.api.iter().filter(|(part, _)| part.covers(component));
        let spans = limits.map(|(_, limit)| {
            let each = limit.per_request.checked_mul(requests as i64);
            each.and_then(|each| each.checked_add(limit.delay))
                .unwrap_or(Duration::MAX)
        });
        spans.max().unwrap_or(Duration::ZERO)
    }

    /// What becomes of a write besides being made: `None` if nothing stops it.
    pub(super) fn hinders(&mut self, write: &Write) -> Option<BindFault> {
        let fault = self.binds?;
        let is_binding = matches!(write.event, Event::PodBound { .. });
        let is_hit = is_binding && self.stream.below(1_000_000) < u64::from(fault.millionths);
        is_hit.then_some(fault)
    }
}

impl Engine<'_> {
    /// Every component stops acting, or acts again: then users are answered, too.
    pub(super) fn outage(&mut self, cell: &mut Cell, is_up: bool) {
        cell.acts = is_up;
        if is_up {
            for number in std::mem::take(&mut cell.faults.postponed) {
                let event = Upcoming::Operation(number).of(cell.number);
                self.queue.push(self.now, event);
            }
        }
    }

    /// The leader of a part crashes, or another is elected, which knows what is stored alone.
    pub(super) fn leader(
        &mut self,
        cell: &mut Cell,
        part: Part,
        is_up: bool,
    ) -> Result<(), SimError> {
        let (lag, commitment) = (self.options.view_lag, cell.store.commitment());
        let mut forgets_claims = false;
        for seat in &mut cell.components {
            if !part.covers(&*seat.component) {
                continue;
            }
            if is_up {
                forgets_claims |= seat.component.places_pods();
                let Some(blank) = &seat.blank else { continue };
                let mut fresh = blank.clone_component();
                fresh.restarted(self.now);
                let blank = blank.clone_component();
                *seat = Seat::new(fresh, lag, commitment);
                seat.blank = Some(blank);
            } else {
                // What it was asking for is never asked for.
                seat.is_absent = true;
                seat.deciding = None;
                seat.unanswered.clear();
            }
        }
        if !forgets_claims {
            return Ok(());
        }
        // What a scheduler claimed without binding was in its memory alone.
        let held: Vec<(ComponentId, u64)> = { cell.store.holds() }
            .map(|hold| (hold.owner, hold.number))
            .collect();
        for (owner, number) in held {
            self.observed(cell, Event::HoldReleased { owner, number })?;
        }
        Ok(())
    }

    /// The control plane is killed in the middle of what it does, and back after a while.
    pub(super) fn kill(&mut self, cell: &mut Cell, away: Duration) {
        for seat in &mut cell.components {
            seat.is_absent = true;
            seat.deciding = None;
            seat.unanswered.clear();
        }
        let at = self.now.saturating_add(away);
        self.queue.push(at, Upcoming::Election.of(cell.number));
    }

    /// A part sees changes late or not at all, or as usual again.
    pub(super) fn sight(&mut self, cell: &mut Cell, part: Part, sight: Option<Sight>) {
        let usual = self.options.view_lag;
        for (index, seat) in cell.components.iter_mut().enumerate() {
            if !part.covers(&*seat.component) {
                continue;
            }
            let view = seat.view.get_or_insert_with(|| View::now(&cell.store));
            match sight {
                Some(Sight::Late(delay)) => view.show(Some(usual.max(delay))),
                Some(Sight::Stale) => view.show(None),
                None => view.show(Some(usual)),
            }
            // When the next change is due is asked anew.
            seat.delivery = None;
            let event = Upcoming::Wake(ComponentId::from_index(index)).of(cell.number);
            self.queue.push(self.now, event);
        }
    }

    /// A binding was refused, or got lost: then that is known after a while.
    pub(super) fn hindered(&mut self, cell: &mut Cell, index: usize, write: &Write, by: BindFault) {
        let seat = &mut cell.components[index];
        let Some(timeout) = by.timeout else {
            seat.component.refused(write, &Conflict::Refused);
            seat.due = true;
            return;
        };
        let at = self.now.saturating_add(timeout);
        seat.unanswered.push((at, write.clone()));
        let event = Upcoming::Wake(ComponentId::from_index(index)).of(cell.number);
        self.queue.push(at, event);
    }
}

/// Tells a component of requests that it has waited for in vain.
pub(super) fn give_up(now: Instant, seat: &mut Seat) {
    if seat.unanswered.is_empty() {
        return;
    }
    let due = seat.unanswered.extract_if(.., |(at, _)| *at <= now);
    for (_, write) in due.collect::<Vec<_>>() {
        seat.component.refused(&write, &Conflict::Refused);
        seat.due = true;
    }
}
