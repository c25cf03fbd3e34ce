//! Behaviour of a pod once it runs, and the grace it has when asked to end: the part of a pod that
//! no placement reads. Manifests state it by annotations of the pod (template)
//! `windtunnel.dev/start-time`, `windtunnel.dev/run-time`, `windtunnel.dev/exit-code`, `windtunnel.dev/cpu-usage` and
//! `windtunnel.dev/memory-usage`, and `terminationGracePeriodSeconds`.

use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};

use super::workload::probe::DEFAULT_GRACE_SECS;
use super::{ExitPlan, ResourceList, TemplatePriority, Text};
use units::Duration;

/// Time that a pod may take to end where nothing is stated (spec: kubernetes.md 2.10).
pub const DEFAULT_GRACE: Duration = Duration::from_secs(DEFAULT_GRACE_SECS);

/// Behaviour of a running pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Behaviour {
    /// Time that its containers take to start; `None` is as the experiment states it for all pods.
    pub start_time: Option<Duration>,
    /// Run time: a duration or a distribution, in the notation of experiment files; `None` runs
    /// until the pod is stopped.
    pub run_time: Option<Text>,
    /// The code that its containers end with by themselves; 0 is success.
    pub exit_code: i32,
    /// Exit codes by start, where they differ; `exit_code` holds where there are none.
    pub exit_plan: ExitPlan,
    /// Longest time from the request to end until the pod is killed.
    pub grace: Duration,
    /// CPU usage, in the notation of [`super::usage`].
    pub cpu_usage: Option<Text>,
    /// Memory usage, in the notation of [`super::usage`].
    pub memory_usage: Option<Text>,
    /// Whether autoscalers of nodes may evict it, whatever else holds; `None` is as its kind goes.
    pub is_evictable: Option<bool>,
    /// Marks a pod that keeps data on its node (`emptyDir`, `hostPath`), which goes with the place.
    pub has_local_storage: bool,
    /// Longest run time by the pod's template; the node ends the pod then.
    pub active_deadline: Option<Duration>,
    /// Source of the priority of a template's pods.
    pub priority: TemplatePriority,
    /// Whether autoscalers of nodes wait for its end instead of evicting it.
    pub is_awaited: bool,
    /// Volumes on its node's disk that it doesn't give up when it is evicted, by name.
    pub local_volumes: Vec<Text>,
    /// Cost of deleting the pod, relative to other pods.
    pub deletion_cost: i32,
    /// Requests that its first container has later, in order of time.
    pub resizes: Vec<Resize>,
}

/// A change of a running pod's requests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Resize {
    /// Time that the pod has run for by then.
    pub after: Duration,
    /// Requests from then on: all of them.
    pub requests: ResourceList,
}

impl Hash for Behaviour {
    // What says nothing of usage has the bytes that it had before there was usage.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            start_time,
            run_time,
            exit_code,
            exit_plan,
            grace,
            cpu_usage,
            memory_usage,
            is_evictable,
            has_local_storage,
            active_deadline,
            priority,
            is_awaited,
            local_volumes,
            deletion_cost,
            resizes,
        } = self;
        if start_time.is_some() {
            start_time.hash(state);
        }
        run_time.hash(state);
        exit_code.hash(state);
        grace.hash(state);
        if !exit_plan.is_empty() {
            exit_plan.hash(state);
        }
        if cpu_usage.is_some() || memory_usage.is_some() {
            cpu_usage.hash(state);
            memory_usage.hash(state);
        }
        if is_evictable.is_some() {
            is_evictable.hash(state);
        }
        if *has_local_storage {
            has_local_storage.hash(state);
        }
        if active_deadline.is_some() {
            active_deadline.hash(state);
        }
        // The number itself is in the pod.
        if matches!(priority, TemplatePriority::Class { .. }) {
            priority.hash(state);
        }
        if *is_awaited || !local_volumes.is_empty() || *deletion_cost != 0 {
            is_awaited.hash(state);
            local_volumes.hash(state);
            deletion_cost.hash(state);
        }
        if !resizes.is_empty() {
            resizes.hash(state);
        }
    }
}

impl Behaviour {
    /// The behaviour of a pod that uses 1/1000 cores and bytes, as far as they are known; `None` if neither is.
    pub fn using(cpu_milli: Option<i64>, memory: Option<i64>) -> Option<Self> {
        (cpu_milli.is_some() || memory.is_some()).then(|| Self {
            cpu_usage: cpu_milli.map(|milli| format!("{milli}m").into()),
            memory_usage: memory.map(|bytes| bytes.to_string().into()),
            ..Self::default()
        })
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            start_time: None,
            run_time: None,
            exit_code: 0,
            exit_plan: ExitPlan::default(),
            grace: DEFAULT_GRACE,
            cpu_usage: None,
            memory_usage: None,
            is_evictable: None,
            has_local_storage: false,
            active_deadline: None,
            priority: TemplatePriority::default(),
            is_awaited: false,
            local_volumes: Vec::new(),
            deletion_cost: 0,
            resizes: Vec::new(),
        }
    }
}
