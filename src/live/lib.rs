//! Real Linux hosts: a thin adapter between the control plane and machines.

pub mod runtime;
