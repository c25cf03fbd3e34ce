//! Tasks: their states, what they ask for (spec: orchestrators-a.md section 2.1).

use std::sync::Arc;

use model::Text;

use super::constraint::Constraint;
use serde::{Deserialize, Serialize};
use units::SortedMap;

/// The observed state of a task; it only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u16)]
pub enum TaskState {
    /// Made, not looked at yet.
    New = 0,
    /// Waits for a node.
    Pending = 64,
    /// Has a node.
    Assigned = 192,
    /// The node's agent has it.
    Accepted = 256,
    /// The task's image is pulled.
    Preparing = 320,
    /// It could start.
    Ready = 384,
    /// It starts.
    Starting = 448,
    /// It runs.
    Running = 512,
    /// It ended well.
    Complete = 576,
    /// It was stopped.
    Shutdown = 640,
    /// It ended badly after it had begun to start.
    Failed = 704,
    /// It could not be prepared, or its node may not have it.
    Rejected = 768,
    /// It is to be forgotten.
    Remove = 800,
    /// The task's node has been gone for too long.
    Orphaned = 832,
}

/// The state that a manager wants of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DesiredState {
    /// Prepared, not started.
    Ready,
    /// Running.
    Running,
    /// Run to its end (jobs).
    Complete,
    /// Stopped.
    Shutdown,
    /// Stopped and forgotten.
    Remove,
}

impl DesiredState {
    /// Whether a task that is to be in this state counts on its node.
    pub fn is_active(self) -> bool {
        self <= Self::Complete
    }
}

/// Resources of a task or a node: nano-CPUs, bytes, generic resources by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Nano-CPUs.
    pub nano_cpus: i64,
    /// Memory in bytes.
    pub memory: i64,
    /// Anything else.
    pub generic: SortedMap<Text, i64>,
}

impl Resources {
    /// Whether all of it is there.
    pub fn fits(&self, available: &Self) -> bool {
        self.nano_cpus <= available.nano_cpus
            && self.memory <= available.memory
            && self
                .generic
                .iter()
                .all(|(name, &asked)| asked <= available.generic.get(name).copied().unwrap_or(0))
    }

    /// Takes a reservation out.
    pub fn take(&mut self, reserved: &Self) {
        self.add(reserved, -1);
    }

    /// Gives a reservation back.
    pub fn give(&mut self, reserved: &Self) {
        self.add(reserved, 1);
    }

    fn add(&mut self, other: &Self, sign: i64) {
        self.nano_cpus = self.nano_cpus.saturating_add(sign * other.nano_cpus);
        self.memory = self.memory.saturating_add(sign * other.memory);
        for (name, amount) in &other.generic {
            let known = self.generic.entry(name.clone()).or_default();
            *known = known.saturating_add(sign * amount);
        }
    }
}

/// Version of tasks that belong together: a service and a version of its specification.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The service.
    pub service: Text,
    /// The version of its specification.
    pub version: u64,
}

/// Spec of all tasks of a version.
#[derive(Clone, Debug, Default)]
pub struct TaskSpec {
    /// The service and the version.
    pub version: Version,
    /// Reservations of one task.
    pub reservations: Resources,
    /// Constraints, all of which have to hold.
    pub constraints: Vec<Constraint>,
    /// Platforms (operating system, architecture), one of which has to fit; empty is any.
    pub platforms: Vec<(Text, Text)>,
    /// Plugins that the node has to have.
    pub plugins: Vec<Text>,
    /// Ports published on the host (port and protocol).
    pub host_ports: Vec<Text>,
    /// Greatest number of the service's tasks on a node; 0 is any number.
    pub max_replicas: u32,
    /// Volumes that have to be reachable from the node.
    pub volumes: Vec<Text>,
    /// Labels to spread over, the outermost first.
    pub preferences: Vec<Preference>,
    /// Secrets and configs without which no task starts.
    pub dependencies: Vec<Text>,
}

/// A label to spread over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preference {
    /// A label of the node.
    NodeLabel(Text),
    /// A label of its engine.
    EngineLabel(Text),
}

impl Preference {
    /// The label that tasks spread over; a name alone is that of a node's label.
    pub fn of(text: &str) -> Self {
        match text.strip_prefix("engine.labels.") {
            Some(label) => Self::EngineLabel(label.into()),
            None => Self::NodeLabel(text.trim_start_matches("node.labels.").into()),
        }
    }
}

/// A task that is to be placed.
#[derive(Clone, Debug)]
pub struct Task {
    /// The task's id.
    pub id: Text,
    /// Resources that the task requests.
    pub spec: Arc<TaskSpec>,
    /// The node that it is pinned to (global services).
    pub node: Option<Text>,
}
