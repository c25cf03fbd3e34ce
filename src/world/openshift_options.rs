//! Options of `OpenShift`, from the experiment file to what its components are made from.

use std::sync::Arc;

use k8s::Manifests;
use model::{Labels, Object, Text};
use scenario::Scenario;
use scenario::schema::{
    OpenShift, OpenShiftDeploymentConfig, OpenShiftHook, OpenShiftHookFailure, OpenShiftPolicy,
    OpenShiftScriptStep, OpenShiftTrigger,
};
use systems::openshift::deployment::Triggers;
use systems::openshift::rollout::{Hook, HookPolicy, RolloutRules, ScriptStep};
use systems::openshift::rules::Rules;
use systems::openshift::{ConfigRules, OpenShiftOptions};
use units::SortedMap;

use super::scheduler_policy::read_policy;
use super::{BuildError, FileSource, runs_workloads};

/// The options of an experiment's `system.openshift`.
///
/// # Errors
/// The policy's file can't be read, or states what is not known.
pub(super) fn openshift_options(
    written: &OpenShift,
    files: &FileSource<'_>,
) -> Result<OpenShiftOptions, BuildError> {
    let projects = written.projects.iter();
    let projects = projects.map(|(name, own)| (Text::from(&**name), labels(&own.node_selector)));
    let configs = written.deployment_configs.iter();
    let configs = configs.map(|(name, own)| (name.clone(), rules(own)));
    // What holds for all others is about what is deployed, not about the routers before it.
    let usual = rules(&OpenShiftDeploymentConfig::default());
    let of_routers = super::routers::names(&written.routers);
    let of_routers = of_routers.map(|name| (name.to_string(), usual.clone()));
    Ok(OpenShiftOptions {
        policy: policy(written, files)?,
        node_selector: labels(&written.node_selector),
        projects: projects.collect(),
        deployments: of_routers.chain(configs).collect(),
    })
}

fn policy(written: &OpenShift, files: &FileSource<'_>) -> Result<Rules, BuildError> {
    match (&written.policy_file, written.policy) {
        (Some(file), _) => {
            let input = files.open(file);
            read_policy(&input.name, &input.read_to_string()?)
        }
        (None, OpenShiftPolicy::Early) => Ok(Rules::early()),
        (None, OpenShiftPolicy::V3_11) => Ok(Rules::v3_11()),
    }
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
    let written = scenario.system.openshift.clone().unwrap_or_default();
    Ok(policy(&written, files)?.looks_at_services())
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
            let written = scenario.system.openshift.clone().unwrap_or_default();
            let projects = written.projects.iter();
            let projects =
                projects.map(|(name, own)| (name.as_str().into(), labels(&own.node_selector)));
            Self {
                usual: labels(&written.node_selector),
                projects: projects.collect(),
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

fn labels(written: &SortedMap<String, String>) -> Labels {
    let labels = written.iter();
    labels
        .map(|(key, value)| (Text::from(&**key), Text::from(&**value)))
        .collect()
}

fn rules(written: &OpenShiftDeploymentConfig) -> ConfigRules {
    let has = |trigger| written.triggers.contains(&trigger);
    ConfigRules {
        triggers: Triggers {
            on_config: has(OpenShiftTrigger::ConfigChange),
            on_image: has(OpenShiftTrigger::ImageChange),
        },
        has_image: !written.awaits_image,
        resources: super::delivery::requests(written.resources),
        rollout: RolloutRules {
            update_period: written.update_period,
            interval: written.interval,
            timeout: written.timeout,
            deadline: written.active_deadline,
            pre: written.pre.map(hook),
            mid: written.mid.map(hook),
            post: written.post.map(hook),
            script: written.script.iter().map(script_step).collect(),
        },
    }
}

const fn hook(written: OpenShiftHook) -> Hook {
    Hook {
        takes: written.takes,
        failures: written.failures,
        policy: match written.failure_policy {
            OpenShiftHookFailure::Abort => HookPolicy::Abort,
            OpenShiftHookFailure::Retry => HookPolicy::Retry,
            OpenShiftHookFailure::Ignore => HookPolicy::Ignore,
        },
    }
}

const fn script_step(written: &OpenShiftScriptStep) -> ScriptStep {
    ScriptStep {
        after: written.after,
        new: written.new,
        old: written.old,
    }
}
