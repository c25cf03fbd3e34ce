//! The control server and daemons of several nodes in one process, over fake machines.

mod bench;
mod clock;
mod compaction;
mod daemon;
#[path = "../../../tests/live/facade.rs"]
mod facade;
mod faults;
mod host;
mod kube;
mod labels;
mod machines;
mod objects;
mod pressure;
mod probes;
mod replay;
mod restored;
mod security;
mod server;
mod story;
mod systems;
mod usage;
mod what_if;
