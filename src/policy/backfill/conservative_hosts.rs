//! Conservative backfilling over concrete hosts, as Batsim's scheduler has it (spec:
//! published-results.md section 3): every waiting job holds a reservation of the lowest hosts that are
//! free for all the time it asks for. After an end, each job in the order of the queue gives its
//! reservation up and takes the earliest one beside all others, which stay in place; so no
//! reservation ever moves to a later time.

use std::collections::VecDeque;

use scheduler::batch::{Bounds, Candidate, JobNumber, Pass, PassRule, Slot, Start, Timetable};
use units::SortedMap;

use super::{BackfillEntry, RuleKind};

/// The registry's entry.
pub const ENTRY: BackfillEntry = BackfillEntry {
    name: "conservative-hosts",
    summary: "Conservative as Batsim has it: every waiting job reserves concrete hosts.",
    uses_estimates: true,
    rule: RuleKind::Passes(|_, _| Box::<ConservativeHosts>::default()),
};

/// A reservation of concrete hosts for every waiting job.
#[derive(Clone, Debug, Default)]
pub struct ConservativeHosts {
    reserved: SortedMap<JobNumber, Slot>,
    /// Jobs that look for a better place in this pass, in order.
    looking: VecDeque<JobNumber>,
}

impl ConservativeHosts {
    /// Reservations of jobs that wait.
    fn table<'a>(&mut self, pass: &Pass<'a>) -> Timetable<'a> {
        let mut table = pass.timetable();
        self.reserved.retain(|&job, slot| {
            let waits = pass.waiting(job).is_some();
            if waits {
                table.reserve(slot);
            }
            waits
        });
        table
    }

    fn begin(&mut self, pass: &Pass<'_>) {
        let news = pass.news();
        if news.freed || news.reordered {
            self.looking.clear();
            let mut next: Option<Candidate> = pass.first();
            while let Some(job) = next {
                // A job without a reservation had none, as long as no end was known that would make room.
                let number = job.number();
                if self.reserved.contains_key(&number) || !news.arrived.contains(&number) {
                    self.looking.push_back(number);
                }
                next = pass.after(&job, &Bounds::ANY);
            }
        }
        let mut arrived: Vec<Candidate> = news
            .arrived
            .iter()
            .filter_map(|&job| pass.waiting(job))
            .collect();
        arrived.sort_by(Candidate::order);
        for job in arrived {
            if !self.looking.contains(&job.number()) {
                self.looking.push_back(job.number());
            }
        }
    }
}

impl PassRule for ConservativeHosts {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        self.begin(pass);
        if self.looking.is_empty() {
            return None;
        }
        let mut table = self.table(pass);
        while let Some(job) = self.looking.pop_front() {
            let Some(candidate) = pass.waiting(job) else {
                continue;
            };
            if let Some(slot) = self.reserved.remove(&job) {
                table.release(&slot);
            }
            let Some(slot) = table.first_fit(&candidate) else {
                continue;
            };
            if slot.from == pass.now() {
                return Some(slot.start);
            }
            table.reserve(&slot);
            self.reserved.insert(job, slot);
        }
        None
    }

    fn clone_rule(&self) -> Box<dyn PassRule> {
        Box::new(self.clone())
    }
}
