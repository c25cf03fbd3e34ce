//! Worked examples (spec: orchestrators-b.md sections 1 to 4) and properties of the whole.

mod allocator;
mod chronos;
mod fairness;
mod frameworks;
