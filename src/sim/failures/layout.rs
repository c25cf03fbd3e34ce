//! The nodes that failures strike, and which of them a failure is about.

use std::collections::BTreeSet;
use std::sync::Arc;

use thiserror::Error;

use crate::model::Node;
use crate::model::node::ZONE_LABEL;
use crate::rng::Stream;
use crate::units::NodeId;

/// The nodes of a cell, and where randomness comes from.
#[derive(Clone, Copy, Debug)]
pub struct Layout<'a> {
    /// The nodes, in order.
    pub nodes: &'a [Arc<Node>],
    /// The run's seed.
    pub seed: u64,
}

/// Which nodes a failure is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All.
    All,
    /// The one of a name.
    Node(String),
    /// Those of a zone.
    Zone(String),
    /// Those with a label: a rack, a power domain.
    Label(String, String),
}

/// Why a failure can't be.
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
            Target::Zone(zone) => self.labelled(ZONE_LABEL, zone),
            Target::Label(key, value) => self.labelled(key, value),
        }
    }

    /// A stream of random numbers of a node's own.
    pub fn stream(&self, purpose: &str, node: NodeId) -> Stream {
        Stream::new(self.seed, purpose, u64::from(node.0))
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
        if !found.is_empty() {
            return Ok(found);
        }
        let values: BTreeSet<_> = self.nodes.iter().filter_map(of).collect();
        let some: Vec<String> = values
            .iter()
            .take(4)
            .map(|own| format!("`{own}`"))
            .collect();
        Err(FailureError::UnknownDomain {
            key: key.to_owned(),
            value: value.to_owned(),
            known: if some.is_empty() {
                "no node has that label at all".to_owned()
            } else {
                format!("known values are {}", some.join(", "))
            },
        })
    }
}
