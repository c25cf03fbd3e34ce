//! Options of systems of their own, from the experiment file to what systems are made from.

use crate::scenario::Scenario;
use crate::scenario::schema::{
    self, SwarmBackend, SwarmCpu, SwarmFilter, SwarmReschedule, SwarmStrategy,
};
use crate::systems::SystemOptions;
use crate::systems::swarm::SwarmOptions;
use crate::systems::swarm::contact::ContactOptions;
use crate::systems::swarm::container::ReschedulePolicy;
use crate::systems::swarm::discovery::{Backend, DiscoveryOptions};
use crate::systems::swarm::engine::Overcommit;
use crate::systems::swarm::filter::Filter;
use crate::systems::swarm::options::CpuUnit;
use crate::systems::swarm::request::Environment;
use crate::systems::swarm::scheduler::Scheduler;
use crate::systems::swarm::strategy::Strategy;

use super::BuildError;

/// The options of a scenario's system.
pub fn system_options(scenario: &Scenario) -> Result<SystemOptions, BuildError> {
    let system = &scenario.system;
    let swarm = match &system.swarm {
        Some(written) => swarm(written)?,
        None => swarm(&schema::Swarm::default())?,
    };
    Ok(SystemOptions { swarm })
}

fn swarm(written: &schema::Swarm) -> Result<SwarmOptions, BuildError> {
    let wrong = |field: &str, why: &dyn std::fmt::Display| {
        BuildError::Experiment(format!("system.swarm.{field}: {why}"))
    };
    let filters = written.filters.iter().map(|filter| match filter {
        SwarmFilter::Health => Filter::Health,
        SwarmFilter::Port => Filter::Port,
        SwarmFilter::ContainerSlots => Filter::ContainerSlots,
        SwarmFilter::Dependency => Filter::Dependency,
        SwarmFilter::Affinity => Filter::Affinity,
        SwarmFilter::Constraint => Filter::Constraint,
        SwarmFilter::Whitelist => Filter::Whitelist,
    });
    let scheduler = Scheduler {
        strategy: match written.strategy {
            SwarmStrategy::Spread => Strategy::Spread,
            SwarmStrategy::Binpack => Strategy::Binpack,
            SwarmStrategy::Random => Strategy::Random,
        },
        filters: filters.collect(),
    };
    let mut environment = Environment::default();
    for (name, variables) in &written.environment {
        for (number, variable) in variables.iter().enumerate() {
            let place = format!("environment.{name}[{number}]");
            let added = environment.add(name, variable);
            added.map_err(|why| wrong(&place, &why))?;
        }
    }
    Ok(SwarmOptions {
        scheduler,
        overcommit: Overcommit::new(written.overcommit).map_err(|why| wrong("overcommit", &why))?,
        cpu: match written.cpu {
            SwarmCpu::Cores => CpuUnit::Core,
            SwarmCpu::Millicores => CpuUnit::Milli,
        },
        create_retries: written.create_retry,
        client_retry: written.client_retry,
        contact: ContactOptions {
            refresh_min: written.refresh_min,
            refresh_max: written.refresh_max,
            failure_retry: i64::from(written.failure_retry),
            has_jitter: written.jitter,
        },
        request_timeout: written.request_timeout,
        discovery: DiscoveryOptions {
            backend: match written.discovery.backend {
                SwarmBackend::List => Backend::List,
                SwarmBackend::Token => Backend::Token,
                SwarmBackend::Store => Backend::Store,
            },
            heartbeat: written.discovery.heartbeat,
            ttl: written.discovery.ttl,
        },
        create_time: written.create_time,
        reschedule: match written.reschedule {
            SwarmReschedule::Off => ReschedulePolicy::Off,
            SwarmReschedule::OnNodeFailure => ReschedulePolicy::OnNodeFailure,
        },
        managers: written.managers as usize,
        replication_ttl: written.replication_ttl,
        environment,
    })
}
