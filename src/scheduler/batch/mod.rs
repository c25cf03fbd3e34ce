//! The batch planner: rigid jobs that need all their members at once. A job is a gang, or a pod
//! without one; it starts as a whole or not at all.
//!
//! It follows the event loop of `RLScheduler`'s published simulator (SC'20; spec:
//! published-results.md section 2): the order chooses one job, which stays chosen until it starts,
//! whatever arrives meanwhile; then the next one is chosen at the same instant. While the chosen
//! job waits for room, the backfilling rule may let others start before it, gone through in the
//! order of submission (those of one instant by score). Members of a job may share a node that has room; nodes are taken lowest id
//! first. What was published steps after every single event; what steps once an instant decides
//! on all its events together.
//!
//! The planner looks at resources, GPU devices, selectors, required node affinity and taints. A
//! job that the cluster as declared could never take is put aside until a node changes.

pub mod backfill;
mod free_amounts;
pub mod job;
mod mixed_jobs;
mod partitions;
mod passes;
mod queue_index;
mod refused_jobs;
mod reservations;
pub(crate) mod room;
pub(crate) mod roster;
mod running_jobs;
#[cfg(test)]
mod tests;
mod waiting_jobs;

use smallvec::SmallVec;

use cluster::{Conflict, Store};
use control::{Component, Outbox, Progress, Write};
use model::{DeviceSet, Event, PodRef, Text};
use units::{ClassId, Instant, NodeId, Revision};

use crate::retry::Retry;

pub use self::backfill::{Backfill, BackfillContext};
pub use self::free_amounts::whole_places;
pub(crate) use self::job::Job;
pub use self::job::{JobFacts, JobNumber, JobOrder, MachineFacts, PartitionNumber, Score};
pub use self::partitions::Partition;
pub use self::passes::{
    Candidate, HostShadow, NodeReservation, Pass, PassNews, PassPlanner, PassRule, Profile, Shadow,
    Slot, Start, Timetable,
};
pub use self::queue_index::Bounds;
pub use self::reservations::AdvanceReservation;

use self::refused_jobs::RefusedMembers;
use self::room::{Places, Rooms};
use self::roster::{JobSubmission, PodPosition, Roster};
use self::running_jobs::{MemberAmounts, MemberRequests, Place, RunningJob, RunningJobs};
use self::waiting_jobs::{QueuePosition, WaitingJobs};

/// The scheduler of rigid jobs, as a component.
#[derive(Clone)]
pub struct BatchPlanner {
    order: Box<dyn JobOrder>,
    backfill: Box<dyn Backfill>,
    waiting: WaitingJobs,
    running: RunningJobs,
    rooms: Rooms,
    chosen: Option<ChosenJob>,
    roster: Roster,
    cursor: Revision,
    /// The instant for which a wake-up was asked in the midst of a job's end.
    asked: Option<Instant>,
    /// Members that were refused their places. The cause of a refusal is in changes that the view
    /// has yet to show, so they wait again once it shows something new.
    refused: Vec<RefusedMembers>,
    retry: Retry,
}

/// The job that goes next.
#[derive(Clone, Copy, Debug)]
struct ChosenJob {
    number: JobNumber,
    /// Marks a job that was found not to fit.
    blocked: bool,
    /// The last turn that the backfilling rule was asked about; `None` if it is to be asked about
    /// every waiting job.
    asked: Option<QueuePosition>,
}

impl ChosenJob {
    /// A job that was not tried yet.
    const fn of(number: JobNumber) -> Self {
        Self {
            number,
            blocked: false,
            asked: None,
        }
    }
}

/// News from the log.
#[derive(Clone, Copy, Debug, Default)]
struct LogChanges {
    any: bool,
    /// Whether room may have become free.
    freed: bool,
    /// Whether a node was declared anew or came up or went down.
    declared: bool,
}

impl BatchPlanner {
    /// A planner that chooses by an order and fills up by a rule.
    pub fn new(order: Box<dyn JobOrder>, backfill: Box<dyn Backfill>) -> Self {
        Self {
            order,
            waiting: WaitingJobs::new(backfill.is_active()),
            backfill,
            running: RunningJobs::default(),
            rooms: Rooms::default(),
            chosen: None,
            roster: Roster::whole(),
            cursor: Revision::default(),
            asked: None,
            refused: Vec::new(),
            retry: Retry::default(),
        }
    }

