//! Choices among the nodes with the most points. Without a score every feasible node is among them.

pub mod first;
pub mod next_fit;
pub mod random;
pub mod rank;
pub mod round_robin;
