//! Quota that a workload gets, and its admission once all checks have passed (spec:
//! batch-on-kubernetes.md 1.10).

use std::sync::Arc;

use model::Text;
use model::queueing::{Admission, Condition, PodSetAdmission};

use super::cycle::Entry;
use super::{CheckState, Controller, Readiness, Stage};
use crate::names::Names;
use crate::workload::{EVICTED, QUOTA_RESERVED};

impl Controller {
    /// A workload gets the quota that was found for it.
    pub(super) fn reserve(&mut self, number: usize, entry: &Entry) {
        self.dequeue(number);
        let queue = entry.pending.queue;
        let admission = self.admission(entry);
        let now = self.now;
        let spec = self.snapshot.queue(queue).spec.clone();
        let state = self.state_mut(number);
        let flavors: Vec<&Text> = admission
            .pod_sets
            .iter()
            .flat_map(|set| set.flavors.values())
            .collect();
        let needed = spec.checks.iter().filter(|check| {
            check.flavors.is_empty() || check.flavors.iter().any(|flavor| flavors.contains(&flavor))
        });
        let needed: Vec<Text> = needed.map(|check| check.name.clone()).collect();
        state.checks.retain(|name, _| needed.contains(name));
        for name in needed {
            state.checks.entry(name).or_default();
        }
        state.stage = Stage::QuotaReserved;
        state.evicted = None;
        state.cursor = None;
        state.requeue_at = None;
        let workload = Arc::make_mut(&mut state.workload);
        workload.admission = Some(admission);
        workload
            .conditions
            .retain(|condition| &*condition.kind != EVICTED);
        workload.conditions.push(Condition {
            kind: QUOTA_RESERVED.into(),
            holds: true,
            reason: QUOTA_RESERVED.into(),
            since: now,
        });
        self.hold(number);
        if let Some(waiting) = self.waiting.get_mut(&queue)
            && waiting.preemptor == Some(number)
        {
            waiting.preemptor = None;
        }
        self.admit_if_ready(number);
    }

    /// A workload holds the quota of its admission in the snapshot.
    pub(super) fn hold(&mut self, number: usize) {
        let workload = self.states[&number].workload.clone();
        if let Some(holding) = self.snapshot.hold(workload, self.now) {
            self.by_holding.insert(holding, number);
            self.state_mut(number).holding = Some(holding);
        }
    }

    /// Answer to whether the readiness of workloads counts.
    pub fn waits_for_pods(&self) -> bool {
        self.wait_for_pods_ready.is_some()
    }

    /// Whether nothing is admitted for the present, as the pods of a workload are not ready: of one that
    /// holds quota, or of one that this cycle admits.
    pub(super) fn blocks_admission(&self, admits: bool) -> bool {
        let limits = self.wait_for_pods_ready.as_ref();
        let blocks = limits.is_some_and(|limits| limits.blocks_admission);
        let mut holders = self.by_holding.values();
        blocks
            && (admits || holders.any(|holder| self.states[holder].readiness != Readiness::Ready))
    }

    /// A workload is admitted if all its checks have passed.
    pub(super) fn admit_if_ready(&mut self, number: usize) {
        let now = self.now;
        let state = self.state_mut(number);
        let is_ready = state
            .checks
            .values()
            .all(|check| *check == CheckState::Ready);
        if state.stage == Stage::QuotaReserved && is_ready {
            state.stage = Stage::Admitted;
            state.admitted = Some(now);
            self.set_alarm(number);
        }
    }

    /// The admission that an entry's flavors come to.
    fn admission(&self, entry: &Entry) -> Admission {
        let names = &self.snapshot.names;
        let nomination = entry.nomination.as_ref();
        let sets = nomination.into_iter().flat_map(|own| &own.assignment.sets);
        let sets = sets.map(|set| {
            let flavors = set.flavors.iter().map(|(resource, chosen)| {
                let flavor = names.flavor_name(chosen.flavor).clone();
                (names.resource_name(*resource).clone(), flavor)
            });
            let usage = set.requests.iter().map(|(resource, amount)| {
                let name = names.resource_name(*resource).clone();
                let amount = Names::quantity(&name, *amount);
                (name, amount)
            });
            PodSetAdmission {
                name: set.name.clone(),
                count: set.count,
                flavors: flavors.collect(),
                usage: usage.collect(),
                topology: set.topology.clone(),
            }
        });
        let queue = self.snapshot.tree.node(entry.pending.queue);
        Admission {
            cluster_queue: queue.name.clone(),
            pod_sets: sets.collect(),
        }
    }
}
