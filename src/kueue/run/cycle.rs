//! One cycle of decisions (spec: batch-on-kubernetes.md 1.3).

use std::sync::Arc;

use model::Text;
use model::queueing::{PreemptionPolicy, QueuedWorkload, QueueingStrategy};
use units::SortedSet;

use super::order::Order;
use super::{CheckState, Controller, CursorRecord, Stage};
use crate::assign::Mode;
use crate::names::FlavorResource;
use crate::nominate::{Nomination, nominate};
use crate::preempt::{Reason, Target};
use crate::topology::Usage;
use crate::tree::NodeId;
use crate::workload::{Cursor, DomainUse, PendingWorkload, queue_timestamp};

/// Reason for which a workload goes back to its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequeueReason {
    /// It can't be tried as things are.
    Generic,
    /// Its namespace is none of the queue's.
    NamespaceMismatch,
    /// It was nominated, and another went before.
    FailedAfterNomination,
    /// No flavor has room for it.
    NoFit,
    /// No preemption helps.
    PreemptionNoCandidates,
    /// Others make room for it.
    PendingPreemption,
}

impl RequeueReason {
    /// The reason as Kueue writes it; empty where there is none.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "",
            Self::NamespaceMismatch => "NamespaceMismatch",
            Self::FailedAfterNomination => "FailedAfterNomination",
            Self::NoFit => "NoFit",
            Self::PreemptionNoCandidates => "PreemptionNoCandidates",
            Self::PendingPreemption => "PendingPreemption",
        }
    }

    pub(super) const fn is_immediate(self) -> bool {
        matches!(self, Self::FailedAfterNomination | Self::PendingPreemption)
    }

    pub(super) const fn is_about_shape(self) -> bool {
        matches!(self, Self::NoFit | Self::PreemptionNoCandidates)
    }
}

/// End of a workload's part in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was not nominated: it has no room as things are.
    NotNominated,
    /// It can't be tried.
    Inadmissible,
    /// Another workload went before.
    Skipped,
    /// It holds quota.
    Assumed,
}

/// A workload's part in a cycle.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Number of the workload.
    pub(super) number: usize,
    /// The workload as it was tried.
    pub pending: PendingWorkload,
    /// Decision about it by itself.
    pub nomination: Option<Nomination>,
    /// End of its part.
    pub status: Status,
    /// Reason for which it went back to its queue.
    pub reason: Option<RequeueReason>,
    /// Reasons in words.
    pub message: String,
    /// Whether others made room for it.
    pub is_preemptor: bool,
    /// Flavors at which the search stopped.
    pub cursor: Option<Cursor>,
    /// Workloads that would have to make room: name, queue and reason.
    pub targeted: Vec<(Text, Text, Reason)>,
}

impl Entry {
    pub(super) fn mode(&self) -> Mode {
        let nomination = self.nomination.as_ref();
        nomination.map_or(Mode::NoFit, |nomination| nomination.assignment.mode())
    }

    fn targets(&self) -> &[Target] {
        self.nomination
            .as_ref()
            .map_or(&[], |nomination| &nomination.targets)
    }

    pub(super) fn usage(&self) -> Vec<(FlavorResource, i64)> {
        let nomination = self.nomination.as_ref();
        let usage = nomination.into_iter().flat_map(|own| &own.assignment.usage);
        usage.map(|(pair, amount)| (*pair, *amount)).collect()
    }

    fn domains(&self) -> Vec<DomainUse> {
        self.nomination
            .as_ref()
            .map_or_else(Vec::new, |nomination| nomination.domains(&self.pending))
    }
}

/// Answer to a workload that waits in a queue.
#[derive(Clone, Debug)]
pub struct Unadmitted {
    /// Name of the queue of the cluster.
    pub queue: Text,
    /// The workload.
    pub workload: Arc<QueuedWorkload>,
    /// Reasons in Kueue's words.
    pub message: String,
}

