//! `OpenShift` Origin: its scheduler policy of 3.x, and deployment configurations with their triggers, hooks
//! and rollouts (spec: orchestrators-a.md section 8; openshift/openshift-controller-manager 26d20fe). Builds
//! and image triggers are those of `control::delivery`, weights of routes stand in `control::services`; all
//! else is Kubernetes.

mod checks;
mod component;
pub mod deployment;
mod entry;
pub mod fit;
mod options;
pub mod policy;
pub mod rollout;
pub mod rules;
pub mod section;

pub use entry::ENTRY;
pub(crate) use entry::WITH_3_11;
pub use options::{ConfigRules, OpenShiftOptions};
