//! The bill: what nodes of a kind cost, and who caused it.

use model::Text;

/// Cost of the nodes by cause, in the currency of the prices. The cost of tenants, idle cost,
/// rounding, and commitments minus covered nodes add up to the total; so does the cost of the node
/// kinds with commitments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CostTable {
    /// The currency.
    pub currency: Text,
    /// Rounding of on-time, in words.
    pub billing: &'static str,
    /// The bill.
    pub total: f64,
    /// Cost added by rounding up.
    pub rounding: f64,
    /// Cost of commitments.
    pub committed: f64,
    /// Price of the nodes that the commitments pay for.
    pub covered: f64,
    /// Cost of capacity that no pod reserves.
    pub idle: f64,
    /// Cost of capacity that no pod reserves or uses; `None` if usage is unknown.
    pub idle_by_use: Option<f64>,
    /// Tenants by name.
    pub tenants: Vec<TenantCost>,
    /// Nodes by instance type.
    pub nodes: Vec<NodeKindCost>,
}

/// Cost of one tenant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TenantCost {
    /// The tenant's name: a namespace, a value of a label, or the number of a trace's tenant.
    pub name: Text,
    /// Cost of what the tenant reserves.
    pub by_requests: f64,
    /// Cost of the greater of what the tenant reserves and uses, pod by pod; `None` where nothing
    /// is known of what pods use.
    pub by_use: Option<f64>,
    /// Requests of clients that its services answered.
    pub served: u64,
}

/// Cost of the nodes of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeKindCost {
    /// Their instance type, or their group; empty if neither is known.
    pub instance_type: Text,
    /// Whether they may be taken back.
    pub is_spot: bool,
    /// Number of nodes in the measured window.
    pub nodes: u64,
    /// The price of one an hour; of a price that changes what an hour cost on average.
    pub price: f64,
    /// Whether that changed in the run.
    pub price_changes: bool,
    /// Hours that they were there, from their order on.
    pub hours: f64,
    /// Hours that are billed.
    pub billed_hours: f64,
    /// Billed hours x price.
    pub cost: f64,
}
