//! `system:` of the experiment file.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Autoscaling, Controllers, Descheduling, Fleet, Mesos, Swarm, SwarmKit};
use crate::plain::Arguments;
use units::Duration;

/// The system under test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct System {
    /// Its name (`windtunnel systems` lists all).
    #[serde(default = "default_system")]
    #[schemars(extend("x-names" = "system"))]
    pub name: String,
    /// How it places pods.
    #[serde(default)]
    pub scheduler: Scheduler,
    /// The controllers that keep workloads as they are declared; without it there are none, and
    /// manifests are their pods alone.
    // Left out where there are none, so that what was kept of such experiments still fits them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controllers: Option<Controllers>,
    /// Options of Docker Swarm (classic).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swarm: Option<Swarm>,
    /// Options of `SwarmKit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swarmkit: Option<SwarmKit>,
    /// How workloads are scaled: settings of the autoscalers whose objects manifests hold, and
    /// scaling by the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// A descheduler; without it pods stay where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descheduling: Option<Descheduling>,
    /// Options of Fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<Fleet>,
    /// Options of Mesos and its frameworks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mesos: Option<Mesos>,
}

impl Default for System {
    fn default() -> Self {
        Self {
            name: default_system(),
            scheduler: Scheduler::default(),
            controllers: None,
            swarm: None,
            swarmkit: None,
            autoscaling: None,
            descheduling: None,
            fleet: None,
            mesos: None,
        }
    }
}

fn default_system() -> String {
    "kubernetes".to_owned()
}

/// How a system places pods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scheduler {
    /// The set of policies to start from.
    #[serde(default = "default_profile")]
    #[schemars(extend("x-names" = "profile"))]
    pub profile: String,
    /// The order in which waiting pods or jobs are tried; default the profile's.
    #[serde(default)]
    #[schemars(extend("x-names" = "queue"))]
    pub queue: Option<String>,
    /// Whether later jobs may start before the first one that does not fit.
    #[serde(default)]
    pub backfill: Backfill,
    /// Which of equally good nodes is taken; default the profile's.
    #[serde(default)]
    pub tie_break: Option<TieBreak>,
    /// Policies to add, weigh and set up, by name; `null` switches one of the profile's off.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Option<Plugin>>", extend("x-key-names" = "policy"))]
    pub plugins: Plugins,
    /// Share of the nodes to find for each pod before the best of them is taken; 0 for Kubernetes'
    /// rule, which depends on the size of the cluster. Default 0 with the profile `default`, all
    /// nodes with others.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub percentage_of_nodes_to_score: Option<u32>,
    /// A `KubeSchedulerConfiguration` file, read as it is, in place of `plugins` and
    /// `percentageOfNodesToScore`; with the profile `default`.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub config: Option<String>,
    /// The release of kube-scheduler that is followed; with the profile `default`.
    #[serde(default)]
    pub release: Release,
    /// From a decision to its binding; with the profile `default`.
    #[serde(default)]
    pub binding_time: Duration,
    /// From the order to evict a pod to its end; with the profile `default`.
    #[serde(default)]
    pub eviction_time: Duration,
}

/// A release of kube-scheduler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Release {
    /// 1.34.
    #[default]
    #[serde(rename = "1.34")]
    V1_34,
    /// 1.36: another balance score, and the first of a heap among equally good nodes.
    #[serde(rename = "1.36")]
    V1_36,
}

/// Policies by name, in written order; `None` switches one off.
pub type Plugins = IndexMap<String, Option<Plugin>>;

impl Default for Scheduler {
    fn default() -> Self {
        Self {
            profile: default_profile(),
            queue: None,
            backfill: Backfill::default(),
            tie_break: None,
            plugins: Plugins::default(),
            percentage_of_nodes_to_score: None,
            config: None,
            release: Release::default(),
            binding_time: Duration::ZERO,
            eviction_time: Duration::ZERO,
        }
    }
}

fn default_profile() -> String {
    "default".to_owned()
}

/// One policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plugin {
    /// Factor on its score; default the profile's, or 1.
    #[serde(default)]
    #[schemars(
        range(min = 1, max = 1_000_000),
        extend("x-help" = "a policy without weight has no effect; to switch it off write `null` \
            in place of its fields")
    )]
    pub weight: Option<i64>,
    /// Its arguments.
    #[serde(rename = "$rest", default)]
    #[schemars(extend("x-parameters" = "policy:"))]
    pub arguments: Arguments,
}

/// Whether later jobs may start before the first one that does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backfill {
    /// No job overtakes.
    #[default]
    None,
    /// Those may that end before the first one could start, looked at once in queue order.
    GreedyOnce,
}

/// Which of equally good nodes is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TieBreak {
    /// One drawn from the seed.
    Random,
    /// The first in node order.
    First,
    /// The lowest of the ranks that the published runs drew, from the seed by Go's generator.
    Published,
}
