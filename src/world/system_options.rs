//! Options of systems of their own, from the experiment file to what systems are made from.

use std::sync::Arc;

use control::operation::Operation;
use model::Node;
use scenario::Scenario;
use scenario::schema::{self, SwarmBackend, SwarmCpu, SwarmFilter, SwarmReschedule, SwarmStrategy};
use systems::SystemOptions;
use systems::compose::ComposeOptions;
use systems::ecs::EcsOptions;
use systems::fleet::options::FleetSetup;
use systems::fleet::presence::FleetOptions;
use systems::gpu_sharing::GpuSharingOptions;
use systems::nova::NovaOptions;
use systems::swarm::SwarmOptions;
use systems::swarm::contact::ContactOptions;
use systems::swarm::container::ReschedulePolicy;
use systems::swarm::discovery::{Backend, DiscoveryOptions};
use systems::swarm::engine::Overcommit;
use systems::swarm::filter::Filter;
use systems::swarm::options::CpuUnit;
use systems::swarm::request::Environment;
use systems::swarm::scheduler::Scheduler;
use systems::swarm::strategy::Strategy;
use systems::swarmkit::SwarmKitOptions;

use super::borg_options::borg_notes;
use super::provider::ProviderPlan;
use super::swarmkit_options::{self, swarmkit};
use super::units::units;
use super::{BuildError, FileSource, Workload};
use policy::sharing::SharingOptions;
use scheduler::sparrow::{QueueOrder, SparrowOptions};
use units::{Duration, Instant};

/// Notes about options of the scenario's system that nothing in the cluster answers.
pub fn option_notes(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    workload: &Workload,
    declared: &[(Instant, Operation)],
) -> Vec<String> {
    let mut notes = borg_notes(scenario, nodes, workload, declared);
    notes.extend(swarmkit_options::notes(scenario, nodes));
    notes
}

/// The options of a scenario's system, which may scale groups of its provider of machines.
pub fn system_options(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    provider: Option<&ProviderPlan>,
    workload: &Workload,
    files: &FileSource<'_>,
) -> Result<SystemOptions, BuildError> {
    let system = &scenario.system;
    let swarm = match &system.swarm {
        Some(written) => swarm(written)?,
        None => swarm(&schema::Swarm::default())?,
    };
    let swarmkit = match &system.swarmkit {
        Some(written) => swarmkit(written)?,
        None => SwarmKitOptions::default(),
    };
    let mut fleet = fleet(&system.fleet.unwrap_or_default());
    for source in &scenario.workload {
        let submission = units(source, files)?;
        for unit in submission.units.into_iter().chain(submission.globals) {
            fleet.units.insert(unit.name, unit.asked);
        }
    }
    let mesos = super::mesos_options::mesos_options(system.mesos.as_ref())?;
    if system.name == systems::mesos::ENTRY.name || system.races_with_mesos() {
        super::mesos_options::check_on_nodes(&mesos, nodes)?;
    }
    let dcos = super::mesos_options::dcos_options(&system.dcos.clone().unwrap_or_default())?;
    let nova = match &system.nova {
        Some(written) => super::nova_options::nova_options(written)?,
        None => NovaOptions::default(),
    };
    let sparrow = sparrow(system.sparrow.unwrap_or_default())?;
    let ecs = match &system.ecs {
        Some(written) => {
            super::ecs_options::ecs_options(written, provider, scenario.stop.at.is_some())?
        }
        None => EcsOptions::default(),
    };
    let openshift = system.openshift.clone().unwrap_or_default();
    let openshift = super::openshift_options::openshift_options(&openshift, files)?;
    let omega = super::omega_options::omega_options(scenario);
    let flow = super::omega_options::flow_options(&system.flow.clone().unwrap_or_default());
    let options = SystemOptions::default().with(nova).with(ecs).with(sparrow);
    let options = options.with(omega).with(flow).with(openshift);
    let consolidation = super::consolidation_options::consolidation_options(scenario)?;
    let sharing = gpu_sharing_of(scenario, nodes)?;
    let options = options
        .with(sharing)
        .with(swarm)
        .with(swarmkit)
        .with(consolidation);
    let compose = match &system.compose {
        Some(written) => super::compose_options::compose_options(written)?,
        None => ComposeOptions::default(),
    };
    let borg = super::borg_options::borg_options(
        &system.borg.clone().unwrap_or_default(),
        &scenario.stop,
    )?;
    if system.name == systems::borg::ENTRY.name {
        super::borg_options::check_on_nodes(&borg, nodes)?;
    }
    let options = options.with(compose).with(borg);
    let is_run = system.name == systems::graphene::ENTRY.name;
    let written = system.graphene.clone().unwrap_or_default();
    let graphene =
        super::graphene_options::graphene_options(&written, nodes, is_run.then_some(workload))?;
    let options = options.with(graphene);
    Ok(options.with(fleet).with(mesos).with(dcos))
}

