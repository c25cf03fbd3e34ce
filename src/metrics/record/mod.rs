//! The record of a run: the trait of collectors, the entry of a family, and what collectors share
//! (totals, jobs, workloads, the measured window).

pub mod amounts;
pub mod areas;
pub mod change_batch;
pub mod collector;
pub mod consistency;
mod ends;
pub mod entry;
pub mod fragments;
mod gangs;
pub mod gpus;
pub mod invariants;
mod job_objects;
pub mod jobs;
pub mod live_series;
pub mod node_rows;
pub mod pod_table;
pub mod presentation;
pub mod selection;
pub mod series;
pub mod setup;
pub mod state;
pub mod successors;
pub mod tables;
pub mod warm_up;
pub mod window;
pub mod workloads;
