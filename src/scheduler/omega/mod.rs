//! Omega (Schwarzkopf et al., 2013; spec: orchestrators-b.md section 6.1): schedulers in parallel over one shared
//! state. Each decides on one job at a time, on a copy of the cluster, and commits its claims when it
//! has decided; what others have claimed meanwhile shows then.
//!
//! A decision is made at the instant of the copy, so the copy is the decision: its claims, and the
//! revision that they are based on. The commit comes as long after as deciding takes. A store that
//! others write to takes the place of the original's cell state: other schedulers, of whatever system,
//! race with these by the same means.
//!
//! A scheduler that may see changes late has the store judge its transactions as a whole: it places a
//! hold for each claim first ([`SchedulerOptions::holds_first`]).
//!
//! With [`SharingMode::Offers`] a scheduler places holds on everything that is free while it decides,
//! which is the two-level design; a single scheduler is the monolithic one.

pub mod commit;
mod options;
mod placing;
mod transaction;

use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;

use cluster::{Conflict, Store};
use control::{Component, Outbox, Progress, Write};
use model::event::Hold;
use model::{DeviceSet, Event, PodRef};
use units::{ComponentId, Instant, NodeId, Revision};

use self::commit::Conflicts;
use self::placing::{Cell, Claim, NodeSearch, plan};
use self::transaction::{Placement, Stage, Transaction};
use crate::batch::job::{Job, JobNumber};
use crate::batch::room::Rooms;
use crate::batch::roster::{JobSubmission, Roster};
use crate::retry::Retry;

pub use self::options::{JobKind, SchedulerOptions, Search, SharingMode};

/// A job that waits, or what is left of it.
#[derive(Clone, Debug)]
struct WaitingJob {
    number: JobNumber,
    kind: usize,
    job: Job,
    /// Number of decisions so far.
    attempts: u32,
    /// The newest change by others that the scheduler knew of when it asked for what the store refused:
    /// until it knows of another, it would decide the same.
    refused_on: Option<Revision>,
}

impl WaitingJob {
    /// Whether a pod is one of the members that wait.
    fn has(&self, pod: PodRef) -> bool {
        self.job.members.contains(&pod)
    }
}

/// A decision that is being made.
#[derive(Clone, Debug)]
struct OpenDecision {
    job: WaitingJob,
    claims: Vec<Claim>,
    began: Instant,
    /// The newest change that the copy shows.
    copy: Revision,
    commit_at: Instant,
    /// Nodes of which everything free is held.
    held: Vec<NodeId>,
    /// Nodes of which the store refused the hold: others hold them.
    withheld: Vec<NodeId>,
    /// The newest change by others that the scheduler knew of at the copy.
    heard: Revision,
}

/// One of the schedulers, as a component.
#[derive(Clone)]
pub struct Scheduler {
    options: SchedulerOptions,
    id: ComponentId,
    queue: VecDeque<WaitingJob>,
    deciding: Option<OpenDecision>,
    /// The transaction that the store is asked about.
    committing: Option<Transaction>,
    /// Jobs of whose members the bindings were asked for and have not shown yet, with these members.
    sent: Vec<WaitingJob>,
    /// Pods whose bindings the store refused.
    refused: Vec<PodRef>,
    retry: Retry,
    roster: Roster,
    rooms: Rooms,
    /// Jobs of this scheduler's kinds so far.
    seen: u64,
    /// Revision of the last accepted claim on a node, by node.
    claimed: Vec<Revision>,
    /// Revision of the last change that is not this scheduler's own.
    heard: Revision,
    cursor: Revision,
    backlog: usize,
}

impl Scheduler {
    /// A scheduler without jobs, at its place among the components.
    pub fn new(options: SchedulerOptions, id: ComponentId) -> Self {
        Self {
            options,
            id,
            queue: VecDeque::new(),
            deciding: None,
            committing: None,
            sent: Vec::new(),
            refused: Vec::new(),
            retry: Retry::default(),
            roster: Roster::default(),
            rooms: Rooms::default(),
            seen: 0,
            claimed: Vec::new(),
            heard: Revision::default(),
            cursor: Revision::default(),
            backlog: 0,
        }
    }

    fn read(&mut self, store: &Store) {
        let mut submitted: Vec<JobSubmission> = Vec::new();
        let mut at = self.cursor;
        for entry in store.log().since(self.cursor) {
            at = Revision(at.0 + 1);
            if self.options.holds_first && !self.is_own(&entry.event) {
                self.heard = at;
            }
            match &entry.event {
                Event::PodCreated(created) => {
                    submitted.extend(self.roster.created(entry.at, store, created));
                }
                Event::PodBound { pod, node, .. } => {
                    self.mark(*node, at);
                    self.forget(*pod);
                }
                Event::PodEnded { pod, .. } => self.forget(*pod),
                // Where claims are held first, a hold may yet be dropped.
                Event::HoldPlaced(hold) if hold.owner != self.id && !self.options.holds_first => {
                    self.mark(hold.node, at);
                }
                _ => {}
            }
        }
        submitted.extend(self.roster.finish());
        self.cursor = store.revision();
        for JobSubmission { number, job } in submitted {
            self.submit(number, &job, store);
        }
    }

