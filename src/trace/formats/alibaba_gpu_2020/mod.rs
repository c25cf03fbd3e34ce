//! Alibaba's GPU trace of 2020 (PAI): headerless tables whose columns are named in files of their own.
//! Times are seconds with a fraction; processors are in 1/100 core, GPUs in 1/100 device, memory in
//! GiB. Format: `traces.md`, section 5.

pub mod machines;
pub mod tasks;
