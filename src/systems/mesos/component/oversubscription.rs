//! Oversubscription: what tasks have and do not use is offered a second time, to frameworks that take
//! resources that may be taken back, and is taken back where an agent's own tasks want it
//! (spec: orchestrators-b.md section 1.6; mesos `docs/oversubscription.md`,
//! `src/slave/resource_estimators/fixed.cpp`, `src/slave/qos_controllers/load.cpp`).

use crate::parts::turn::Turn;
use cluster::{Store, UsageSamples};
use control::admission::Creation;
use model::{EndReason, EvictionCause, PodRef};
use units::{Instant, NodeId, SortedSet};

use super::super::columns::CPUS;
use super::super::fast::amounts::{Amounts, REVOCABLE, is_nothing};
use super::super::section::MesosOversubscription;
use super::agents::Belief;
use super::{MesosMaster, Task};

/// Reports of agents, until the master hears of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Reports {
    /// Instant of the agents' next report.
    next: Instant,
    /// Agents that can offer something else than before.
    changed: Vec<(NodeId, Amounts)>,
    /// Whether anybody has what may be taken back: only then a report can end something.
    pub(super) matters: bool,
    /// Tasks that are to be killed.
    corrections: SortedSet<PodRef>,
}

/// Whether a task has something that may be taken back.
pub(super) fn is_revocable(task: &Task) -> bool {
    let part = task.taken.of_role(REVOCABLE);
    part.is_some_and(|amounts| !is_nothing(amounts))
}

impl MesosMaster {
    /// Whether agents report at this instant.
    pub(super) fn is_reporting(&self, now: Instant) -> bool {
        self.options.stated.oversubscription.is_some() && now >= self.reports.next
    }

    /// Instant of the agents' next report.
    pub(super) fn next_report(&self) -> Option<Instant> {
        let is_on = self.options.stated.oversubscription.is_some();
        is_on.then_some(self.reports.next)
    }

    /// Agents look at what their tasks use.
    pub(super) fn report(&mut self, now: Instant, store: &Store, usage: &dyn UsageSamples) {
        let Some(options) = self.options.stated.oversubscription else {
            return;
        };
        let interval = options.interval.as_nanos().max(1);
        let past = now.as_nanos() % interval;
        self.reports.next =
            Instant::from_nanos(now.as_nanos() - past).saturating_add(options.interval);
        self.reports.matters = false;
        for node in store.nodes().present() {
            let agent = *self.agent_mut(node);
            if agent.belief == Belief::Here && !agent.is_silent {
                self.report_of(node, now, &options, store, usage);
            }
        }
    }

    fn report_of(
        &mut self,
        node: NodeId,
        now: Instant,
        options: &MesosOversubscription,
        store: &Store,
        usage: &dyn UsageSamples,
    ) {
        let (mut spare, mut wanted, mut revocable) = (0_i64, 0_i64, Vec::new());
        for slot in store.nodes().pods(node) {
            let held = self.held.get(slot.index()).and_then(Option::as_ref);
            let Some((pod, task)) = held.and_then(|held| Some((held.pod, held.task.as_ref()?)))
            else {
                continue;
            };
            let Some(record) = store.pods().get(pod) else {
                continue;
            };
            let has = &store.class(record.class).requests;
            // Of whose use nothing is known, all is taken to be used.
            let used = usage.pod(pod);
            let cpu = used.map_or(has.cpu_milli, |used| used.cpu_milli);
            let asked = usage.wanted(pod).map_or(cpu, |used| used.cpu_milli);
            wanted = wanted.saturating_add(asked);
            if is_revocable(task) {
                revocable.push(pod);
            } else {
                spare += (has.cpu_milli - cpu).max(0);
            }
        }
        self.reports.matters |= !revocable.is_empty();
        let offered = if let Some(amount) = &options.fixed {
            self.columns.stated(amount)
        } else {
            // Of memory nothing: what is used later can't be taken back in time.
            let mut offered = Amounts::from_elem(0, self.columns.count());
            offered[CPUS] = (spare as f64 * options.slack.as_f64()) as i64;
            offered
        };
        if self.revocable_of(node) != Some(&offered) {
            self.reports.changed.push((node, offered));
        }
        let cores = store.nodes().allocatable().row(node).cpu_milli;
        let is_over = options
            .correct_above
            .is_some_and(|share| wanted as f64 > share.as_f64() * cores as f64);
        let agent = self.agent_mut(node);
        let next = agent
            .corrected
            .map(|last| last.saturating_add(options.correction_interval));
        if is_over && !revocable.is_empty() && next.is_none_or(|next| next <= now) {
            agent.corrected = Some(now);
            self.reports.corrections.extend(revocable);
        }
    }

    /// Resources that an agent offers a second time, as the master knows them.
    fn revocable_of(&self, node: NodeId) -> Option<&Amounts> {
        self.revocable.get(node.index())?.as_ref()
    }

    /// The master hears what agents reported; revocable tasks that are in the way end, and wait for
    /// another offer.
    pub(super) fn oversubscribe(&mut self, turn: &mut Turn<'_>) {
        for (node, offered) in std::mem::take(&mut self.reports.changed) {
            if self.revocable.len() <= node.index() {
                self.revocable.resize(node.index() + 1, None);
            }
            self.revocable[node.index()] = Some(offered);
            self.updated(node, turn.store);
            self.is_requested = true;
        }
        for pod in std::mem::take(&mut self.reports.corrections) {
            if turn.store.pods().get(pod).is_some() {
                let reason = EndReason::Evicted(EvictionCause::Preemption);
                turn.out
                    .creations
                    .push(Creation::Replacement { pod, reason });
            }
        }
    }
}
