//! Systems: how each one modelled composes components and policies, and its node agent. Every
//! system is one file or folder here and one line in the [`registry`]; what several of them have in
//! common is in [`parts`].

mod awaits_volumes;
pub mod batch;
pub mod borg;
pub mod capability;
pub mod compose;
pub mod consolidation;
#[cfg(test)]
mod device_claims;
pub mod ecs;
pub mod ends;
pub mod entry;
pub mod fleet;
pub mod flow;
pub mod functions;
pub mod gpu_sharing;
pub mod graphene;
mod jobs_alone;
pub mod kubelet;
pub mod kubernetes;
pub mod mapping;
pub mod mesos;
pub mod nova;
pub mod omega;
pub mod openshift;
pub mod options;
pub mod parts;
pub mod pipeline;
pub mod plain_agent;
pub mod profile;
pub mod queueing;
pub mod registry;
pub mod setting;
pub mod sparrow;
pub mod stated;
pub mod swarm;
pub mod swarmkit;

pub use self::options::{SECTIONS, SystemOptions};
pub use awaits_volumes::AwaitsVolumes;
pub use capability::{Capabilities, Capability, Support};
pub use entry::{
    ExtenderLine, ExternalPolicy, RunsWorkloads, SchedulerKind, SystemEntry, SystemError,
    SystemFact, SystemParts, SystemRequest,
};
pub use kubernetes::KubeRequest;
pub use parts::time_limits::TimeLimits;
