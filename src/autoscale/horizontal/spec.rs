//! How the controller of horizontal autoscalers is set up. What an object asks for is
//! [`model::workload::horizontal`].

use control::controllers::Release;
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
    /// Time between two passes over an object.
    pub period: Duration,
    /// How far from 1 a ratio may be without a change.
    pub tolerance: f64,
    /// How long after its start a pod's CPU usage is that of its start.
    pub cpu_initialization: Duration,
    /// How long after its start a pod that was never ready is taken as starting.
    pub initial_readiness_delay: Duration,
    /// How long the highest proposal holds where no behavior says otherwise.
    pub downscale_stabilization: Duration,
}

impl Default for HorizontalSettings {
    fn default() -> Self {
        Self {
            release: Release::default(),
            period: Duration::from_secs(15),
            tolerance: 0.1,
            cpu_initialization: Duration::from_secs(300),
            initial_readiness_delay: Duration::from_secs(30),
            downscale_stabilization: Duration::from_secs(300),
        }
    }
}
