//! Cold migrations and resizes: an instance is shut down, its disk is copied to the host that the filters and
//! weighers choose, and it starts there, with the same flavor or another. Until the move is confirmed what
//! the instance held before stays claimed, so that it can go back (spec: orchestrators-a.md section 6.3).

use crate::parts::turn::Turn;
use std::collections::VecDeque;

use control::admission::Creation;
use model::{
    EndReason, Event, EvictionCause, PodChange, PodRef, Relocation, RelocationAnswer, Text,
};
use units::{ClassId, Duration, Instant, NodeId, PodId, SortedMap};

use super::super::host::{Amounts, Host};
use super::requests::Alternates;
use super::{Due, Nova};

/// A wish of a user.
#[derive(Clone, Copy, Debug)]
struct Wish {
    pod: PodRef,
    class: ClassId,
    answer: Option<RelocationAnswer>,
}

/// Place of an instance afterwards, and the time in which its disk is copied there.
#[derive(Clone, Copy, Debug)]
struct NewPlace {
    to: usize,
    class: ClassId,
    copied: Duration,
}

/// An instance that has left its place, and may go back there.
#[derive(Clone, Debug)]
struct Moved {
    /// The pod at the new place, once it is there.
    pod: Option<PodRef>,
    from: usize,
    /// Class and flavor before, which stay claimed.
    class: ClassId,
    held: Amounts,
    answer: Option<RelocationAnswer>,
    /// `true` until the instance runs at its new place: an operation of the host that it leaves
    /// (`compute/stats.py`).
    is_under_way: bool,
}

/// The cold migrations and resizes of a cloud.
#[derive(Clone, Debug, Default)]
pub(super) struct Relocations {
    asked: VecDeque<Wish>,
    /// Instances that wait for an answer, by name.
    moved: SortedMap<Text, Moved>,
}

impl Relocations {
    /// Whether a pod has left its place without an answer so far.
    pub(super) fn has(&self, pod: PodRef) -> bool {
        self.moved.values().any(|own| own.pod == Some(pod))
    }

    fn of(&self, pod: PodId) -> Option<&Text> {
        let mut moved = self.moved.iter();
        let found = moved.find(|(_, own)| own.pod.is_some_and(|own| own.id == pod));
        found.map(|(name, _)| name)
    }
}

impl Nova {
    /// A step of a move is in the log: a wish is noted.
    pub(super) fn relocation(&mut self, pod: PodRef, step: Relocation) {
        if let Relocation::Asked { class, answer } = step {
            let wish = Wish { pod, class, answer };
            self.relocations.asked.push_back(wish);
        }
    }

    /// Carries out the next wish; `false` if there is none.
    pub(super) fn relocate(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(wish) = self.relocations.asked.pop_front() else {
            return false;
        };
        turn.out.decided_pods += 1;
        turn.out.decided_jobs += 1;
        if self.start_relocating(wish, turn).is_none() {
            refuse(wish.pod, turn);
        }
        true
    }

    /// Moves an instance to the host that is chosen for it; `None` if there is none, or its state does not allow it.
    fn start_relocating(&mut self, wish: Wish, turn: &mut Turn<'_>) -> Option<()> {
        let pod = wish.pod;
        let is_free = !self.relocations.has(pod)
            && !self.migrations.is_moving(pod)
            && turn.store.pods().get(pod).is_some()
            && !turn.store.pod_states().is_terminating(pod);
        let own = self
            .instance_mut(pod)
            .filter(|own| !own.is_building && !own.is_off)?;
        let (name, class, from) = (own.name.clone(), own.class, own.host?);
        let old = own.request.clone()?;
        if !is_free || !self.cloud.hosts().get(from)?.is_up {
            return None;
        }
        self.prepare(wish.class, turn.store);
        let to = self.destination(&wish, class, from)?;
        let held = old.flavor;
        self.cloud
            .change(from, |host| host.used = host.used.plus(held));
        let moved = Moved {
            pod: None,
            from,
            class,
            held,
            answer: wish.answer,
            is_under_way: true,
        };
        self.relocations.moved.insert(name, moved);
        // A flavor without a disk boots from the image, which is what there is to copy.
        let disk = match held.disk {
            0 => self.options.machine.image_size >> 20,
            disk => disk,
        };
        let copied = if to == from {
            Duration::ZERO
        } else {
            self.options.relocation.copy_time(disk)
        };
        let class = wish.class;
        self.rebuild(pod, NewPlace { to, class, copied }, turn);
        Some(())
    }

    /// The host of an instance afterwards. It counts as a member of its server group where it is, so that a
    /// group with affinity goes nowhere.
    fn destination(&mut self, wish: &Wish, class: ClassId, from: usize) -> Option<usize> {
        let mut request = (*self.request_of(wish.class)?).clone();
        request.hints = self.hints(wish.class);
        request.present = Some(from);
        let may_stay = self.options.relocation.same_host && wish.class != class;
        if !may_stay {
            request.excluded.push(from);
        }
        let choice = self.select(&request, wish.class, Alternates::OfBuild);
        choice.ok().map(|choice| choice.host)
    }

