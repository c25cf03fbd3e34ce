//! Questions to the allocator and its answers.

use model::Labels;

pub use model::dra::{AllocatedDevice, Allocation as Allocated, DeviceId};

/// A release of kube-scheduler, as far as its allocators differ (spec: batch-on-kubernetes.md 2.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// 1.34: the order of pools is random there, and two quirks concern `All` among alternatives.
    V1_34,
    /// 1.36: pools go by driver and name, and those that are not whole show no devices.
    #[default]
    V1_36,
}

/// A node on which claims are allocated.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The node's name.
    pub name: &'a str,
    /// The node's labels.
    pub labels: &'a Labels,
}
