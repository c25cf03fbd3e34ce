//! Sharing between tenants: their dominant shares, and how far these are from fair ones.

pub mod fairness;
pub mod filling;
pub mod queues;
pub mod quota_use;
pub mod shares;
pub mod tenants;
