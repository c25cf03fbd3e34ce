//! `system:` of the experiment file.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::external::{AnswerSource, External};
use super::job_queue::JobQueue;
use super::release::{Release, Switch};
use super::{Autoscaling, Controllers, Descheduling, Federation, NamedScheduler};
use options::Arguments;
use units::{Duration, SortedMap};

/// System under test, with its options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct System {
    /// Name of the system (`windtunnel systems` lists all); default `kubernetes`.
    #[serde(default = "default_system")]
    #[schemars(extend("x-names" = "system"))]
    pub name: String,
    /// Release of Kubernetes to follow: kube-scheduler, controllers and kubelets, with the system
    /// `kubernetes`; default that of `scheduler.release`, or else `1.34`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// Scheduler options: how the system places pods.
    #[serde(default)]
    pub scheduler: Scheduler,
    /// Schedulers that race on the cluster, with the system `kubernetes`; pods choose theirs by name.
    /// Default one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub schedulers: Vec<NamedScheduler>,
    /// Federation of cells over parts of the nodes, with the system `kubernetes`; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation: Option<Federation>,
    /// Controllers that reconcile workloads with their declarations. Without them, manifests stand
    /// for their pods alone.
    // Left out where there are none, so that what was kept of such experiments still fits them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controllers: Option<Controllers>,
    /// Autoscaling of workloads and nodes: settings of the autoscalers whose objects manifests
    /// hold, scheduled scaling, and the cluster autoscaler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// Descheduler that evicts misplaced pods; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descheduling: Option<Descheduling>,
    /// Options of systems that their registry describes, by field.
    #[serde(rename = "$rest", default, skip_serializing_if = "Arguments::is_empty")]
    #[schemars(skip)]
    pub sections: Arguments,
}

impl Default for System {
    fn default() -> Self {
        Self {
            name: default_system(),
            release: None,
            scheduler: Scheduler::default(),
            schedulers: Vec::new(),
            federation: None,
            controllers: None,
            autoscaling: None,
            descheduling: None,
            sections: Arguments::default(),
        }
    }
}

fn default_system() -> String {
    "kubernetes".to_owned()
}

/// Scheduler options: how a system places pods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scheduler {
    /// Profile of policies to start from; default `default`, which is kube-scheduler itself and the
    /// one profile of the system `kubernetes`. The others are of the system `pipeline`, which needs
    /// one.
    #[serde(default = "default_profile")]
    #[schemars(extend("x-names" = "profile"))]
    pub profile: String,
    /// Queue order in which waiting pods or jobs are tried; default the profile's.
    #[serde(default)]
    #[schemars(extend("x-names" = "queue"))]
    pub queue: Option<String>,
    /// Backfill rule: whether later jobs may start before the first one that does not fit; default
    /// `none`.
    #[serde(default)]
    pub backfill: Backfill,
    /// Queues of tenants for the queue orders `volcano` and `yunikorn`, with the system `batch`; default
    /// none, and every tenant is a queue like the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<JobQueue>,
    /// Whether `queues` take back what others use beyond what they deserve (`volcano`) or are guaranteed
    /// (`yunikorn`), by ending the jobs that started last; default `false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reclaim: bool,
    /// Tie-break between equally good nodes; default the profile's.
    #[serde(default)]
    pub tie_break: Option<TieBreak>,
    /// Policies to add, weigh and configure, by name; `null` disables one of the profile.
    #[serde(default)]
    #[schemars(with = "SortedMap<String, Option<Plugin>>", extend("x-key-names" = "policy"))]
    pub plugins: Plugins,
    /// Program of your own that filters or scores nodes beside the profile's policies, with the systems
    /// `pipeline` and `kubernetes`, or orders waiting jobs, with `batch` and `pipeline`; runs with
    /// `--allow-external` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// Source of the answers of the extenders that `config` names, which the caller decides on. No file
    /// can say so.
    #[serde(skip)]
    pub extender_answers: AnswerSource,
    /// Percentage of nodes to find for each pod before the best of them is taken, 0 to 100; 0 is
    /// the rule of Kubernetes, which depends on the cluster size. Default 0 with the system
    /// `kubernetes`, all nodes with others.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub percentage_of_nodes_to_score: Option<u32>,
    /// File of a `KubeSchedulerConfiguration`, used in place of `plugins` and
    /// `percentageOfNodesToScore`; with the system `kubernetes`.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub config: Option<String>,
    /// Release of kube-scheduler to follow, with the system `kubernetes`; default `system.release`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// Changes between releases to turn on or off, by name, whatever the release has, with the system
    /// `kubernetes` (`windtunnel systems kubernetes --changes` lists them); default none.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    #[schemars(extend("x-key-names" = "change"))]
    pub changes: SortedMap<String, Switch>,
    /// Binding time from a decision to its binding, with the system `kubernetes`; default `0s`.
    #[serde(default)]
    pub binding_time: Duration,
    /// Eviction time from the order to evict a pod to its end, with the system `kubernetes`; default
    /// `0s`.
    #[serde(default)]
    pub eviction_time: Duration,
    /// Options of orders and rules that the registry of systems describes, by field.
    #[serde(rename = "$rest", default, skip_serializing_if = "Arguments::is_empty")]
    #[schemars(skip)]
    pub sections: Arguments,
}

