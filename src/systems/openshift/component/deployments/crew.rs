//! Pods that work for a rollout: the deployer, which lasts as long as the rollout, and the runs of hooks.
//! They are placed as any other pod, and request what their configuration states.

use control::errands::{Errand, ErrandName, Errands, Standing};
use model::workload::Deployment;
use model::{PodSpec, Text};

use std::sync::Arc;

use crate::openshift::options::ConfigRules;
use crate::openshift::rollout::{Crew, Helper, Moment, Rollout};

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
    fn standing(&self, helper: Helper) -> Standing {
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
            Helper::Hook(moment, 0) => format!("{version}-hook-{}", moment.name()),
            Helper::Hook(moment, run) => format!("{version}-hook-{}-{run}", moment.name()),
        };
        (self.namespace.clone(), name.into())
    }

    /// Description of a pod. A hook runs the image of the version; the image of the deployer is on every
    /// node.
    pub(super) fn errand(&self, helper: Helper, rules: &ConfigRules) -> Errand {
        let (namespace, name) = self.name(helper);
        let errand = Errand {
            namespace,
            name,
            requests: rules.resources.clone(),
            ..Errand::default()
        };
        let Helper::Hook(moment, run) = helper else {
            return errand;
        };
        let hook = match moment {
            Moment::Pre => rules.rollout.pre,
            Moment::Mid => rules.rollout.mid,
            Moment::Post => rules.rollout.post,
        };
        let image = self.template.containers.first();
        Errand {
            image: image.map(|own| own.image.clone()).unwrap_or_default(),
            takes: hook.map(|own| own.takes),
            fails: hook.is_some_and(|own| own.fails(run)),
            ..errand
        }
    }

    /// Ends the pods of a rollout that has ended.
    pub(super) fn dismiss(&self, rollout: &Rollout, desk: &mut Desk<'_>) {
        desk.dismiss(&self.name(Helper::Deployer));
        if let Some(helper) = rollout.hook() {
            desk.dismiss(&self.name(helper));
        }
    }
}
