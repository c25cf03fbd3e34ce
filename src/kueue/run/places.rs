//! Nodes that places are given on, as they come and go (spec: batch-on-kubernetes.md 1.9.1, 1.9.5).

use model::queueing::QueuedWorkload;
use model::{Node, ResourceList, Text};

use super::{Controller, Stage};

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

    /// Workloads that have places on a node that is lost are evicted.
    pub fn lose_node(&mut self, node: &str) {
        let states = self.states.iter();
        let lost = states.filter(|(_, state)| {
            state.stage != Stage::Finished && has_place(&state.workload, node)
        });
        let lost: Vec<usize> = lost.map(|(number, _)| *number).collect();
        for number in lost {
            self.evict(number, NODE_FAILURES);
        }
    }
}

/// Whether a workload has a place on a node, where places are single nodes.
fn has_place(workload: &QueuedWorkload, node: &str) -> bool {
    let admission = workload.admission.as_ref();
    let mut sets = admission.into_iter().flat_map(|own| &own.pod_sets);
    sets.any(|set| {
        set.topology.as_ref().is_some_and(|own| {
            let is_by_host = own
                .levels
                .last()
                .is_some_and(|key| **key == *model::node::HOSTNAME_LABEL);
            let is_it = |values: &Vec<Text>| values.last().is_some_and(|own| **own == *node);
            is_by_host && own.domains.iter().any(|(values, _)| is_it(values))
        })
    })
}
