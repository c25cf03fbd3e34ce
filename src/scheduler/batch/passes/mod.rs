//! The planner of passes: all ends and arrivals of an instant happen, then one pass over the queue
//! starts what its rule lets start (spec: orchestrators-b.md section 7, published-results.md
//! section 3).
//!
//! A job is a gang, or a pod without one; it starts as a whole or not at all. The queue is in the
//! order of a [`JobOrder`], which is asked anew in every pass where it ages. The rule is asked for
//! one job after the other, until it starts none. A job that the cluster as declared could never
//! take is put aside until a node changes.

mod host_shadow;
mod node_space;
mod pass;
mod profile;
mod queue;
mod reclaim;
mod shadow;
mod timetable;

use smallvec::SmallVec;

use cluster::{Conflict, Store};
use control::admission::Creation;
use control::{Component, Outbox, Progress, Write};
use model::{Event, PodRef, Text};
use units::{Instant, Resources, Revision, SortedSet};

use super::job::{Job, JobNumber, JobOrder, MachineFacts};
use super::partitions::{Partition, Partitions};
use super::refused_jobs::RefusedMembers;
use super::reservations::{AdvanceReservation, Reservations};
use super::room::Rooms;
use super::roster::{JobSubmission, PodPosition, Roster};
use super::running_jobs::{MemberAmounts, MemberRequests, Place, RunningJob, RunningJobs};
use crate::retry::Retry;

pub use self::host_shadow::HostShadow;
pub use self::node_space::NodeReservation;
pub use self::pass::{Candidate, Pass, PassNews, Start};
pub use self::profile::Profile;
pub use self::shadow::Shadow;
pub use self::timetable::{Slot, Timetable};

use self::pass::PassRequests;
use self::queue::Queue;

/// A rule that decides which waiting jobs start in a pass.
///
/// A rule that starts whatever fits, in the order of the queue:
///
/// ```
/// use scheduler::batch::{Bounds, Pass, PassRule, Start};
///
/// #[derive(Clone)]
/// struct Whatever;
///
/// impl PassRule for Whatever {
///     fn name(&self) -> &'static str {
///         "whatever"
///     }
///
///     fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start> {
///         let mut candidate = pass.first()?;
///         loop {
///             if let Some(start) = pass.start(&candidate) {
///                 return Some(start);
///             }
///             candidate = pass.after(&candidate, &Bounds::ANY)?;
///         }
///     }
///
///     fn clone_rule(&self) -> Box<dyn PassRule> {
///         Box::new(self.clone())
///     }
/// }
/// ```
pub trait PassRule: Send {
    /// The rule's name in the registry.
    fn name(&self) -> &'static str;

    /// The next job to start now; `None` ends the pass. The rule is asked again once the job holds
    /// its places.
    fn next(&mut self, pass: &mut Pass<'_>) -> Option<Start>;

    /// An equal rule in the same state.
    fn clone_rule(&self) -> Box<dyn PassRule>;
}

impl Clone for Box<dyn PassRule> {
    fn clone(&self) -> Self {
        self.clone_rule()
    }
}

/// The scheduler of rigid jobs by passes, as a component.
#[derive(Clone)]
pub struct PassPlanner {
    order: Box<dyn JobOrder>,
    rule: Box<dyn PassRule>,
    queue: Queue,
    running: RunningJobs,
    rooms: Rooms,
    roster: Roster,
    reservations: Reservations,
    cursor: Revision,
    news: PassNews,
    /// The instant and the declaration of nodes as of which an ageing queue was ordered.
    ordered: Option<Instant>,
    declared: Option<Revision>,
    /// The job that was last told to wait.
    told: Option<JobNumber>,
    /// The job that running ones ended for.
    nominated: Option<JobNumber>,
    /// Pods that were ordered to end for it, until they are seen to have ended.
    leaving: SortedSet<PodRef>,
    /// The instant of the last start.
    started: Instant,
    refused: Vec<RefusedMembers>,
    retry: Retry,
}

impl PassPlanner {
    /// A planner of a queue in an order, under a rule.
    pub fn new(order: Box<dyn JobOrder>, rule: Box<dyn PassRule>) -> Self {
        Self {
            order,
            rule,
            queue: Queue::default(),
            running: RunningJobs::default(),
            rooms: Rooms::default(),
            roster: Roster::whole(),
            reservations: Reservations::default(),
            cursor: Revision::default(),
            news: PassNews::default(),
            ordered: None,
            declared: None,
            told: None,
            nominated: None,
            leaving: SortedSet::new(),
            started: Instant::ZERO,
            refused: Vec::new(),
            retry: Retry::default(),
        }
    }

    /// A planner of jobs in partitions, which are numbered by their places.
    #[must_use]
    pub fn in_partitions(self, all: Vec<Partition>) -> Self {
        Self {
            roster: Roster::new(Partitions::new(all)),
            ..self
        }
    }

    /// A planner that keeps nodes free for advance reservations.
    #[must_use]
    pub fn with_reservations(self, all: Vec<AdvanceReservation>) -> Self {
        Self {
            reservations: Reservations::new(all),
            ..self
        }
    }

