//! Options of `OpenShift`, from the experiment file to what its components are made from.

use std::sync::Arc;

use k8s::Manifests;
use model::{Labels, Object, Text};
use scenario::Scenario;
use systems::openshift::OpenShiftOptions;
use systems::openshift::rules::Rules;
use systems::openshift::section::OpenShift;
use units::SortedMap;

use super::scheduler_policy::read_policy;
use super::{BuildError, FileSource, runs_workloads};

/// The options of an experiment's `system.openshift`.
///
/// # Errors
/// The policy's file can't be read, or states what is not known.
pub(super) fn openshift_options(
    stated: &OpenShift,
    files: &FileSource<'_>,
) -> Result<OpenShiftOptions, BuildError> {
    Ok(stated.parts(policy(stated, files)?))
}

fn policy(stated: &OpenShift, files: &FileSource<'_>) -> Result<Rules, BuildError> {
    let of_file = stated.policy_file.as_ref().map(|file| {
        let input = files.open(file);
        read_policy(&input.name, &input.read_to_string()?)
    });
    Ok(stated.policy(of_file.transpose()?))
}

/// Whether pods of a scenario are placed by the services that select them, where its scheduler is none of
/// Kubernetes: those of `OpenShift` spread them and keep them in a region.
///
/// # Errors
/// The file of the policy can't be read, or states what is not known.
pub(super) fn places_by_services(
    scenario: &Scenario,
    files: &FileSource<'_>,
) -> Result<bool, BuildError> {
    if scenario.system.name != "openshift" || !runs_workloads(scenario) {
        return Ok(false);
    }
    Ok(policy(&scenario.system.own(), files)?.looks_at_services())
}

/// Node selectors of the projects of a scenario, as their Namespaces hold them.
#[derive(Clone, Debug)]
pub(super) struct ProjectSelectors {
    usual: Labels,
    projects: SortedMap<Text, Labels>,
}

impl ProjectSelectors {
    /// Those of a scenario; `None` where the system has no projects.
    pub(super) fn of(scenario: &Scenario) -> Option<Self> {
        (scenario.system.name == "openshift").then(|| {
            let stated: OpenShift = scenario.system.own();
            Self {
                usual: Labels::from(&stated.node_selector),
                projects: stated.selectors(),
            }
        })
    }

    /// Has the Namespaces of a file hold the selectors of their projects: what the experiment states before
    /// their own annotation, and that before the selector of all others. Without projects they hold none.
    pub(super) fn hold(all: Option<&Self>, manifests: &mut Manifests) {
        let declared = manifests
            .workloads
            .iter_mut()
            .chain(&mut manifests.dependents);
        for own in declared {
            let Object::Namespace(namespace) = &mut own.object else {
                continue;
            };
            let namespace = Arc::make_mut(namespace);
            let stated = namespace.node_selector.take();
            namespace.node_selector = all.map(|all| {
                let project = all.projects.get(&namespace.name).cloned();
                project.or(stated).unwrap_or_else(|| all.usual.clone())
            });
        }
    }
}
