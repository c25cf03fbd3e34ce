//! EASY backfilling (spec: orchestrators-b.md section 7.2): the head of the queue alone has a
//! reservation. Its shadow is the earliest instant at which it has room if every running job ends as
//! it asked to; a job behind it starts if it ends by then, or takes only room that is left beside it.
//!
//! The head never starts later than its shadow; jobs behind it may be delayed. With members that are
//! interchangeable, places are counted; else room is followed node by node.
//!
//! The fast form keeps the shadow until places become free, and asks about arrivals alone: a job that
//! was refused once stays refused while room, spare room and the time before the shadow shrink.

use scheduler::batch::{Bounds, Pass, PassRule, Shadow, Start};
use scheduler::pipeline::evaluate::Form;

use super::head_reservation::HeadReservation;
use super::{BackfillEntry, RuleKind};

/// The registry's entry.
pub const ENTRY: BackfillEntry = BackfillEntry {
    name: "easy",
    summary: "EASY: jobs start before the head of the queue if they do not delay it.",
    uses_estimates: true,
    rule: RuleKind::Passes(|form, _| Box::new(Easy { form, held: None })),
};

/// One reservation, for the head.
#[derive(Clone, Debug)]
pub struct Easy {
    form: Form,
    held: Option<HeadReservation<Shadow>>,
}

impl HeadReservation<Shadow> {
    /// The next job that starts beside the reservation.
    fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        let now = pass.now();
        loop {
            let bounds = if pass.is_interchangeable() {
                let room = pass.room(self.head());
                self.shadow.bounds(now, room)
            } else {
                Bounds::ANY
            };
            let candidate = pass.after(&self.asked, &bounds)?;
            self.asked = candidate;
            let Some(start) = pass.start(&candidate) else {
                continue;
            };
            if self.shadow.is_after(now, &candidate.facts) {
                return Some(start);
            }
            let taken = pass.taken(&self.shadow, self.head(), &start);
            if taken <= self.shadow.extra {
                self.shadow.extra -= taken;
                return Some(start);
            }
        }
    }
}

impl PassRule for Easy {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        let head = pass.first()?;
        let known = self.held.take();
        let known = known.and_then(|held| held.kept(self.form, pass, &head));
        let mut held = if let Some(held) = known {
            held
        } else {
            if let Some(start) = pass.start(&head) {
                return Some(start);
            }
            HeadReservation::new(head, pass.shadow(&head)?)
        };
        let start = held.next(pass);
        self.held = Some(held);
        start
    }

    fn clone_rule(&self) -> Box<dyn PassRule> {
        Box::new(self.clone())
    }
}