    /// Ends an instance, which starts on a host as one of a class once it is shut down, copied and booted.
    fn rebuild(&mut self, pod: PodRef, place: NewPlace, turn: &mut Turn<'_>) {
        if let Some(name) = self.instance_mut(pod).map(|own| own.name.clone()) {
            self.migrations.expect(name);
        }
        let boot = self.options.machine.boot;
        let shutdown = self.options.relocation.shutdown;
        let downtime = shutdown.saturating_add(place.copied).saturating_add(boot);
        let (to, class) = (NodeId::from_index(place.to), place.class);
        let change = PodChange::Moving { to };
        turn.write(Event::PodChanged { pod, change });
        turn.out.creations.push(Creation::Rebuilt {
            pod,
            to,
            class,
            reason: EndReason::Evicted(EvictionCause::Drain),
            downtime,
        });
    }

    /// An instance is bound to the host that it moves to.
    pub(super) fn relocated_to(&mut self, pod: PodRef) {
        let Some(name) = self.instance_mut(pod).map(|own| own.name.clone()) else {
            return;
        };
        let Some(moved) = self.relocations.moved.get_mut(&name) else {
            return;
        };
        if moved.pod.is_some() {
            return;
        }
        moved.pod = Some(pod);
        let from = moved.from;
        self.cloud.change(from, |host| host.io_operations += 1);
    }

    /// An instance runs at its new place: the user looks at it.
    pub(super) fn relocation_runs(&mut self, now: Instant, pod: PodRef) {
        let Some(name) = self.relocations.of(pod.id).cloned() else {
            return;
        };
        self.finish_copy(&name);
        let window = self.options.relocation.confirm_window;
        let Some(moved) = self.relocations.moved.get_mut(&name) else {
            return;
        };
        if moved.answer.is_none() && window > Duration::ZERO {
            moved.answer = Some(RelocationAnswer::Confirm { after: window });
        }
        if let Some(RelocationAnswer::Confirm { after } | RelocationAnswer::Revert { after }) =
            moved.answer
        {
            let at = now.saturating_add(after);
            self.timers.push(at, Due::Answered(pod.id));
        }
    }

    /// A move is no longer an operation of its host.
    fn finish_copy(&mut self, name: &Text) {
        let Some(moved) = self.relocations.moved.get_mut(name) else {
            return;
        };
        if !std::mem::take(&mut moved.is_under_way) || moved.pod.is_none() {
            return;
        }
        let from = moved.from;
        self.cloud.change(from, |own| own.io_operations -= 1);
    }

    /// A move is over: what the instance held before is free.
    fn give_back(&mut self, name: &Text) -> Option<Moved> {
        let moved = self.relocations.moved.remove(name)?;
        let held = moved.held;
        self.cloud
            .change(moved.from, |host| host.used = host.used.minus(held));
        Some(moved)
    }

    /// The user confirms or reverts a move.
    pub(super) fn answered(&mut self, pod: PodId, turn: &mut Turn<'_>) {
        let Some(name) = self.relocations.of(pod).cloned() else {
            return;
        };
        let Some(moved) = self.relocations.moved.get(&name) else {
            return;
        };
        let (Some(pod), Some(answer)) = (moved.pod, moved.answer) else {
            return;
        };
        if turn.store.pods().get(pod).is_none() || turn.store.pod_states().is_terminating(pod) {
            return;
        }
        match answer {
            RelocationAnswer::Confirm { .. } => {
                self.give_back(&name);
                relocated(pod, Relocation::Confirmed, turn);
                self.changed(turn.now);
            }
            RelocationAnswer::Revert { .. } => {
                let is_up = |own: &Host| own.is_up;
                if !self.cloud.hosts().get(moved.from).is_some_and(is_up) {
                    // The instance stays where it is, and what it held stays claimed.
                    return refuse(pod, turn);
                }
                let Some(moved) = self.give_back(&name) else {
                    return;
                };
                relocated(pod, Relocation::Reverted, turn);
                let place = NewPlace {
                    to: moved.from,
                    class: moved.class,
                    copied: Duration::ZERO,
                };
                self.rebuild(pod, place, turn);
                self.changed(turn.now);
            }
        }
    }

    /// An instance ended that waits for an answer: nothing of it stays claimed.
    pub(super) fn relocation_ended(&mut self, pod: PodRef) {
        if let Some(name) = self.relocations.of(pod.id).cloned() {
            self.finish_copy(&name);
            self.give_back(&name);
        }
    }

    /// A move did not come about, as its instance has ended meanwhile.
    pub(super) fn relocation_declined(&mut self, name: &Text) {
        self.migrations.arrived(name);
        self.give_back(name);
    }
}

fn refuse(pod: PodRef, turn: &mut Turn<'_>) {
    if turn.store.pods().get(pod).is_some() {
        relocated(pod, Relocation::Refused, turn);
    }
}

fn relocated(pod: PodRef, step: Relocation, turn: &mut Turn<'_>) {
    let change = PodChange::Relocated(step);
    turn.write(Event::PodChanged { pod, change });
}
