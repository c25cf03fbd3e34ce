//! Sharing of devices over time: jobs hold devices for a round, and in the next one others may have
//! their turn (spec: orchestrators-b.md section 8.2). A rule orders the jobs; the first of them that
//! have room together run. A running job that is not among them is taken off its devices and goes on
//! later with the rest of its work.
//!
//! A job is a gang, or a pod without one. Between two rounds nothing is taken away: jobs start in the
//! order of the rule where room is.
//!
//! Where GPU models differ in speed (`model::Throughputs`), a rule may state the share of the time that
//! each job has on each model; a job then has its turns by these, and moves to another model for one.

mod elastic;
mod gather;
mod grow;
mod job_turns;
mod jobs;
mod pack;
mod plan;
mod preemptible_jobs;
mod returning;
mod round;

use std::sync::Arc;

use cluster::{Conflict, Store};
use control::{Component, Memory, Outbox, Progress, Write};
use model::{Event, PodCreated, Throughputs};
use units::{ClassId, Duration, Instant, NodeId, Revision, SortedMap};

pub use self::elastic::{ElasticPlanner, ElasticPolicy, FifoQueues, Pollux};
use self::job_turns::{Columns, fastest_first};
use self::jobs::{Form, Jobs, MemberRequest};
use self::pack::places_on;
use self::plan::Place;
use crate::batch::Score;
use crate::batch::room::{Places, Rooms};

/// A job as rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedJob {
    /// Instant of submission.
    pub submitted: Instant,
    /// Devices of all members; the number of members where none are asked for.
    pub devices: u32,
    /// Time that it has run.
    pub ran: Duration,
    /// Time that it has run since the rule last promoted it; all of it where the rule never did.
    pub ran_since_promotion: Duration,
    /// Work that it has done: the time that it takes on the reference model, where models differ.
    pub done: Duration,
    /// Time that its newest run took so far.
    pub last_run: Duration,
    /// Instant from which it waits; `None` while it runs.
    pub waits_since: Option<Instant>,
    /// Instant of its newest start, if it ever ran.
    pub started: Option<Instant>,
    /// Run time that it requests; [`Duration::MAX`] where it does not say.
    pub requested: Duration,
}

/// A job as rules see it that tell GPU models apart.
#[derive(Clone, Debug, PartialEq)]
pub struct HeterogeneousJob {
    /// The job's number, in order of submission.
    pub number: u64,
    /// The job itself.
    pub job: SharedJob,
    /// Devices of all members; parts of devices count as parts.
    pub width: f64,
    /// Speed on each model beside that on the reference model; 0 on one that it may not have.
    pub speeds: Arc<[f64]>,
    /// Time that it has run on each model.
    pub ran_on: Vec<Duration>,
}

/// A rule that orders the jobs of a round.
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

    /// The order of jobs, which come by number, of a rule that keeps lists of them; `None` of one whose scores order
    /// them. The lists change with the first order of a round, which `begins_round` marks; jobs that arrived since
    /// are added with any.
    fn arrange(&mut self, _jobs: &[(u64, SharedJob)], _begins_round: bool) -> Option<Vec<u64>> {
        None
    }

    /// The next instant at which the order changes with the time that jobs run; for rounds at every event.
    fn next_change(
        &self,
        _jobs: &mut dyn Iterator<Item = (u64, SharedJob)>,
        _now: Instant,
    ) -> Option<Instant> {
        None
    }

    /// Whether a job that waits is promoted: its service counts from now on. A rule that never does so
    /// leaves this out.
    fn promotes(&self, _job: &SharedJob, _now: Instant) -> bool {
        false
    }

    /// The share of the time that each job has devices of each model, by job and model, of the number of
    /// devices of each; `None` of a rule that orders the jobs alone.
    fn shares(
        &self,
        _jobs: &[HeterogeneousJob],
        _devices: &[f64],
        _now: Instant,
    ) -> Option<Vec<Vec<f64>>> {
        None
    }

    /// An equal rule.
    fn clone_rule(&self) -> Box<dyn SharingRule>;
}

impl Clone for Box<dyn SharingRule> {
    fn clone(&self) -> Self {
        self.clone_rule()
    }
}

/// Places that a job is to start at.
#[derive(Clone, Debug)]
struct Reservation {
    rank: usize,
    places: Vec<Place>,
    /// The job's request at these places.
    form: Form,
}