    fn read(&mut self, now: Instant, store: &Store) {
        if self.cursor < store.revision() || self.retry.is_due(now) {
            self.take_back_refused();
        }
        for entry in store.log().since(self.cursor) {
            match &entry.event {
                Event::PodCreated(created) => {
                    for submitted in self.roster.created(entry.at, store, created) {
                        self.submitted(submitted);
                    }
                }
                Event::PodBound { pod, .. } => self.bound(*pod),
                Event::PodEnded { pod, .. } => self.ended(entry.at, *pod),
                Event::HoldReleased { .. }
                | Event::NodeAdded { .. }
                | Event::NodeUpdated { .. }
                | Event::NodeRemoved { .. }
                | Event::NodeReadiness { .. } => {
                    self.news.freed = true;
                    self.news.unforeseen = true;
                }
                _ => {}
            }
        }
        if let Some(submitted) = self.roster.finish() {
            self.submitted(submitted);
        }
        self.cursor = store.revision();
        self.look_at_machine(now, store);
        self.reservations.look_at(store);
        if self.reservations.have_ended(now) {
            self.news.freed = true;
            self.news.unforeseen = true;
        }
        self.sort_out(store);
        if self.order.follows_changes() && (self.news.freed || !self.news.arrived.is_empty()) {
            self.ordered = None;
        }
        let is_due = |ordered: Instant| now > ordered && now.since(ordered) >= self.order.period();
        if self.order.ages() && self.ordered.is_none_or(is_due) {
            self.ordered = Some(now);
            self.order.waiting(&mut self.queue.facts());
            self.order.refresh(now);
            let released = self.queue.score_again(&*self.order, now);
            self.news.arrived.extend(released);
            self.news.reordered = true;
        }
    }

    /// Tells the order of the cluster's size, and takes jobs back that a changed cluster may have
    /// room for.
    fn look_at_machine(&mut self, now: Instant, store: &Store) {
        let nodes = store.nodes();
        if self.declared == Some(nodes.declared()) {
            return;
        }
        self.declared = Some(nodes.declared());
        let all = |amount: fn(&Resources) -> i64| -> i64 {
            let each = nodes.present();
            each.map(|node| amount(&nodes.allocatable().row(node)))
                .fold(0, i64::saturating_add)
        };
        let machine = MachineFacts {
            nodes: nodes.present().count() as u64,
            processors: all(|own| own.cpu_milli) / 1_000,
            memory: all(|own| own.memory_bytes),
            gpu_milli: all(|own| own.gpu_milli),
        };
        self.order.machine(&machine);
        let back = self.queue.take_back(&*self.order, now);
        self.news.arrived.extend(back);
    }

    /// Puts arrived jobs aside that the cluster as declared, or their partition, could never take.
    fn sort_out(&mut self, store: &Store) {
        let (queue, rooms) = (&mut self.queue, &mut self.rooms);
        let partitions = self.roster.partitions();
        self.news.arrived.retain(|&number| {
            let fits = queue
                .get(number)
                .is_some_and(|job| partitions.admit(&job.facts) && rooms.fit_ever(store, job));
            if !fits {
                queue.put_aside(number);
            }
            fits
        });
    }

    fn submitted(&mut self, JobSubmission { number, job }: JobSubmission) {
        let at = job.facts.submitted;
        if self.queue.add(number, job, &*self.order, at).is_some() {
            self.news.arrived.push(number);
        }
    }

    /// A pod has a node. If this planner did not choose it, the pod's job goes without it.
    fn bound(&mut self, pod: PodRef) {
        let Some(known) = self.roster.find(pod) else {
            return;
        };
        if known.position.is_none() {
            if let Some(submitted) = self.roster.finish() {
                self.submitted(submitted);
            }
            self.queue.remove_member(known.job, pod);
            self.roster.forget(pod);
            self.news.freed = true;
            self.news.unforeseen = true;
        }
    }

    fn ended(&mut self, at: Instant, pod: PodRef) {
        self.news.freed = true;
        self.leaving.remove(&pod);
        let Some(known) = self.roster.forget(pod) else {
            self.news.unforeseen = true;
            return;
        };
        let Some(position) = known.position else {
            if let Some(submitted) = self.roster.finish_if(known.job) {
                self.submitted(submitted);
            }
            self.queue.remove_member(known.job, pod);
            self.news.unforeseen = true;
            return;
        };
        if let Some(job) = self.running.get(known.job) {
            self.news.unforeseen |= job.expected_end != at;
        }
        // A member that ends before others gives up what it alone has.
        if let Some(given_up) = self.running.release(known.job, position as usize, at) {
            self.order.ended(at, &given_up);
        }
    }

    fn take_back_refused(&mut self) {
        if self.refused.is_empty() {
            return;
        }
        self.retry = Retry::default();
        for RefusedMembers { number, job } in std::mem::take(&mut self.refused) {
            self.submitted(JobSubmission { number, job });
        }
        self.news.freed = true;
        self.news.unforeseen = true;
    }

