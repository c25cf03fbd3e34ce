//! windtunnel: a wind tunnel for cluster schedulers.
//!
//! Each layer is a crate below `src/`; this library names them all, lowest first. Cargo holds the
//! order: a crate imports the layers its `Cargo.toml` lists and no other. `ARCHITECTURE.md` is the
//! map.

pub use units;

pub use options;

pub use rng;

pub use model;

pub use kueue;

pub use dra;

pub use cluster;

pub use control;

pub use scheduler;

pub use autoscale;

pub use policy;

pub use systems;

pub use intake;

pub use k8s;

pub use arrivals;

pub use formats;

pub use workloads;

pub use sim;

pub use metrics;

pub use history;

pub use scenario;

pub use world;

pub use lab;

pub use report;

pub use cli;
