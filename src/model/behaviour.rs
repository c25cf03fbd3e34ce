//! What a pod does once it runs, and what it is granted when it is told to end: the part of a pod
//! that no placement looks at. Manifests state it by annotations of the pod (template)
//! `windtunnel.dev/run-time` and `windtunnel.dev/exit-code`, and `terminationGracePeriodSeconds`.

use super::Text;
use super::pod_life::DEFAULT_GRACE;
use crate::units::Duration;

/// What a pod does once it runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Behaviour {
    /// How long it runs: a duration or a distribution, in the notation of experiment files; `None`
    /// runs until it is stopped.
    pub run_time: Option<Text>,
    /// The code that its containers end with by themselves; 0 is success.
    pub exit_code: i32,
    /// How long it may take to end once it is told to.
    pub grace: Duration,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            run_time: None,
            exit_code: 0,
            grace: DEFAULT_GRACE,
        }
    }
}
