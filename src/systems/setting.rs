//! Setting that an experiment gives to a system, options of the system that change nothing in it, and those
//! that change what it can express.

use std::sync::Arc;

use control::operation::Operation;
use model::{Node, Object, PodSpec};
use options::{Plain, SystemSection};
use units::Instant;

use super::capability::Capabilities;
use super::ecs::options::NetworkMode;
use super::ecs::section::Ecs;
use super::nova::filter::Filter;
use super::nova::section::Nova;
use super::openshift::section::{OpenShift, OpenShiftPolicy};
use super::{borg, ecs, nova, openshift, swarmkit};

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

/// Notes about options of a system that change nothing in a setting.
pub fn idle_options(system: &str, stated: Option<&Plain>, setting: &Setting<'_>) -> Vec<String> {
    if system == borg::ENTRY.name {
        borg::fit::idle(&own(stated), setting)
    } else if system == ecs::ENTRY.name {
        ecs::fit::idle(&own(stated), setting)
    } else if system == nova::ENTRY.name {
        nova::fit::idle(&own(stated), setting)
    } else if system == openshift::ENTRY.name {
        openshift::fit::idle(&own(stated), setting)
    } else if system == swarmkit::ENTRY.name {
        swarmkit::fit::idle(&own(stated), setting)
    } else {
        Vec::new()
    }
}

/// Answers of a system's table that stated options change.
pub fn changed_capabilities(system: &str, stated: Option<&Plain>) -> Capabilities {
    if system == nova::ENTRY.name {
        let filters = own::<Nova>(stated).filters;
        let mut hints = [Filter::SameHost, Filter::DifferentHost].iter();
        if hints.all(|hint| filters.contains(hint)) {
            return nova::WITH_HINTS;
        }
    } else if system == ecs::ENTRY.name {
        if own::<Ecs>(stated).network_mode != NetworkMode::Awsvpc {
            return ecs::WITH_PORTS;
        }
    } else if system == openshift::ENTRY.name {
        let own: OpenShift = own(stated);
        if own.policy == OpenShiftPolicy::V3_11 || own.policy_file.is_some() {
            return openshift::WITH_3_11;
        }
    }
    &[]
}

fn own<T: SystemSection>(stated: Option<&Plain>) -> T {
    let own = stated.and_then(|own| own.decode().ok());
    own.unwrap_or_default()
}