    /// The order jobs are chosen in.
    pub fn order(&self) -> &dyn JobOrder {
        &*self.order
    }

    /// The rule that lets jobs start before the chosen one.
    pub fn backfill(&self) -> &dyn Backfill {
        &*self.backfill
    }

    fn read(&mut self, now: Instant, store: &Store) -> LogChanges {
        let mut news = LogChanges::default();
        if self.cursor < store.revision() || self.retry.is_due(now) {
            self.take_back_refused();
        }
        for entry in store.log().since(self.cursor) {
            news.any = true;
            match &entry.event {
                Event::PodCreated(created) => {
                    for submitted in self.roster.created(entry.at, store, created) {
                        self.submitted(submitted);
                    }
                }
                Event::PodBound { pod, .. } => self.bound(*pod),
                Event::PodEnded { pod, .. } => {
                    self.ended(entry.at, *pod);
                    news.freed = true;
                }
                Event::HoldReleased { .. } => news.freed = true,
                Event::NodeAdded { .. }
                | Event::NodeUpdated { .. }
                | Event::NodeRemoved { .. }
                | Event::NodeReadiness { .. } => news.declared = true,
                _ => {}
            }
        }
        if let Some(submitted) = self.roster.finish() {
            self.submitted(submitted);
        }
        self.cursor = store.revision();
        if news.declared {
            self.waiting.take_back(&*self.order, now);
        }
        if let Some(chosen) = &mut self.chosen {
            if news.freed || news.declared {
                chosen.asked = None;
                // Another cluster, another outlook: whether and when the job fits is asked anew.
                chosen.blocked &= !news.declared;
            }
            if self.waiting.get(chosen.number).is_none() {
                self.chosen = None;
            }
        }
        news
    }

    /// A job's members are complete: it waits from now on.
    fn submitted(&mut self, JobSubmission { number, job }: JobSubmission) {
        let at = job.facts.submitted;
        self.waiting.add(number, job, &*self.order, at);
    }

    /// A pod has a node. If this planner did not choose it, the pod's job goes without it.
    fn bound(&mut self, pod: PodRef) {
        if let Some(PodPosition {
            job,
            position: None,
            ..
        }) = self.roster.find(pod)
        {
            if let Some(submitted) = self.roster.finish() {
                self.submitted(submitted);
            }
            self.waiting.remove_member(job, pod);
            self.roster.forget(pod);
        }
    }

    fn ended(&mut self, at: Instant, pod: PodRef) {
        let Some(known) = self.roster.forget(pod) else {
            return;
        };
        if let Some(position) = known.position {
            self.running.release(known.job, position as usize, at);
        } else {
            if let Some(submitted) = self.roster.finish_if(known.job) {
                self.submitted(submitted);
            }
            self.waiting.remove_member(known.job, pod);
        }
    }

    /// The end of a job is one event, though its members end one after the other: until all have,
    /// nothing is decided. Members that end apart are reported by the wake-up that comes first.
    fn awaits_rest_of_end(&mut self, now: Instant, news: LogChanges, out: &mut Outbox) -> bool {
        if !self.running.in_midst_of_end(now) {
            self.asked = None;
            return false;
        }
        if self.asked != Some(now) {
            self.asked = Some(now);
            out.wake_at(now);
        } else if !news.any {
            // The wake-up came before any further end.
            self.running.settle_ends();
            self.asked = None;
            return false;
        }
        true
    }

    fn choose(&mut self, now: Instant) -> Option<ChosenJob> {
        if self.chosen.is_none() {
            let number = self.waiting.first(&mut *self.order, now)?;
            self.chosen = Some(ChosenJob::of(number));
        }
        self.chosen
    }

    /// The chosen job was found not to fit.
    fn block(
        &mut self,
        now: Instant,
        chosen: ChosenJob,
        store: &Store,
        out: &mut Outbox,
    ) -> Progress {
        let Some(job) = self.waiting.get(chosen.number) else {
            return Progress::More;
        };
        if let Some(&pod) = job.members.first() {
            out.write(store, Event::PodUnschedulable { pod });
        }
        if !self.rooms.fit_ever(store, job) {
            self.waiting.put_aside(chosen.number);
            self.chosen = None;
            return Progress::More;
        }
        self.chosen = Some(ChosenJob {
            blocked: true,
            ..chosen
        });
        if !self.backfill.is_active() {
            return Progress::Idle;
        }
        self.backfill.blocked(&BackfillContext {
            now,
            store,
            running: &self.running,
            chosen: job,
            room: self.rooms.of_job(store, job),
            is_counted: self.rooms.are_counted(store),
        });
        Progress::More
    }

