//! Faults of the control plane as its components meet them: they are away, forget what they knew, see
//! late, and their requests are slow, refused or lost (spec: orchestrators-b.md 10.3).

use cluster::View;
use control::provider::MachineOrder;
use control::{DurableState, Program};
use units::{ComponentId, Duration, Instant};

use super::super::context::Context;
use super::super::control_faults::{Part, ViewFault};
use super::super::followers::{Change, Follower};
use super::super::message::{ControlFault, ToControlPlane};
use super::super::queue::QueueEvent;
use super::ControlPlane;
use super::slot::ComponentSlot;

impl ControlPlane {
    /// A fault begins, or is over.
    pub(in super::super) fn fault(&mut self, ctx: &mut Context<'_>, fault: &ControlFault) {
        let now = ctx.now();
        match *fault {
            ControlFault::Outage { is_up } => self.acts = is_up,
            // The engine sees to it, as others have a part in it.
            ControlFault::Leader { .. } => {}
            ControlFault::Sight(part, sight) => self.sight(ctx, part, sight),
            ControlFault::Binds(fault) => self.faults.fail_binds(fault),
            ControlFault::Api(part, limit) => self.faults.limit(part, limit),
            ControlFault::Managers { away } => {
                self.each(|seat| seat.component.managers_away(now, away));
            }
            ControlFault::Framework { framework, is_up } => {
                self.each(|seat| seat.component.framework(now, framework, is_up));
            }
            ControlFault::Discovery { is_up } => {
                self.each(|seat| seat.component.discovery(now, is_up));
            }
        }
    }

    /// Every component learns something.
    fn each(&mut self, mut learns: impl FnMut(&mut ComponentSlot)) {
        for seat in &mut self.seats {
            learns(seat);
            seat.due = true;
        }
    }

    /// The leader of a part crashes, or another is elected, which knows what is stored alone; returns the
    /// places of the components that are new.
    pub(in super::super) fn leader(
        &mut self,
        ctx: &mut Context<'_>,
        part: Part,
        is_up: bool,
    ) -> Vec<usize> {
        let (now, lag, commitment) = (ctx.now(), ctx.options().view_lag, self.store.commitment());
        let (mut forgets_claims, mut new) = (false, Vec::new());
        let programs = Program::ALL.into_iter().filter(|own| part.has(*own));
        let programs: Vec<Program> = programs.collect();
        for program in &programs {
            if is_up {
                self.away.remove(program);
            } else {
                self.away.insert(*program);
            }
        }
        for (place, seat) in self.seats.iter_mut().enumerate() {
            if !part.covers(&*seat.component) {
                // One that lives on may rely on what does not.
                for &program in &programs {
                    seat.component.relies_on(program, is_up);
                }
                continue;
            }
            if is_up {
                forgets_claims |= seat.component.places_pods();
                let Some(blank) = &seat.blank else { continue };
                let mut fresh = blank.clone_component();
                fresh.restarted(now);
                let kept = seat.component.kept();
                let is_there = |kept: &DurableState| kept.by.is_none_or(|by| !part.has(by));
                if let Some(kept) = kept.filter(is_there) {
                    fresh.reads_back(now, kept);
                }
                for &program in &self.away {
                    fresh.relies_on(program, false);
                }
                let blank = blank.clone_component();
                *seat = ComponentSlot::new(fresh, lag, commitment);
                seat.blank = Some(blank);
                new.push(place);
            } else {
                seat.leave();
            }
        }
        if forgets_claims {
            for release in self.releases() {
                ctx.send(ToControlPlane::Happened(release));
            }
        }
        new
    }

    /// A component that has just taken over learns of a machine that was ordered and has yet to join.
    pub(in super::super) fn awaits(&mut self, now: Instant, place: usize, order: &MachineOrder) {
        self.seats[place].component.awaits(now, order);
    }

    /// A part sees changes late or not at all, or as usual again.
    fn sight(&mut self, ctx: &mut Context<'_>, part: Part, sight: Option<ViewFault>) {
        let of_all = ctx.options().view_lag;
        for (index, seat) in self.seats.iter_mut().enumerate() {
            if !part.covers(&*seat.component) {
                continue;
            }
            let usual = of_all.saturating_add(seat.component.watch_delay());
            let view = seat.view.get_or_insert_with(|| View::now(&self.store));
            match sight {
                Some(ViewFault::Late(delay)) => view.show(Some(usual.max(delay))),
                Some(ViewFault::Stale) => view.show(None),
                None => view.show(Some(usual)),
            }
            // When the next change is due is asked anew.
            seat.delivery = None;
            ctx.expect(ctx.now(), QueueEvent::Wake(ComponentId::from_index(index)));
        }
    }
}

/// The fault that kills the control plane at a change, in the middle of what it does; it is back after
/// a while.
pub(in super::super) struct KillSwitch<'a> {
    kill: Option<(u64, Duration)>,
    seats: &'a mut [ComponentSlot],
}

impl<'a> KillSwitch<'a> {
    #[inline]
    pub(super) const fn new(kill: Option<(u64, Duration)>, seats: &'a mut [ComponentSlot]) -> Self {
        Self { kill, seats }
    }
}

impl Follower for KillSwitch<'_> {
    #[inline]
    fn follow(&mut self, change: Change<'_>, ctx: &mut Context<'_>) {
        let Some((number, away)) = self.kill else {
            return;
        };
        if change.store.revision().0 == number {
            for seat in &mut *self.seats {
                seat.leave();
            }
            ctx.expect(ctx.now().saturating_add(away), QueueEvent::Election);
        }
    }
}
