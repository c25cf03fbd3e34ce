//! windtunnel: a wind tunnel for cluster schedulers.
//!
//! The layers, lowest first; a lower one never imports a higher one (`tests/it/layers.rs`):
//! `units` → `rng` → `model` → `cluster` → `control` → `policy` → `systems` → `sim` → `trace` →
//! `metrics` → `scenario` → `lab` → `report` → `cli`. `ARCHITECTURE.md` is the map.

pub mod cluster;
pub mod control;
pub mod lab;
pub mod model;
pub mod policy;
pub mod rng;
pub mod scenario;
pub mod sim;
pub mod systems;
pub mod trace;
pub mod units;
