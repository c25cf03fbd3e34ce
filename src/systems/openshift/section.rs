//! Options of `OpenShift` as experiment files state them: the scheduler, deployment configurations and routers,
//! with its defaults.

use model::resource_list::{CPU, MEMORY};
use model::{Labels, ResourceList, Text};
use options::{PodRequests, SystemSection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Duration, Quantity, SortedMap};

use super::deployment::Triggers;
use super::options::{ConfigRules, OpenShiftOptions};
use super::rollout::{Hook, RolloutRules, ScriptStep};
use super::rules::Rules;

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
    /// Changes that begin a rollout; default both. With none nothing rolls out: `oc rollout latest` is not modelled.
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
    pub pre: Option<Hook>,
    /// Hook between the end of the old pods and the start of the new ones, with the strategy
    /// `Recreate`; default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<Hook>,
    /// Hook after the rollout; default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post: Option<Hook>,
    /// Steps of a deployer of the user's own (`type: Custom`), which takes the place of the Deployment's
    /// strategy and ends with its last step; default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub script: Vec<ScriptStep>,
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

/// Change that begins a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OpenShiftTrigger {
    /// Any change of the pod template.
    ConfigChange,
    /// Another image in the pod template, as a push brings it; other changes wait for the next push.
    ImageChange,
}

impl SystemSection for OpenShift {
    const SYSTEM: &'static str = "openshift";
    const MEANING: &'static str = "Options of OpenShift, for `name: openshift`.";

    fn check(&self, rules: &mut options::Rules<'_>) {
        super::checks::check(self, rules);
    }

    fn placement(&self) -> Option<&'static str> {
        Some("regions-and-zones")
    }
}

impl OpenShift {
    /// The scheduler's policy, which a file may have stated.
    pub fn policy(&self, of_file: Option<Rules>) -> Rules {
        of_file.unwrap_or_else(|| match self.policy {
            OpenShiftPolicy::Early => Rules::early(),
            OpenShiftPolicy::V3_11 => Rules::v3_11(),
        })
    }

    /// Labels that nodes need, by project.
    pub fn selectors(&self) -> SortedMap<Text, Labels> {
        let projects = self.projects.iter();
        projects
            .map(|(name, own)| (Text::from(&**name), Labels::from(&own.node_selector)))
            .collect()
    }

    /// Parts of a cluster with these options and a policy of its scheduler.
    pub fn parts(&self, policy: Rules) -> OpenShiftOptions {
        let configs = self.deployment_configs.iter();
        let configs = configs.map(|(name, own)| (name.clone(), own.rules()));
        // What holds for all others is about what is deployed, not about the routers before it.
        let usual = OpenShiftDeploymentConfig::default().rules();
        let of_routers = self.routers.iter().filter(|own| own.pods.is_some());
        let of_routers = of_routers.map(|own| (own.name.clone(), usual.clone()));
        OpenShiftOptions {
            policy,
            node_selector: Labels::from(&self.node_selector),
            projects: self.selectors(),
            deployments: of_routers.chain(configs).collect(),
        }
    }
}

/// Requests of a pod, without those that are 0.
pub fn requests(written: PodRequests) -> ResourceList {
    let pairs = [(CPU, written.cpu), (MEMORY, written.memory)];
    let stated = pairs.into_iter().filter(|(_, own)| *own != Quantity::ZERO);
    let mut list = ResourceList::default();
    for (name, amount) in stated {
        list.set(name, amount);
    }
    list
}

impl OpenShiftDeploymentConfig {
    /// Whether a change begins a rollout.
    pub fn begins_with(&self, trigger: OpenShiftTrigger) -> bool {
        self.triggers.contains(&trigger)
    }

    fn rules(&self) -> ConfigRules {
        ConfigRules {
            triggers: Triggers {
                on_config: self.begins_with(OpenShiftTrigger::ConfigChange),
                on_image: self.begins_with(OpenShiftTrigger::ImageChange),
            },
            has_image: !self.awaits_image,
            resources: requests(self.resources),
            rollout: RolloutRules {
                update_period: self.update_period,
                interval: self.interval,
                timeout: self.timeout,
                deadline: self.active_deadline,
                pre: self.pre,
                mid: self.mid,
                post: self.post,
                script: self.script.as_slice().into(),
            },
        }
    }
}
