//! Queue orders: which pod goes first.

pub mod decreasing;
pub mod decreasing_product;
pub mod fifo;
pub mod priority;
