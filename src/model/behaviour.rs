//! Behaviour of a pod once it runs, and the grace it has when asked to end: the part of a pod that
//! no placement reads. Manifests state it by annotations of the pod (template)
//! `windtunnel.dev/start-time`, `windtunnel.dev/run-time`, `windtunnel.dev/exit-code`, `windtunnel.dev/cpu-usage` and
//! `windtunnel.dev/memory-usage` (with a dot and a container's name behind them: of that container), and
//! `terminationGracePeriodSeconds`.

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
    /// Whether the cluster autoscaler may evict it, whatever else holds; `None` is as its kind goes.
    pub is_evictable: Option<bool>,
    /// Time for which a provisioner leaves it and its node alone; `None` is not at all.
    pub do_not_disrupt: Option<DoNotDisrupt>,
    /// Age before which the cluster autoscaler orders no node for it; `None` is as for all pods.
    pub scale_up_delay: Option<Duration>,
    /// Whether the descheduler may evict it, whatever else holds.
    pub is_descheduled: bool,
    /// Marks a pod that keeps data on its node (`emptyDir`, `hostPath`), which goes with the place.
    pub has_local_storage: bool,
    /// Longest run time by the pod's template; the node ends the pod then.
    pub active_deadline: Option<Duration>,
    /// Source of the priority of a template's pods.
    pub priority: TemplatePriority,
    /// Whether the cluster autoscaler waits for its end instead of evicting it.
    pub is_awaited: bool,
    /// Volumes on its node's disk that it doesn't give up when it is evicted, by name.
    pub local_volumes: Vec<Text>,
    /// Cost of deleting the pod, relative to other pods.
    pub deletion_cost: i32,
    /// Requests that its first container has later, in order of time.
    pub resizes: Vec<Resize>,
    /// Usage of containers of which it is stated one by one; [`Self::cpu_usage`] and
    /// [`Self::memory_usage`] are then that of the others together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub container_usage: Vec<ContainerUsage>,
}

/// Usage of a container, in the notation of [`super::usage`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContainerUsage {
    /// The container's name.
    pub container: Text,
    /// CPU usage; `None` has its part of the pod's.
    pub cpu: Option<Text>,
    /// Memory usage; `None` has its part of the pod's.
    pub memory: Option<Text>,
}

/// Time for which a pod is left alone by what gives nodes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DoNotDisrupt {
    /// Until it ends.
    Always,
    /// For so long after its start.
    For(Duration),
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
            do_not_disrupt,
            scale_up_delay,
            is_descheduled,
            has_local_storage,
            active_deadline,
            priority,
            is_awaited,
            local_volumes,
            deletion_cost,
            resizes,
            container_usage,
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
        if do_not_disrupt.is_some() || scale_up_delay.is_some() || *is_descheduled {
            do_not_disrupt.hash(state);
            scale_up_delay.hash(state);
            is_descheduled.hash(state);
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
        if !container_usage.is_empty() {
            container_usage.hash(state);
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

    /// Every statement about usage: of the pod and of its containers.
    pub fn usage_texts(&self) -> impl Iterator<Item = &Text> {
        let containers = self.container_usage.iter();
        let containers =
            containers.flat_map(|container| container.cpu.iter().chain(&container.memory));
        self.cpu_usage
            .iter()
            .chain(&self.memory_usage)
            .chain(containers)
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
            do_not_disrupt: None,
            scale_up_delay: None,
            is_descheduled: false,
            has_local_storage: false,
            active_deadline: None,
            priority: TemplatePriority::default(),
            is_awaited: false,
            local_volumes: Vec::new(),
            deletion_cost: 0,
            resizes: Vec::new(),
            container_usage: Vec::new(),
        }
    }
}
