//! Setting that an experiment gives to a system.

use std::sync::Arc;

use control::operation::Operation;
use model::{Node, Object, PodSpec};
use units::Instant;

/// Setting of a system.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'run> {
    /// Nodes at the beginning.
    pub nodes: &'run [Arc<Node>],
    /// Operations of users, of which the first make what is there at the beginning.
    pub declared: &'run [(Instant, Operation)],
    /// Pods of the workload, each kind once.
    pub pods: &'run [Arc<PodSpec>],
    /// Whether a provider may add machines.
    pub has_provider: bool,
    /// Whether something fails.
    pub has_failures: bool,
}

impl<'run> Setting<'run> {
    /// Objects that are declared.
    pub fn objects(&self) -> impl Iterator<Item = &'run Object> {
        self.declared.iter().filter_map(|(_, own)| match own {
            Operation::Create(object) | Operation::Apply(object) => Some(object),
            _ => None,
        })
    }

    /// Pods that may run: those of objects, single ones, and those of the workload.
    pub fn specs(&self) -> impl Iterator<Item = &'run PodSpec> {
        let single = self.declared.iter().filter_map(|(_, own)| match own {
            Operation::ApplyPod(pod) => Some(&*pod.spec),
            _ => None,
        });
        let of_objects = self.objects().filter_map(Object::template);
        of_objects
            .chain(single)
            .chain(self.pods.iter().map(|own| &**own))
    }

    /// Nodes, those that join later included.
    pub fn all_nodes(&self) -> impl Iterator<Item = &'run Arc<Node>> {
        let joining = self.declared.iter().filter_map(|(_, own)| match own {
            Operation::ApplyNode(node) => Some(node),
            _ => None,
        });
        self.nodes.iter().chain(joining)
    }
}
