//! Capacity, and how pods fill it: allocation, demand, balance, stranding and fragmentation, with
//! the shapes of a workload that these are measured against.

pub mod allocation;
pub mod arrived_demand;
pub mod balance;
pub mod capacity;
pub mod demand;
pub mod fit_count;
pub mod fitting;
pub mod fragmentation;
mod granted;
pub mod hypervisors;
pub mod largest_hole;
pub mod mix_fragmentation;
pub mod starting;
pub mod stranding;
pub mod tiers;
pub mod topology_hole;
pub mod usage;
