//! Requests of users and their answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request of a user that changes the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "camelCase", deny_unknown_fields)]
pub enum Request {
    /// Creates the objects of a file, or declares those that exist anew.
    Apply {
        /// Name of the file, for messages.
        file: String,
        /// Text of the file, YAML or JSON.
        text: String,
    },
    /// Deletes an object, a pod or a node.
    Delete {
        /// The object as `KIND/NAMESPACE/NAME`, or `KIND/NAME` of one of the whole cluster.
        object: String,
    },
    /// Sets the number of replicas.
    Scale {
        /// The object as `KIND/NAMESPACE/NAME`.
        object: String,
        /// Number of replicas.
        replicas: i32,
    },
    /// Keeps new pods off a node.
    Cordon {
        /// Name of the node.
        node: String,
    },
    /// Lets new pods on a node again.
    Uncordon {
        /// Name of the node.
        node: String,
    },
    /// Keeps new pods off a node and evicts those on it, as budgets allow.
    Drain {
        /// Name of the node.
        node: String,
    },
}

impl Request {
    /// Passes on the objects of the manifests that the request holds, one after the other, also those of
    /// lists.
    pub(crate) fn each_object(&self, take: &mut dyn FnMut(&Value)) {
        let Self::Apply { text, .. } = self else {
            return;
        };
        let documents = k8s::read_values(text).unwrap_or_default();
        let mut objects: Vec<&Value> = documents.iter().collect();
        while let Some(object) = objects.pop() {
            let list = object.as_array();
            let list = list.or_else(|| object.get("items").and_then(Value::as_array));
            match list {
                Some(list) => objects.extend(list),
                None => take(object),
            }
        }
    }

    /// Whether the request is about nodes, and not about what runs on them.
    pub(crate) fn changes_nodes(&self) -> bool {
        match self {
            Self::Apply { .. } | Self::Scale { .. } => false,
            Self::Delete { object } => object.starts_with("Node/"),
            Self::Cordon { .. } | Self::Uncordon { .. } | Self::Drain { .. } => true,
        }
    }
}

/// Answer to a request: a line for every object, and a line for every refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Outcome {
    /// Lines such as `Deployment/default/shop created`.
    pub done: Vec<String>,
    /// Reasons for what was refused.
    pub refused: Vec<String>,
    /// Fields that have no effect, each with its path and what follows from it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