    /// Whether this scheduler asked for a change that it has not read before.
    fn is_own(&self, event: &Event) -> bool {
        match event {
            Event::HoldPlaced(hold) => hold.owner == self.id,
            Event::HoldReleased { owner, .. } => *owner == self.id,
            Event::PodBound { pod, .. } => {
                let mut sent = self.sent.iter().flat_map(|own| &own.job.members);
                sent.any(|own| own == pod)
            }
            Event::PodUnschedulable { pod } => self.roster.find(*pod).is_some(),
            Event::Decided(decision) => decision.scheduler == self.options.name,
            _ => false,
        }
    }

    /// Notes that a claim on a node was accepted.
    fn mark(&mut self, node: NodeId, at: Revision) {
        if self.claimed.len() <= node.index() {
            self.claimed.resize(node.index() + 1, Revision::default());
        }
        self.claimed[node.index()] = at;
    }

    /// A pod has a node, or is gone: its job goes without it.
    fn forget(&mut self, pod: PodRef) {
        let Some(known) = self.roster.forget(pod) else {
            return;
        };
        self.sent.retain_mut(|own| {
            own.job.members.retain(|member| *member != pod);
            !own.job.members.is_empty()
        });
        let deciding = self.deciding.as_mut().map(|own| &mut own.job);
        let committing = self.committing.as_mut().map(|own| &mut own.job);
        let waiting = self.queue.iter_mut().chain(deciding).chain(committing);
        let mut is_over = false;
        for own in waiting.filter(|own| own.number == known.job) {
            let before = own.job.members.len();
            own.job.members.retain(|member| *member != pod);
            self.backlog -= before - own.job.members.len();
            is_over |= own.job.members.is_empty();
        }
        if is_over {
            self.queue.retain(|own| !own.job.members.is_empty());
        }
    }

    /// Takes a job if it is this scheduler's.
    fn submit(&mut self, number: JobNumber, job: &Job, store: &Store) {
        let spec = &store.class(job.class).spec;
        let meets = |kind: &JobKind| {
            kind.priority.is_none_or(|least| spec.priority >= least)
                && kind
                    .requested
                    .is_none_or(|least| job.facts.requested >= least)
                && kind.tasks.is_none_or(|least| job.facts.members >= least)
        };
        let kind = self.options.kinds.iter().position(meets);
        let Some(kind) = kind.filter(|kind| self.options.serves.contains(kind)) else {
            return;
        };
        let (own, all) = self.options.turn;
        let turn = self.seen % all;
        self.seen += 1;
        // Pods that were found on nodes, or ended at once, need no decision.
        let members = job.members.iter().copied();
        let waiting: SmallVec<[PodRef; 2]> = members
            .filter(|&pod| self.roster.find(pod).is_some())
            .collect();
        if turn != own || waiting.is_empty() {
            return;
        }
        self.backlog += waiting.len();
        self.queue.push_back(WaitingJob {
            number,
            kind,
            job: Job {
                members: waiting,
                ..*job
            },
            attempts: 0,
            refused_on: None,
        });
    }

    /// Begins to decide on the first job that the cluster as it is seen has room for.
    fn begin(&mut self, now: Instant, store: &Store, out: &mut Outbox) {
        let gang = self.options.transactions == commit::Transactions::AllOrNothing;
        let (rooms, heard) = (&mut self.rooms, self.heard);
        let has_room = |own: &WaitingJob| {
            if own.refused_on.is_some_and(|known| heard <= known) {
                return false;
            }
            let least = if gang { own.job.members.len() } else { 1 };
            rooms.total(store, own.job.class) >= least as u64
        };
        let Some(position) = self.queue.iter().position(has_room) else {
            return;
        };
        let Some(job) = self.queue.remove(position) else {
            return;
        };
        let look = NodeSearch {
            search: self.options.search,
            seed: self.options.seed,
            number: job.number.0,
            attempt: job.attempts,
        };
        let claims = plan(&mut self.rooms, store, &job.job, look);
        let takes = self.options.kinds[job.kind].decision_time(job.job.members.len());
        let mut held = Vec::new();
        if self.options.sharing == SharingMode::Offers {
            held = store
                .nodes()
                .present()
                .filter(|&node| self.hold(node, store, out))
                .collect();
        }
        let commit_at = now.saturating_add(takes);
        out.wake_at(commit_at);
        self.deciding = Some(OpenDecision {
            job,
            claims,
            began: now,
            copy: store.revision(),
            commit_at,
            held,
            withheld: Vec::new(),
            heard: self.heard,
        });
    }

