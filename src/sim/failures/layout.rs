//! The nodes that failures strike, and which of them a failure is about.

use std::sync::Arc;

use thiserror::Error;

use super::Domains;
use model::Node;
use model::node::ZONE_LABEL;
use rng::Stream;
use units::{Identity, NodeId, SortedMap, SortedSet};

/// The nodes of a cell, and where randomness comes from.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'a> {
    /// The nodes, in order.
    pub nodes: &'a [Arc<Node>],
    /// Failure domains.
    pub domains: &'a Domains,
    /// The run's seed.
    pub seed: u64,
    /// Machines that may join later, one for each kind.
    pub later: &'a [Arc<Node>],
    /// Whether machines may join whose labels are unknown yet.
    pub is_open: bool,
}

/// Nodes that fail as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Stable identity of the domain that the nodes form.
    pub who: Identity,
    /// The nodes, in order.
    pub nodes: Vec<NodeId>,
}

/// Nodes that a failure is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All.
    All,
    /// The one of a name.
    Node(String),
    /// Those of a zone.
    Zone(String),
    /// A domain by label and name with all that is in it, or those with a label.
    Label(String, String),
    /// Every domain of a label by itself.
    Each(String),
}

/// Reason a failure can't be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FailureError {
    /// No such node.
    #[error("the cluster has no node `{name}`; its nodes are {known} …")]
    UnknownNode {
        /// The name.
        name: String,
        /// Some that there are.
        known: String,
    },
    /// A node is in a domain that was not declared.
    #[error(
        "the node `{node}` has the label `{label}: {name}`, and `cluster.domains` has no such \
         domain"
    )]
    Undeclared {
        /// The node.
        node: String,
        /// The label of the domain.
        label: String,
        /// The name of the domain.
        name: String,
    },
    /// No domain or node has such a label.
    #[error("no domain and no node has the label `{label}`; known labels are {known}")]
    UnknownLabel {
        /// The label.
        label: String,
        /// Some that there are.
        known: String,
    },
    /// No node with such a label.
    #[error("no node has the label `{key}: {value}`; {known}")]
    UnknownDomain {
        /// The label's key.
        key: String,
        /// The label's value.
        value: String,
        /// The values there are.
        known: String,
    },
}

impl Layout<'_> {
    /// The nodes that a target names, in order.
    ///
    /// # Errors
    /// It names none.
    pub fn find(&self, target: &Target) -> Result<Vec<NodeId>, FailureError> {
        match target {
            Target::All => Ok((0..self.nodes.len()).map(NodeId::from_index).collect()),
            Target::Node(name) => {
                let found = self.nodes.iter().position(|node| *node.name == **name);
                let found = found.ok_or_else(|| self.unknown_node(name))?;
                Ok(vec![NodeId::from_index(found)])
            }
            Target::Zone(zone) => self.domain(ZONE_LABEL, zone),
            Target::Label(key, value) => self.domain(key, value),
            Target::Each(label) => {
                let groups = self.each(label)?.into_iter();
                Ok(groups.flat_map(|group| group.nodes).collect())
            }
        }
    }

    /// The nodes that a target names, by what fails as one.
    ///
    /// # Errors
    /// It names none.
    pub fn groups(&self, target: &Target) -> Result<Vec<Group>, FailureError> {
        let who = match target {
            Target::Each(label) => return self.each(label),
            Target::All => Identity::of("all"),
            Target::Node(name) => Identity::of("node").with(name),
            Target::Zone(zone) => Identity::of(ZONE_LABEL).with(zone),
            Target::Label(key, value) => Identity::of(key).with(value),
        };
        let nodes = self.find(target)?;
        Ok(vec![Group { who, nodes }])
    }

    /// A domain with all that is in it, or the nodes with a label.
    fn domain(&self, key: &str, value: &str) -> Result<Vec<NodeId>, FailureError> {
        match self.domains.find(key, value) {
            Some([]) | None => self.labelled(key, value),
            Some(nodes) => Ok(nodes.to_vec()),
        }
    }

    /// The domains of a label; without any, the nodes by the label's values, in order of these.
    fn each(&self, label: &str) -> Result<Vec<Group>, FailureError> {
        let declared = self.domains.each(label);
        if !declared.is_empty() {
            return Ok(declared);
        }
        let mut found: SortedMap<&str, Vec<NodeId>> = SortedMap::new();
        for (place, node) in self.nodes.iter().enumerate() {
            if let Some(value) = node.labels.get(label) {
                let nodes = found.entry(value).or_default();
                nodes.push(NodeId::from_index(place));
            }
        }
        if !found.is_empty() {
            let groups = found.into_iter().map(|(value, nodes)| Group {
                who: Identity::of(label).with(value),
                nodes,
            });
            return Ok(groups.collect());
        }
        if self.is_open
            || self
                .later
                .iter()
                .any(|node| node.labels.contains_key(label))
        {
            return Ok(Vec::new());
        }
        let known: SortedSet<&str> = self
            .nodes
            .iter()
            .flat_map(|node| node.labels.keys().map(|key| &**key))
            .collect();
        let known: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
        Err(FailureError::UnknownLabel {
            label: label.to_owned(),
            known: known.join(", "),
        })
    }

    /// A stream of random numbers of nodes that fail as one.
    pub fn stream_of(&self, purpose: &str, group: &Group) -> Stream {
        Stream::of(self.seed, purpose, group.who)
    }

    /// A stream of random numbers of a node's own.
    pub fn stream(&self, purpose: &str, node: NodeId) -> Stream {
        let name = &self.nodes[node.index()].name;
        Stream::of(self.seed, purpose, Identity::of(name))
    }

    fn unknown_node(&self, name: &str) -> FailureError {
        let some: Vec<&str> = self.nodes.iter().take(3).map(|node| &*node.name).collect();
        FailureError::UnknownNode {
            name: name.to_owned(),
            known: some.join(", "),
        }
    }

    fn labelled(&self, key: &str, value: &str) -> Result<Vec<NodeId>, FailureError> {
        let of = |node: &Arc<Node>| node.labels.get(key).cloned();
        let places = self.nodes.iter().enumerate();
        let found: Vec<NodeId> = places
            .filter(|(_, node)| of(node).is_some_and(|own| *own == *value))
            .map(|(place, _)| NodeId::from_index(place))
            .collect();
        let is_it = |node: &Arc<Node>| of(node).is_some_and(|own| *own == *value);
        if !found.is_empty() || self.is_open || self.later.iter().any(is_it) {
            return Ok(found);
        }
        let all = self.nodes.iter().chain(self.later);
        let values: SortedSet<_> = all.filter_map(of).collect();
        let some: Vec<String> = values
            .iter()
            .take(4)
            .map(|value| format!("`{value}`"))
            .collect();
        Err(FailureError::UnknownDomain {
            key: key.to_owned(),
            value: value.to_owned(),
            known: if some.is_empty() {
                "no node has that label".to_owned()
            } else {
                format!("known values are {}", some.join(", "))
            },
        })
    }
}
