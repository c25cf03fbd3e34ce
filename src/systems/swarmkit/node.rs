//! Nodes as the scheduler sees them: what is left, active tasks, recent failures
//! (spec: orchestrators-a.md sections 2.2 and 2.3; swarmkit `manager/scheduler/nodeinfo.go`).

use model::{Labels, Text};
use units::{Duration, Instant, SortedMap, SortedSet};

use super::task::{Preference, Resources, TaskSpec, Version};

/// Number of recent failures from which a node counts as faulty for a version of a service.
pub const MAX_FAILURES: usize = 5;
/// Time over which failures count.
pub const FAILURE_WINDOW: Duration = Duration::from_secs(300);

/// Whether a node takes tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Availability {
    /// It does.
    #[default]
    Active,
    /// It keeps what it has.
    Pause,
    /// It gives away what it has.
    Drain,
}

/// Whether a node is heard of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeStatus {
    /// Not known yet, or not known to a new leader.
    Unknown,
    /// It is.
    #[default]
    Ready,
    /// It is not.
    Down,
}

/// A node.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// The node's id.
    pub id: Text,
    /// The node's host name.
    pub hostname: Text,
    /// The node's address.
    pub ip: Text,
    /// `worker` or `manager`.
    pub role: Text,
    /// The node's operating system.
    pub os: Text,
    /// The node's architecture, as it says it.
    pub architecture: Text,
    /// Labels given to the node.
    pub labels: Labels,
    /// Labels of its engine.
    pub engine_labels: Labels,
    /// Plugins it has.
    pub plugins: SortedSet<Text>,
    /// Volumes that are reachable from it.
    pub volumes: SortedSet<Text>,
    /// Availability of the node for tasks.
    pub availability: Availability,
    /// Status of the node by its heartbeats.
    pub status: NodeStatus,
    /// Available resources: the node's total minus reservations.
    pub available: Resources,
    /// Load of the node's tasks.
    pub load: Load,
}

/// Load of a node's tasks: counted here, changed only by the node.
#[derive(Clone, Debug, Default)]
pub struct Load {
    active: u32,
    active_of: SortedMap<Text, u32>,
    ports: SortedSet<Text>,
    failures: SortedMap<Version, Vec<Instant>>,
}

impl Node {
    /// Active tasks on it.
    pub fn active(&self) -> u32 {
        self.load.active
    }

    /// Active tasks of a service on it.
    pub fn active_of(&self, service: &str) -> u32 {
        self.load.active_of.get(service).copied().unwrap_or(0)
    }

    /// Whether a port is published on it.
    pub fn has_port(&self, port: &str) -> bool {
        self.load.ports.contains(port)
    }

    /// The value of a label to spread over, empty if it is missing.
    pub fn value_of(&self, preference: &Preference) -> Text {
        let found = match preference {
            Preference::NodeLabel(label) => self.labels.get(label),
            Preference::EngineLabel(label) => self.engine_labels.get(label),
        };
        found.cloned().unwrap_or_default()
    }

    /// A task comes to the node.
    pub fn add_task(&mut self, spec: &TaskSpec) {
        self.available.take(&spec.reservations);
        self.load.ports.extend(spec.host_ports.iter().cloned());
        self.count_active(&spec.version.service, 1);
    }

    /// A task is no longer active: it does not count, and keeps what it reserves until it has
    /// ended.
    pub fn deactivate_task(&mut self, spec: &TaskSpec) {
        self.count_active(&spec.version.service, -1);
    }

    /// An inactive task has ended: what it reserved is free.
    pub fn free_task(&mut self, spec: &TaskSpec) {
        self.available.give(&spec.reservations);
        for port in &spec.host_ports {
            self.load.ports.remove(port);
        }
    }

    /// Counts tasks of which only the number is known.
    pub fn count_active(&mut self, service: &Text, tasks: i32) {
        self.load.active = self.load.active.saturating_add_signed(tasks);
        let of = self.load.active_of.entry(service.clone()).or_default();
        *of = of.saturating_add_signed(tasks);
    }

    /// A task of a version failed or was rejected here, and was not pinned to the node.
    pub fn count_failure(&mut self, now: Instant, version: &Version) {
        let failures = self.load.failures.entry(version.clone()).or_default();
        failures.retain(|&at| now.since(at) < FAILURE_WINDOW);
        failures.push(now);
    }

    /// Number of recent failures of a version on the node.
    pub fn recent_failures(&self, now: Instant, version: &Version) -> usize {
        let Some(failures) = self.load.failures.get(version) else {
            return 0;
        };
        let is_recent = |&&at: &&Instant| now.since(at) < FAILURE_WINDOW;
        failures.iter().filter(is_recent).count()
    }
}
