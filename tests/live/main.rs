//! Live mode on real hosts: faults are struck, and what must hold is audited. One serial program, as
//! kernel names are shared; it is also the workload and the agent of its own tests.
//!
//! `cargo test -p windtunnel-live --test live -- FILTER`. A test that needs a feature which the host
//! lacks is skipped and says so; `WT_REQUIRE=netns,cgroup-memory` makes features mandatory.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests of real hosts wait for the wall clock and read files; the table is printed"
)]

mod agent;
mod audit;
mod cluster;
mod crashes;
mod docker;
mod ends;
mod fabric;
#[expect(dead_code, reason = "the library's own tests use the rest")]
mod facade;
mod hosts;
mod image_registry;
mod isolation;
mod kube;
mod limits;
mod load;
mod machines;
mod network;
mod parties;
mod probes;
mod restarts;
mod server;
mod services;
mod short_log;
mod shortage;
mod soak;
mod sweep;
mod table;
mod thirty;
mod torn;
mod wait;
mod walk;
mod watch;
mod web;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["workload", rest @ ..] => workload::run(rest),
        ["crash"] => crashes::crash(),
        ["agent", folder, node] => agent::run(&PathBuf::from(folder), node),
        filters => table::run(filters),
    }
}
