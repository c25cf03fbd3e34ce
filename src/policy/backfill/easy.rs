//! EASY backfilling (spec: orchestrators-b.md section 7.2): the head of the queue alone has a
//! reservation. Its shadow is the earliest instant at which it has room if every running job ends as
//! it asked to; a job behind it starts if it ends by then, or takes only room that is left beside it.
//!
//! The head never starts later than its shadow; jobs behind it may be delayed. With members that are
//! interchangeable, places are counted; else room is followed node by node.
//!
//! The fast form keeps the shadow until places become free, and asks about arrivals alone: a job that
//! was refused once stays refused while room, spare room and the time before the shadow shrink.

use scheduler::batch::{Bounds, Candidate, Pass, PassRule, Shadow, Start};
use scheduler::pipeline::evaluate::Form;

use super::{BackfillEntry, RuleKind};

/// The registry's entry.
pub const ENTRY: BackfillEntry = BackfillEntry {
    name: "easy",
    summary: "EASY: jobs start before the head of the queue if they do not delay it.",
    rule: RuleKind::Passes(|form, _| Box::new(Easy { form, held: None })),
};

/// One reservation, for the head.
#[derive(Clone, Debug)]
pub struct Easy {
    form: Form,
    held: Option<Held>,
}

/// The reservation, and how far the queue behind it was asked about.
#[derive(Clone, Debug)]
struct Held {
    head: Candidate,
    shadow: Shadow,
    /// The last job that was asked about.
    asked: Candidate,
}

impl Easy {
    /// `true` if what is held still holds.
    fn holds(&self, pass: &Pass<'_>) -> bool {
        let news = pass.news();
        self.form == Form::Incremental
            && pass.is_interchangeable()
            && !news.freed
            && !pass.is_overdue()
            && !news.reordered
    }
}

impl Held {
    /// Asks again from the first arrival on.
    fn go_back(&mut self, pass: &Pass<'_>) {
        let news = pass.news();
        let arrived = news.arrived.iter().filter_map(|&job| pass.waiting(job));
        let is_asked = |job: &Candidate| job.is_before(&self.asked);
        if arrived.into_iter().any(|job| is_asked(&job)) {
            self.asked = self.head;
        }
    }

    /// The next job that starts beside the reservation.
    fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        let now = pass.now();
        loop {
            let bounds = if pass.is_interchangeable() {
                let room = pass.room(&self.head);
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
            let taken = pass.taken(&self.shadow, &self.head, &start);
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
        let known = self.held.take().filter(|_| self.holds(pass));
        let known = known.filter(|held| held.head == head);
        let mut held = if let Some(mut held) = known {
            held.go_back(pass);
            held
        } else {
            if let Some(start) = pass.start(&head) {
                return Some(start);
            }
            Held {
                head,
                shadow: pass.shadow(&head)?,
                asked: head,
            }
        };
        let start = held.next(pass);
        self.held = Some(held);
        start
    }

    fn clone_rule(&self) -> Box<dyn PassRule> {
        Box::new(self.clone())
    }
}