impl Scheduler {
    /// Whether a program outside decides with it, or extenders may.
    pub fn asks_outside(&self) -> bool {
        let may_ask = self.extender_answers != AnswerSource::Refused;
        self.external.is_some() || (self.config.is_some() && may_ask)
    }
}

/// Policies by name, in written order; `None` disables one.
pub type Plugins = IndexMap<String, Option<Plugin>>;

impl Default for Scheduler {
    fn default() -> Self {
        Self {
            profile: default_profile(),
            queue: None,
            backfill: Backfill::default(),
            queues: Vec::new(),
            reclaim: false,
            tie_break: None,
            plugins: Plugins::default(),
            external: None,
            extender_answers: AnswerSource::default(),
            percentage_of_nodes_to_score: None,
            config: None,
            release: None,
            changes: SortedMap::new(),
            binding_time: Duration::ZERO,
            eviction_time: Duration::ZERO,
            sections: Arguments::default(),
        }
    }
}

fn default_profile() -> String {
    "default".to_owned()
}

/// One policy, with its weight and arguments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plugin {
    /// Weight of the policy's score, 1 to 1000000; default the profile's, or 1.
    #[serde(default)]
    #[schemars(
        range(min = 1, max = 1_000_000),
        extend("x-help" = "a policy with weight 0 has no effect; to disable it, write `null` \
            instead of its fields")
    )]
    pub weight: Option<i64>,
    /// Arguments of the policy.
    #[serde(rename = "$rest", default)]
    #[schemars(extend("x-parameters" = "policy:"))]
    pub arguments: Arguments,
}

/// Backfill rule: whether later jobs may start before the first one that does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backfill {
    /// No job overtakes another.
    #[default]
    None,
    /// Jobs that end before the first one could start may overtake it, considered once in queue
    /// order.
    GreedyOnce,
    /// No job overtakes another; the queue is ordered anew once an instant.
    Strict,
    /// Every job that fits starts, in queue order, without reservations.
    Skip,
    /// EASY: the first job has a reservation, which no other delays.
    Easy,
    /// EASY as Batsim has it: the first job reserves concrete hosts.
    EasyHosts,
    /// Conservative: every job has a reservation, which none behind it delays.
    Conservative,
    /// Conservative as Batsim has it: every job reserves concrete hosts.
    ConservativeHosts,
    /// Slurm's loops: the heads of partitions at every event, and reservations for all jobs once an
    /// interval.
    Slurm,
    /// EASY over hosts that are switched off while less work waits, and on while more does.
    InertialShutdown,
    /// EASY over hosts that are switched off when idle, and on for waiting jobs.
    OpportunisticShutdown,
}

impl Backfill {
    /// The rule's name in the registry.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::GreedyOnce => "greedy-once",
            Self::Strict => "strict",
            Self::Skip => "skip",
            Self::Easy => "easy",
            Self::EasyHosts => "easy-hosts",
            Self::Conservative => "conservative",
            Self::ConservativeHosts => "conservative-hosts",
            Self::Slurm => "slurm",
            Self::InertialShutdown => "inertial-shutdown",
            Self::OpportunisticShutdown => "opportunistic-shutdown",
        }
    }
}

/// Tie-break between equally good nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TieBreak {
    /// Node picked at random, from the seed.
    Random,
    /// Node that comes first in node order.
    First,
    /// Node with the lowest rank of the published runs, drawn from the seed by Go's generator;
    /// formerly `published`, which is still read.
    #[serde(alias = "published")]
    #[schemars(extend("x-formerly" = "published"))]
    Rank,
    /// Node after the one taken last, in node order.
    #[serde(rename = "round-robin")]
    RoundRobin,
}