    fn start(&mut self, now: Instant, start: Start, store: &Store, out: &mut Outbox) {
        let Start { number, places } = start;
        let Some(job) = self.queue.take(number) else {
            return;
        };
        let first = self.running.recorded(number);
        let mut taken = SmallVec::with_capacity(places.len());
        for (index, (&pod, (node, devices))) in job.members.iter().zip(places).enumerate() {
            let class = job.class_of(store, index);
            taken.push(Place {
                pod,
                class,
                node,
                devices,
                requests: MemberRequests::of(store, class),
                held: true,
            });
            self.roster.note(PodPosition {
                pod,
                job: number,
                position: Some((first + index) as u32),
            });
            out.write(store, Event::PodBound { pod, node, devices });
        }
        out.decided_jobs += 1;
        out.decided_pods += taken.len() as u32;
        self.started = now;
        if self.order.follows_changes() {
            self.ordered = None;
        }
        let job = RunningJob {
            facts: job.facts,
            started: now,
            expected_end: now.saturating_add(job.facts.requested),
            members: taken.len(),
            places: taken,
            held: MemberAmounts::default(),
        };
        let taken = self.running.add(number, job);
        self.order.started(now, &taken);
    }

    /// Tells the head of the queue that it waits, once.
    fn tell_head(&mut self, store: &Store, out: &mut Outbox) {
        let head = self
            .queue
            .next(std::ops::Bound::Unbounded, &super::Bounds::ANY);
        let Some(number) = head.map(|head| head.number()) else {
            return;
        };
        if self.told == Some(number) {
            return;
        }
        self.told = Some(number);
        if let Some(&pod) = self.queue.get(number).and_then(|job| job.members.first()) {
            out.write(store, Event::PodUnschedulable { pod });
        }
    }
}

impl Component for PassPlanner {
    fn name(&self) -> &'static str {
        "batch"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        self.read(now, view);
        out.failure = self.order.failure().map(Text::from);
        self.retry.ask(now, out);
        // Nothing passes a job that was refused its places.
        if !self.refused.is_empty() {
            return Progress::Idle;
        }
        let mut asked = PassRequests::default();
        let mut pass = Pass {
            now,
            store: view,
            queue: &self.queue,
            running: &self.running,
            partitions: self.roster.partitions().count(),
            rooms: &mut self.rooms,
            reservations: &self.reservations,
            news: &self.news,
            asked: &mut asked,
        };
        let nominated = self.nominated.take();
        let nominated = nominated.and_then(|number| pass.waiting(number));
        if let Some(start) = nominated.and_then(|nominated| pass.start(&nominated)) {
            // What the rule has not heard of yet it hears once it is asked.
            self.start(now, start, view, out);
            return Progress::More;
        }
        let start = self.rule.next(&mut pass);
        self.news = PassNews::default();
        if let Some(at) = asked.wake {
            out.wake_at(at);
        }
        if let Some(at) = asked.wake_idle {
            out.wake_idle_at(at);
        }
        for (node, ready) in asked.switched {
            out.write(view, Event::NodeReadiness { node, ready });
        }
        if let Some(start) = start {
            self.start(now, start, view, out);
            return Progress::More;
        }
        if let Some(end) = self.reservations.next_end(now)
            && self.queue.pods() > 0
        {
            out.wake_at(end);
        }
        self.tell_head(view, out);
        self.reclaim(now, view, out);
        Progress::Idle
    }

    /// A member that was refused its place waits again; the others keep theirs.
    fn places_pods(&self) -> bool {
        true
    }

    fn relies_on_view(&self) -> bool {
        true
    }

    fn declined(&mut self, creation: &Creation, conflict: &Conflict) {
        // One that has ended already is seen to have ended, sooner or later.
        if let Creation::Replacement { pod, .. } = creation
            && *conflict != Conflict::UnknownPod
        {
            self.leaving.remove(pod);
        }
    }

    fn refused(&mut self, write: &Write, conflict: &Conflict) {
        self.retry.refused(conflict);
        let Event::PodBound { pod, .. } = write.event else {
            return;
        };
        let Some(PodPosition {
            job: number,
            position: Some(position),
            ..
        }) = self.roster.find(pod)
        else {
            return;
        };
        let Some((facts, class)) = self.running.facts_at(number, position as usize) else {
            return;
        };
        // Undone, not ended: the instant of the decision plays no part in it.
        let given_up = self
            .running
            .release(number, position as usize, Instant::MAX);
        if let Some(given_up) = &given_up {
            // The member gives up what it was accounted for when it started.
            self.order.ended(self.started, given_up);
        }
        let job = Job {
            facts: given_up.unwrap_or(facts),
            class,
            is_mixed: false,
            members: SmallVec::from_slice(&[pod]),
        };
        self.roster.note(PodPosition {
            pod,
            job: number,
            position: None,
        });
        self.refused.push(RefusedMembers { number, job });
    }

    fn backlog(&self) -> usize {
        self.queue.pods() + self.refused.len()
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
