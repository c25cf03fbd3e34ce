//! Conservative backfilling (spec: orchestrators-b.md section 7.3): every waiting job has a
//! reservation, the earliest at which it has room beside running jobs and the reservations of the
//! jobs before it. A job starts when its reservation begins; after an early end all reservations are
//! made anew, in the order of the queue. No job is delayed by one behind it.
//!
//! Places are counted where members are interchangeable; otherwise reservations are made on
//! concrete nodes.
//!
//! The fast form keeps the reservations while jobs end when they were expected to, and adds arrivals
//! behind them. It makes none behind the last job that could start now: nothing depends on them
//! before the next end.

use scheduler::batch::{Bounds, Candidate, JobNumber, Pass, PassRule, Profile, Start};
use scheduler::pipeline::evaluate::Form;
use units::{Instant, SortedSet};

use super::reservation_bounds::ReservationBounds;
use super::{BackfillEntry, RuleKind, narrow};

/// The registry's entry.
pub const ENTRY: BackfillEntry = BackfillEntry {
    name: "conservative",
    summary: "Conservative: every waiting job has a reservation that no later job delays.",
    uses_estimates: true,
    rule: RuleKind::Passes(|form, _| Box::new(Conservative { form, held: None })),
};

/// A reservation for every waiting job.
#[derive(Clone, Debug)]
pub struct Conservative {
    form: Form,
    held: Option<ReservationTable>,
}

/// The reservations.
#[derive(Clone, Debug)]
struct ReservationTable {
    profile: Profile,
    /// Jobs by the begin of their reservation.
    reserved: SortedSet<ReservationKey>,
    /// The last job of the queue.
    last: Candidate,
    earlier: ReservationBounds,
    /// `true` if every job has its reservation.
    is_complete: bool,
    /// `true` if a job was at its requested end when the reservations were made, or beyond: its end
    /// is foreseen by its request and not by them.
    is_overdue: bool,
}

/// A reservation: its begin, and the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ReservationKey {
    from: Instant,
    job: JobNumber,
}

impl ReservationTable {
    /// Reservations behind the head, which does not fit.
    fn new(pass: &mut Pass<'_>, head: Candidate) -> Self {
        Self {
            is_overdue: pass.is_overdue(),
            profile: pass.profile(&head),
            reserved: SortedSet::new(),
            last: head,
            earlier: ReservationBounds::default(),
            is_complete: true,
        }
    }

    /// Reserves the earliest interval for a job.
    fn reserve(&mut self, now: Instant, job: Candidate) {
        let members = u64::from(job.facts.members);
        let from = self.earlier.bound(&job).max(now);
        if let Some(from) = self.profile.first_fit(from, members, job.facts.requested) {
            self.earlier.note(&job, from);
            self.profile.reserve(from, members, job.facts.requested);
            let job = job.number();
            self.reserved.insert(ReservationKey { from, job });
        }
        self.last = job;
    }

    /// Reserves intervals for a job and all behind it; in the fast form, for those up to the last that
    /// fits now.
    fn reserve_from(&mut self, pass: &Pass<'_>, first: Option<Candidate>, form: Form) {
        let mut next = first;
        while let Some(job) = next {
            self.reserve(pass.now(), job);
            next = pass.after(&job, &Bounds::ANY);
            let fits_now = narrow(self.profile.free_now());
            let is_idle = || pass.after(&job, &fits_now).is_none();
            if form == Form::Incremental && next.is_some() && is_idle() {
                self.is_complete = false;
                return;
            }
        }
    }

    /// `true` if the reservations hold still: nothing happened but what they foresaw, and jobs
    /// arrived behind all others.
    fn holds(&self, pass: &Pass<'_>) -> bool {
        let news = pass.news();
        let is_behind = |&job: &JobNumber| {
            let job = pass.waiting(job);
            job.is_none_or(|job| self.last.is_before(&job))
        };
        let is_late = |next: &ReservationKey| next.from < pass.now();
        let is_due = |next: &ReservationKey| next.from <= pass.now();
        if !self.is_complete && (news.freed || !self.reserved.first().is_some_and(is_due)) {
            return false;
        }
        let is_foreseen = self.is_complete || news.arrived.is_empty();
        is_foreseen
            && !news.unforeseen
            && !self.is_overdue
            && !pass.is_overdue()
            && !news.reordered
            && news.arrived.iter().all(is_behind)
            && !self.reserved.first().is_some_and(is_late)
    }

    /// The next job whose reservation begins now.
    fn due(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        let first = *self.reserved.first()?;
        if first.from > pass.now() {
            return None;
        }
        let job = pass.waiting(first.job)?;
        let start = pass.start(&job)?;
        self.reserved.remove(&first);
        Some(start)
    }
}

impl Conservative {
    fn next_counted(&mut self, pass: &mut Pass<'_>, head: Candidate) -> Option<Start> {
        let is_fast = self.form == Form::Incremental;
        let known = self.held.take().filter(|held| is_fast && held.holds(pass));
        if let Some(mut held) = known {
            if held.is_complete {
                held.profile.advance(pass.now());
                let behind = pass.after(&held.last, &Bounds::ANY);
                held.reserve_from(pass, behind, self.form);
            }
            let start = held.due(pass);
            self.held = Some(held);
            return start;
        }
        if let Some(start) = pass.start(&head) {
            return Some(start);
        }
        let fits_now = narrow(pass.room(&head));
        if is_fast && pass.after(&head, &fits_now).is_none() {
            return None;
        }
        let mut held = ReservationTable::new(pass, head);
        held.reserve_from(pass, Some(head), self.form);
        let start = held.due(pass);
        self.held = Some(held);
        start
    }
}

/// The first job whose interval on concrete nodes begins now.
fn next_on_nodes(pass: &mut Pass<'_>, head: Candidate) -> Option<Start> {
    let mut table = pass.timetable();
    let mut candidate = head;
    loop {
        if let Some(slot) = table.first_fit(&candidate) {
            if slot.from == pass.now() {
                return Some(slot.start);
            }
            table.reserve(&slot);
        }
        candidate = pass.after(&candidate, &Bounds::ANY)?;
    }
}

impl PassRule for Conservative {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        let Some(head) = pass.first() else {
            self.held = None;
            return None;
        };
        if pass.is_interchangeable() {
            self.next_counted(pass, head)
        } else {
            next_on_nodes(pass, head)
        }
    }

    fn clone_rule(&self) -> Box<dyn PassRule> {
        Box::new(self.clone())
    }
}
