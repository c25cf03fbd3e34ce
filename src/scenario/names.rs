//! Names that this layer checks but does not own: policies, systems, trace formats, metrics.
//!
//! Their registries are in other layers; the caller passes their names in. A kind without names is
//! not checked, so that this layer works before a registry exists.

use options::Section;
use serde_json::Value;

/// Kind of a registered name in an experiment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// Name of a system, `system.name`.
    System,
    /// Name of a profile, `system.scheduler.profile`.
    Profile,
    /// Name of a policy, a key of `system.scheduler.plugins`.
    Policy,
    /// Name of a queue order, `system.scheduler.queue`.
    Queue,
    /// Name of a node trace's `format`.
    NodeFormat,
    /// Name of a workload trace's `format`.
    WorkloadFormat,
    /// Name of a generator, `generate.model`.
    Generator,
    /// Name of a metric, `metric` of an objective.
    Metric,
    /// Name of a change between releases, a key of `system.scheduler.changes`.
    Change,
}

impl NameKind {
    /// All kinds of names, in order.
    pub const ALL: [Self; 9] = [
        Self::System,
        Self::Profile,
        Self::Policy,
        Self::Queue,
        Self::NodeFormat,
        Self::WorkloadFormat,
        Self::Generator,
        Self::Metric,
        Self::Change,
    ];

    /// Noun for the kind in messages.
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
            Self::Change => "change between releases",
        }
    }

    /// Plural of [`NameKind::noun`].
    pub fn nouns(self) -> String {
        match self {
            Self::Policy => "policies".to_owned(),
            Self::Queue => "queue policies".to_owned(),
            Self::Change => "changes between releases".to_owned(),
            _ => format!("{}s", self.noun()),
        }
    }

    /// Keyword value in the private JSON Schema extensions.
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
            Self::Change => "change",
        }
    }

    pub(super) fn from_keyword(keyword: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.keyword() == keyword)
    }
}

/// Source of registered names.
///
/// Registries with two systems and no other names:
///
/// ```
/// use scenario::{NameKind, Names};
/// use serde_json::Value;
///
/// struct Systems;
///
/// impl Names for Systems {
///     fn names(&self, kind: NameKind) -> Vec<&'static str> {
///         match kind {
///             NameKind::System => vec!["kubernetes", "batch"],
///             _ => Vec::new(),
///         }
///     }
///
///     fn parameters(&self, _kind: NameKind, _name: &str) -> Option<Value> {
///         None
///     }
/// }
///
/// assert_eq!(Systems.names(NameKind::System), ["kubernetes", "batch"]);
/// assert!(Systems.profile_conflict("batch", "default").is_none());
/// ```
pub trait Names {
    /// All names of a kind, in the order of their registry; an empty list accepts any name.
    fn names(&self, kind: NameKind) -> Vec<&'static str>;

    /// JSON Schema (made by schemars from the parameters' type) of the arguments that a name takes
    /// in addition to the fields of the experiment file; `None` if it takes none.
    fn parameters(&self, kind: NameKind, name: &str) -> Option<Value>;

    /// Options of systems, each a field below `system:`, in the order of their registry.
    fn sections(&self) -> &'static [Section] {
        &[]
    }

    /// Reason why a system does not run under a profile; `None` if it does.
    fn profile_conflict(&self, _system: &str, _profile: &str) -> Option<Misfit> {
        None
    }
}

/// Two names that do not go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Problem in a sentence.
    pub what: String,
    /// Correction in a sentence.
    pub fix: String,
}

/// No names of registries: every name is accepted, with any arguments, beside options of systems.
#[derive(Clone, Copy, Debug)]
pub struct AnyName(pub &'static [Section]);

impl Names for AnyName {
    fn names(&self, _: NameKind) -> Vec<&'static str> {
        Vec::new()
    }

    fn parameters(&self, _: NameKind, _: &str) -> Option<Value> {
        Some(Value::Bool(true))
    }

    fn sections(&self) -> &'static [Section] {
        self.0
    }
}
