//! Probes of containers and the grace of pods, as manifests state them (spec: kubernetes.md part 4).

/// A probe, in whole seconds and counts as written, with Kubernetes' defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Probe {
    /// How long after its container's start it begins.
    pub initial_delay_secs: i32,
    /// How often it is made.
    pub period_secs: i32,
    /// After how long without an answer it failed.
    pub timeout_secs: i32,
    /// How many successes in a row count.
    pub success_threshold: i32,
    /// How many failures in a row count.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProbeKind {
    /// Whether the container has started; the others wait for it.
    Startup,
    /// Whether it lives; if not it is restarted.
    Liveness,
    /// Whether it serves.
    Readiness,
}

/// How long a pod may take to end by default, in seconds.
pub const DEFAULT_GRACE_SECS: i64 = 30;
