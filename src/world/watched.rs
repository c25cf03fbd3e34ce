//! Workloads that `delivery`, `storage` and deployment configurations of a scenario are about: each must be
//! declared somewhere.

use control::delivery::images;
use control::operation::{Operation, Target};
use model::Object;
use model::delivery::repository;
use options::NamedWorkload;
use scenario::Scenario;
use scenario::schema::WorkloadSource;
use sim::traffic::ROUTER_NAMESPACE;
use systems::SECTIONS;
use systems::compose::project::SERVICE_LABEL;
use systems::compose::section::Compose;
use systems::openshift::fit::{check_configs, check_projects};
use systems::openshift::section::OpenShift;
use units::nearest::hint;
use units::{Instant, SortedSet};

use super::object_name::target;
use super::system_options::parts;
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
        let (deployments, is_delivered) = (deployments.collect(), !scenario.delivery.is_empty());
        parts(&scenario.system, |own| {
            check_configs(own, &deployments, is_delivered)
        })?;
        // Pods of traces and models may have any namespace.
        if is_declared(scenario) {
            let builds = scenario.delivery.iter();
            let builds = builds.filter_map(|own| Some(&*own.build_pods.as_ref()?.namespace));
            let mut known = manifests.namespaces();
            known.extend(builds);
            if written.routers.iter().any(|own| own.pods.is_some()) {
                known.insert(ROUTER_NAMESPACE);
            }
            parts(&scenario.system, |own| check_projects(own, &known))?;
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
