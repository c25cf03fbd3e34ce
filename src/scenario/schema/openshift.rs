//! `system.openshift:` of the experiment file: options of the scheduler and of deployment configurations,
//! with the defaults of `OpenShift`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, SortedMap};

/// Options of `OpenShift`; used with `name: openshift`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OpenShift {
    /// Labels that nodes need for the pods of any project that states none of its own
    /// (`projectConfig.defaultNodeSelector`), such as `{region: primary}`; default none.
    pub node_selector: SortedMap<String, String>,
    /// Projects by name, which is the namespace of their pods.
    pub projects: SortedMap<String, OpenShiftProject>,
    /// Deployment configurations by the name of their Deployment, `*` for all others.
    pub deployment_configs: SortedMap<String, OpenShiftDeploymentConfig>,
}

/// Project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OpenShiftProject {
    /// Labels that nodes need for the project's pods (`openshift.io/node-selector`); default none,
    /// whatever the cluster's are.
    pub node_selector: SortedMap<String, String>,
}

/// Triggers, times and hooks of a deployment configuration; strategy and bounds are those of its
/// Deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OpenShiftDeploymentConfig {
    /// Changes that begin a rollout; default both.
    #[schemars(length(min = 1))]
    pub triggers: Vec<OpenShiftTrigger>,
    /// Time between growing the new version and shrinking the old one (`updatePeriodSeconds`);
    /// default `1s`.
    pub update_period: Duration,
    /// Time between two rounds of a rolling update (`intervalSeconds`); default `1s`.
    #[schemars(extend("x-positive" = true))]
    pub interval: Duration,
    /// Time without progress after which a rollout fails (`timeoutSeconds`); default `10m`.
    #[schemars(extend("x-positive" = true))]
    pub timeout: Duration,
    /// Time after which a rollout fails in any case (`activeDeadlineSeconds`); default `6h`.
    #[schemars(extend("x-positive" = true))]
    pub active_deadline: Duration,
    /// Hook before the rollout; default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre: Option<OpenShiftHook>,
    /// Hook between the end of the old pods and the start of the new ones, with the strategy
    /// `Recreate`; default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<OpenShiftHook>,
    /// Hook after the rollout; default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post: Option<OpenShiftHook>,
}

impl Default for OpenShiftDeploymentConfig {
    fn default() -> Self {
        Self {
            triggers: vec![
                OpenShiftTrigger::ConfigChange,
                OpenShiftTrigger::ImageChange,
            ],
            update_period: Duration::from_secs(1),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(600),
            active_deadline: Duration::from_secs(21_600),
            pre: None,
            mid: None,
            post: None,
        }
    }
}

/// Change that begins a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OpenShiftTrigger {
    /// Any change of the pod template.
    ConfigChange,
    /// Another image in the pod template, as a push brings it; other changes wait for the next push.
    ImageChange,
}

/// Hook of a rollout: a pod that runs once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenShiftHook {
    /// Time that a run takes.
    pub takes: Duration,
    /// Number of runs that fail, of each rollout the first ones; default 0.
    #[serde(default)]
    pub failures: u32,
    /// Treatment of a run that fails (`failurePolicy`); default `abort`.
    #[serde(default)]
    pub failure_policy: OpenShiftHookFailure,
}

/// Treatment of a hook that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OpenShiftHookFailure {
    /// The rollout fails.
    #[default]
    Abort,
    /// The hook runs again, 10 s later and then twice as long each time, up to 5 min.
    Retry,
    /// The rollout goes on.
    Ignore,
}
