//! Queue orders: which pod goes first.

pub mod decreasing;
pub mod fifo;
pub mod priority;
