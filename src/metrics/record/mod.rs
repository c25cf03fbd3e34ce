//! The record of a run: the recorder that watches one cell, the collectors it feeds, what they
//! share (totals, jobs, workloads, the measured window), and the registry of all families.

pub mod amounts;
pub mod areas;
pub mod collector;
pub mod consistency;
pub mod deeds;
pub mod entry;
pub mod fragments;
pub mod jobs;
pub mod live_series;
pub mod node_rows;
pub mod pod_table;
pub mod presentation;
pub mod series;
pub mod setup;
pub mod state;
pub mod successors;
pub mod tables;
pub mod warm_up;
pub mod window;
pub mod workloads;