    /// Places a hold on everything that is free on a node; `false` if nothing is.
    fn hold(&self, node: NodeId, store: &Store, out: &mut Outbox) -> bool {
        let resources = store.nodes().free().row(node);
        let is_free = resources.cpu_milli > 0 || resources.memory_bytes > 0;
        if !is_free || resources.pods <= 0 || resources.cpu_milli < 0 || resources.memory_bytes < 0
        {
            return false;
        }
        out.write(
            store,
            Event::HoldPlaced(Arc::new(Hold {
                owner: self.id,
                number: u64::from(node.0),
                node,
                resources,
                devices: DeviceSet::EMPTY,
                milli_per_device: 0,
                until: None,
            })),
        );
        true
    }

    /// Commits the claims of a decision to the cluster as it is now, or asks for holds first.
    fn commit(&mut self, own: OpenDecision, store: &Store, out: &mut Outbox) {
        let OpenDecision {
            job,
            claims,
            began,
            copy,
            held,
            withheld,
            heard,
            ..
        } = own;
        let owner = self.id;
        for &node in &held {
            let number = u64::from(node.0);
            out.write(store, Event::HoldReleased { owner, number });
        }
        // Tasks that are gone by now claim nothing.
        let members = &job.job.members;
        let claims: Vec<Claim> = claims
            .into_iter()
            .filter(|claim| members.contains(&claim.pod))
            .collect();
        let mut cell = Cell::new(store, job.job.class, copy, &self.claimed, owner);
        cell.withhold(&withheld);
        // What is offered to a scheduler is locked: others' claims can't be about it.
        let conflicts = match self.options.sharing {
            SharingMode::Optimistic => self.options.conflicts,
            SharingMode::Offers => Conflicts::Fine,
        };
        let kept = commit::commit(&mut cell, &claims, conflicts, self.options.transactions);
        let accepted = claims.iter().zip(&kept).filter(|(_, kept)| **kept);
        let accepted = accepted.map(|(claim, _)| Placement {
            pod: claim.pod,
            node: claim.node,
            devices: cell.devices(claim.node),
        });
        let mut transaction = Transaction {
            accepted: accepted.collect(),
            claims: claims.len(),
            job,
            began,
            stage: Stage::Held,
            is_refused: !withheld.is_empty(),
            asked_on: if withheld.is_empty() {
                self.heard
            } else {
                heard
            },
        };
        if self.options.holds_first {
            transaction.hold(owner, store, out);
            self.committing = Some(transaction);
        } else {
            self.bind(&mut transaction, store, out);
            self.conclude(transaction, store, out);
        }
    }
}

impl Component for Scheduler {
    fn name(&self) -> &str {
        &self.options.name
    }

    fn cursor(&self) -> Revision {
        self.cursor
    }

    fn step(&mut self, now: Instant, view: &Store, out: &mut Outbox) -> Progress {
        let is_news = self.cursor < view.revision() || self.retry.is_due(now);
        self.read(view);
        if let Some(own) = self.committing.take() {
            self.answered(own, view, out);
            return Progress::More;
        }
        if is_news {
            self.retry = Retry::default();
            self.take_back_refused(view, out);
        }
        self.retry.ask(now, out);
        if let Some(own) = self.deciding.take_if(|own| own.commit_at <= now) {
            self.commit(own, view, out);
            return Progress::More;
        }
        match &self.deciding {
            Some(own) => out.wake_at(own.commit_at),
            None => self.begin(now, view, out),
        }
        // A decision that takes no time is committed in the next step.
        match &self.deciding {
            Some(own) if own.commit_at <= now => Progress::More,
            _ => Progress::Idle,
        }
    }

    fn places_pods(&self) -> bool {
        true
    }

    fn relies_on_view(&self) -> bool {
        true
    }

    fn claims_as_seen(&self) -> bool {
        self.options.conflicts == Conflicts::Coarse
    }

    fn refused(&mut self, write: &Write, conflict: &Conflict) {
        self.retry.refused(conflict);
        match &write.event {
            Event::PodBound { pod, .. } => {
                self.refused.push(*pod);
                if let Some(own) = &mut self.committing {
                    own.refuse_binding(*pod);
                }
            }
            Event::HoldPlaced(hold) => match (&mut self.committing, &mut self.deciding) {
                (Some(own), _) => own.refuse_hold(hold.number),
                (None, Some(own)) => own.withheld.push(hold.node),
                (None, None) => {}
            },
            _ => {}
        }
    }

    fn backlog(&self) -> usize {
        self.backlog + self.refused.len()
    }

    fn clone_component(&self) -> Box<dyn Component> {
        Box::new(self.clone())
    }
}
