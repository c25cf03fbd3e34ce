//! Estimates of what tasks need, from what they use; and what happens when a machine runs out of memory
//! because an estimate was wrong: tasks below production are killed, and never others (spec:
//! orchestrators-b.md section 5.3).

use std::cmp::Reverse;

use cluster::{Store, UsageSamples};
use model::{EndReason, EvictionCause, PodRef, ResourceUsage, Tier};
use units::{Duration, Instant, NodeId};

use super::super::machine::Held;
use super::super::options::Reclamation;
use super::{Borgmaster, Holder};
use crate::parts::reservation::Estimator;
use crate::parts::turn::Turn;

/// The estimates of a task.
#[derive(Clone, Debug)]
struct Estimate {
    pod: PodRef,
    cpu: Estimator,
    memory: Estimator,
}

/// The estimates of all running tasks.
#[derive(Clone, Debug, Default)]
pub(super) struct Estimates {
    /// Instant of the next estimate.
    next: Instant,
    /// Whether the next estimates may differ from the last ones.
    matters: bool,
    /// Whether any task was measured.
    measures: bool,
    /// By slot.
    of: Vec<Option<Estimate>>,
    /// Tasks that are to be killed for want of memory.
    victims: Vec<PodRef>,
}

impl Estimates {
    pub(super) fn forget(&mut self, pod: PodRef) {
        if let Some(row) = self.of.get_mut(pod.slot.index()) {
            row.take_if(|own| own.pod == pod);
        }
    }

    /// The cores and the memory to keep for a task that runs and is measured.
    fn sample(
        &mut self,
        pod: PodRef,
        held: &Held,
        running: Duration,
        used: ResourceUsage,
        options: &Reclamation,
    ) -> (i64, i64) {
        let slot = pod.slot.index();
        if self.of.len() <= slot {
            self.of.resize(slot + 1, None);
        }
        let own = self.of[slot].get_or_insert_with(|| Estimate {
            pod,
            cpu: Estimator::new(held.limit.cpu_milli as f64, options.reservation),
            memory: Estimator::new(held.limit.memory_bytes as f64, options.reservation),
        });
        let at = running.as_nanos() as f64 / 1e9;
        let whole = |amount: f64, limit: i64| (amount.ceil() as i64).clamp(0, limit);
        let cpu = own.cpu.sample(at, used.cpu_milli as f64);
        let memory = own.memory.sample(at, used.memory_bytes as f64);
        self.measures = true;
        self.matters |= running.as_nanos() as f64 / 1e9 < options.reservation.warm_up;
        (
            whole(cpu, held.limit.cpu_milli),
            whole(memory, held.limit.memory_bytes),
        )
    }

    /// Takes note that a task runs, which is yet to be measured.
    pub(super) fn expect(&mut self) {
        self.matters = true;
        self.measures = true;
    }

    /// Whether a run has to go on for the next estimate, with so many tasks that wait.
    pub(super) fn go_on(&self, waiting: usize, options: &Reclamation) -> bool {
        (waiting > 0 && self.matters) || (options.goes_on && self.measures)
    }
}

impl Borgmaster {
    /// Instant of the next estimate.
    pub(super) fn next_estimate(&self) -> Option<Instant> {
        self.options.reclamation.map(|_| self.estimates.next)
    }

    /// Machines measure what their tasks use.
    pub(super) fn estimate(&mut self, now: Instant, store: &Store, usage: &dyn UsageSamples) {
        let Some(options) = self.options.reclamation else {
            return;
        };
        let interval = options.interval.as_nanos().max(1);
        let past = now.as_nanos() % interval;
        let last = Instant::from_nanos(now.as_nanos() - past);
        self.estimates.next = last.saturating_add(options.interval);
        self.estimates.matters = false;
        self.estimates.measures = false;
        let mut has_changed = false;
        for node in store.nodes().present() {
            let contact = self.contacts.get(node.index());
            if contact.is_some_and(super::machines::Contact::is_heard) {
                has_changed |= self.estimate_on(now, node, &options, usage);
                self.look_for_shortage(node, usage);
            }
        }
        self.estimates.matters |= has_changed;
        if has_changed {
            self.pending.unblock();
        }
    }

    fn estimate_on(
        &mut self,
        now: Instant,
        node: NodeId,
        options: &Reclamation,
        usage: &dyn UsageSamples,
    ) -> bool {
        let (estimates, tasks) = (&mut self.estimates, &self.tasks);
        self.cell.reserve(node, |held| {
            // Of an alloc, and of a task of whose use nothing is known, all is kept.
            let all = (held.limit.cpu_milli, held.limit.memory_bytes);
            let Some(pod) = held.holder.task() else {
                return all;
            };
            let own = tasks.get(pod.slot.index()).and_then(Option::as_ref);
            let started = own.and_then(|own| own.started.filter(|_| own.pod == pod));
            match (started, usage.pod(pod)) {
                (Some(started), Some(used)) => {
                    estimates.sample(pod, held, now.since(started), used, options)
                }
                _ => all,
            }
        })
    }

    /// Chooses the tasks that a machine kills because it is out of memory: from the lowest priority up,
    /// the newest first, production never.
    fn look_for_shortage(&mut self, node: NodeId, usage: &dyn UsageSamples) {
        let machine = &self.cell.machines()[node.index()];
        let used = |pod: PodRef| usage.pod(pod).map_or(0, |used| used.memory_bytes);
        let mut tasks = Vec::new();
        for held in &machine.tasks {
            let pods = match held.holder {
                Holder::Task(pod) => vec![pod],
                Holder::Alloc(alloc) => self.allocs.tasks(alloc),
            };
            let rank = (held.priority, Reverse(held.started));
            tasks.extend(pods.into_iter().map(|pod| (rank, pod, used(pod))));
        }
        let all = tasks.iter().map(|own| own.2);
        let mut missing = all.fold(0_i64, i64::saturating_add) - machine.offered.memory_bytes;
        if missing <= 0 {
            return;
        }
        tasks.retain(|&((priority, _), _, _)| !Tier::of(priority).is_prod());
        tasks.sort_by_key(|own| own.0);
        for (_, pod, own) in tasks {
            if missing > 0 && own > 0 {
                missing -= own;
                self.estimates.victims.push(pod);
            }
        }
    }

    /// Kills the tasks that were chosen for want of memory; equal ones come to the queue.
    pub(super) fn relieve(&mut self, turn: &mut Turn<'_>) {
        for pod in std::mem::take(&mut self.estimates.victims) {
            let own = self.task(pod);
            if own.is_some_and(|own| !own.is_replaced) && turn.store.pods().get(pod).is_some() {
                self.replace(
                    pod,
                    EndReason::Evicted(EvictionCause::NodePressure),
                    turn.out,
                );
            }
        }
    }
}
