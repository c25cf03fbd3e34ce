//! Probes of containers and the grace of pods, as manifests state them (spec: kubernetes.md part 4).

use serde::{Deserialize, Serialize};

/// A probe, in whole seconds and counts as written, with Kubernetes' defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Probe {
    /// Time from the container's start to the first probe.
    pub initial_delay_secs: i32,
    /// Time between two probes.
    pub period_secs: i32,
    /// Time without an answer after which the probe failed.
    pub timeout_secs: i32,
    /// Number of successes in a row that counts.
    pub success_threshold: i32,
    /// Number of failures in a row that counts.
    pub failure_threshold: i32,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            initial_delay_secs: 0,
            period_secs: 10,
            timeout_secs: 1,
            success_threshold: 1,
            failure_threshold: 3,
        }
    }
}

/// Purpose of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ProbeKind {
    /// Whether the container has started; the others wait for it.
    Startup,
    /// Probe of life; a container that fails it is restarted.
    Liveness,
    /// Probe of service.
    Readiness,
}

/// Time that a pod may take to end by default, in seconds.
pub const DEFAULT_GRACE_SECS: i64 = 30;
