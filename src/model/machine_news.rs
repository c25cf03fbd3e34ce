//! Observations of a provider of machines: what machines cost, and orders that come to nothing.

use serde::{Deserialize, Serialize};

use super::Text;

/// Price of machines of a kind, valid from a time on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPrice {
    /// Kind of machine: a group, or an instance type with its purchase option and optionally its
    /// zone (`m5.large/spot`, `m5.large/spot/zone-a`).
    pub kind: Text,
    /// Price of one machine per hour, in millionths of the currency.
    pub price_micro_per_hour: i64,
}

/// Machine that was ordered and does not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineFailure {
    /// Name of the node that it was to become.
    pub node: Text,
    /// Group that it was ordered for; empty where an operation ordered it.
    pub group: Text,
    /// Cause, in the words of the provider or driver.
    pub why: Text,
}
