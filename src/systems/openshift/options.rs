//! Parts of a cluster of `OpenShift`; the defaults are the original's (spec: orchestrators-a.md section 8).

use model::{Labels, ResourceList, Text};
use units::SortedMap;

use super::deployment::Triggers;
use super::rollout::RolloutRules;
use super::rules::{Priority, Rules};

/// Options of the scheduler and of deployment configurations.
#[derive(Clone, Debug, Default)]
pub struct OpenShiftOptions {
    /// Policy of the scheduler.
    pub policy: Rules,
    /// Labels that every node has to have for a pod, unless the pod's project states some.
    pub node_selector: Labels,
    /// Labels by project, which is the pod's namespace.
    pub projects: SortedMap<Text, Labels>,
    /// Rollouts by the name of a deployment configuration; `*` is for all others.
    pub deployments: SortedMap<String, ConfigRules>,
}

/// Triggers and rollouts of a deployment configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigRules {
    /// The changes that begin a rollout.
    pub triggers: Triggers,
    /// Whether the tag that the configuration watches names an image from the start; else the first version
    /// waits for a push.
    pub has_image: bool,
    /// Times and hooks of rollouts.
    pub rollout: RolloutRules,
    /// Resources that deployers request (`strategy.resources`).
    pub resources: ResourceList,
}

impl Default for ConfigRules {
    fn default() -> Self {
        Self {
            triggers: Triggers {
                on_config: true,
                on_image: true,
            },
            has_image: true,
            rollout: RolloutRules::default(),
            resources: ResourceList::default(),
        }
    }
}

impl OpenShiftOptions {
    /// Triggers and rollouts of a deployment configuration.
    pub fn rules_of(&self, name: &str) -> ConfigRules {
        let own = self.deployments.get(name);
        let own = own.or_else(|| self.deployments.get("*"));
        own.cloned().unwrap_or_default()
    }

    /// Whether the policy looks at preferred node affinity, or at taints that pods avoid.
    pub fn looks_at_wishes(&self) -> bool {
        let weight = |own| self.policy.weight(own) != 0;
        weight(Priority::NodeAffinity) || weight(Priority::TaintToleration)
    }

    /// Labels that a node has to have for the pods of a project.
    pub fn selector_of(&self, project: &str) -> &Labels {
        self.projects.get(project).unwrap_or(&self.node_selector)
    }
}
