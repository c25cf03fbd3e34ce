//! `system.ecs:` of the experiment file: options of the service scheduler, with the defaults of ECS.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, SortedMap};

/// Options of Amazon ECS; used with `name: ecs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Ecs {
    /// Placement by the name of a service or pod, `*` for all others; default a spread over zones,
    /// then over instances.
    pub placement: SortedMap<String, EcsPlacement>,
    /// Share of a service's tasks that stays healthy in a deployment (`minimumHealthyPercent`), in
    /// per cent, 0 to 100; default 100.
    #[schemars(range(min = 0, max = 100))]
    pub minimum_healthy_percent: u32,
    /// Share of a service's tasks that there may be in a deployment (`maximumPercent`), in per cent,
    /// 100 to 1000; default 200.
    #[schemars(range(min = 100, max = 1_000))]
    pub maximum_percent: u32,
    /// Circuit breaker of deployments; default off.
    pub circuit_breaker: EcsCircuitBreaker,
    /// Running time after which a task counts as healthy; default `40s`.
    pub healthy_after: Duration,
    /// Time after its start at which the balancer's target of a task is healthy, for services that a
    /// `Service` selects; default none, without balancers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_healthy_after: Option<Duration>,
    /// Time for which a task that a `Service` selects gets no requests before it is stopped
    /// (`deregistration_delay.timeout_seconds`); default `0s`, without balancers.
    pub deregistration_delay: Duration,
    /// Time without word of an instance's agent after which the instance takes no tasks; default
    /// `60s`.
    #[schemars(extend("x-positive" = true))]
    pub agent_timeout: Duration,
    /// Time without word of an instance's agent after which the instance is given up with its tasks;
    /// default `5m`.
    #[schemars(extend("x-positive" = true))]
    pub replace_after: Duration,
    /// Network of tasks (`networkMode`), which says whether host ports of pods are ports of the instance;
    /// default `awsvpc`.
    pub network_mode: EcsNetworkMode,
    /// Capacity providers that tasks are shared between; default none, where tasks go to every
    /// instance.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capacity_providers: Vec<EcsCapacityProvider>,
}

impl Default for Ecs {
    fn default() -> Self {
        Self {
            placement: SortedMap::new(),
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            circuit_breaker: EcsCircuitBreaker::default(),
            healthy_after: Duration::from_secs(40),
            target_healthy_after: None,
            deregistration_delay: Duration::ZERO,
            agent_timeout: Duration::from_secs(60),
            replace_after: Duration::from_secs(300),
            network_mode: EcsNetworkMode::Awsvpc,
            capacity_providers: Vec::new(),
        }
    }
}

/// Network of tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EcsNetworkMode {
    /// Interface of its own for each task: ports are always free.
    #[default]
    Awsvpc,
    /// Bridge of the instance: a task needs an instance on which its fixed host ports are free; other ports
    /// are dynamic.
    Bridge,
    /// Network of the instance: a task needs an instance on which its host ports are free.
    Host,
}

/// Placement of a service's tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EcsPlacement {
    /// Strategies in the order in which they are applied: `spread=attribute:ecs.availability-zone`,
    /// `spread=instanceId`, `binpack=cpu`, `binpack=memory`, `random`; default a spread over zones, then
    /// over instances.
    pub strategies: Vec<String>,
    /// Constraints that instances have to meet: `distinctInstance`, or a query of attributes such as
    /// `attribute:stack == prod and attribute:disks >= 2`; default none.
    pub constraints: Vec<String>,
}

/// Capacity provider: a group of instances, or Fargate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EcsCapacityProvider {
    /// Name of the provider: a group of `cluster.provider.groups`, or `FARGATE`, which runs each task
    /// on a machine of its own, billed by the second, or `FARGATE_SPOT`, whose machines are taken back as
    /// `cluster.provider.spot` states.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Number of a service's tasks that go to this provider before any weight counts; default 0.
    #[serde(default)]
    pub base: u64,
    /// Share of the tasks beyond the base; default 1.
    #[serde(default = "one")]
    pub weight: u64,
    /// Zones of Fargate's machines, each in the one with the fewest tasks of its service; default
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// Managed scaling of the group; default none, where the group keeps its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_scaling: Option<EcsManagedScaling>,
}

impl EcsCapacityProvider {
    /// Name of the provider that gives every task a machine of its own.
    pub const FARGATE: &str = "FARGATE";

    /// Name of the provider that does so on spot capacity.
    pub const FARGATE_SPOT: &str = "FARGATE_SPOT";

    /// Whether the provider gives every task a machine of its own.
    pub fn is_fargate(&self) -> bool {
        [Self::FARGATE, Self::FARGATE_SPOT].contains(&self.name.as_str())
    }
}

const fn one() -> u64 {
    1
}

/// Managed scaling of a group of instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EcsManagedScaling {
    /// Share of the instances that tasks shall need, in per cent, 1 to 100; default 100.
    #[schemars(range(min = 1, max = 100))]
    pub target_capacity: u32,
    /// Minimum number of instances added for tasks that wait, at least 1; default 1.
    #[schemars(range(min = 1))]
    pub minimum_scaling_step_size: u32,
    /// Maximum number of instances added for tasks that wait, at least 1; default 10000.
    #[schemars(range(min = 1))]
    pub maximum_scaling_step_size: u32,
    /// Time after an instance joined in which no further one is ordered; default `5m`.
    pub instance_warmup_period: Duration,
    /// Formula of the reservation while instances are empty; default `ratio`.
    pub scale_in: EcsScaleIn,
    /// Protection of instances with tasks, which are never taken if `true` (the default).
    pub managed_termination_protection: bool,
}

impl Default for EcsManagedScaling {
    fn default() -> Self {
        Self {
            target_capacity: 100,
            minimum_scaling_step_size: 1,
            maximum_scaling_step_size: 10_000,
            instance_warmup_period: Duration::from_secs(300),
            scale_in: EcsScaleIn::default(),
            managed_termination_protection: true,
        }
    }
}

/// Formula of the reservation while instances are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EcsScaleIn {
    /// Instances needed for each that runs.
    #[default]
    Ratio,
    /// 100 less the number of empty instances.
    MinusEmpty,
}

/// Circuit breaker of deployments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EcsCircuitBreaker {
    /// Switch: `true` gives a deployment up whose tasks fail too often (`enable`); default `false`.
    pub enable: bool,
    /// Rollback of a failed deployment to the last completed one, if `true`; default `false`.
    pub rollback: bool,
}
