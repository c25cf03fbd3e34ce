//! Options of ECS as experiment files state them, with its defaults.

use autoscale::cluster_autoscaler::GroupOptions;
use options::{NamedWorkload, SystemSection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, SortedMap};

use super::capacity::{ManagedScaling, Provider, ScaleInFormula, ScaledGroup, Share, Source};
use super::options::{BreakerOptions, EcsOptions, NetworkMode};
use super::placement::{Constraint, Field, Packed, Rules, Strategy};
use super::query::Query;
use super::service::HealthyPercent;

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
    pub circuit_breaker: BreakerOptions,
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
    pub network_mode: NetworkMode,
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
            circuit_breaker: BreakerOptions::default(),
            healthy_after: Duration::from_secs(40),
            target_healthy_after: None,
            deregistration_delay: Duration::ZERO,
            agent_timeout: Duration::from_secs(60),
            replace_after: Duration::from_secs(300),
            network_mode: NetworkMode::Awsvpc,
            capacity_providers: Vec::new(),
        }
    }
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
    pub scale_in: ScaleInFormula,
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
            scale_in: ScaleInFormula::default(),
            managed_termination_protection: true,
        }
    }
}

impl SystemSection for Ecs {
    const SYSTEM: &'static str = "ecs";
    const MEANING: &'static str = "Options of ECS, for `name: ecs`.";

    fn check(&self, rules: &mut options::Rules<'_>) {
        super::checks::check(self, rules);
    }

    fn placement(&self) -> Option<&'static str> {
        Some("strategies")
    }

    fn workloads(&self) -> Vec<NamedWorkload> {
        let names = self.placement.keys().filter(|name| *name != "*");
        let all = names.map(|name| NamedWorkload::new("placement", name, "service"));
        all.collect()
    }
}

impl Ecs {
    /// Whether a capacity provider gives tasks machines of their own.
    pub fn has_fargate(&self) -> bool {
        let mut providers = self.capacity_providers.iter();
        providers.any(EcsCapacityProvider::is_fargate)
    }
}

impl EcsOptions {
    /// Parts of a cluster with these options over groups of machines, in a run that ends at an instant or by
    /// itself.
    ///
    /// # Errors
    /// A value is none; the message begins with its field.
    pub fn new(stated: &Ecs, groups: &[GroupOptions], has_end: bool) -> Result<Self, String> {
        let mut providers = stated.capacity_providers.iter();
        let scaled = providers.position(|own| own.managed_scaling.is_some());
        if let Some(number) = scaled.filter(|_| !has_end) {
            return Err(format!(
                "capacityProviders[{number}].managedScaling: managed scaling never stops, so the run would not \
                 end; set its end, such as `stop: {{at: 24h}}`"
            ));
        }
        let mut placement = SortedMap::new();
        for (name, own) in &stated.placement {
            let rules = own.rules().map_err(|why| format!("placement.{name}.{why}"));
            placement.insert(name.clone(), rules?);
        }
        let providers = stated.capacity_providers.iter().enumerate();
        let providers = providers.map(|(number, own)| {
            let own = own.parts(groups);
            own.map_err(|why| format!("capacityProviders[{number}].{why}"))
        });
        Ok(Self {
            placement,
            percent: HealthyPercent {
                minimum: u64::from(stated.minimum_healthy_percent),
                maximum: u64::from(stated.maximum_percent),
            },
            breaker: stated.circuit_breaker,
            healthy_after: stated.healthy_after,
            target_healthy_after: stated.target_healthy_after,
            deregistration_delay: stated.deregistration_delay,
            agent_timeout: stated.agent_timeout,
            replace_after: stated.replace_after,
            network_mode: stated.network_mode,
            providers: providers.collect::<Result<_, _>>()?,
        })
    }
}

impl EcsCapacityProvider {
    fn parts(&self, groups: &[GroupOptions]) -> Result<Provider, String> {
        let name = self.name.as_str();
        let group = groups.iter().find(|own| *own.name == *name);
        let source = match (self.is_fargate(), group, self.managed_scaling) {
            (true, _, _) => Source::Fargate {
                is_spot: name == Self::FARGATE_SPOT,
                zones: self.zones.iter().map(|own| own.as_str().into()).collect(),
            },
            (false, Some(_), None) => Source::Fixed,
            (false, Some(group), Some(own)) => Source::Group(Box::new(ScaledGroup {
                group: group.clone(),
                scaling: ManagedScaling {
                    target_capacity: u64::from(own.target_capacity),
                    scale_in: own.scale_in,
                },
                least_step: u64::from(own.minimum_scaling_step_size),
                most_step: u64::from(own.maximum_scaling_step_size),
                warm_up: own.instance_warmup_period,
                is_protected: own.managed_termination_protection,
            })),
            (false, None, _) => {
                return Err(format!(
                    "name: there is no group `{name}` of `cluster.provider`"
                ));
            }
        };
        Ok(Provider {
            share: Share {
                name: name.into(),
                base: self.base,
                weight: self.weight,
            },
            source,
        })
    }
}

impl EcsPlacement {
    fn rules(&self) -> Result<Rules, String> {
        let mut strategies = Vec::new();
        for (number, text) in self.strategies.iter().enumerate() {
            strategies.push(strategy(text).ok_or_else(|| {
                format!(
                    "strategies[{number}]: `{text}` is no strategy; expected `spread=instanceId`, \
                     `spread=attribute:NAME`, `binpack=cpu`, `binpack=memory` or `random`"
                )
            })?);
        }
        let mut constraints = Vec::new();
        for (number, text) in self.constraints.iter().enumerate() {
            constraints.push(if text == "distinctInstance" {
                Constraint::DistinctInstance
            } else {
                let query = Query::parse(text);
                Constraint::MemberOf(query.map_err(|why| format!("constraints[{number}]: {why}"))?)
            });
        }
        // A service that states none is spread, whatever it has of constraints.
        if strategies.is_empty() {
            strategies = Rules::default().strategies;
        }
        Ok(Rules {
            constraints,
            strategies,
        })
    }
}

fn strategy(text: &str) -> Option<Strategy> {
    match text.split_once('=') {
        None if text == "random" => Some(Strategy::Random),
        Some(("spread", field)) => {
            let is_attribute = |own: &str| {
                own.strip_prefix("attribute:")
                    .is_some_and(|own| !own.is_empty())
            };
            let is_field = ["instanceId", "host"].contains(&field) || is_attribute(field);
            is_field.then(|| Strategy::Spread(Field::named(field)))
        }
        Some(("binpack", "cpu")) => Some(Strategy::Binpack(Packed::Cpu)),
        Some(("binpack", "memory")) => Some(Strategy::Binpack(Packed::Memory)),
        _ => None,
    }
}