/// Outcome of a cycle.
#[derive(Clone, Debug, Default)]
pub struct Cycle {
    /// Workloads that were tried, in the order in which they were processed; those that were not
    /// processed come last.
    pub entries: Vec<Entry>,
    /// Number of entries that were processed.
    pub processed: usize,
    /// Whether anything changed.
    pub has_changed: bool,
}

/// Amounts that a cycle has added to the usage of the snapshot.
#[derive(Default)]
struct CycleUsage {
    usage: Vec<(NodeId, FlavorResource, i64)>,
    domains: Vec<DomainUse>,
    preempted: SortedSet<usize>,
    admits: bool,
}

impl Controller {
    /// One cycle: the first workload of each queue is tried. `None` if there is none.
    pub fn cycle(&mut self) -> Option<Cycle> {
        self.settle();
        let mut heads = Vec::new();
        for (queue, waiting) in &mut self.waiting {
            let own = self.snapshot.queue(*queue);
            if own.is_active {
                let is_sticky = own.spec.strategy == QueueingStrategy::BestEffortFifo;
                let sticky = waiting.preemptor.filter(|_| is_sticky);
                let sticky = sticky.and_then(|number| self.states.get(&number)?.key.as_ref());
                heads.extend(waiting.pop(sticky));
            }
        }
        if heads.is_empty() {
            return None;
        }
        self.cycles += 1;
        self.snapshot.cycle = self.cycles;
        let mut inadmissible = Vec::new();
        let mut nominated = Vec::new();
        for number in heads {
            self.state_mut(number).key = None;
            if let Some(entry) = self.try_head(number) {
                if entry.nomination.is_some() {
                    nominated.push(entry);
                } else {
                    inadmissible.push(entry);
                }
            }
        }
        let mut added = CycleUsage::default();
        let mut entries = Vec::new();
        let mut order = Order::new(&self.snapshot, nominated);
        while let Some(mut entry) = order.next(&mut self.snapshot) {
            self.process(&mut entry, &mut added);
            entries.push(entry);
        }
        for (queue, pair, amount) in &added.usage {
            self.snapshot.tree.remove(*queue, *pair, *amount);
        }
        for domain in &added.domains {
            self.snapshot.topologies.remove(domain);
        }
        let processed = entries.len();
        entries.extend(inadmissible);
        let has_changed = self.finish(&mut entries);
        Some(Cycle {
            entries,
            processed,
            has_changed,
        })
    }

    /// The decision about a head by itself; without a nomination it can't be tried.
    pub(super) fn try_head(&mut self, number: usize) -> Option<Entry> {
        let state = &self.states[&number];
        let queue = state.queue?;
        let mut failed = state.checks.values();
        let has_failed =
            failed.any(|check| matches!(check, CheckState::Retry | CheckState::Rejected));
        let workload = state.workload.clone();
        let cursor = self.usable_cursor(number, queue);
        let waiting = &self.waiting[&queue];
        let is_preemptor = waiting.preemptor == Some(number);
        let timestamp = queue_timestamp(&workload, self.snapshot.settings.requeue_time);
        let names = &mut self.snapshot.names;
        let pending = PendingWorkload::new(workload, queue, names);
        let mut pending = pending.expect("invariant: submit refuses requests that overflow");
        (pending.cursor, pending.timestamp) = (cursor, timestamp);
        let mut entry = Entry {
            number,
            pending,
            nomination: None,
            status: Status::NotNominated,
            reason: None,
            message: String::new(),
            is_preemptor,
            cursor: None,
            targeted: Vec::new(),
        };
        if !self.takes(queue, &entry.pending.workload.namespace) {
            entry.status = Status::Inadmissible;
            entry.reason = Some(RequeueReason::NamespaceMismatch);
            "Workload namespace doesn't match ClusterQueue selector".clone_into(&mut entry.message);
            return Some(entry);
        }
        if has_failed {
            entry.status = Status::Inadmissible;
            "The workload has failed admission checks".clone_into(&mut entry.message);
            return Some(entry);
        }
        if let Some(fault) = self.limit_ranges.fault(&entry.pending.workload) {
            entry.status = Status::Inadmissible;
            entry.message = fault;
            return Some(entry);
        }
        let nomination = nominate(&mut self.snapshot, &entry.pending);
        entry.message = nomination.assignment.message();
        entry.cursor = Some(nomination.assignment.cursor.clone());
        let targets = nomination.targets.iter().map(|target| {
            let holding = self.snapshot.holding(target.holding);
            let queue = self.snapshot.tree.node(holding.queue).name.clone();
            (holding.workload.name.clone(), queue, target.reason)
        });
        entry.targeted = targets.collect();
        entry.nomination = Some(nomination);
        Some(entry)
    }

