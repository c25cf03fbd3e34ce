//! Slurm's two loops (spec: orchestrators-b.md section 7.5): the main loop at every event, which stops a
//! partition at its first job that cannot start, and the backfill plugin once an interval, which keeps
//! a reservation for each job that it tests, in the order of priorities (SchedMD/slurm:
//! `src/slurmctld/job_scheduler.c`, `src/plugins/sched/backfill/backfill.c`).
//!
//! Intervals count from the begin of the run. The main loop tests some jobs only; once an interval it
//! tests all of them. A reservation is of whole nodes, whatever part of them the job asks for, and of whole steps of the
//! resolution: it begins at or before the earliest time that was found, and ends at or after the end of the job's time. A
//! job that would end as a reservation begins does not start on its nodes. A job whose time is beyond the window has none.
//!
//! The fast form leaves out the backfilling of an interval in which nothing happened, and ends it at
//! the last job that could start now.

use scheduler::batch::{Bounds, Candidate, NodeReservation, Pass, PassRule, Start};
use scheduler::pipeline::evaluate::Form;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use units::{Duration, Instant};

use super::{BackfillEntry, RuleKind, narrow};

/// The registry's entry.
pub const ENTRY: BackfillEntry = BackfillEntry {
    name: "slurm",
    summary: "Slurm's loops: heads at every event, and reservations for all once an interval.",
    uses_estimates: true,
    rule: RuleKind::Passes(|form, options| Box::new(Slurm::new(form, options.slurm))),
};

/// Intervals and limits of Slurm's loops, which count from the begin of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "SlurmLoops")]
pub struct LoopOptions {
    /// Number of jobs that the main loop tests at an event (`default_queue_depth`), at least 1; default
    /// 100.
    #[schemars(range(min = 1))]
    pub queue_depth: u32,
    /// Time between two main loops that test all jobs (`sched_interval`), at least 1s; default `60s`.
    pub main_interval: Duration,
    /// Time between two runs of the backfill plugin (`bf_interval`), at least 1s; default `30s`.
    pub backfill_interval: Duration,
    /// Time that backfilling looks ahead (`bf_window`), above 0s; default `1d`.
    #[schemars(extend("x-positive" = true))]
    pub window: Duration,
    /// Step of the begin of reservations (`bf_resolution`), at least 1s; default `60s`.
    pub resolution: Duration,
    /// Number of jobs that a run of the backfill plugin tests (`bf_max_job_test`), at least 1; default
    /// 500.
    #[schemars(range(min = 1))]
    pub max_job_test: u32,
}

impl Default for LoopOptions {
    fn default() -> Self {
        Self {
            queue_depth: 100,
            main_interval: Duration::from_secs(60),
            backfill_interval: Duration::from_secs(30),
            window: Duration::from_secs(86_400),
            resolution: Duration::from_secs(60),
            max_job_test: 500,
        }
    }
}

/// Slurm's two loops.
#[derive(Clone, Debug)]
pub struct Slurm {
    form: Form,
    options: LoopOptions,
    main: MainLoop,
    cycle: Option<Cycle>,
    /// `true` if backfilling begins once the main loop is done.
    is_due: bool,
    /// The instant of the next backfilling.
    next: Instant,
    /// `true` if anything happened or started since backfilling began last.
    is_stale: bool,
    /// The outcome of the last backfilling.
    last: Outcome,
}

/// A main loop over the queue.
#[derive(Clone, Copy, Debug, Default)]
struct MainLoop {
    /// The instant that it belongs to: all events of an instant are one to it.
    at: Option<Instant>,
    is_open: bool,
    /// Number of jobs that it started.
    started: u32,
    /// `true` if it may test every job.
    is_full: bool,
    /// `true` if it left jobs untested.
    is_cut: bool,
}

/// A run of the backfill plugin.
#[derive(Clone, Debug, Default)]
struct Cycle {
    tested: u32,
    /// The job that was tested last.
    job: Option<Candidate>,
    reserved: Vec<NodeReservation>,
    outcome: Outcome,
}

/// The instants at which a run of the backfill plugin could find other reservations than before,
/// though nothing happened.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    /// The first begin of a reservation.
    first: Instant,
    /// The earliest time that was found beyond the window.
    beyond: Instant,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            first: Instant::MAX,
            beyond: Instant::MAX,
        }
    }
}

impl Slurm {
    /// Loops that have yet to run.
    pub fn new(form: Form, options: LoopOptions) -> Self {
        Self {
            form,
            options,
            main: MainLoop::default(),
            cycle: None,
            is_due: false,
            next: Instant::ZERO,
            is_stale: true,
            last: Outcome::default(),
        }
    }

    /// Begins the loops that are due.
    fn begin(&mut self, pass: &Pass<'_>) {
        let now = pass.now();
        let news = pass.news();
        let is_full = step_down(now, self.options.main_interval) == now;
        let has_news = news.freed || !news.arrived.is_empty() || news.reordered;
        let is_new = self.main.at != Some(now);
        if has_news || (is_new && is_full && self.main.is_cut) {
            let started = if is_new { 0 } else { self.main.started };
            self.main = MainLoop {
                at: Some(now),
                is_open: true,
                started,
                is_full,
                is_cut: false,
            };
        }
        if has_news {
            self.is_stale = true;
            self.is_due |= self.cycle.take().is_some();
        }
        if now >= self.next {
            let interval = self.options.backfill_interval;
            let last = step_down(now, interval);
            // While nothing waited, intervals passed without a wake-up.
            self.is_due |= last == now;
            self.next = last.saturating_add(interval);
        }
    }

