//! Options of `OpenShift` beside the routes, Deployments and projects of a cluster.

use std::sync::Arc;

use model::Object;
use model::service::Ingress;
use model::workload::{Deployment, DeploymentStrategy};
use units::nearest::hint;
use units::{SortedMap, SortedSet};

use super::section::{OpenShift, OpenShiftDeploymentConfig, OpenShiftTrigger};
use crate::setting::Setting;

/// Notes about options and weights that change nothing.
pub(crate) fn idle(stated: &OpenShift, setting: &Setting<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let routes = setting.objects().filter_map(|own| match own {
        Object::Ingress(own) => Some(own),
        _ => None,
    });
    let routes: Vec<&Arc<Ingress>> = routes.collect();
    for own in &routes {
        let paths = own.rules.iter().flat_map(|rule| &rule.paths);
        let alone = paths.filter_map(|path| match &*path.backends {
            [only] => Some(only),
            _ => None,
        });
        for only in alone.filter(|own| !matches!(own.weight, 0 | 1 | 100)) {
            notes.push(format!(
                "Route/{}/{}: the weight {} of the service `{}` has no effect: it has all requests, as the \
                 route has no `alternateBackends`",
                own.namespace, own.name, only.weight, only.service
            ));
        }
    }
    if !stated.routers.is_empty() && routes.is_empty() {
        notes.push(
            "system.openshift.routers has no effect: there is no Route and no Ingress; add one to the \
             manifests, or leave it out"
                .to_owned(),
        );
    }
    notes
}

/// Check of the names of projects against the namespaces of pods and objects.
///
/// # Errors
/// Nothing is in a project; the message begins with its place.
pub fn check_projects(stated: &OpenShift, known: &SortedSet<&str>) -> Result<(), String> {
    for name in stated.projects.keys() {
        if !known.contains(name.as_str()) {
            let known = hint(name, known.iter().copied());
            return Err(format!(
                "projects.{name}: no pod and no object is in the project `{name}`; {known}"
            ));
        }
    }
    Ok(())
}

/// Check of the names and hooks of deployment configurations against the declared Deployments.
///
/// # Errors
/// There is no such Deployment, or it has no use for an option; the message begins with its place.
pub fn check_configs(
    stated: &OpenShift,
    deployments: &SortedMap<&str, &Deployment>,
    is_delivered: bool,
) -> Result<(), String> {
    for (name, own) in &stated.deployment_configs {
        let place = format!("deploymentConfigs.{name}");
        let known = deployments.get(name.as_str());
        if known.is_none() && name != "*" {
            let known = hint(name, deployments.keys().copied());
            return Err(format!("{place}: there is no Deployment `{name}`; {known}"));
        }
        if own.awaits_image && !is_delivered {
            return Err(format!(
                "{place}.awaitsImage: no push could bring the image; write `delivery`, or leave it out"
            ));
        }
        if own.triggers == [OpenShiftTrigger::ImageChange] && !is_delivered {
            return Err(format!(
                "{place}.triggers: no push ever brings an image, so nothing begins a rollout; write `delivery`, \
                 or add `config-change`"
            ));
        }
        let usual = OpenShiftDeploymentConfig::default();
        let recreates = known.is_some_and(|own| own.strategy == DeploymentStrategy::Recreate);
        for (field, is_stated) in [
            ("updatePeriod", own.update_period != usual.update_period),
            ("interval", own.interval != usual.interval),
        ] {
            if is_stated && recreates {
                return Err(format!(
                    "{place}.{field}: the Deployment `{name}` has the strategy `Recreate`, which has no rounds; \
                     leave it out, or write `strategy: {{type: RollingUpdate}}`"
                ));
            }
        }
        let rolls = known.is_some_and(|own| own.strategy != DeploymentStrategy::Recreate);
        if rolls && own.mid.is_some() {
            return Err(format!(
                "{place}.mid: the Deployment `{name}` replaces its pods step by step, and `mid` runs \
                 where all end first; leave it out, or write `strategy: {{type: Recreate}}`"
            ));
        }
    }
    Ok(())
}