/// Rounds at every event begin once an instant.
const SHORTEST_ROUND: Duration = Duration::from_nanos(1);

/// The scheduler, as a component.
#[derive(Clone)]
pub struct SharingPlanner {
    rule: Box<dyn SharingRule>,
    round: Duration,
    jobs: Jobs,
    rooms: Rooms,
    /// GPU models of the nodes, where these differ in speed.
    columns: Option<Columns>,
    /// `true` if jobs move to other nodes to make room for one that finds none.
    gathers: bool,
    /// `true` if two jobs share GPUs where together they get on faster than one.
    packs: bool,
    /// `true` if jobs take more GPUs than they ask for while these are idle.
    grows: bool,
    /// Jobs that are to start at certain places.
    granted: SortedMap<u64, Reservation>,
    /// Instant of the next round.
    next: Instant,
    /// With rounds at every event: the instant at which the order changes unless something happens before.
    change: Option<Instant>,
    cursor: Revision,
}

impl SharingPlanner {
    /// A planner of rounds of a length under a rule; of length zero, a round begins with every event.
    pub fn new(rule: Box<dyn SharingRule>, round: Duration) -> Self {
        Self {
            rule,
            round,
            jobs: Jobs::default(),
            rooms: Rooms::default(),
            columns: None,
            gathers: false,
            packs: false,
            grows: false,
            granted: SortedMap::new(),
            next: Instant::ZERO,
            change: None,
            cursor: Revision::default(),
        }
    }

    /// This planner where jobs are not equally fast on all GPU models.
    #[must_use]
    pub fn with_throughputs(mut self, throughputs: Option<Arc<Throughputs>>) -> Self {
        self.columns = throughputs.map(Columns::new);
        self
    }

    /// This planner where jobs move to other nodes so that a job finds room for which enough devices are
    /// free, scattered over several nodes.
    #[must_use]
    pub fn with_moves(mut self, gathers: bool) -> Self {
        self.gathers = gathers;
        self
    }

    /// This planner where a job that finds no GPUs shares those of another, if their speeds together are
    /// more than that of one by the throughputs.
    #[must_use]
    pub fn with_packing(mut self, packs: bool) -> Self {
        self.packs = packs;
        self
    }

    /// This planner where a job takes GPUs that are idle beside its own, if it is faster with them by the
    /// throughputs, and gives them back once other jobs wait.
    #[must_use]
    pub fn with_growth(mut self, grows: bool) -> Self {
        self.grows = grows;
        self
    }

