//! EASY backfilling over concrete hosts, as Batsim's scheduler has it (spec: published-results.md
//! section 3): the head that does not fit reserves the lowest hosts that are free from its earliest
//! start to its requested end; a job behind it starts if it finds hosts now that are free beside that
//! reservation for all the time it asks for.
//!
//! Counting places instead gives other starts: a job may find as many hosts as it needs, but not the
//! same ones for all its time.
//!
//! The fast form counts the room that each host of the reservation has beside it, where a host's room is
//! a number of members of any job, and keeps the reservation until places become free.

use scheduler::batch::{Bounds, Candidate, HostShadow, Pass, PassRule, Start};
use scheduler::pipeline::evaluate::Form;

use super::head_reservation::HeadReservation;
use super::{BackfillEntry, RuleKind};

/// The registry's entry.
pub const ENTRY: BackfillEntry = BackfillEntry {
    name: "easy-hosts",
    summary: "EASY as Batsim has it: the head of the queue reserves concrete hosts.",
    uses_estimates: true,
    rule: RuleKind::Passes(|form, _| Box::new(EasyHosts { form, held: None })),
};

/// One reservation of concrete hosts, for the head.
#[derive(Clone, Debug)]
pub struct EasyHosts {
    form: Form,
    held: Option<HeadReservation<HostShadow>>,
}

impl HeadReservation<HostShadow> {
    /// The next job that starts beside the reservation.
    fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        let bounds = pass.bounds_beside(self.head(), &self.shadow);
        loop {
            let candidate = pass.after(&self.asked, &bounds)?;
            self.asked = candidate;
            let start = pass.start_beside(&candidate, &mut self.shadow);
            if start.is_some() {
                return start;
            }
        }
    }
}

/// The next job behind a head that does not fit, from the stays on every host.
fn beside_stays(pass: &mut Pass<'_>, head: &Candidate) -> Option<Start> {
    let mut table = pass.timetable();
    if let Some(slot) = table.first_fit(head) {
        table.reserve(&slot);
    }
    let mut candidate = *head;
    loop {
        candidate = pass.after(&candidate, &Bounds::ANY)?;
        // Most jobs find no room at all, which is found sooner.
        if pass.start(&candidate).is_some()
            && let Some(start) = table.fit_now(&candidate)
        {
            return Some(start);
        }
    }
}

impl PassRule for EasyHosts {
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
            if self.form == Form::Plain || !pass.counts_hosts(&head) {
                return beside_stays(pass, &head);
            }
            HeadReservation::new(head, pass.host_shadow(&head)?)
        };
        let start = held.next(pass);
        self.held = Some(held);
        start
    }

    fn clone_rule(&self) -> Box<dyn PassRule> {
        Box::new(self.clone())
    }
}
