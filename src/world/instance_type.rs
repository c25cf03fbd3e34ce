//! One instance type: what its machines offer, and what they cost.

use model::Node;
use units::Quantity;

use super::price_list::Price;

/// Name of whole GPU devices in Kubernetes.
pub(super) const GPU_RESOURCE: &str = "nvidia.com/gpu";

/// Instance type of a list.
#[derive(Clone, Debug)]
pub(super) struct InstanceType {
    /// What a machine of it is, by what its list says: what it offers, its architecture.
    pub(super) node: Node,
    /// What it costs; nothing where no list says it.
    pub(super) prices: Vec<Price>,
}

/// What is left of an amount, 0 at the least.
pub(super) fn less(whole: Quantity, part: Option<Quantity>) -> Quantity {
    let left = whole.checked_sub(part.unwrap_or(Quantity::ZERO));
    let left = left.ok().filter(|left| !left.is_negative());
    left.unwrap_or(Quantity::ZERO)
}