    /// Reads the log; whether a job came or went.
    fn read(&mut self, store: &Store) -> bool {
        let mut has_news = false;
        if let Some(columns) = &mut self.columns {
            columns.refresh(store);
        }
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::PodCreated(created) => {
                    has_news = true;
                    self.created(entry.at, store, created);
                }
                Event::PodEnded { pod, .. } => {
                    has_news = true;
                    self.jobs.ended(entry.at, *pod);
                }
                _ => {}
            }
        }
        self.cursor = store.revision();
        has_news
    }

    fn created(&mut self, at: Instant, store: &Store, created: &PodCreated) {
        let class = store.class(created.class);
        let asked = MemberRequest {
            devices: u32::from(class.gpu.devices),
            milli: class.requests.gpu_milli,
            speeds: { self.columns.as_ref() }
                .filter(|_| class.gpu.devices > 0)
                .map(|own| own.speeds(class)),
        };
        self.jobs.created(at, created, asked);
    }

    /// Jobs in the order of the rule, those first that have a place to start at; promotes those that the
    /// rule promotes.
    fn order(&mut self, now: Instant, begins_round: bool) -> Vec<u64> {
        let count = self.jobs.len();
        let mut jobs: Vec<(u64, SharedJob)> = self.jobs.views(now).collect();
        for (number, job) in &mut jobs {
            if self.rule.promotes(job, now) {
                job.ran_since_promotion = Duration::ZERO;
                self.jobs.promote(*number);
            }
        }
        let rank = |number: &u64| self.granted.get(number).map_or(usize::MAX, |own| own.rank);
        if let Some(mut order) = self.rule.arrange(&jobs, begins_round) {
            order.sort_by_key(rank);
            return order;
        }
        let mut order: Vec<(usize, Score, u64)> = jobs
            .iter()
            .map(|(number, job)| (rank(number), self.rule.score(job, now, count), *number))
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(_, _, number)| number).collect()
    }

    /// Places for a waiting job: those that it was granted, or else the first with room, on the model
    /// that it is fastest on.
    fn places(
        &mut self,
        store: &Store,
        number: u64,
        class: ClassId,
        members: usize,
    ) -> Option<Places> {
        if let Some(promise) = self.granted.remove(&number) {
            let nodes: Vec<NodeId> = promise.places.iter().map(|place| place.node).collect();
            let is_whole = promise.form == Form::Whole;
            let mut places = None;
            if !is_whole || self.grows {
                places = places_on(store, class, &promise.places);
            }
            if places.is_none() && is_whole {
                places = self.rooms.places_at(store, class, &nodes);
            }
            if places.is_some() || !is_whole {
                return places;
            }
        }
        let unlike = self.columns.as_ref().zip(self.jobs.speeds(number));
        let Some((columns, speeds)) = unlike else {
            return self.rooms.places(store, class, members);
        };
        fastest_first(&speeds).into_iter().find_map(|column| {
            let is_on = |node| columns.of(node) == Some(column);
            self.rooms.places_among(store, class, members, is_on)
        })
    }

    /// Starts the first waiting job that has room. Jobs that were granted places go first: until their
    /// members are back, no other job may take these.
    fn start(&mut self, now: Instant, order: &[u64], store: &Store, out: &mut Outbox) -> bool {
        let jobs = &self.jobs;
        self.granted.retain(|&number, _| jobs.waits(number));
        for &number in order {
            if !self.granted.is_empty() && !self.granted.contains_key(&number) {
                return false;
            }
            let Some((class, members)) = self.jobs.ready(number) else {
                continue;
            };
            if (self.packs || self.grows) && self.declare(number, class, &members, store, out) {
                return true;
            }
            let Some(places) = self.places(store, number, class, members.len()) else {
                continue;
            };
            let first = places.first().map(|place| place.0);
            let column = first.zip(self.columns.as_ref());
            let column = column.and_then(|(node, columns)| columns.of(node));
            for (pod, (node, devices)) in members.into_iter().zip(places) {
                out.write(store, Event::PodBound { pod, node, devices });
                out.decided_pods += 1;
            }
            out.decided_jobs += 1;
            self.jobs.started(now, number, column);
            self.jobs.set_gain(number, self.gain(number, store));
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
        let has_news = self.read(view);
        let is_at_events = self.round == Duration::ZERO;
        // A wake-up that was asked for before something else happened is no event.
        let is_event = has_news || self.change.is_some_and(|at| now >= at);
        let begins_round = now >= self.next && (is_event || !is_at_events);
        let mut order = self.order(now, begins_round);
        if begins_round {
            self.next = now.saturating_add(self.round.max(SHORTEST_ROUND));
            self.suspend(now, &order, view, out);
            if !out.writes.is_empty() {
                return Progress::More;
            }
            // Jobs that were granted places go first from now on.
            order = self.order(now, false);
        }
        loop {
            let promised = self.granted.len();
            if self.start(now, &order, view, out) {
                return Progress::More;
            }
            if self.granted.len() == promised {
                break;
            }
            // A job whose promise came to nothing waits like any other now; no event would say so.
            order = self.order(now, false);
        }
        let next = if is_at_events {
            // Foreseen at events alone: the authors' estimate from a later instant would be another one.
            if now < self.next {
                let next = self.rule.next_change(&mut self.jobs.views(now), now);
                self.change = next.map(|at| at.max(self.next));
            }
            self.change
        } else {
            let may_move = self.columns.is_some() || self.jobs.any_waits();
            (may_move && self.jobs.any_runs()).then_some(self.next)
        };
        if let Some(next) = next {
            out.wake_at(next);
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

#[cfg(test)]
mod testing {
    use super::*;

    /// A job on one device that was submitted at zero and has not run, with its speeds.
    pub(super) fn unlike(number: u64, speeds: &[f64]) -> HeterogeneousJob {
        HeterogeneousJob {
            number,
            job: SharedJob {
                submitted: Instant::ZERO,
                devices: 1,
                ran: Duration::ZERO,
                ran_since_promotion: Duration::ZERO,
                done: Duration::ZERO,
                last_run: Duration::ZERO,
                waits_since: Some(Instant::ZERO),
                started: None,
                requested: Duration::from_secs(100),
            },
            width: 1.0,
            speeds: speeds.into(),
            ran_on: vec![Duration::ZERO; speeds.len()],
        }
    }
}
