//! Pods that work for a rollout: the deployer, which lasts as long as the rollout, and hooks.
//! They are placed as any other pod.

use control::errands::{Errand, ErrandName, ErrandStatus, Errands};
use model::workload::Deployment;
use model::{EndReason, PodSpec, Text};
use units::Duration;

use std::sync::Arc;

use crate::openshift::options::ConfigRules;
use crate::openshift::rollout::{Crew, Helper, HookPolicy, Rollout, hook_of};

use super::controllers::Desk;

/// The pods that work for the rollout of a version.
#[derive(Clone, Debug)]
pub(super) struct Team {
    namespace: Text,
    /// Name of the version, such as `web-2`.
    version: Text,
    template: Arc<PodSpec>,
}

/// Standings of a team.
pub(super) struct Standings<'a> {
    pub(super) team: &'a Team,
    pub(super) errands: &'a Errands,
}

impl Crew for Standings<'_> {
    fn standing(&self, helper: Helper) -> ErrandStatus {
        self.errands.standing(&self.team.name(helper))
    }
}

impl Team {
    /// The team of a version.
    pub(super) fn new(deployment: &Deployment, version: usize) -> Self {
        Self {
            namespace: deployment.namespace.clone(),
            version: format!("{}-{version}", deployment.name).into(),
            template: Arc::clone(&deployment.template),
        }
    }

    /// Namespace and name of a pod.
    pub(super) fn name(&self, helper: Helper) -> ErrandName {
        let version = &self.version;
        let name = match helper {
            Helper::Deployer => format!("{version}-deploy"),
            Helper::Hook(moment) => format!("{version}-hook-{}", moment.name()),
        };
        (self.namespace.clone(), name.into())
    }

    /// Description of a pod, which may run for as long as the rollout may last from now on, where the pods of
    /// the version may. The deployer tolerates what they do, and its image is on every node
    /// (`makeDeployerPod`). A hook has the image and the resources of the version's container
    /// (`createHookPodManifest`).
    pub(super) fn errand(&self, helper: Helper, rules: &ConfigRules, left: Duration) -> Errand {
        let (namespace, name) = self.name(helper);
        let errand = Errand {
            namespace,
            name,
            node_selector: self.template.node_selector.clone(),
            deadline: Some(left),
            ..Errand::default()
        };
        let Helper::Hook(moment) = helper else {
            return Errand {
                requests: rules.resources.clone(),
                tolerations: self.template.tolerations.clone(),
                ..errand
            };
        };
        let hook = hook_of(moment, &rules.rollout);
        let container = self
            .template
            .containers
            .first()
            .cloned()
            .unwrap_or_default();
        Errand {
            image: container.image,
            requests: container.requests,
            limits: container.limits,
            takes: hook.map(|own| own.takes),
            failures: hook.map_or(0, |own| own.failures),
            is_retried: hook.is_some_and(|own| own.policy == HookPolicy::Retry),
            // "couldn't create lifecycle pod for" (`executeExecNewPod`).
            is_asked_once: true,
            ..errand
        }
    }

    /// Ends the pods of a rollout that has ended, well or not. The deployer exits with 1 where it did not
    /// (`pkg/cmd/infra/deployer`), and so does what is cut off by a deadline or a cancellation.
    pub(super) fn dismiss(&self, rollout: &Rollout, is_well: bool, desk: &mut Desk<'_>) {
        let ending = if is_well {
            EndReason::Completed
        } else {
            EndReason::Error
        };
        desk.dismiss(&self.name(Helper::Deployer), ending);
        if let Some(helper) = rollout.hook() {
            desk.dismiss(&self.name(helper), ending);
        }
    }
}
