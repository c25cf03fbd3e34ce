//! `system.openshift:` of the experiment file: options of the scheduler and of deployment configurations,
//! with the defaults of `OpenShift`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PodRequests;
use units::{Duration, Quantity, SortedMap};

/// Options of `OpenShift`; used with `name: openshift`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OpenShift {
    /// Release whose scheduler policy is followed; default `3.x`.
    pub policy: OpenShiftPolicy,
    /// File of the scheduler's policy in JSON, as `scheduler.json` of a master states its predicates and
    /// priorities; it takes the place of `policy`. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_file: Option<String>,
    /// Labels that nodes need for the pods of any project that states none of its own
    /// (`projectConfig.defaultNodeSelector`), such as `{region: primary}`; default none.
    pub node_selector: SortedMap<String, String>,
    /// Projects by name, which is the namespace of their pods.
    pub projects: SortedMap<String, OpenShiftProject>,
    /// Deployment configurations by the name of their Deployment, `*` for all others.
    pub deployment_configs: SortedMap<String, OpenShiftDeploymentConfig>,
    /// Routers, each with a shard of the routes: a route is that of the first router that selects it.
    /// Default one of all routes, without a limit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routers: Vec<OpenShiftRouter>,
}

/// Release whose scheduler policy is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OpenShiftPolicy {
    /// The early releases: requests, the pods of the service, and twice their zones.
    #[default]
    #[serde(rename = "3.x")]
    Early,
    /// 3.11, which adds balanced use of processors and memory, preferred node affinity, and taints to be
    /// avoided.
    #[serde(rename = "3.11")]
    V3_11,
}

/// Router: a shard of the routes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenShiftRouter {
    /// Name of the router, such as `public`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Labels that a route has to have (`ROUTE_LABELS`); default none, which selects every route.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub route_selector: SortedMap<String, String>,
    /// Projects of the routes (`NAMESPACE_LABELS`); default all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<String>,
    /// Number of replicas, which share the requests; default 1.
    #[serde(default = "one_replica")]
    #[schemars(range(min = 1, max = 10000))]
    pub replicas: u32,
    /// Requests that a replica takes per second; it refuses the others. Default without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.001, max = 1e9))]
    pub rate: Option<f64>,
    /// Least time between two reloads, with which changes of endpoints take effect (`RELOAD_INTERVAL`);
    /// default `5s`.
    #[serde(default = "five_seconds")]
    #[schemars(extend("x-positive" = true))]
    pub reload_interval: Duration,
    /// Whether the router admits routes with `wildcardPolicy: Subdomain` (`ROUTER_ALLOW_WILDCARD_ROUTES`), each of
    /// which serves the hosts of its domain that no other route has; default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wildcard_routes: bool,
    /// Pods of the cluster that are the replicas, as `oc adm router` makes them: those of a deployment
    /// configuration of the router's name in the project `default`, each with the ports 80, 443 and 1936 of
    /// its node. Default none: the replicas are outside of the cluster, and never fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<OpenShiftRouterPods>,
}

/// Pods that are the replicas of a router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct OpenShiftRouterPods {
    /// Labels that nodes need for the pods (`--selector`), beside those of the project `default`; default
    /// none.
    #[serde(skip_serializing_if = "SortedMap::is_empty")]
    pub node_selector: SortedMap<String, String>,
    /// Requests of a pod; default `{cpu: 100m, memory: 256Mi}`.
    pub requests: PodRequests,
}

impl Default for OpenShiftRouterPods {
    fn default() -> Self {
        Self {
            node_selector: SortedMap::new(),
            requests: PodRequests {
                cpu: Quantity::from_milli(100),
                memory: Quantity::from_units(256 << 20),
            },
        }
    }
}

const fn one_replica() -> u32 {
    1
}

const fn five_seconds() -> Duration {
    Duration::from_secs(5)
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
    /// Tag of the image stream that the configuration follows, such as `prod`: pushes of other tags change
    /// nothing. Default any tag of the repositories of its images.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub image_tag: Option<String>,
    /// Wait of the first version for a push, as of a tag that names no image yet; default `false`.
    pub awaits_image: bool,
    /// Time between growing the new version and shrinking the old one, and between two looks at what may
    /// shrink (`updatePeriodSeconds`); default `1s`.
    pub update_period: Duration,
    /// Time after which the deployer of a rolling update sees that a version has the size that it asked for
    /// (`intervalSeconds`); default `1s`.
    #[schemars(extend("x-positive" = true))]
    pub interval: Duration,
    /// Time in which nothing could be scaled after which a rollout fails (`timeoutSeconds`); default `10m`.
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
    /// Steps of a deployer of the user's own (`type: Custom`), which takes the place of the Deployment's
    /// strategy and ends with its last step; default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub script: Vec<OpenShiftScriptStep>,
    /// Requests of the deployer's pod (`strategy.resources`); default none. Hooks request what the first
    /// container of the Deployment does.
    pub resources: PodRequests,
}

impl Default for OpenShiftDeploymentConfig {
    fn default() -> Self {
        Self {
            triggers: vec![
                OpenShiftTrigger::ConfigChange,
                OpenShiftTrigger::ImageChange,
            ],
            image_tag: None,
            awaits_image: false,
            update_period: Duration::from_secs(1),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(600),
            active_deadline: Duration::from_secs(21_600),
            pre: None,
            mid: None,
            post: None,
            script: Vec::new(),
            resources: PodRequests::default(),
        }
    }
}

/// Step of a deployer of the user's own: sizes of both versions from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenShiftScriptStep {
    /// Time from the start of the deployer.
    pub after: Duration,
    /// Size of the new version, in percent of the replicas, rounded up.
    #[schemars(range(max = 100))]
    pub new: u32,
    /// Size of the old version, in percent of the replicas, rounded down.
    #[schemars(range(max = 100))]
    pub old: u32,
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
    /// The hook's container is started again in its pod: at once, 10 s later, and then after twice as long
    /// each time, up to 5 min.
    Retry,
    /// The rollout goes on.
    Ignore,
}
