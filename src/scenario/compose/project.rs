//! A project as its files declare it.

use super::Remark;
use units::Duration;

/// Project: services that start and stop together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Name of the project.
    pub name: String,
    /// Services that are on, by name.
    pub services: Vec<Service>,
    /// Names of services whose profiles are off.
    pub off: Vec<String>,
    /// Fields without effect, or with another than is meant.
    pub remarks: Vec<Remark>,
}

/// Service of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Name of the service.
    pub name: String,
    /// Image of its containers; the project's own where it is built.
    pub image: String,
    /// Number of containers; of a global service one on every node.
    pub replicas: u32,
    /// `true` for one container on every node (`deploy.mode: global`).
    pub is_global: bool,
    /// `true` for containers that run once, and are not started again when they are done.
    pub is_job: bool,
    /// Restart policy of an engine, such as `on-failure:3`.
    pub restart: String,
    /// Most processors and memory of a container.
    pub limits: Amounts,
    /// Processors and memory that are kept for a container.
    pub reservations: Amounts,
    /// Services that have to be there first.
    pub depends_on: Vec<Dependency>,
    /// Health check of its containers.
    pub health: Option<HealthCheck>,
    /// `true` if the file switches the check of its containers off, that of their image included.
    pub is_unchecked: bool,
    /// Time that a container may take to stop; `None` is 10 s.
    pub stop_grace: Option<Duration>,
    /// Ports of its containers.
    pub ports: Vec<Port>,
    /// Constraints of its nodes.
    pub constraints: Vec<Constraint>,
    /// Labels of nodes over whose values it is spread, the first one first.
    pub spread: Vec<String>,
    /// Most containers on one node; 0 is any number.
    pub max_per_node: u32,
    /// Update of its containers, where it is stated.
    pub update: Option<Update>,
    /// Rollback of an update, where it is stated.
    pub rollback: Option<Update>,
    /// Restart policy of a stack, where it is stated.
    pub restart_policy: Option<RestartPolicy>,
    /// GPUs that a container has to itself, where nodes give them out.
    pub gpus: Option<Gpus>,
    /// Condition under which the image is pulled, as Kubernetes names it.
    pub pull: Option<&'static str>,
    /// Behaviour of its containers, as `x-windtunnel` states it.
    pub behaviour: Behaviour,
}

impl Service {
    /// Has a global service that runs once complete once on each of the nodes.
    pub(super) fn complete_on_each(&mut self, nodes: u32) {
        self.is_global = false;
        self.replicas = nodes;
        if nodes > 1 {
            self.max_per_node = 1;
        }
    }
}

/// GPUs of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gpus {
    /// A number of them.
    Count(u32),
    /// All of a node.
    All,
}

impl Project {
    /// The GPUs of each node: as many as all containers reserve together, and at least one where
    /// any service reserves all of a node; 0 where none reserves any.
    pub fn gpus_of_node(&self) -> u32 {
        let of_service = |own: &Service| match own.gpus {
            Some(Gpus::Count(count)) => count.saturating_mul(own.replicas.max(1)),
            Some(Gpus::All) => 1,
            None => 0,
        };
        let all = self.services.iter().map(of_service);
        all.fold(0, u32::saturating_add)
    }
}

/// Processors and memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Billionths of a processor.
    pub nano_cpus: Option<i64>,
    /// Bytes.
    pub memory: Option<i64>,
}

/// Service that another one depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Name of the service.
    pub service: String,
    /// Condition that it meets first, as compose files name it.
    pub condition: String,
    /// `false` if it may fail or be missing.
    pub is_required: bool,
    /// `true` if its update restarts the dependent.
    pub restarts: bool,
}

/// Health check of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthCheck {
    /// Time from the end of a probe to the next.
    pub interval: Option<Duration>,
    /// Time after which a probe has failed.
    pub timeout: Option<Duration>,
    /// Number of failures in a row that make a container unhealthy.
    pub retries: Option<u32>,
    /// Time in which failures don't count.
    pub start_period: Option<Duration>,
    /// The interval within the start period.
    pub start_interval: Option<Duration>,
}

/// Port of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Port in the container.
    pub target: u16,
    /// First and last port of the host, of which one is taken; none if it is not published there or
    /// any port will do.
    pub published: Option<(u16, u16)>,
    /// Address of the host; empty is all.
    pub address: String,
    /// Protocol: `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// `true` if it is published on the container's own host, and not on all nodes of a swarm.
    pub is_of_host: bool,
}

/// Constraint of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// Label of the node.
    pub label: String,
    /// `true` if the label must have the value, `false` if it must not.
    pub is_equal: bool,
    /// Value of the label.
    pub value: String,
}

impl Constraint {
    /// True of constraints on facts that an engine reports of its node, for which SwarmKit has keys.
    pub fn is_of_engine(&self) -> bool {
        self.label.starts_with("node.")
    }
}

/// Update of a service's containers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Number of containers that are replaced at once; 0 is all.
    pub parallelism: Option<u32>,
    /// Time between two groups.
    pub delay: Option<Duration>,
    /// Reaction to a failure: `continue`, `rollback` or `pause`.
    pub failure_action: Option<String>,
    /// Time for which a container is watched.
    pub monitor: Option<Duration>,
    /// Share of failures that is borne.
    pub max_failure_ratio: Option<String>,
    /// `start-first` or `stop-first`.
    pub order: Option<String>,
}

/// Restart policy of a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestartPolicy {
    /// `none`, `on-failure` or `any`.
    pub condition: Option<String>,
    /// Time before a restart.
    pub delay: Option<Duration>,
    /// Most restarts.
    pub max_attempts: Option<u32>,
    /// Time within which restarts are counted.
    pub window: Option<Duration>,
}

/// Behaviour of containers, which compose files do not state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// Time from the start call until the container runs.
    pub start_time: Option<Duration>,
    /// Run time: a duration or a distribution.
    pub run_time: Option<String>,
    /// Code that the container ends with, or codes by start.
    pub exit_code: Option<String>,
    /// Time from the container's start until it answers its health check.
    pub answers_after: Option<Duration>,
}
