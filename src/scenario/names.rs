//! The names this layer checks but does not own: policies, systems, trace formats, metrics.
//!
//! Their registries stand in other layers; the caller hands their names in. A kind without names
//! is not checked, so that this layer works before a registry exists.

use serde_json::Value;

/// What a name in an experiment file can stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// `system.name`.
    System,
    /// `system.scheduler.profile`.
    Profile,
    /// A key of `system.scheduler.plugins`.
    Policy,
    /// `system.scheduler.queue`.
    Queue,
    /// `format` of a trace of nodes.
    NodeFormat,
    /// `format` of a trace of a workload.
    WorkloadFormat,
    /// `generate.model`.
    Generator,
    /// `metric` of an objective.
    Metric,
}

impl NameKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::System,
        Self::Profile,
        Self::Policy,
        Self::Queue,
        Self::NodeFormat,
        Self::WorkloadFormat,
        Self::Generator,
        Self::Metric,
    ];

    /// What it is called in messages.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Profile => "profile",
            Self::Policy => "policy",
            Self::Queue => "queue policy",
            Self::NodeFormat => "node trace format",
            Self::WorkloadFormat => "workload trace format",
            Self::Generator => "workload model",
            Self::Metric => "metric",
        }
    }

    /// The plural of [`NameKind::noun`].
    pub fn nouns(self) -> String {
        match self {
            Self::Policy => "policies".to_owned(),
            Self::Queue => "queue policies".to_owned(),
            _ => format!("{}s", self.noun()),
        }
    }

    /// The keyword value in our JSON Schema extensions.
    pub(super) const fn keyword(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Profile => "profile",
            Self::Policy => "policy",
            Self::Queue => "queue",
            Self::NodeFormat => "node-format",
            Self::WorkloadFormat => "workload-format",
            Self::Generator => "generator",
            Self::Metric => "metric",
        }
    }

    pub(super) fn from_keyword(keyword: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.keyword() == keyword)
    }
}

/// Where the names come from.
pub trait Names {
    /// All names of a kind, in the order of their registry; none means that any name is taken.
    fn names(&self, kind: NameKind) -> Vec<&'static str>;

    /// The JSON Schema (made by schemars from the parameters' type) of the arguments that a name
    /// takes beside the fields of the experiment file; `None` means that it takes none.
    fn parameters(&self, kind: NameKind, name: &str) -> Option<Value>;
}

/// No registries: every name is taken, with any arguments.
#[derive(Clone, Copy, Debug)]
pub struct AnyName;

impl Names for AnyName {
    fn names(&self, _: NameKind) -> Vec<&'static str> {
        Vec::new()
    }

    fn parameters(&self, _: NameKind, _: &str) -> Option<Value> {
        Some(Value::Bool(true))
    }
}
