//! The control plane: deterministic state machines. Observations and wake-ups come in; writes to
//! the store, commands to nodes and the next wake-up come out. Nothing here reads a clock, a file
//! or a global random number, and nothing knows whether a simulator or real hosts drive it.

pub mod admission;
pub mod client_limit;
pub mod component;
pub mod controllers;
mod daemons;
pub mod delivery;
pub mod devices;
pub mod docker_machine;
pub mod errands;
pub mod exchange;
pub mod federation;
pub mod local_node;
pub mod node;
pub mod node_api;
pub mod node_life;
pub mod operation;
pub mod probe;
pub mod program;
pub mod provider;
pub mod services;
pub mod upgrade;
pub mod volumes;
pub mod writes;

pub use cluster::UsageSamples;
pub use component::{Component, Memory, Outbox, Progress, Stepping, Write};
pub use exchange::{Answer, Exchange, ExchangeError, Question};
pub use node::{AgentOutput, MachineCommand, MachineEvent, NodeAgent};
pub use probe::Probe;
pub use program::{DurableState, Program};
pub use writes::OwnWrites;
