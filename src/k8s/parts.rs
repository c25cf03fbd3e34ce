//! The fields of an object as far as they have been read, and what its kind says of them.

use serde::de::Error;
use serde_json::Value;

use super::fields::{NODE_SPEC, POD_SPEC, UnreadFields};
use super::kinds::{self, OutdatedVersion};
use super::{Origin, raw};
use units::SortedSet;

/// An object as far as it has been read.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) api_version: Option<String>,
    pub(super) kind: Option<String>,
    /// Name of the pod that this one is like, in a snapshot.
    pub(super) like: Option<String>,
    pub(super) metadata: raw::Metadata,
    pub(super) pod_spec: raw::PodSpec,
    pub(super) pod_status: raw::PodStatus,
    pub(super) node_spec: raw::NodeSpec,
    pub(super) node_status: raw::NodeStatus,
    /// Value of a priority class.
    pub(super) value: Option<Value>,
    pub(super) global_default: Option<Value>,
    pub(super) preemption_policy: Option<Value>,
    /// A `spec` and a `status` that came before the kind, or of a kind read as plain values.
    pub(super) late_spec: Option<Value>,
    pub(super) late_status: Option<Value>,
    /// Fields of storage objects that stand beside `spec`.
    pub(super) beside: serde_json::Map<String, Value>,
    /// Keys of a config.
    pub(super) keys: SortedSet<String>,
    /// Items of a list that have no kind of their own, and where they stand.
    pub(super) waiting: Vec<(Box<Parts>, String)>,
    pub(super) has_items: bool,
    /// Pods that a workload wants, where workloads are not read.
    pub(super) wanted: raw::ReplicaFields,
    /// Fields that no reader looks at.
    pub(super) strays: UnreadFields,
}

/// Source of an object: what a server has admitted bears marks of it.
pub(super) fn origin(metadata: &raw::Metadata, status: &raw::PodStatus) -> Origin {
    let marks = [
        &metadata.uid,
        &metadata.resource_version,
        &metadata.creation_timestamp,
        &status.phase,
    ];
    let is_marked = |mark: &&Option<String>| mark.as_ref().is_some_and(|mark| !mark.is_empty());
    if marks.iter().any(is_marked) {
        Origin::Admitted
    } else {
        Origin::Submitted
    }
}

/// Part of an object's body that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Pod,
    Node,
    PriorityClass,
    RuntimeClass,
    /// Everything, as plain values (`objects.rs`).
    Object,
    /// Body of a workload, read only where workloads are asked for (`workloads.rs`).
    Workload,
    /// Nothing: the version has other fields.
    Outdated(OutdatedVersion),
    /// Nothing.
    Skipped,
}

impl Parts {
    /// Part of this object that is read; `None` as long as its kind isn't known.
    pub(super) fn body(&self) -> Option<Body> {
        let (kind, version) = (self.kind.as_deref()?, self.api_version.as_deref());
        Some(match kind {
            "Pod" if kinds::is_own(kind, version) => Body::Pod,
            "Node" if kinds::is_own(kind, version) => Body::Node,
            "PriorityClass" if kinds::is_own(kind, version) => Body::PriorityClass,
            "RuntimeClass" if kinds::is_own(kind, version) => Body::RuntimeClass,
            _ if kinds::is_read(kind, version) => Body::Object,
            _ if kinds::is_workload(kind, version) => Body::Workload,
            _ => kinds::outdated(kind, version).map_or(Body::Skipped, Body::Outdated),
        })
    }

    /// Source of the object.
    pub(super) fn origin(&self) -> Origin {
        origin(&self.metadata, &self.pod_status)
    }

    pub(super) fn is_list(&self) -> bool {
        let kind = self.kind.as_deref();
        kind.is_none_or(|kind| kind.ends_with("List"))
    }

    /// The kind that items have which state none: `Pod` in a `PodList`.
    pub(super) fn kind_of_items(&self) -> Option<String> {
        let kind = self.kind.as_deref()?.strip_suffix("List")?;
        (!kind.is_empty()).then(|| kind.to_owned())
    }

    /// Reads what came before the kind.
    pub(super) fn read_late<E: Error>(&mut self) -> Result<(), E> {
        // From borrowed values, as templates of workloads are: the types are compiled once for both.
        fn take<T: Default + serde::de::DeserializeOwned, E: Error>(
            late: &mut Option<Value>,
            into: &mut T,
        ) -> Result<(), E> {
            if let Some(value) = late.take().filter(|value| !value.is_null()) {
                *into = T::deserialize(&value).map_err(E::custom)?;
            }
            Ok(())
        }
        let strays = &mut self.strays;
        match (self.kind.as_deref(), self.late_spec.as_ref()) {
            (Some("Pod"), Some(late)) => strays.walk(late, POD_SPEC, "spec"),
            (Some("Node"), Some(late)) => strays.walk(late, NODE_SPEC, "spec"),
            _ => {}
        }
        match self.body() {
            Some(Body::Pod) => {
                take(&mut self.late_spec, &mut self.pod_spec)?;
                take(&mut self.late_status, &mut self.pod_status)
            }
            Some(Body::Node) => {
                take(&mut self.late_spec, &mut self.node_spec)?;
                take(&mut self.late_status, &mut self.node_status)
            }
            _ => Ok(()),
        }
    }
}
