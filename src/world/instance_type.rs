//! One instance type: what its machines offer, and what they cost.

use model::Node;
use units::Quantity;

use super::price_list::Price;

/// Name of whole GPU devices in Kubernetes.
pub(super) const GPU_RESOURCE: &str = "nvidia.com/gpu";

/// Instance type of a list.
#[derive(Clone, Debug)]
pub(super) struct InstanceType {
    /// Machine of the type, by its list: the amounts it offers, its architecture.
    pub(super) node: Node,
    /// Prices of the type; empty where no list states them.
    pub(super) prices: Vec<Price>,
}

/// Rest of an amount, 0 at the least.
pub(super) fn less(whole: Quantity, part: Option<Quantity>) -> Quantity {
    let left = whole.checked_sub(part.unwrap_or(Quantity::ZERO));
    let left = left.ok().filter(|left| !left.is_negative());
    left.unwrap_or(Quantity::ZERO)
}
