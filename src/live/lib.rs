//! The driver of real hosts: the control plane that runs in the simulator, behind a wall clock. The
//! decisions are those of `control` and `systems`; nothing here places or replaces a pod.
//!
//! - `simulated`: the control plane of an experiment, and records in the simulator.
//! - `driver`: the pure core; inputs with their instant go in, commands and answers come out.
//! - `record`: the inputs of a run as a log that replays to the same commands.
//! - `what_if`: a record continued under another control plane, with simulated machines.
//! - `story`: what happened in a record apart from decisions, and its events.
//! - `journal`: durable storage of that log.
//! - `kube`: the driver as a scheduler of a Kubernetes cluster that is there.
//! - `control`: a driver whose commands leave only after their inputs are durable.
//! - `node`: a node as its daemon keeps it, around the node agent of the system.
//! - `runtime`: the processes of a host, each under a shim that outlives its agent.
//! - `wire`: the messages between the two.
//! - `daemon`: that core over a runtime, with the control server at the other end.
//! - `discovery`: services on a host, as files and variables.
//! - `security`: identities, certificates and TLS; `access` finds a server.
//! - `facade`: the cluster in the form of the Kubernetes API, for `kubectl`.
//! - `load`: the load that a control server bears.
//! - `serve`: the control server over HTTP, with a wall clock; `client` talks to it.

pub mod access;
pub mod client;
pub mod control;
pub mod daemon;
mod discovery;
pub mod driver;
mod facade;
pub mod journal;
pub mod kube;
pub mod load;
pub mod node;
pub mod record;
pub mod runtime;
pub mod security;
pub mod serve;
pub mod simulated;
pub mod story;
pub mod what_if;
pub mod wire;

#[cfg(test)]
mod tests;
