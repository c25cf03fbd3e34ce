//! Options of ECS, from the experiment file to what its scheduler is made from.

use scenario::schema::{Ecs, EcsCapacityProvider, EcsNetworkMode, EcsPlacement, EcsScaleIn};
use systems::ecs::EcsOptions;
use systems::ecs::capacity::{
    ManagedScaling, Provider, ScaleInFormula, ScaledGroup, Share, Source,
};
use systems::ecs::options::{BreakerOptions, NetworkMode};
use systems::ecs::placement::{Constraint, Field, Packed, Rules, Strategy};
use systems::ecs::query::Query;
use systems::ecs::service::HealthyPercent;
use units::SortedMap;

use super::BuildError;
use super::provider::ProviderPlan;

/// The options of an experiment's `system.ecs`, over the groups of its provider of machines.
pub(super) fn ecs_options(
    written: &Ecs,
    plan: Option<&ProviderPlan>,
    has_end: bool,
) -> Result<EcsOptions, BuildError> {
    let mut providers = written.capacity_providers.iter();
    let scaled = providers.position(|own| own.managed_scaling.is_some());
    if let Some(number) = scaled.filter(|_| !has_end) {
        return Err(BuildError::Experiment(format!(
            "system.ecs.capacityProviders[{number}].managedScaling: managed scaling never stops, so \
             the run would not end; set its end, such as `stop: {{at: 24h}}`"
        )));
    }
    let mut placement = SortedMap::new();
    for (name, own) in &written.placement {
        placement.insert(name.clone(), rules(name, own)?);
    }
    Ok(EcsOptions {
        placement,
        percent: HealthyPercent {
            minimum: u64::from(written.minimum_healthy_percent),
            maximum: u64::from(written.maximum_percent),
        },
        breaker: BreakerOptions {
            is_enabled: written.circuit_breaker.enable,
            rolls_back: written.circuit_breaker.rollback,
        },
        healthy_after: written.healthy_after,
        target_healthy_after: written.target_healthy_after,
        deregistration_delay: written.deregistration_delay,
        agent_timeout: written.agent_timeout,
        replace_after: written.replace_after,
        network_mode: match written.network_mode {
            EcsNetworkMode::Awsvpc => NetworkMode::Awsvpc,
            EcsNetworkMode::Bridge | EcsNetworkMode::Host => NetworkMode::OfInstance,
        },
        providers: written
            .capacity_providers
            .iter()
            .enumerate()
            .map(|(number, own)| provider(number, own, plan))
            .collect::<Result<_, _>>()?,
    })
}

fn provider(
    number: usize,
    written: &EcsCapacityProvider,
    plan: Option<&ProviderPlan>,
) -> Result<Provider, BuildError> {
    let name = written.name.as_str();
    let groups = plan.map_or(&[][..], |plan| &plan.groups);
    let group = groups.iter().find(|own| *own.name == *name);
    let source = match (written.is_fargate(), group, written.managed_scaling) {
        (true, _, _) => Source::Fargate {
            is_spot: name == EcsCapacityProvider::FARGATE_SPOT,
            zones: written
                .zones
                .iter()
                .map(|own| own.as_str().into())
                .collect(),
        },
        (false, Some(_), None) => Source::Fixed,
        (false, Some(group), Some(own)) => Source::Group(Box::new(ScaledGroup {
            group: group.clone(),
            scaling: ManagedScaling {
                target_capacity: u64::from(own.target_capacity),
                scale_in: match own.scale_in {
                    EcsScaleIn::Ratio => ScaleInFormula::Ratio,
                    EcsScaleIn::MinusEmpty => ScaleInFormula::MinusEmpty,
                },
            },
            least_step: u64::from(own.minimum_scaling_step_size),
            most_step: u64::from(own.maximum_scaling_step_size),
            warm_up: own.instance_warmup_period,
            is_protected: own.managed_termination_protection,
        })),
        (false, None, _) => {
            return Err(BuildError::Experiment(format!(
                "system.ecs.capacityProviders[{number}].name: there is no group `{name}` of \
                 `cluster.provider`"
            )));
        }
    };
    Ok(Provider {
        share: Share {
            name: name.into(),
            base: written.base,
            weight: written.weight,
        },
        source,
    })
}

fn rules(name: &str, written: &EcsPlacement) -> Result<Rules, BuildError> {
    let wrong = |list: &str, number: usize, why: &str| {
        let place = format!("system.ecs.placement.{name}.{list}[{number}]");
        BuildError::Experiment(format!("{place}: {why}"))
    };
    let mut strategies = Vec::new();
    for (number, text) in written.strategies.iter().enumerate() {
        let strategy = strategy(text).ok_or_else(|| {
            let why = format!(
                "`{text}` is no strategy; expected `spread=instanceId`, `spread=attribute:NAME`, \
                 `binpack=cpu`, `binpack=memory` or `random`"
            );
            wrong("strategies", number, &why)
        })?;
        strategies.push(strategy);
    }
    let mut constraints = Vec::new();
    for (number, text) in written.constraints.iter().enumerate() {
        constraints.push(if text == "distinctInstance" {
            Constraint::DistinctInstance
        } else {
            let query = Query::parse(text);
            let query = query.map_err(|why| wrong("constraints", number, &why.to_string()))?;
            Constraint::MemberOf(query)
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
