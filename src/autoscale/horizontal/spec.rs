//! Settings of the controller of horizontal autoscalers. What an object asks for is
//! [`model::workload::horizontal`].

use model::Release;
pub use model::workload::horizontal::{
    Behavior, HorizontalSpec, MetricIdentifier, MetricSpec, ObjectRef, PolicyKind, ScalingPolicy,
    ScalingRules, SelectPolicy, Target, double_targets,
};
use units::Duration;

/// Flags of the controller (spec: kubernetes.md 3.1).
#[derive(Clone, Debug, PartialEq)]
pub struct HorizontalSettings {
    /// The release followed: up to 1.28 there is one tolerance for all and sidecars don't count
    /// as requests; in 1.36 tolerances are by direction and object, sidecars count and results
    /// saturate.
    pub release: Release,
    /// Whether the tolerance that an object states counts.
    pub heeds_own_tolerance: bool,
    /// Whether requests stated for pods as a whole count.
    pub heeds_whole_requests: bool,
    /// Time between two passes over an object.
    pub period: Duration,
    /// Distance of a ratio from 1 that changes nothing.
    pub tolerance: f64,
    /// Time after a pod's start for which its CPU usage is that of its start.
    pub cpu_initialization: Duration,
    /// Time after its start for which a pod that was never ready is taken as starting.
    pub initial_readiness_delay: Duration,
    /// Time for which the highest proposal holds where no behavior says otherwise.
    pub downscale_stabilization: Duration,
}

impl Default for HorizontalSettings {
    fn default() -> Self {
        Self {
            release: Release::V1_36,
            heeds_own_tolerance: true,
            heeds_whole_requests: true,
            period: Duration::from_secs(15),
            tolerance: 0.1,
            cpu_initialization: Duration::from_secs(300),
            initial_readiness_delay: Duration::from_secs(30),
            downscale_stabilization: Duration::from_secs(300),
        }
    }
}
