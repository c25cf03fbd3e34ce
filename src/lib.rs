//! windtunnel: a wind tunnel for cluster schedulers.
//!
//! The layers, lowest first; a lower one never imports a higher one (`tests/it/layers.rs`):
//! `units` → `rng` → `model` → `cluster` → `control` → `policy` → `systems` → `sim` → `trace` →
//! `metrics` → `scenario` → `lab` → `report` → `cli`. `ARCHITECTURE.md` is the map.

#[expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the wall clock, the environment and standard input are read here and nowhere else"
)]
pub mod cli;
pub mod cluster;
pub mod control;
pub mod lab;
pub mod metrics;
pub mod model;
pub mod policy;
pub mod report;
pub mod rng;
pub mod scenario;
pub mod sim;
pub mod systems;
pub mod trace;
pub mod units;