    /// Starts the first job that fits and may go before the chosen one.
    fn fill(
        &mut self,
        now: Instant,
        chosen: ChosenJob,
        store: &Store,
        out: &mut Outbox,
    ) -> Progress {
        if !self.backfill.is_active() {
            return Progress::Idle;
        }
        let full = store.class_count() == 1
            && self.waiting.get(chosen.number).is_some_and(|job| {
                // Nothing of the only class fits anywhere.
                self.rooms.total(store, job.class) == 0
            });
        let mut found = None;
        if !full {
            let longest = self.backfill.longest(now);
            for (turn, facts) in self.waiting.after(chosen.asked, longest) {
                if turn.2 != chosen.number
                    && self.backfill.admits(now, facts)
                    && let Some(job) = self.waiting.get(turn.2)
                    && let Some(places) = self.rooms.places_of(store, job)
                {
                    found = Some((turn, places));
                    break;
                }
            }
        }
        let last = || self.waiting.last_turn();
        let asked = found.as_ref().map(|&(turn, _)| turn).or_else(last);
        self.chosen = Some(ChosenJob { asked, ..chosen });
        match found {
            Some((turn, places)) => {
                self.start(now, turn.2, &places, store, out);
                Progress::More
            }
            None => Progress::Idle,
        }
    }

    fn start(
        &mut self,
        now: Instant,
        number: JobNumber,
        places: &Places,
        store: &Store,
        out: &mut Outbox,
    ) {
        let Some(job) = self.waiting.take(number) else {
            return;
        };
        let first = self.running.recorded(number);
        let place = |pod: PodRef, class: ClassId, node: NodeId, devices: DeviceSet| Place {
            pod,
            class,
            node,
            devices,
            requests: MemberRequests::of(store, class),
            held: true,
        };
        let mut taken = SmallVec::with_capacity(places.len());
        for (index, (&pod, &(node, devices))) in job.members.iter().zip(places).enumerate() {
            taken.push(place(pod, job.class_of(store, index), node, devices));
            let position = Some((first + index) as u32);
            self.roster.note(PodPosition {
                pod,
                job: number,
                position,
            });
            out.write(store, Event::PodBound { pod, node, devices });
        }
        out.decided_jobs += 1;
        out.decided_pods += taken.len() as u32;
        let job = RunningJob {
            facts: job.facts,
            started: now,
            expected_end: now.saturating_add(job.facts.requested),
            members: taken.len(),
            places: taken,
            held: MemberAmounts::default(),
        };
        self.running.add(number, job);
    }

    /// One step: what is read, and what follows from it.
    fn decide(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let news = self.read(now, view);
        self.retry.ask(now, out);
        // What was chosen stays chosen until it has started: nothing passes a job that was refused.
        if self.awaits_rest_of_end(now, news, out) || !self.refused.is_empty() {
            return Progress::Idle;
        }
        let Some(chosen) = self.choose(now) else {
            return Progress::Idle;
        };
        let Some(job) = self.waiting.get(chosen.number) else {
            return Progress::Idle;
        };
        if let Some(places) = self.rooms.places_of(view, job) {
            self.chosen = None;
            self.start(now, chosen.number, &places, view, out);
            return Progress::More;
        }
        if chosen.blocked {
            self.fill(now, chosen, view, out)
        } else {
            self.block(now, chosen, view, out)
        }
    }
}

impl Component for BatchPlanner {
    fn name(&self) -> &'static str {
        "batch"
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let progress = self.decide(now, view, out);
        out.failure = self.order.failure().map(Text::from);
        progress
    }

    /// A member that was refused its place waits again; the others keep theirs.
    fn places_pods(&self) -> bool {
        true
    }

    fn relies_on_view(&self) -> bool {
        true
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
        self.running
            .release(number, position as usize, Instant::MAX);
        let job = Job {
            facts,
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
        self.waiting.pods() + self.refused.len()
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
