//! Containers as Swarm's manager knows them: what was asked for, and what it became.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use std::sync::Arc;

use model::{Labels, Text};

use super::expression::Expression;

/// A host port that a container asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortBinding {
    /// The host's address; empty or unspecified is every address.
    pub ip: Text,
    /// The host's port; empty is any free one.
    pub port: Text,
}

impl PortBinding {
    /// Whether two bindings can't be on one host.
    pub fn clashes(&self, other: &Self) -> bool {
        !self.port.is_empty()
            && self.port == other.port
            && (self.ip == other.ip || self.is_everywhere() || other.is_everywhere())
    }

    fn is_everywhere(&self) -> bool {
        matches!(&*self.ip, "" | "0.0.0.0" | "::")
    }
}

/// Network of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Behind the host's bridge, with bindings of ports.
    #[default]
    Bridge,
    /// On the host itself; the ports it exposes are the host's (`80/tcp`).
    Host {
        /// Ports that the container exposes.
        exposed: Vec<Text>,
    },
    /// In the network of another container, by name or id.
    Container(Text),
}

/// Reschedule policy for containers of a lost engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "SwarmReschedule")]
pub enum ReschedulePolicy {
    /// Containers are not created again.
    #[default]
    Off,
    /// Containers are created again on other engines.
    OnNodeFailure,
}

/// Request for a container.
#[derive(Clone, Debug, Default)]
pub struct ContainerConfig {
    /// The container's name, unique in the cluster.
    pub name: Text,
    /// The container's image, with or without a tag.
    pub image: Text,
    /// Memory asked for, in bytes; 0 asks for none.
    pub memory: i64,
    /// Cores asked for (the original's shares, counted whole); 0 asks for none.
    pub cpus: i64,
    /// The container's labels.
    pub labels: Labels,
    /// Constraints, all of which have to hold.
    pub constraints: Vec<Expression>,
    /// Affinities, all of which have to hold.
    pub affinities: Vec<Expression>,
    /// Lists of engines, in each of which the engine has to be.
    pub whitelists: Vec<Expression>,
    /// Host ports.
    pub bindings: Vec<PortBinding>,
    /// The container's network.
    pub network: Network,
    /// Containers whose volumes it mounts (`name` or `name:mode`).
    pub volumes_from: Vec<Text>,
    /// Containers that it is linked to (`name` or `name:alias`).
    pub links: Vec<Text>,
    /// Policy for the loss of the engine.
    pub reschedule: ReschedulePolicy,
}

impl ContainerConfig {
    /// Every container that has to be on the same engine.
    pub fn dependencies(&self) -> impl Iterator<Item = &str> {
        let shared = match &self.network {
            Network::Container(name) => Some(&**name),
            _ => None,
        };
        let named = self.volumes_from.iter().chain(&self.links);
        named
            .map(|text| text.split(':').next().unwrap_or_default())
            .chain(shared)
    }

    /// Whether some expression is soft.
    pub fn has_soft(&self) -> bool {
        let mut all = self.constraints.iter().chain(&self.affinities);
        all.any(|expression| expression.is_soft)
    }

    /// Whether the request names its engine with a hard `node==` constraint.
    pub fn is_pinned(&self) -> bool {
        self.constraints.iter().any(|expression| {
            !expression.is_soft && &*expression.key == "node" && expression.comparison.holds(true)
        })
    }
}

/// State of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// Entered on its engine, which has not been asked or has not answered yet.
    Pending,
    /// Created, and not running (not started yet, or ended).
    Stopped,
    /// Running.
    Running,
}

/// A container on an engine.
#[derive(Clone, Debug)]
pub struct Container {
    /// The requested configuration.
    pub config: Arc<ContainerConfig>,
    /// The engine's id of it.
    pub id: Text,
    /// The cluster's id of it, which a container that is created anew keeps.
    pub swarm_id: Text,
    /// The container's state.
    pub state: ContainerState,
}
