//! Choosing engines as runs do: a class of containers looks again at engines that changed, and at no
//! others. The first container of a class is decided on plainly, so a class is begun before the fast
//! form is asked.

use std::sync::Arc;

use super::super::Trouble;
use systems::swarm::cluster::{Cluster, CreateError};
use systems::swarm::container::ContainerConfig;
use systems::swarm::engine::Engine;
use systems::swarm::expression::Expression;
use systems::swarm::filter::SoftExpressions;
use systems::swarm::scheduler::{Scheduler, SelectError};
use systems::swarm::strategy::Strategy;

/// Begins a class: its first container comes and goes.
pub(super) fn begin(cluster: &mut Cluster, config: &ContainerConfig, class: u32) {
    let first = cluster.create_as(Arc::new(config.clone()), class);
    if first.is_ok() {
        cluster.remove(&config.name);
    }
}

/// The engine for a container that is not the first of its class.
pub(super) fn choose(
    cluster: &Cluster,
    config: &ContainerConfig,
) -> Result<Result<usize, SelectError>, Trouble> {
    let mut cluster = cluster.clone();
    begin(&mut cluster, config, 0);
    match cluster.create_as(Arc::new(config.clone()), 0) {
        Ok(creation) => Ok(Ok(creation.engine)),
        Err(CreateError::Select(error)) => Ok(Err(error)),
        Err(error) => Err(Trouble::Malformed(error.to_string())),
    }
}

/// The engines that pass the scheduler's filters, in one of the two passes: those that get a
/// container where they are the only engine, whatever room they have.
pub(super) fn candidates(
    scheduler: &Scheduler,
    engines: &[Engine],
    config: &ContainerConfig,
    soft: SoftExpressions,
) -> Result<Result<Vec<usize>, SelectError>, Trouble> {
    let scheduler = Scheduler {
        strategy: Strategy::Random,
        ..scheduler.clone()
    };
    let config = in_one_pass(config, soft);
    let chosen = |engines: &[Engine]| {
        let mut cluster = Cluster::new(scheduler.clone(), 0);
        for engine in engines {
            cluster.add_engine(engine.clone());
        }
        choose(&cluster, &config)
    };
    if let Err(error) = chosen(engines)? {
        return Ok(Err(error));
    }
    let mut passed = Vec::new();
    for (position, engine) in engines.iter().enumerate() {
        if chosen(std::slice::from_ref(engine))?.is_ok() {
            passed.push(position);
        }
    }
    Ok(Ok(passed))
}

/// Configuration that decides in every pass as a request does in one: soft expressions count as
/// hard ones, or are left out.
fn in_one_pass(config: &ContainerConfig, soft: SoftExpressions) -> ContainerConfig {
    let mut config = config.clone();
    let ContainerConfig {
        constraints,
        affinities,
        whitelists,
        ..
    } = &mut config;
    for expressions in [constraints, affinities, whitelists] {
        expressions.retain(|one: &Expression| !one.is_soft || soft == SoftExpressions::Counted);
        for one in expressions {
            one.is_soft = false;
        }
    }
    config
}
