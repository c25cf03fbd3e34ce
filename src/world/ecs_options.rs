//! Options of ECS, from the experiment file to what its scheduler is made from.

use scenario::schema::{Ecs, EcsPlacement};
use systems::ecs::EcsOptions;
use systems::ecs::options::BreakerOptions;
use systems::ecs::placement::{Constraint, Field, Packed, Rules, Strategy};
use systems::ecs::query::Query;
use systems::ecs::service::HealthyPercent;
use units::SortedMap;

use super::BuildError;

/// The options of an experiment's `system.ecs`.
pub(super) fn ecs_options(written: &Ecs) -> Result<EcsOptions, BuildError> {
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
        agent_timeout: written.agent_timeout,
        replace_after: written.replace_after,
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
                "`{text}` is no strategy; expected `spread=FIELD`, `binpack=cpu`, \
                 `binpack=memory` or `random`"
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
    Ok(Rules {
        constraints,
        strategies,
    })
}

fn strategy(text: &str) -> Option<Strategy> {
    match text.split_once('=') {
        None if text == "random" => Some(Strategy::Random),
        Some(("spread", field)) if !field.is_empty() => Some(Strategy::Spread(Field::named(field))),
        Some(("binpack", "cpu")) => Some(Strategy::Binpack(Packed::Cpu)),
        Some(("binpack", "memory")) => Some(Strategy::Binpack(Packed::Memory)),
        _ => None,
    }
}
