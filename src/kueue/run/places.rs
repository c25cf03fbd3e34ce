//! Nodes that places are given on, as they come and go (spec: batch-on-kubernetes.md 1.9.1, 1.9.5).

use std::sync::Arc;

use model::queueing::{Admission, PodSetAdmission, QueuedWorkload};
use model::{Node, ResourceList, Taint, Text, rules};
use units::Duration;

use super::{Controller, Stage};
use crate::topology::{LostPods, PlaceRequests, Usage};
use crate::workload::{DomainUse, PendingWorkload};

/// Time from the loss of a node to the second pass of the workloads on it.
const SECOND_PASS: Duration = Duration::from_secs(1);

/// Reason of an eviction by the loss of a node.
const NODE_FAILURES: &str = "NodeFailures";

impl Controller {
    /// Whether some flavor has a topology.
    pub fn gives_places(&self) -> bool {
        !self.snapshot.topologies.is_empty()
    }

    /// Takes in all nodes anew, without pods that no workload with a place owns.
    pub fn renew_nodes<'n>(&mut self, nodes: impl Iterator<Item = &'n Node>) {
        self.snapshot.renew_nodes(nodes);
        self.retry_placed();
    }

    /// A pod that no workload with a place owns is on a node.
    pub fn add_foreign_pod(&mut self, node: &str, requests: &ResourceList) {
        self.snapshot.add_foreign_pod(node, requests);
    }

    /// A pod that no workload with a place owns has ended.
    pub fn remove_foreign_pod(&mut self, node: &str, requests: &ResourceList) {
        self.snapshot.remove_foreign_pod(node, requests);
        self.retry_placed();
    }

    /// Workloads of queues whose flavors have topologies are tried again.
    fn retry_placed(&mut self) {
        let topologies = &self.snapshot.topologies;
        let queues = self.snapshot.queues().filter(|(_, queue)| {
            let mut flavors = queue.groups.iter().flat_map(|group| &group.flavors);
            flavors.any(|flavor| topologies.get(*flavor).is_some())
        });
        let queues: Vec<_> = queues.map(|(id, _)| id).collect();
        for queue in queues {
            self.ask_for_retry(queue);
        }
    }

    /// A node is gone: workloads that have places on it lose it.
    pub fn lose_node(&mut self, node: &str) {
        for number in self.placed_on(node) {
            self.lose_place(number, node);
        }
    }

    /// Numbers of the workloads that have a place on a node.
    pub fn placed_on(&self, node: &str) -> Vec<usize> {
        let states = self.states.iter();
        let placed = states.filter(|(_, state)| {
            state.stage != Stage::Finished && has_place(&state.workload, node)
        });
        placed.map(|(number, _)| *number).collect()
    }

    /// Whether pods of a workload may stay on a node where it has a place: they tolerate each taint that
    /// keeps pods off, and for good.
    pub fn tolerates(&self, number: usize, node: &Node, host: &str) -> bool {
        let workload = &self.states[&number].workload;
        let placed = workload.admission.iter().flat_map(|own| &own.pod_sets);
        let mut placed = placed.filter(|set| is_on(set, host));
        placed.all(|set| {
            let stated = workload.pod_sets.iter().find(|own| own.name == set.name);
            let flavors = set.flavors.values();
            let topologies = flavors.filter_map(|name| {
                let flavor = self.snapshot.names.known_flavor(name)?;
                self.snapshot.topologies.get(flavor)
            });
            let tolerations = stated.into_iter().flat_map(|own| &own.spec.tolerations);
            let tolerations = tolerations.chain(topologies.flat_map(|own| &own.flavor.tolerations));
            let lasting: Vec<_> = tolerations
                .filter(|own| own.tolerates_for.is_none())
                .collect();
            let is_tolerated =
                |taint: &Taint| rules::taints::covering(lasting.iter().copied(), taint).is_some();
            rules::taints::untolerated(&node.taints, rules::taints::REPELLING, is_tolerated)
                .next()
                .is_none()
        })
    }

    /// A workload loses its place on a node: its pods there get other ones in a second pass; one that
    /// loses a further node before is evicted.
    pub fn lose_place(&mut self, number: usize, node: &str) {
        let at = self.now.saturating_add(SECOND_PASS);
        match &self.states[&number].lost {
            Some((_, known)) if **known != *node => self.evict(number, NODE_FAILURES),
            Some(_) => {}
            None => {
                self.state_mut(number).lost = Some((at, node.into()));
                self.set_alarm(number);
            }
        }
    }

    /// A workload keeps its place on a node that it was about to lose.
    pub fn keep_place(&mut self, number: usize, node: &str) {
        let lost = self.states[&number].lost.as_ref();
        if lost.is_some_and(|(_, lost)| **lost == *node) {
            self.state_mut(number).lost = None;
        }
    }

    /// The second pass of a workload that has lost a node: its pods there get other places, or it is
    /// evicted (spec: batch-on-kubernetes.md 1.9.5, 1.11).
    pub(super) fn replace_node(&mut self, number: usize) {
        let Some((_, node)) = self.state_mut(number).lost.take() else {
            return;
        };
        let Some(admission) = self.replaced(number, &node) else {
            self.evict(number, NODE_FAILURES);
            return;
        };
        let workload = Arc::make_mut(&mut self.state_mut(number).workload);
        workload.admission = Some(admission);
        self.hold_anew(number);
        self.set_alarm(number);
    }

    /// The admission of a workload with other places for its pods on a node; `None` if there are none.
    fn replaced(&mut self, number: usize, node: &str) -> Option<Admission> {
        let state = &self.states[&number];
        let (workload, queue) = (state.workload.clone(), state.queue?);
        let mut admission = workload.admission.clone()?;
        let pending = PendingWorkload::new(workload, queue, &mut self.snapshot.names).ok()?;
        // Sets that get their places first count for those after them.
        let mut taken: Vec<DomainUse> = Vec::new();
        let mut is_complete = true;
        for set in &mut admission.pod_sets {
            let found = self.replaced_set(&pending, set, node, &mut taken);
            is_complete &= found.is_some();
        }
        for own in &taken {
            self.snapshot.topologies.remove(own);
        }
        is_complete.then_some(admission)
    }

    /// Gives the pods of a set on a node other places; `None` if there are none.
    fn replaced_set(
        &mut self,
        pending: &PendingWorkload,
        set: &mut PodSetAdmission,
        node: &str,
        taken: &mut Vec<DomainUse>,
    ) -> Option<()> {
        let Some(place) = &mut set.topology else {
            return Some(());
        };
        let is_there = |values: &[Text]| values.last().is_some_and(|value| **value == *node);
        let mut lost = place.domains.iter().filter(|(values, _)| is_there(values));
        let Some((_, count)) = lost.next().cloned() else {
            return Some(());
        };
        let left = place.domains.iter().filter(|(values, _)| !is_there(values));
        let mut domains: Vec<(Vec<Text>, i64)> = left.cloned().collect();
        let mut sets = pending.workload.pod_sets.iter();
        let index = sets.position(|own| own.name == set.name)?;
        let names = set.flavors.values();
        let mut flavors = names.filter_map(|name| self.snapshot.names.known_flavor(name));
        let flavor = flavors.find(|flavor| self.snapshot.topologies.get(*flavor).is_some())?;
        let lost = LostPods {
            flavor,
            count,
            left: &domains,
        };
        let ground = self.snapshot.ground();
        let request = PlaceRequests::replacing(ground, pending, index, &lost);
        let mut found = request.place(ground, Usage::Present).ok()?;
        let (_, found) = found.pop()?;
        for (values, count) in found.domains {
            let own = DomainUse {
                flavor,
                values: values.clone(),
                count,
                single: pending.sets[index].single.clone(),
            };
            self.snapshot.topologies.add(&own);
            taken.push(own);
            match domains.iter_mut().find(|(known, _)| *known == values) {
                Some((_, known)) => *known += count,
                None => domains.push((values, count)),
            }
        }
        domains.sort();
        place.domains = domains;
        Some(())
    }
}

/// Whether a workload has a place on a node, where places are single nodes.
fn has_place(workload: &QueuedWorkload, node: &str) -> bool {
    let admission = workload.admission.as_ref();
    let mut sets = admission.into_iter().flat_map(|own| &own.pod_sets);
    sets.any(|set| is_on(set, node))
}

/// Whether a pod set has a place on a node, where places are single nodes.
fn is_on(set: &PodSetAdmission, node: &str) -> bool {
    set.topology.as_ref().is_some_and(|own| {
        let is_by_host = own
            .levels
            .last()
            .is_some_and(|key| **key == *model::node::HOSTNAME_LABEL);
        let is_it = |values: &Vec<Text>| values.last().is_some_and(|value| **value == *node);
        is_by_host && own.domains.iter().any(|(values, _)| is_it(values))
    })
}
