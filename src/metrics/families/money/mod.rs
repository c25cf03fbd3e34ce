//! Money and energy: the bill of the nodes, what the same pods would cost billed by use, and power.

pub mod cost;
pub mod energy;
pub mod functions;
pub mod pay_per_use;
