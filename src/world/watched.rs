//! Workloads that `delivery`, `storage` and deployment configurations of a scenario are about: each must be
//! declared somewhere.

use control::delivery::images;
use control::operation::{Operation, Target};
use model::Object;
use model::delivery::repository;
use model::workload::{Deployment, DeploymentStrategy};
use options::NamedWorkload;
use scenario::Scenario;
use scenario::schema::WorkloadSource;
use sim::traffic::ROUTER_NAMESPACE;
use systems::SECTIONS;
use systems::compose::project::SERVICE_LABEL;
use systems::compose::section::Compose;
use systems::openshift::section::{OpenShift, OpenShiftDeploymentConfig, OpenShiftTrigger};
use units::nearest::hint;
use units::{Instant, SortedMap, SortedSet};

use super::object_name::target;
use super::{BuildError, ManifestFiles};

/// Holds the images and the workloads that a scenario watches against the objects that it declares.
///
/// # Errors
/// No declared workload runs an image, there is no workload of a name, or one has no use for an option.
pub fn watched(
    scenario: &Scenario,
    operations: &[(Instant, Operation)],
    manifests: &ManifestFiles,
) -> Result<(), BuildError> {
    let configs = scenario.system.stated::<OpenShift>();
    named_workloads(scenario, manifests)?;
    if scenario.delivery.is_empty() && scenario.storage.is_empty() && configs.is_none() {
        return Ok(());
    }
    let objects = operations.iter().filter_map(|(_, own)| match own {
        Operation::Create(object) | Operation::Apply(object) => Some(object),
        _ => None,
    });
    let images: SortedSet<&str> = objects.clone().flat_map(images).map(repository).collect();
    for (number, own) in scenario.delivery.iter().enumerate() {
        if !images.contains(repository(&own.image)) {
            let known = hint(&own.image, images.iter().copied());
            return Err(BuildError::Experiment(format!(
                "delivery[{number}].image: no declared workload runs an image of `{}`; {known}",
                own.image
            )));
        }
    }
    let deployments = objects.clone().filter_map(|own| match own {
        Object::Deployment(own) => Some((&*own.name, &**own)),
        _ => None,
    });
    if let Some(written) = &configs {
        configured(
            written,
            &deployments.collect(),
            !scenario.delivery.is_empty(),
        )?;
        // Pods of traces and models may have any namespace.
        if is_declared(scenario) {
            let builds = scenario.delivery.iter();
            let builds = builds.filter_map(|own| Some(&*own.build_pods.as_ref()?.namespace));
            let mut known = manifests.namespaces();
            known.extend(builds);
            if written.routers.iter().any(|own| own.pods.is_some()) {
                known.insert(ROUTER_NAMESPACE);
            }
            projects(written, &known)?;
        }
    }
    let names: SortedSet<String> = objects.map(|own| Target::of(own).to_string()).collect();
    for (number, own) in scenario.storage.iter().enumerate() {
        let is_name = target(&own.workload).is_some();
        if is_name && !names.contains(&own.workload) {
            let known = hint(&own.workload, names.iter().map(String::as_str));
            return Err(BuildError::Experiment(format!(
                "storage[{number}].workload: there is no `{}`; {known}",
                own.workload
            )));
        }
    }
    Ok(())
}

/// Whether all pods and workloads stand in manifests; those of traces and models may have any name.
fn is_declared(scenario: &Scenario) -> bool {
    let mut sources = scenario.workload.iter();
    sources.all(|own| matches!(own, WorkloadSource::Manifests { .. }))
}

/// Holds the services and jobs that options of systems name against the declared ones.
fn named_workloads(scenario: &Scenario, manifests: &ManifestFiles) -> Result<(), BuildError> {
    let stated = SECTIONS.iter().flat_map(|section| {
        let stated = scenario.system.section(section);
        let named = stated.map_or_else(Vec::new, |own| section.workloads(own));
        named.into_iter().map(|own| (section.field, own))
    });
    let fields: Vec<(&str, NamedWorkload)> = stated.collect();
    if !is_declared(scenario) || fields.is_empty() {
        return Ok(());
    }
    let mut names = manifests.names();
    if scenario.system.stated::<Compose>().is_some() {
        names.extend(manifests.label_values(SERVICE_LABEL));
    }
    for (section, field) in fields {
        let NamedWorkload {
            place, name, noun, ..
        } = field;
        let unqualified = name.rsplit_once('.').filter(|_| field.is_qualified);
        let is_known = unqualified.is_some_and(|(_, own)| names.contains(own));
        if !is_known && !names.contains(&*name) {
            let known = hint(&name, names.iter().copied());
            return Err(BuildError::Experiment(format!(
                "system.{section}.{place}: there is no {noun} `{name}`; {known}"
            )));
        }
    }
    Ok(())
}

/// Holds the names of projects against the namespaces of pods and objects.
fn projects(written: &OpenShift, known: &SortedSet<&str>) -> Result<(), BuildError> {
    for name in written.projects.keys() {
        if !known.contains(name.as_str()) {
            let known = hint(name, known.iter().copied());
            return Err(BuildError::Experiment(format!(
                "system.openshift.projects.{name}: no pod and no object is in the project `{name}`; {known}"
            )));
        }
    }
    Ok(())
}

/// Holds the names and hooks of deployment configurations against the declared Deployments.
fn configured(
    written: &OpenShift,
    deployments: &SortedMap<&str, &Deployment>,
    is_delivered: bool,
) -> Result<(), BuildError> {
    for (name, own) in &written.deployment_configs {
        let place = format!("system.openshift.deploymentConfigs.{name}");
        let known = deployments.get(name.as_str());
        if known.is_none() && name != "*" {
            let known = hint(name, deployments.keys().copied());
            return Err(BuildError::Experiment(format!(
                "{place}: there is no Deployment `{name}`; {known}"
            )));
        }
        if own.awaits_image && !is_delivered {
            return Err(BuildError::Experiment(format!(
                "{place}.awaitsImage: no push could bring the image; write `delivery`, or leave it out"
            )));
        }
        if own.triggers == [OpenShiftTrigger::ImageChange] && !is_delivered {
            return Err(BuildError::Experiment(format!(
                "{place}.triggers: no push ever brings an image, so nothing begins a rollout; write `delivery`, \
                 or add `config-change`"
            )));
        }
        let usual = OpenShiftDeploymentConfig::default();
        let recreates = known.is_some_and(|own| own.strategy == DeploymentStrategy::Recreate);
        for (field, is_stated) in [
            ("updatePeriod", own.update_period != usual.update_period),
            ("interval", own.interval != usual.interval),
        ] {
            if is_stated && recreates {
                return Err(BuildError::Experiment(format!(
                    "{place}.{field}: the Deployment `{name}` has the strategy `Recreate`, which has no rounds; \
                     leave it out, or write `strategy: {{type: RollingUpdate}}`"
                )));
            }
        }
        let rolls = known.is_some_and(|own| own.strategy != DeploymentStrategy::Recreate);
        if rolls && own.mid.is_some() {
            return Err(BuildError::Experiment(format!(
                "{place}.mid: the Deployment `{name}` replaces its pods step by step, and `mid` runs \
                 where all end first; leave it out, or write `strategy: {{type: Recreate}}`"
            )));
        }
    }
    Ok(())
}
