//! The parts of `OpenShift` that are its own, as components: its scheduler and the controller of
//! deployment configurations. All others are those of Kubernetes.

mod affinity;
mod backoff;
mod deployments;
mod obstacles;
mod scheduler;
mod spread;
mod wishes;

pub(super) use deployments::DeploymentConfigs;
pub(super) use scheduler::Scheduler;
