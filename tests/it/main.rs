//! The one integration binary: shared helpers and a module per concern.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read files of the project and say why they are skipped"
)]

mod autoscale;
mod batch_forms;
mod batch_inputs;
mod borg;
mod check;
mod cli;
mod closed_form;
mod compare;
mod consolidation;
mod contention;
mod control_faults;
mod controlled;
mod descheduling;
mod drain;
mod ended;
mod endings;
mod extremes;
mod failover;
mod failure_runs;
mod failure_scenarios;
mod fleet;
mod forms;
mod functions;
mod fuzz;
mod harness;
mod holds;
mod images;
mod invariants;
mod kube_controllers;
mod kube_edges;
mod kube_engine;
mod kube_explain;
mod kube_registered;
mod kube_scenario;
mod kube_scheduler;
mod kube_settings;
mod lab;
mod layers;
mod mesos;
mod node_admission;
mod node_life;
mod node_scaling;
mod node_scaling_drain;
mod node_scaling_properties;
mod node_scaling_provider;
mod node_scaling_rules;
mod omega;
mod openb;
mod orchestrators;
mod pairing;
mod permit;
mod place;
mod placements;
mod plan;
mod platform;
mod prices;
mod quirks;
mod readers;
mod real_cluster;
mod recorded_metrics;
mod report;
mod residents;
mod results;
mod round_trip;
mod scaling;
mod scaling_properties;
mod scaling_rules;
mod scaling_scenarios;
mod scratch;
mod services;
mod shared;
mod sim;
mod spec;
mod start_up;
mod store;
mod story;
mod streams;
mod swarm;
mod swarm_properties;
mod swarm_scenarios;
mod tidy;
mod traffic;
mod volumes;
mod watch;
mod worked_examples;
mod workload_input;
mod workload_kinds;
mod workloads;
mod world;