/// The options of sharing GPUs, with how fast jobs are on the models of the nodes.
fn gpu_sharing_of(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
) -> Result<GpuSharingOptions, BuildError> {
    let sharing = scenario.system.gpu_sharing.clone().unwrap_or_default();
    let throughputs = super::throughputs(scenario)?;
    if let Some(throughputs) = &throughputs {
        super::throughputs::check_nodes(throughputs, nodes)?;
    }
    let has_pairs = throughputs.as_ref().is_some_and(|own| own.has_pairs());
    if sharing.pack && !has_pairs {
        return Err(BuildError::Experiment(
            "system.gpuSharing.pack: expected speeds of jobs on one GPU; state \
             `models.throughputs.packed`, such as {image: {speech: 0.7}, speech: {image: 0.8}}, or \
             leave `pack` out"
                .to_owned(),
        ));
    }
    let is_scaled = throughputs.as_ref().is_some_and(|own| own.has_scaled());
    if sharing.grow && !is_scaled {
        return Err(BuildError::Experiment(
            "system.gpuSharing.grow: expected speeds of jobs by the number of their GPUs; state \
             `models.throughputs.scaled`, such as {image: {2: {V100: 75}, 4: {V100: 140}}}, or leave \
             `grow` out"
                .to_owned(),
        ));
    }
    Ok(GpuSharingOptions {
        throughputs,
        ..gpu_sharing(&sharing)?
    })
}

fn gpu_sharing(written: &schema::GpuSharing) -> Result<GpuSharingOptions, BuildError> {
    let wrong = |field: &str, expected: &str| {
        BuildError::Experiment(format!("system.gpuSharing.{field}: expected {expected}"))
    };
    if written.round <= Duration::ZERO {
        return Err(wrong("round", "more than 0s, such as 6m"));
    }
    if !written.thresholds.is_sorted_by(|one, next| one < next) {
        return Err(wrong(
            "thresholds",
            "ascending durations, such as [1h, 10h]",
        ));
    }
    if written.thresholds.iter().any(|&own| own <= Duration::ZERO) {
        return Err(wrong("thresholds", "durations of more than 0s"));
    }
    Ok(GpuSharingOptions {
        rule: written.rule.name().to_owned(),
        round: written.round,
        rules: SharingOptions {
            thresholds: written.thresholds.clone(),
            promote: written.promote,
        },
        moves: written.migrate,
        packs: written.pack,
        grows: written.grow,
        ..GpuSharingOptions::default()
    })
}

fn sparrow(written: schema::Sparrow) -> Result<SparrowOptions, BuildError> {
    if written.round_trip < Duration::ZERO {
        let why = "system.sparrow.roundTrip: expected a duration of 0s or more, such as 1ms";
        return Err(BuildError::Experiment(why.to_owned()));
    }
    Ok(SparrowOptions {
        probes: written.probes,
        round_trip: written.round_trip,
        late_binding: written.late_binding,
        cancellation: written.cancellation,
        per_task: written.sampling == schema::Sampling::PerTask,
        queues: match written.queues {
            schema::WorkerQueues::One => QueueOrder::Arrival,
            schema::WorkerQueues::ByUser => QueueOrder::Users,
            schema::WorkerQueues::ByPriority => QueueOrder::Priorities,
        },
        ..SparrowOptions::default()
    })
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

fn fleet(written: &schema::Fleet) -> FleetSetup {
    FleetSetup {
        options: FleetOptions {
            engine_interval: written.engine_interval,
            agent_ttl: written.agent_ttl,
            has_grpc_registry: written.grpc_registry,
        },
        first_round: written.first_round,
        ..FleetSetup::default()
    }
}