    /// The cursor of the last attempt, if it still holds (spec: batch-on-kubernetes.md 1.5.4).
    fn usable_cursor(&self, number: usize, queue: NodeId) -> Option<Cursor> {
        let state = &self.states[&number];
        let kept = state.cursor.as_ref()?;
        let is_recent = kept.cycle + 1 >= self.cycles;
        let is_current = self.waiting[&queue].generation <= kept.generation;
        let holds = kept.shape == state.shape && (is_recent || is_current);
        holds.then(|| kept.cursor.clone())
    }

    /// Decides about an entry as the snapshot stands after those before it.
    fn process(&mut self, entry: &mut Entry, added: &mut CycleUsage) {
        let queue = entry.pending.queue;
        let mode = entry.mode();
        if mode == Mode::NoFit {
            entry.reason = Some(RequeueReason::NoFit);
            return;
        }
        if mode == Mode::Preempt && entry.targets().is_empty() {
            entry.reason = Some(RequeueReason::PreemptionNoCandidates);
            if self.snapshot.queue(queue).spec.preemption.reclaim != PreemptionPolicy::Any {
                let reserved = self.reserved(entry);
                self.add(added, queue, reserved, entry.domains());
            }
            return;
        }
        let mut targets = entry.targets().iter();
        if targets.any(|target| added.preempted.contains(&target.holding)) {
            "Workload has overlapping preemption targets with another workload"
                .clone_into(&mut entry.message);
            Self::skip(entry);
            return;
        }
        let own: Vec<usize> = entry
            .targets()
            .iter()
            .map(|target| target.holding)
            .collect();
        let gone: Vec<usize> = added
            .preempted
            .iter()
            .copied()
            .chain(own.iter().copied())
            .collect();
        let (fits, domains) = self.fits_without(entry, &gone);
        if !fits {
            "Workload no longer fits after processing another workload"
                .clone_into(&mut entry.message);
            Self::skip(entry);
            return;
        }
        if mode != Mode::Preempt && self.blocks_admission(added.admits) {
            "waiting for all admitted workloads to be in PodsReady condition"
                .clone_into(&mut entry.message);
            Self::skip(entry);
            return;
        }
        added.preempted.extend(own.iter().copied());
        self.add(added, queue, entry.usage(), domains);
        if mode == Mode::Preempt {
            entry.reason = Some(RequeueReason::PendingPreemption);
            let pending = format!(". Pending the preemption of {} workload(s)", own.len());
            entry.message.push_str(&pending);
            entry.cursor = None;
        } else {
            entry.status = Status::Assumed;
            added.admits = true;
        }
    }

    /// Whether an entry fits once some workloads are gone, and the domains of its pods: where only these
    /// are taken, places are sought anew in the flavors that it has.
    fn fits_without(&mut self, entry: &mut Entry, gone: &[usize]) -> (bool, Vec<DomainUse>) {
        for holding in gone {
            self.snapshot.remove_usage(*holding);
        }
        let snapshot = &self.snapshot;
        let have_room = |domains: &[DomainUse]| {
            let mut domains = domains.iter();
            domains.all(|domain| snapshot.topologies.fits(domain))
        };
        let mut fits = self.snapshot.fits(entry.pending.queue, &entry.usage());
        let mut domains = entry.domains();
        if fits && !have_room(&domains) {
            fits = false;
            if let Some(nomination) = &mut entry.nomination
                && nomination.assignment.mode() == Mode::Fit
            {
                let places = nomination.assignment.places(&self.snapshot, &entry.pending);
                if let Ok(found) = self.snapshot.find_places(&places, Usage::Present) {
                    nomination.assignment.set_places(found);
                    domains = nomination.domains(&entry.pending);
                    fits = true;
                }
            }
        }
        for holding in gone {
            self.snapshot.add_usage(*holding);
        }
        (fits, domains)
    }

