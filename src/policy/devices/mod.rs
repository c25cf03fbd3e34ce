//! Choices of GPU devices on the chosen node.

pub mod random_device;
pub mod tightest;
