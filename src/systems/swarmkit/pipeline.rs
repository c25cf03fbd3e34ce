//! The filters that a node has to pass, none of them soft, and why a task waits
//! (spec: orchestrators-a.md section 2.2; swarmkit `manager/scheduler/{filter,pipeline}.go`).

use super::node::{Availability, Node, NodeStatus};
use super::task::TaskSpec;
use units::plural;

/// A filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The node is ready and active.
    Ready,
    /// The node has room for what the task reserves.
    Resource,
    /// The node has the task's plugins.
    Plugin,
    /// The node meets the task's constraints.
    Constraint,
    /// The node is of the task's platform.
    Platform,
    /// The task's host ports are free.
    HostPort,
    /// The service has not reached its number of tasks on the node.
    MaxReplicas,
    /// The task's volumes are reachable.
    Volumes,
}

/// All filters, in order.
pub const FILTERS: [Filter; 8] = [
    Filter::Ready,
    Filter::Resource,
    Filter::Plugin,
    Filter::Constraint,
    Filter::Platform,
    Filter::HostPort,
    Filter::MaxReplicas,
    Filter::Volumes,
];

impl Filter {
    /// Whether a node passes.
    pub fn passes(self, spec: &TaskSpec, node: &Node) -> bool {
        match self {
            Self::Ready => {
                node.status == NodeStatus::Ready && node.availability == Availability::Active
            }
            Self::Resource => spec.reservations.fits(&node.available),
            Self::Plugin => spec.plugins.iter().all(|one| node.plugins.contains(one)),
            Self::Constraint => spec.constraints.iter().all(|one| one.matches(node)),
            Self::Platform => has_platform(spec, node),
            Self::HostPort => !spec.host_ports.iter().any(|port| node.has_port(port)),
            Self::MaxReplicas => {
                let most = spec.max_replicas;
                most == 0 || node.active_of(&spec.version.service) < most
            }
            Self::Volumes => spec.volumes.iter().all(|one| node.volumes.contains(one)),
        }
    }

    fn explain(self, nodes: usize) -> String {
        let on = plural::count(nodes, "node");
        match self {
            Self::Ready => format!("{on} not available for new tasks"),
            Self::Resource => format!("insufficient resources on {on}"),
            Self::Plugin => format!("missing plugin on {on}"),
            Self::Constraint => format!("scheduling constraints not satisfied on {on}"),
            Self::Platform => format!("unsupported platform on {on}"),
            Self::HostPort => format!("host-mode port already in use on {on}"),
            Self::MaxReplicas => "max replicas per node limit exceed".to_owned(),
            Self::Volumes => format!("cannot fulfill requested volumes on {on}"),
        }
    }
}

/// The first filter that a node does not pass.
pub fn refusal(spec: &TaskSpec, node: &Node) -> Option<Filter> {
    FILTERS
        .into_iter()
        .find(|filter| !filter.passes(spec, node))
}

/// Whether a node passes all filters.
pub fn passes(spec: &TaskSpec, node: &Node) -> bool {
    refusal(spec, node).is_none()
}

/// Reason no node takes a task: the filters by the number of nodes that each removed, most first.
pub fn explain<'a>(spec: &TaskSpec, nodes: impl IntoIterator<Item = &'a Node>) -> String {
    let mut removed = [0_usize; FILTERS.len()];
    for node in nodes {
        if let Some(filter) = refusal(spec, node) {
            removed[filter as usize] += 1;
        }
    }
    let mut counted: Vec<(Filter, usize)> = FILTERS
        .into_iter()
        .zip(removed)
        .filter(|&(_, nodes)| nodes > 0)
        .collect();
    counted.sort_by_key(|&(_, nodes)| std::cmp::Reverse(nodes));
    let words: Vec<String> = counted
        .into_iter()
        .map(|(filter, nodes)| filter.explain(nodes))
        .collect();
    match words.as_slice() {
        [] => "no suitable node".to_owned(),
        words => format!("no suitable node ({})", words.join("; ")),
    }
}

/// An empty text on either side is any; architectures have two names each.
fn has_platform(spec: &TaskSpec, node: &Node) -> bool {
    let is_same = |asked: &str, found: &str| asked.is_empty() || asked.eq_ignore_ascii_case(found);
    spec.platforms.is_empty()
        || spec.platforms.iter().any(|(os, architecture)| {
            let asked = architecture_name(architecture);
            is_same(os, &node.os) && is_same(asked, architecture_name(&node.architecture))
        })
}

fn architecture_name(name: &str) -> &str {
    match name {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
