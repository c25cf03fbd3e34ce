//! Declarations of nodes: the resources and labels that a daemon states, and the labels and taints
//! that the cluster keeps.

use std::sync::Arc;

use model::{Labels, Node, ResourceList, Taint, TaintEffect, Text};
use serde::{Deserialize, Serialize};
use units::{Quantity, SortedMap};

/// Labels and resources of a machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Declaration {
    /// Labels of the node.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// Resources that pods may use, such as `cpu: 4`.
    pub allocatable: Vec<Amount>,
    /// Resources of the machine; empty means equal to `allocatable`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub capacity: Vec<Amount>,
}

/// A label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Label {
    /// Key of the label.
    pub key: String,
    /// Value of the label.
    pub value: String,
}

/// An amount of a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Amount {
    /// Name of the resource.
    pub resource: String,
    /// Quantity in the grammar of Kubernetes.
    pub quantity: String,
}

/// Labels and taints that the cluster keeps of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Standing {
    /// Labels of the node.
    pub labels: Vec<Label>,
    /// Taints of the node.
    pub taints: Vec<WrittenTaint>,
    /// `true` if the node takes no new pods.
    pub unschedulable: bool,
}

/// A taint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WrittenTaint {
    /// Key of the taint.
    pub key: String,
    /// Value of the taint.
    pub value: String,
    /// Effect of the taint.
    pub effect: Effect,
}

/// Effect of a taint, named as in manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// New pods are kept away.
    NoSchedule,
    /// New pods come only if nothing else is left.
    PreferNoSchedule,
    /// New pods are kept away and running ones are evicted.
    NoExecute,
}

impl Declaration {
    /// A machine with some resources, each a name and a quantity.
    pub fn of(allocatable: &[(&str, &str)]) -> Self {
        Self {
            labels: Vec::new(),
            allocatable: amounts(allocatable),
            capacity: Vec::new(),
        }
    }

    /// The machine with all that it has, of which it offers a part; each a name and a quantity.
    #[must_use]
    pub fn within(self, capacity: &[(&str, &str)]) -> Self {
        Self {
            capacity: amounts(capacity),
            ..self
        }
    }

    /// The machine with labels, each a key and a value.
    #[must_use]
    pub fn labelled(self, labels: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let labels = labels.into_iter().map(|(key, value)| Label {
            key: key.to_owned(),
            value,
        });
        Self {
            labels: labels.collect(),
            ..self
        }
    }

    /// The node that a machine becomes under a name.
    ///
    /// # Errors
    /// A quantity is none, or one is negative.
    pub(crate) fn node(&self, name: &str) -> Result<Node, String> {
        let allocatable = resources("allocatable", &self.allocatable)?;
        let mut capacity = resources("capacity", &self.capacity)?;
        for (resource, offered) in allocatable.iter() {
            // A trial may offer more than its machine has.
            if !self.capacity.is_empty() && capacity.get(resource) < offered {
                capacity.insert(resource.into(), offered);
            }
        }
        let labels = self.labels.iter().map(pair);
        Ok(Node {
            name: name.into(),
            labels: labels.collect(),
            allocatable,
            capacity,
            ..Node::default()
        })
    }
}

fn amounts(list: &[(&str, &str)]) -> Vec<Amount> {
    let amounts = list.iter().map(|&(resource, quantity)| Amount {
        resource: resource.to_owned(),
        quantity: quantity.to_owned(),
    });
    amounts.collect()
}

/// The amounts of a field as resources.
fn resources(field: &str, list: &[Amount]) -> Result<ResourceList, String> {
    let mut resources = ResourceList::default();
    for Amount { resource, quantity } in list {
        let amount: Quantity = quantity
            .parse()
            .map_err(|why| format!("{field}.{resource}: `{quantity}` is no quantity: {why}"))?;
        if amount < Quantity::default() {
            return Err(format!(
                "{field}.{resource}: `{quantity}` is negative; give an amount of at least 0"
            ));
        }
        resources.insert(resource.as_str().into(), amount);
    }
    Ok(resources)
}

impl Standing {
    /// The standing of a node.
    pub(crate) fn of(node: &Node) -> Self {
        let taints = node.taints.iter().map(|taint| WrittenTaint {
            key: taint.key.to_string(),
            value: taint.value.to_string(),
            effect: match taint.effect {
                TaintEffect::NoSchedule => Effect::NoSchedule,
                TaintEffect::PreferNoSchedule => Effect::PreferNoSchedule,
                TaintEffect::NoExecute => Effect::NoExecute,
            },
        });
        Self {
            labels: labels(&node.labels),
            taints: taints.collect(),
            unschedulable: node.unschedulable,
        }
    }

    /// A node in this standing.
    pub(crate) fn applied(&self, node: &Node) -> Arc<Node> {
        let taints = self.taints.iter().map(|taint| Taint {
            key: taint.key.as_str().into(),
            value: taint.value.as_str().into(),
            effect: match taint.effect {
                Effect::NoSchedule => TaintEffect::NoSchedule,
                Effect::PreferNoSchedule => TaintEffect::PreferNoSchedule,
                Effect::NoExecute => TaintEffect::NoExecute,
            },
        });
        Arc::new(Node {
            labels: self.labels.iter().map(pair).collect(),
            taints: taints.collect(),
            unschedulable: self.unschedulable,
            ..node.clone()
        })
    }
}

fn pair(label: &Label) -> (Text, Text) {
    (label.key.as_str().into(), label.value.as_str().into())
}

fn labels(labels: &Labels) -> Vec<Label> {
    let sorted: SortedMap<&Text, &Text> = labels.iter().collect();
    let pairs = sorted.into_iter().map(|(key, value)| Label {
        key: key.to_string(),
        value: value.to_string(),
    });
    pairs.collect()
}
