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
    /// Time without word of an instance's agent after which the instance takes no tasks; default
    /// `60s`.
    #[schemars(extend("x-positive" = true))]
    pub agent_timeout: Duration,
    /// Time without word of an instance's agent after which the instance is given up with its tasks;
    /// default `5m`.
    #[schemars(extend("x-positive" = true))]
    pub replace_after: Duration,
}

impl Default for Ecs {
    fn default() -> Self {
        Self {
            placement: SortedMap::new(),
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            circuit_breaker: EcsCircuitBreaker::default(),
            healthy_after: Duration::from_secs(40),
            agent_timeout: Duration::from_secs(60),
            replace_after: Duration::from_secs(300),
        }
    }
}

/// Placement of a service's tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EcsPlacement {
    /// Strategies in the order in which they are applied: `spread=attribute:ecs.availability-zone`,
    /// `spread=instanceId`, `binpack=cpu`, `binpack=memory`, `random`; default none, where the lowest
    /// id decides.
    pub strategies: Vec<String>,
    /// Constraints that instances have to meet: `distinctInstance`, or a query of attributes such as
    /// `attribute:stack == prod and attribute:disks >= 2`; default none.
    pub constraints: Vec<String>,
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
