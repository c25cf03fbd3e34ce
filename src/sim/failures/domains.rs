//! Domains that fail as one: a tree of domains, in each of which are nodes. A node is in a domain
//! if its label says so, and in all that the domain is part of (spec: orchestrators-b.md 10.2).

use std::sync::Arc;

use super::FailureError;
use super::layout::Group;
use model::{Node, Text};
use units::{Identity, NodeId, SortedMap};

/// A domain as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// The label of its nodes.
    pub label: Text,
    /// The domain's name, the label's value.
    pub name: Text,
    /// The domain that it is part of, by its place among all.
    pub parent: Option<usize>,
}

/// The domains of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Domains {
    domains: Vec<Domain>,
    /// By domain, the nodes in it, in order.
    nodes: Vec<Vec<NodeId>>,
}

impl Domains {
    /// Sorts nodes into domains; parents are no part of their children.
    ///
    /// # Errors
    /// A node is in a domain that there is not.
    pub fn new(domains: Vec<Domain>, nodes: &[Arc<Node>]) -> Result<Self, FailureError> {
        let mut places: SortedMap<(&str, &str), usize> = SortedMap::new();
        let mut labels: Vec<&str> = Vec::new();
        for (place, domain) in domains.iter().enumerate() {
            places.insert((&domain.label, &domain.name), place);
            if !labels.contains(&&*domain.label) {
                labels.push(&domain.label);
            }
        }
        let mut members = vec![Vec::new(); domains.len()];
        for (number, node) in nodes.iter().enumerate() {
            let mut within: Vec<usize> = Vec::new();
            for label in &labels {
                let Some(name) = node.labels.get(label) else {
                    continue;
                };
                let mut next = Some(*places.get(&(*label, &**name)).ok_or_else(|| {
                    FailureError::Undeclared {
                        node: node.name.to_string(),
                        label: (*label).to_owned(),
                        name: name.to_string(),
                    }
                })?);
                while let Some(place) = next {
                    if within.contains(&place) {
                        break;
                    }
                    within.push(place);
                    next = domains[place].parent;
                }
            }
            for place in within {
                members[place].push(NodeId::from_index(number));
            }
        }
        Ok(Self {
            domains,
            nodes: members,
        })
    }

    /// The nodes of a domain; `None` if there is no such domain.
    pub(super) fn find(&self, label: &str, name: &str) -> Option<&[NodeId]> {
        let is_it = |domain: &Domain| *domain.label == *label && *domain.name == *name;
        let place = self.domains.iter().position(is_it)?;
        Some(&self.nodes[place])
    }

    /// Every domain of a label, in order of declaration.
    pub(super) fn each(&self, label: &str) -> Vec<Group> {
        let all = self.domains.iter().zip(&self.nodes);
        all.filter(|(domain, _)| *domain.label == *label)
            .map(|(domain, nodes)| Group {
                who: Identity::of(label).with(&domain.name),
                nodes: nodes.clone(),
            })
            .collect()
    }
}

/// The share of time that something is down that is up only while all that it is part of is up:
/// each with the mean time from one failure's end to the next and the mean time to repair
/// (spec: orchestrators-b.md 10.2).
pub fn unavailability(levels: impl IntoIterator<Item = (f64, f64)>) -> f64 {
    let up = levels
        .into_iter()
        .map(|(mtbf, mttr)| mtbf / (mtbf + mttr))
        .product::<f64>();
    1.0 - up
}