    fn skip(entry: &mut Entry) {
        entry.status = Status::Skipped;
        entry.reason = Some(RequeueReason::FailedAfterNomination);
    }

    fn add(
        &mut self,
        added: &mut CycleUsage,
        queue: NodeId,
        usage: Vec<(FlavorResource, i64)>,
        domains: Vec<DomainUse>,
    ) {
        for (pair, amount) in usage {
            self.snapshot.tree.add(queue, pair, amount);
            added.usage.push((queue, pair, amount));
        }
        for domain in domains {
            self.snapshot.topologies.add(&domain);
            added.domains.push(domain);
        }
    }

    /// Amounts that stay reserved for a later workload.
    fn reserved(&self, entry: &Entry) -> Vec<(FlavorResource, i64)> {
        let queue = entry.pending.queue;
        let tree = &self.snapshot.tree;
        let nomination = entry.nomination.as_ref();
        let borrows = nomination.is_some_and(|nomination| nomination.assignment.borrowing > 0);
        let usage = entry.usage().into_iter();
        let reserved = usage.map(|(pair, amount)| {
            let quota = tree.quota(queue, pair);
            let left = quota.nominal.saturating_sub(tree.usage(queue, pair));
            let kept = match quota.borrowing_limit {
                _ if !borrows => amount.min(left).max(0),
                Some(limit) => amount.min(left.saturating_add(limit)),
                None => amount,
            };
            (pair, kept)
        });
        reserved.collect()
    }

    /// Carries out what was decided, and puts the others back. Whether anything changed.
    fn finish(&mut self, entries: &mut [Entry]) -> bool {
        let mut has_changed = false;
        let mut evicted = Vec::new();
        for entry in entries {
            let number = entry.number;
            if entry.nomination.is_some() {
                let kept = entry.cursor.clone();
                has_changed |= self.keep_cursor(number, entry.pending.queue, kept);
            }
            if entry.status == Status::Assumed {
                self.reserve(number, entry);
                has_changed = true;
                continue;
            }
            if entry.reason == Some(RequeueReason::PendingPreemption) {
                let targets = entry.targets().iter().map(|target| target.holding);
                let before = evicted.len();
                evicted.extend(targets.filter(|own| !self.is_stopping(*own)));
                has_changed |= evicted.len() > before;
            }
            let queue = entry.pending.queue;
            let before = self.waiting[&queue].inadmissible.len();
            self.requeue(number, entry.reason.unwrap_or(RequeueReason::Generic));
            has_changed |= self.waiting[&queue].inadmissible.len() != before;
        }
        for holding in evicted {
            if let Some(number) = self.by_holding.get(&holding).copied() {
                self.evict(number, "Preempted");
            }
        }
        self.ring();
        has_changed
    }

    /// Notes where the search stopped. Whether that is news.
    fn keep_cursor(&mut self, number: usize, queue: NodeId, cursor: Option<Cursor>) -> bool {
        let generation = self.waiting[&queue].generation;
        let cycle = self.cycles;
        let state = self.state_mut(number);
        let before = state.cursor.take().map(|own| own.cursor);
        let has_changed = before != cursor;
        let shape = state.shape;
        state.cursor = cursor.map(|cursor| CursorRecord {
            cursor,
            generation,
            cycle,
            shape,
        });
        has_changed && state.stage == Stage::Pending
    }
}
