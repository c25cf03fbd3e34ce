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
    /// The domains, in order of declaration.
    declared: Vec<Domain>,
    /// The labels of domains, in order of declaration.
    labels: Vec<Text>,
    /// The places of domains, by label and name.
    places: SortedMap<(Text, Text), usize>,
    /// By domain, the nodes in it, in order.
    nodes: Vec<Vec<NodeId>>,
}

impl Domains {
    /// Sorts nodes into domains; parents are no part of their children.
    ///
    /// # Errors
    /// A node is in a domain that there is not.
    pub fn new(domains: Vec<Domain>, nodes: &[Arc<Node>]) -> Result<Self, FailureError> {
        let mut own = Self {
            nodes: vec![Vec::new(); domains.len()],
            ..Self::default()
        };
        for (place, domain) in domains.iter().enumerate() {
            let key = (domain.label.clone(), domain.name.clone());
            own.places.insert(key, place);
            if !own.labels.contains(&domain.label) {
                own.labels.push(domain.label.clone());
            }
        }
        own.declared = domains;
        for (number, node) in nodes.iter().enumerate() {
            for place in own.within(node)? {
                own.nodes[place].push(NodeId::from_index(number));
            }
        }
        Ok(own)
    }

    /// The places of the domains that a node is in.
    fn within(&self, node: &Node) -> Result<Vec<usize>, FailureError> {
        let mut within: Vec<usize> = Vec::new();
        for label in &self.labels {
            let Some(name) = node.labels.get(label) else {
                continue;
            };
            let place = self.places.get(&(label.clone(), name.clone()));
            let mut next = Some(*place.ok_or_else(|| FailureError::Undeclared {
                node: node.name.to_string(),
                label: label.to_string(),
                name: name.to_string(),
            })?);
            while let Some(place) = next {
                if within.contains(&place) {
                    break;
                }
                within.push(place);
                next = self.declared[place].parent;
            }
        }
        Ok(within)
    }

    /// The domains that a node is in, with it alone in them.
    ///
    /// # Errors
    /// It is in a domain that there is not.
    pub fn of(&self, node: &Node) -> Result<Self, FailureError> {
        let within = self.within(node)?;
        let domains = within.iter().map(|&place| Domain {
            parent: None,
            ..self.declared[place].clone()
        });
        Ok(Self {
            declared: domains.collect(),
            nodes: vec![vec![NodeId::from_index(0)]; within.len()],
            ..Self::default()
        })
    }

    /// Whether each domain has nodes, in order of declaration.
    pub fn have_nodes(&self) -> impl Iterator<Item = bool> {
        self.nodes.iter().map(|nodes| !nodes.is_empty())
    }

    /// The nodes of a domain; `None` if there is no such domain.
    pub(super) fn find(&self, label: &str, name: &str) -> Option<&[NodeId]> {
        let is_it = |domain: &Domain| *domain.label == *label && *domain.name == *name;
        let place = self.declared.iter().position(is_it)?;
        Some(&self.nodes[place])
    }

    /// Every domain of a label, in order of declaration.
    pub(super) fn each(&self, label: &str) -> Vec<Group> {
        let all = self.declared.iter().zip(&self.nodes);
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
