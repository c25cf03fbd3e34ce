//! Namespaces as objects of the API: while one is being deleted nothing new comes into it.

use std::hash::{Hash, Hasher};

use super::{Labels, Text};
use serde::{Deserialize, Serialize};

/// Label that the API server gives to every namespace, with its name.
pub const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A `Namespace` (spec: kubernetes.md part 5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Empty: it is an object of the whole cluster.
    pub namespace: Text,
    /// The namespace's name.
    pub name: Text,
    /// The namespace's labels, with the one that every namespace has.
    pub labels: Labels,
    /// Marks a namespace that is being deleted (phase `Terminating`).
    pub is_terminating: bool,
    /// Labels that nodes have to have for the pods of a project of `OpenShift`; `None` where its scheduler
    /// knows no others than its options.
    pub node_selector: Option<Labels>,
}

impl Hash for Namespace {
    // One without a node selector has the bytes that it had before there were any.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            namespace,
            name,
            labels,
            is_terminating,
            node_selector,
        } = self;
        (namespace, name, labels, is_terminating).hash(state);
        if node_selector.is_some() {
            node_selector.hash(state);
        }
    }
}

impl Namespace {
    /// Namespaces that every cluster has, declared or not.
    pub const ALWAYS: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

    /// Namespaces that can't be deleted.
    pub const IMMORTAL: [&str; 3] = ["default", "kube-public", "kube-system"];
}
