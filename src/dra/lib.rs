//! The device allocator of kube-scheduler: which devices claims get on a node (spec:
//! batch-on-kubernetes.md 2).
//!
//! [`Allocator`] is made of what drivers offer and what is in use; [`Allocator::allocate`] decides
//! about claims on one node. Selectors are expressions in CEL, of which [`cel`] has the part that selectors
//! use.

pub mod allocate;
pub mod cel;
mod constraint;
mod pools;
mod requests;
mod search;
#[cfg(test)]
mod tests;

pub use allocate::{
    Allocated, AllocatedDevice, AllocationError, Allocator, DeviceId, Place, Variant,
};
pub use search::Walk;
