//! Options of systems of their own, from the experiment file to what systems are made from.

use std::sync::Arc;

use control::operation::Operation;
use model::Node;
use options::SystemSection;
use scenario::Scenario;
use scenario::schema::{Failure, FailureKind, System};
use systems::SystemOptions;
use systems::borg::BorgOptions;
use systems::borg::fit::check_on_nodes;
use systems::borg::section::Borg;
use systems::compose::ComposeOptions;
use systems::ecs::EcsOptions;
use systems::fleet::options::FleetSetup;
use systems::flow::FlowOptions;
use systems::gpu_sharing::GpuSharingOptions;
use systems::mesos::dcos::DcosOptions;
use systems::mesos::options::MesosOptions;
use systems::mesos::section::Mesos;
use systems::nova::NovaOptions;
use systems::omega::OmegaOptions;
use systems::setting::Setting;
use systems::stated::idle_options;
use systems::swarm::SwarmOptions;
use systems::swarm::options::Swarm;
use systems::swarmkit::SwarmKitOptions;

use super::provider::ProviderPlan;
use super::units::units;
use super::{BuildError, FileSource, Workload};
use scheduler::sparrow::SparrowOptions;
use units::{Duration, Instant};

/// Notes about options of the scenario's system that change nothing in its setting.
pub fn option_notes(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    workload: &Workload,
    declared: &[(Instant, Operation)],
) -> Vec<String> {
    let pods = workload.classes.iter().map(|own| Arc::clone(&own.spec));
    let setting = Setting {
        nodes,
        declared,
        pods: &pods.collect::<Vec<_>>(),
        has_provider: scenario.cluster.provider.is_some(),
        has_failures: !scenario.failures.is_empty(),
    };
    let system = &scenario.system;
    idle_options(&system.name, system.sections.get(&system.name), &setting)
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
    let mut fleet = FleetSetup {
        options: system.own(),
        ..FleetSetup::default()
    };
    for source in &scenario.workload {
        let submission = units(source, files)?;
        for unit in submission.units.into_iter().chain(submission.globals) {
            fleet.units.insert(unit.name, unit.asked);
        }
    }
    let mesos = mesos_options(scenario)?;
    let of_mesos = systems::mesos::ENTRY.name;
    if system.name == of_mesos || system.races_with(of_mesos) {
        parts(system, |_: &Mesos| {
            systems::mesos::fit::check_on_nodes(&mesos, nodes)
        })?;
    }
    let has_end = scenario.stop.at.is_some();
    let groups = provider.map_or(&[][..], |own| &own.groups);
    let ecs = parts(system, |own| EcsOptions::new(own, groups, has_end))?;
    let ends_there = has_end && scenario.stop.when.is_none();
    let borg = parts(system, |own| BorgOptions::new(own, ends_there))?;
    if system.name == systems::borg::ENTRY.name {
        parts(system, |_: &Borg| check_on_nodes(&borg, nodes))?;
    }
    let openshift = super::openshift_options::openshift_options(&system.own(), files)?;
    let consolidation =
        super::consolidation_options::consolidation_options(scenario, &own(system)?)?;
    let is_run = system.name == systems::graphene::ENTRY.name;
    let graphene =
        super::graphene_options::graphene_options(system.own(), nodes, is_run.then_some(workload))?;
    Ok(SystemOptions::default()
        .with(parts(system, NovaOptions::new)?)
        .with(ecs)
        .with(system.own::<SparrowOptions>())
        .with(omega(scenario))
        .with(system.own::<FlowOptions>())
        .with(openshift)
        .with(gpu_sharing(scenario, nodes)?)
        .with(parts(system, |own: &Swarm| SwarmOptions::new(own.clone()))?)
        .with(parts(system, SwarmKitOptions::new)?)
        .with(consolidation)
        .with(parts(system, ComposeOptions::new)?)
        .with(borg)
        .with(graphene)
        .with(fleet)
        .with(mesos)
        .with(parts(system, DcosOptions::new)?))
}

/// Master and frameworks of a scenario's Mesos.
pub(super) fn mesos_options(scenario: &Scenario) -> Result<MesosOptions, BuildError> {
    parts(&scenario.system, MesosOptions::new)
}

/// Parts that the stated options of a system come to.
pub(super) fn parts<T: SystemSection, P>(
    system: &System,
    made: impl FnOnce(&T) -> Result<P, String>,
) -> Result<P, BuildError> {
    let parts = made(&system.own());
    parts.map_err(|why| BuildError::Experiment(format!("system.{}.{why}", T::FIELD)))
}

/// The options of a system, whose values are within their limits.
pub(super) fn own<T: SystemSection>(system: &System) -> Result<T, BuildError> {
    parts(system, T::limits)?;
    Ok(system.own())
}

/// The options of Omega, whose schedulers may see changes late.
fn omega(scenario: &Scenario) -> OmegaOptions {
    let hides = |failure: &Failure| {
        matches!(
            failure.kind,
            FailureKind::WatchDelay | FailureKind::StaleCache
        )
    };
    OmegaOptions {
        sees_late: scenario.models.watch_delay > Duration::ZERO
            || scenario.failures.iter().any(hides),
        ..scenario.system.own()
    }
}

/// The options of sharing GPUs, with how fast jobs are on the models of the nodes.
fn gpu_sharing(scenario: &Scenario, nodes: &[Arc<Node>]) -> Result<GpuSharingOptions, BuildError> {
    let sharing: GpuSharingOptions = own(&scenario.system)?;
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
    let has_goodput = throughputs.as_ref().is_some_and(|own| own.has_goodput());
    if sharing.rule.is_elastic() && !has_goodput {
        return Err(BuildError::Experiment(format!(
            "system.gpuSharing.rule: `{}` is for jobs with a goodput; state it by type of job \
             in `models.throughputs.goodput`, and the type of each in the column `job_type`",
            sharing.rule.name()
        )));
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
        ..sharing
    })
}
