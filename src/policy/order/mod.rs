//! Queue orders: which pod goes first.

pub mod fifo;
pub mod priority;
