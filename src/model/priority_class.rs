//! Classes of priority as objects of the API.

use super::Text;
use super::qos::CRITICAL_PRIORITY;
use serde::{Deserialize, Serialize};

/// A `PriorityClass` (spec: kubernetes.md 2.10).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PriorityClass {
    /// Empty: it is an object of the whole cluster.
    pub namespace: Text,
    /// The priority class's name.
    pub name: Text,
    /// Priority of the class's pods.
    pub value: i32,
    /// `true` if pods of the class may preempt others.
    pub preempts: bool,
    /// Marks the class of pods that name none.
    pub is_default: bool,
}

impl PriorityClass {
    /// The classes that every cluster has, with their values.
    pub const ALWAYS: [(&str, i32); 2] = [
        ("system-cluster-critical", CRITICAL_PRIORITY),
        ("system-node-critical", CRITICAL_PRIORITY + 1_000),
    ];

    /// The highest value of a class that users make.
    pub const HIGHEST_OF_USERS: i32 = 1_000_000_000;
}

/// Source of the priority of a template's pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TemplatePriority {
    /// From the class of pods that name none, if there is one.
    #[default]
    Unstated,
    /// The template states the number.
    Stated,
    /// From a class.
    Class {
        /// Name of the class.
        name: Text,
        /// Whether the template states itself whether its pods preempt.
        keeps_policy: bool,
    },
}