    /// `true` if backfilling would find what it found last: nothing starts.
    fn holds(&self, pass: &Pass<'_>) -> bool {
        !self.is_stale
            && !pass.is_overdue()
            && self.last.first > pass.now()
            && self.last.beyond > pass.now().saturating_add(self.options.window)
    }

    /// The next start of the main loop.
    fn next_in_main(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        let limit = if self.main.is_full {
            u32::MAX
        } else {
            self.options.queue_depth
        };
        let mut tested = self.main.started;
        let mut heads: SmallVec<[Candidate; 4]> = SmallVec::new();
        let mut next = pass.first();
        while let Some(candidate) = next {
            self.main.is_cut = tested >= limit;
            if self.main.is_cut {
                break;
            }
            tested += 1;
            let partition = candidate.facts.partition;
            if heads.iter().all(|head| head.facts.partition != partition) {
                if let Some(start) = pass.start_apart(&candidate, &heads) {
                    self.main.started += 1;
                    return Some(start);
                }
                heads.push(candidate);
            }
            if heads.len() >= pass.partitions() {
                break;
            }
            next = pass.after(&candidate, &Bounds::ANY);
        }
        self.main.is_open = false;
        None
    }

    /// The next start of backfilling.
    fn next_in_cycle(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        if std::mem::take(&mut self.is_due) && (self.form == Form::Plain || !self.holds(pass)) {
            self.cycle = Some(Cycle::default());
            self.is_stale = false;
        }
        let cycle = self.cycle.as_mut()?;
        let start = cycle.next(pass, self.form, &self.options);
        if start.is_some() {
            self.is_stale = true;
        } else {
            self.last = cycle.outcome;
            self.cycle = None;
        }
        start
    }

    /// Asks for the loops to come.
    fn wake(&self, pass: &mut Pass<'_>) {
        if self.main.is_cut {
            let interval = self.options.main_interval;
            let last = step_down(pass.now(), interval);
            pass.wake_at(last.saturating_add(interval));
        }
        if self.is_stale {
            pass.wake_at(self.next);
        } else {
            pass.wake_idle_at(self.next);
        }
    }
}

impl Cycle {
    /// The next job to test.
    fn candidate(&mut self, pass: &Pass<'_>, options: &LoopOptions) -> Option<Candidate> {
        if self.tested >= options.max_job_test {
            return None;
        }
        let next = match &self.job {
            None => pass.first(),
            Some(last) => pass.after(last, &Bounds::ANY),
        }?;
        self.tested += 1;
        self.job = Some(next);
        Some(next)
    }

    fn next(&mut self, pass: &mut Pass<'_>, form: Form, options: &LoopOptions) -> Option<Start> {
        let now = pass.now();
        while let Some(job) = self.candidate(pass, options) {
            if let Some(slot) = pass.slot_on_whole_nodes(&job, &self.reserved) {
                if slot.from <= now {
                    return Some(slot.start);
                }
                if let Some(from) = self.outcome.note(now, slot.from, options) {
                    let until = slot.from.saturating_add(job.facts.requested);
                    let until = step_up(until, options.resolution);
                    self.reserved.push(NodeReservation::new(&slot, from, until));
                }
            }
            if form == Form::Incremental && pass.is_interchangeable() {
                let fits_now = narrow(pass.room_beside(&job, &self.reserved));
                pass.after(&job, &fits_now)?;
            }
        }
        None
    }
}

impl Outcome {
    /// Takes note of the earliest time that was found for a job; returns the begin of its
    /// reservation, if it has one.
    fn note(&mut self, now: Instant, from: Instant, options: &LoopOptions) -> Option<Instant> {
        if from > now.saturating_add(options.window) {
            self.beyond = self.beyond.min(from);
            return None;
        }
        let begin = step_down(from, options.resolution).max(now);
        self.first = self.first.min(begin);
        Some(begin)
    }
}

/// The last whole step at or before an instant.
fn step_down(at: Instant, step: Duration) -> Instant {
    let past = at.as_nanos() % step.as_nanos().max(1);
    Instant::from_nanos(at.as_nanos() - past)
}

/// The first whole step at or after an instant.
fn step_up(at: Instant, step: Duration) -> Instant {
    let last = step_down(at, step);
    if last == at {
        at
    } else {
        last.saturating_add(step)
    }
}

impl PassRule for Slurm {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
        if pass.first().is_none() {
            self.main.is_open = false;
            self.main.is_cut = false;
            self.is_due = false;
            self.cycle = None;
            return None;
        }
        self.begin(pass);
        if self.main.is_open
            && let Some(start) = self.next_in_main(pass)
        {
            self.is_stale = true;
            return Some(start);
        }
        if let Some(start) = self.next_in_cycle(pass) {
            return Some(start);
        }
        if pass.first().is_some() {
            self.wake(pass);
        }
        None
    }

    fn clone_rule(&self) -> Box<dyn PassRule> {
        Box::new(self.clone())
    }
}
