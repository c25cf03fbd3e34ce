//! The objects and their vocabulary: what exists in a cluster, and the one list of what can happen
//! to it. Types here have no file format of their own; each format has its types at its border.

pub mod affinity;
pub mod event;
pub mod gpu;
pub mod label;
pub mod node;
pub mod pod;
pub mod resource_list;
pub mod taint;

use std::sync::Arc;

pub use affinity::{Affinity, NodeAffinity, PodAffinityTerm, TopologySpread};
pub use event::{EndReason, Event, PodCreated, PodRef};
pub use gpu::{DeviceSet, GpuInventory, GpuRequest};
pub use label::{LabelSelector, Labels, NodeSelector, NodeSelectorTerm, Operator, Requirement};
pub use node::Node;
pub use pod::{Container, HostPort, Pod, PodName, PodPhase, PodSpec};
pub use resource_list::ResourceList;
pub use taint::{Taint, TaintEffect, Toleration};

/// A shared immutable text: names, label keys and values.
pub type Text = Arc<str>;
