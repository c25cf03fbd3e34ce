//! Consolidation of virtual machines (Beloglazov and Buyya 2012, as in `CloudSim` 4.0; spec:
//! published-results.md section 6): machines move away from overloaded hosts, and off the least
//! loaded ones so that these can be switched off.

pub mod account;
mod books;
pub mod component;
mod datacenter;
mod detection;
mod entry;
mod host;
mod ids;
mod options;
mod plan;
mod selection;
mod statistics;
#[cfg(test)]
mod tests;
mod vm;

pub use books::Books;
pub use component::ConsolidationOptions;
pub use datacenter::{Datacenter, Move, Rules};
pub use detection::Detection;
pub use entry::ENTRY;
pub use host::{Host, HostKind};
pub use ids::{HostId, VmId};
pub use options::{Consolidation, OverloadDetection};
pub use selection::Selection;
pub use vm::{HISTORY, Vm, VmKind};
