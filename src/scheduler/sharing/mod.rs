//! Sharing of devices over time: jobs hold devices for a round, and in the next one others may have
//! their turn (spec: orchestrators-b.md section 8.2). A rule orders the jobs; the first of them that
//! have room together run. A running job that is not among them is taken off its devices and goes on
//! later with the rest of its work.
//!
//! A job is a gang, or a pod without one. Between two rounds nothing is taken away: jobs start in the
//! order of the rule where room is.

mod jobs;
mod plan;

use cluster::{Conflict, Store};
use control::{Component, Memory, Outbox, Progress, Write};
use model::{EndReason, Event, EvictionCause, PodCreated};
use units::{Duration, Instant, Revision};

use self::jobs::Jobs;
use self::plan::Plan;
use crate::batch::Score;
use crate::batch::room::Rooms;

/// A job as rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedJob {
    /// Instant of submission.
    pub submitted: Instant,
    /// Devices of all members; the number of members where none are asked for.
    pub devices: u32,
    /// Time that it has run.
    pub ran: Duration,
    /// Time that its newest run took so far.
    pub last_run: Duration,
    /// Instant from which it waits; `None` while it runs.
    pub waits_since: Option<Instant>,
    /// Instant of its newest start, if it ever ran.
    pub started: Option<Instant>,
    /// Run time that it requests; [`Duration::MAX`] where it does not say.
    pub requested: Duration,
}

/// A rule that says whose turn it is.
///
/// A rule that lets the job go first that ran least:
///
/// ```
/// use scheduler::batch::Score;
/// use scheduler::sharing::{SharedJob, SharingRule};
/// use units::Instant;
///
/// #[derive(Clone, Copy)]
/// struct LeastRun;
///
/// impl SharingRule for LeastRun {
///     fn name(&self) -> &'static str {
///         "least-run"
///     }
///
///     fn score(&self, job: &SharedJob, _now: Instant, _jobs: usize) -> Score {
///         Score::whole(job.ran.as_nanos())
///     }
///
///     fn clone_rule(&self) -> Box<dyn SharingRule> {
///         Box::new(*self)
///     }
/// }
/// ```
pub trait SharingRule: Send {
    /// The rule's name in the registry.
    fn name(&self) -> &'static str;

    /// The score of one of a number of jobs: the smallest goes first, equal ones in the order of
    /// submission.
    fn score(&self, job: &SharedJob, now: Instant, jobs: usize) -> Score;

    /// An equal rule.
    fn clone_rule(&self) -> Box<dyn SharingRule>;
}

impl Clone for Box<dyn SharingRule> {
    fn clone(&self) -> Self {
        self.clone_rule()
    }
}

/// The scheduler, as a component.
#[derive(Clone)]
pub struct SharingPlanner {
    rule: Box<dyn SharingRule>,
    round: Duration,
    jobs: Jobs,
    rooms: Rooms,
    /// Instant of the next round.
    next: Instant,
    cursor: Revision,
}

impl SharingPlanner {
    /// A planner of rounds of a length under a rule.
    pub fn new(rule: Box<dyn SharingRule>, round: Duration) -> Self {
        Self {
            rule,
            round,
            jobs: Jobs::default(),
            rooms: Rooms::default(),
            next: Instant::ZERO,
            cursor: Revision::default(),
        }
    }

    fn read(&mut self, store: &Store) {
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::PodCreated(created) => self.created(entry.at, store, created),
                Event::PodEnded { pod, .. } => self.jobs.ended(entry.at, *pod),
                _ => {}
            }
        }
        self.cursor = store.revision();
    }

    fn created(&mut self, at: Instant, store: &Store, created: &PodCreated) {
        let class = store.class(created.class);
        let devices = u32::from(class.gpu.devices);
        self.jobs
            .created(at, created, devices, class.requests.gpu_milli);
    }

    /// Jobs in the order of the rule.
    fn order(&self, now: Instant) -> Vec<u64> {
        let count = self.jobs.len();
        let mut order: Vec<(Score, u64)> = self
            .jobs
            .views(now)
            .map(|(number, job)| (self.rule.score(&job, now, count), number))
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(_, number)| number).collect()
    }

    /// Takes the jobs off their devices whose turn is over: those that run where a job before them in
    /// the order finds its place.
    fn suspend(&mut self, now: Instant, order: &[u64], store: &Store, out: &mut Outbox) {
        let mut plan = Plan::of(store);
        for &number in order {
            let Some(claim) = self.jobs.claim(number, store) else {
                continue;
            };
            if plan.grant(&claim) || claim.nodes.is_none() {
                continue;
            }
            for pod in self.jobs.suspend(now, number) {
                let reason = EndReason::Evicted(EvictionCause::Preemption);
                out.write(store, Event::PodEnded { pod, reason });
            }
        }
    }

    /// Starts the first waiting job that has room.
    fn start(&mut self, now: Instant, order: &[u64], store: &Store, out: &mut Outbox) -> bool {
        for &number in order {
            let Some((class, members)) = self.jobs.ready(number) else {
                continue;
            };
            let Some(places) = self.rooms.places(store, class, members.len()) else {
                continue;
            };
            for (pod, (node, devices)) in members.into_iter().zip(places) {
                out.write(store, Event::PodBound { pod, node, devices });
                out.decided_pods += 1;
            }
            out.decided_jobs += 1;
            self.jobs.started(now, number);
            return true;
        }
        false
    }
}

impl Component for SharingPlanner {
    fn name(&self) -> &'static str {
        "gpu-sharing"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.read(view);
        let order = self.order(now);
        if now >= self.next {
            self.next = now.saturating_add(self.round);
            self.suspend(now, &order, view, out);
            if !out.writes.is_empty() {
                return Progress::More;
            }
        }
        if self.start(now, &order, view, out) {
            return Progress::More;
        }
        if self.jobs.any_waits() && self.jobs.any_runs() {
            out.wake_at(self.next);
        }
        Progress::Idle
    }

    fn refused(&mut self, write: &Write, _conflict: &Conflict) {
        match write.event {
            Event::PodBound { pod, .. } => self.jobs.unplaced(pod),
            Event::PodEnded { pod, .. } => self.jobs.left_before(pod),
            _ => {}
        }
    }

    fn places_pods(&self) -> bool {
        true
    }

    fn relies_on_view(&self) -> bool {
        true
    }

    fn resumes_pods(&self) -> bool {
        true
    }

    fn memory(&self) -> Memory {
        Memory::Lost
    }

    fn backlog(&self) -> usize {
        self.jobs.waiting_pods()
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
