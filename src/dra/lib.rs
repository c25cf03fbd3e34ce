//! The device allocator of kube-scheduler: which devices claims get on a node (spec:
//! batch-on-kubernetes.md 2).
//!
//! [`Allocator`] is made of what drivers offer and what is in use; [`Allocator::allocate`] decides
//! about claims on one node. Selectors are expressions in CEL, of which [`cel`] has the part that selectors
//! use.

mod allocate;
pub mod cel;
mod constraint;
mod error;
mod inventory;
mod outcome;
mod pools;
mod requests;
mod search;
mod supply;
#[cfg(test)]
mod tests;

pub use allocate::Allocator;
pub use error::AllocationError;
pub use inventory::Offers;
pub use outcome::{Allocated, AllocatedDevice, DeviceId, Place, Variant};
pub use pools::Pool;
pub use search::Walk;
pub use supply::Supply;
