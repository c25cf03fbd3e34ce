//! `system.mesos:` of the experiment file: options of a Mesos cluster and its frameworks, with the
//! defaults of the originals.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::share::Share;
use units::{Duration, Quantity};

/// Options of Mesos 1.10 with its frameworks, with `name: mesos`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Mesos {
    /// How tasks get to agents: by offers to frameworks, or task by task (pods alone, tenants as users,
    /// the first agent with room).
    pub strategy: MesosStrategy,
    /// Between two runs of the allocator over all agents (`--allocation_interval`).
    #[schemars(extend("x-positive" = true))]
    pub allocation_interval: Duration,
    /// In which order roles and frameworks are served (`--role_sorter`, `--framework_sorter`).
    pub sorter: MesosSorter,
    /// In which order agents are offered: shuffled, as the original does, or by their names' order in
    /// the cluster.
    pub agent_order: MesosAgentOrder,
    /// Least amounts, one of which has to be free for an agent to be offered
    /// (`--min_allocatable_resources`).
    pub min_allocatable: MesosAmount,
    /// After how long an offer without an answer is taken back (`--offer_timeout`); without it never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer_timeout: Option<Duration>,
    /// Whether agents with GPUs are offered only to frameworks that can use them
    /// (`--filter_gpu_resources`).
    pub filter_gpu_resources: bool,
    /// Resources that do not count for fairness (`--fair_sharing_excluded_resource_names`).
    pub fair_sharing_excluded: Vec<String>,
    /// Weights and quotas by role, such as `prod` or `prod/web`.
    pub roles: BTreeMap<String, MesosRole>,
    /// What agents reserve for roles.
    pub reservations: Vec<MesosReservation>,
    /// What agents offer a second time, to frameworks that are `revocable`; without it nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oversubscription: Option<MesosOversubscription>,
    /// How often agents are pinged, and how long an answer is waited for (`--agent_ping_timeout`).
    #[schemars(extend("x-positive" = true))]
    pub agent_ping_timeout: Duration,
    /// After how many pings without an answer an agent is unreachable
    /// (`--max_agent_ping_timeouts`).
    #[schemars(range(min = 1, max = 1_000))]
    pub max_agent_ping_timeouts: u32,
    /// How fast agents are removed at most, such as `1/10mins` (`--agent_removal_rate_limit`);
    /// without it at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_removal_rate_limit: Option<String>,
    /// Agents register with a new master within this span, each at a moment of it
    /// (`--registration_backoff_factor`).
    pub registration_backoff: Duration,
    /// Masters: one leads, the others stand by.
    #[schemars(range(min = 1, max = 9))]
    pub masters: u32,
    /// The frameworks, in the order of their subscription; default Marathon, Chronos and one batch
    /// framework, all in the role `*`.
    #[schemars(length(min = 1))]
    pub frameworks: Vec<MesosFramework>,
    /// How pods without a workload are dealt to batch frameworks, if there are several.
    pub deal: MesosDeal,
    /// The date and time of the run's start in UTC, for schedules of jobs; default
    /// `1970-01-01T00:00:00Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub start_date: Option<String>,
}

impl Default for Mesos {
    fn default() -> Self {
        Self {
            strategy: MesosStrategy::Offers,
            allocation_interval: Duration::from_secs(1),
            sorter: MesosSorter::Drf,
            agent_order: MesosAgentOrder::Shuffled,
            min_allocatable: MesosAmount {
                cpu: Some(Quantity::from_milli(10)),
                memory: Some(Quantity::from_units(32 << 20)),
                gpus: None,
            },
            offer_timeout: None,
            filter_gpu_resources: true,
            fair_sharing_excluded: Vec::new(),
            roles: BTreeMap::new(),
            reservations: Vec::new(),
            oversubscription: None,
            agent_ping_timeout: Duration::from_secs(15),
            max_agent_ping_timeouts: 5,
            agent_removal_rate_limit: None,
            registration_backoff: Duration::from_secs(1),
            masters: 3,
            frameworks: MesosFramework::usual(),
            deal: MesosDeal::Tenant,
            start_date: None,
        }
    }
}

/// In which order roles and frameworks are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MesosSorter {
    /// The smallest dominant share over weight first.
    #[default]
    Drf,
    /// A random order by weights.
    Random,
    /// Whoever subscribed first; not in the original.
    Fifo,
}

impl MesosSorter {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drf => "drf",
            Self::Random => "random",
            Self::Fifo => "fifo",
        }
    }
}

/// How tasks get to agents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MesosStrategy {
    /// By offers.
    #[default]
    Offers,
    /// Dominant-resource fairness task by task; users whose next task has no room are passed over.
    DrfTasks,
    /// The same, and nobody gets anything while such a user waits, as in the paper.
    DrfTasksStop,
}

/// How pods are dealt to batch frameworks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MesosDeal {
    /// The pods of a tenant to one framework, tenants in turn.
    #[default]
    Tenant,
    /// The pods of a job to one framework, jobs in turn.
    Job,
}

/// In which order agents are offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MesosAgentOrder {
    /// Shuffled from the seed.
    #[default]
    Shuffled,
    /// In the order of the cluster.
    InOrder,
}

/// Amounts of resources; what is left out is not meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MesosAmount {
    /// Cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
    /// Devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpus: Option<i64>,
}

/// A role.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MesosRole {
    /// Its weight against its siblings, above 0.
    pub weight: f64,
    /// What it is sure to get; of top-level roles.
    pub guarantee: MesosAmount,
    /// What it gets at most; of top-level roles.
    pub limit: MesosAmount,
}

impl Default for MesosRole {
    fn default() -> Self {
        Self {
            weight: 1.0,
            guarantee: MesosAmount::default(),
            limit: MesosAmount::default(),
        }
    }
}

/// What agents reserve for a role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MesosReservation {
    /// The role.
    pub role: String,
    /// On agents with all these labels; none is on all agents.
    pub labels: BTreeMap<String, String>,
    /// How much of each agent; without it all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<MesosAmount>,
}

/// What agents offer a second time: revocable resources, which are taken back where they are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MesosOversubscription {
    /// Between two reports of an agent (`--oversubscribed_resources_interval`).
    #[schemars(extend("x-positive" = true))]
    pub interval: Duration,
    /// How much every agent offers, as the fixed estimator does; without it, what its regular tasks
    /// have of its cores and do not use (see `models.usage`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed: Option<MesosAmount>,
    /// Which share of what is not used is offered.
    pub slack: Share,
    /// All revocable tasks of an agent are killed once its tasks want more than this share of its
    /// cores, as the original's controller by load does; without it never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correct_above: Option<Share>,
    /// Between two corrections of an agent at least (`--qos_correction_interval_min`).
    pub correction_interval: Duration,
}

impl Default for MesosOversubscription {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(15),
            fixed: None,
            slack: Share::ALL,
            correct_above: None,
            correction_interval: Duration::ZERO,
        }
    }
}

/// A framework: one of `marathon`, `chronos` and `batch`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("oneOf" = [
    {"required": ["marathon"]}, {"required": ["chronos"]}, {"required": ["batch"]},
]))]
pub struct MesosFramework {
    /// Its name; `{}` is replaced by the number of each of `count`.
    pub name: String,
    /// How many of them there are; pods are dealt to batch frameworks by tenant.
    #[schemars(range(min = 1, max = 10_000))]
    pub count: u32,
    /// Its roles; `{}` as in its name.
    #[schemars(length(min = 1))]
    pub roles: Vec<String>,
    /// Namespaces whose objects it takes; none is all that no framework before it takes.
    pub namespaces: Vec<String>,
    /// For how long it declines what it does not need (`refuse_seconds`); default 120 s of Marathon,
    /// 5 s of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refuse: Option<Duration>,
    /// Between two revivals of offers at least; default 5 s of Marathon, 1 s of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revive_interval: Option<Duration>,
    /// From an offer to its answer; what is offered is held meanwhile.
    pub offer_delay: Duration,
    /// How long its tasks outlive its own absence (`failover_timeout`); default 7 d of Marathon and
    /// Chronos, 0 s of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover_timeout: Option<Duration>,
    /// Whether it suppresses offers while it has nothing to launch.
    pub suppress: bool,
    /// Whether it can use GPUs (`GPU_RESOURCES`); default all but Chronos.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_resources: Option<bool>,
    /// Whether it takes resources that may be taken back (`REVOCABLE_RESOURCES`); of batch frameworks.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub revocable: bool,
    /// Whether it knows of partitions (`PARTITION_AWARE`); default Marathon alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition_aware: Option<bool>,
    /// Marathon 1.9: keeps services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marathon: Option<Marathon>,
    /// Chronos 3: runs jobs by the clock, after one another, and once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chronos: Option<Chronos>,
    /// Runs pods without a workload, such as those of traces, by delay scheduling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<MesosBatch>,
}

impl Default for MesosFramework {
    fn default() -> Self {
        Self {
            name: String::new(),
            count: 1,
            roles: vec!["*".to_owned()],
            namespaces: Vec::new(),
            refuse: None,
            revive_interval: None,
            offer_delay: Duration::ZERO,
            failover_timeout: None,
            suppress: true,
            gpu_resources: None,
            revocable: false,
            partition_aware: None,
            marathon: None,
            chronos: None,
            batch: None,
        }
    }
}

impl MesosFramework {
    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    fn usual() -> Vec<Self> {
        vec![
            Self {
                marathon: Some(Marathon::default()),
                ..Self::named("marathon")
            },
            Self {
                chronos: Some(Chronos::default()),
                ..Self::named("chronos")
            },
            Self {
                batch: Some(MesosBatch::default()),
                ..Self::named("batch")
            },
        ]
    }
}

/// Options of Marathon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Marathon {
    /// Constraints by the name of the workload, each `[FIELD, OPERATOR]` or `[FIELD, OPERATOR,
    /// VALUE]`; operators are UNIQUE, CLUSTER, LIKE, UNLIKE, IS, `MAX_PER` and `GROUP_BY`.
    pub constraints: BTreeMap<String, Vec<Vec<String>>>,
    /// The delay of the first launch after a failure (`backoffSeconds`).
    pub backoff: Duration,
    /// By what each further one is longer (`backoffFactor`).
    #[schemars(range(min = 1.0, max = 1_000.0))]
    pub backoff_factor: f64,
    /// The longest delay (`maxLaunchDelaySeconds`).
    pub max_launch_delay: Duration,
    /// After how long an instance on an unreachable agent is replaced (`inactiveAfterSeconds`).
    pub inactive_after: Duration,
    /// After how long it is forgotten, no less (`expungeAfterSeconds`).
    pub expunge_after: Duration,
    /// Which instances die first when there are too many.
    pub kill_selection: KillSelection,
    /// Launches out of one offer at most (`--max_instances_per_offer`).
    #[schemars(range(min = 1))]
    pub instances_per_offer: u32,
    /// Launches between two refreshes at most (`--launch_tokens`); 0 is without limit.
    pub launch_tokens: u32,
    /// How often there are new launch tokens (`--launch_token_refresh_interval`).
    #[schemars(extend("x-positive" = true))]
    pub launch_token_refresh: Duration,
    /// Which share stays healthy in upgrades; without it as the workload states it, 1 where it
    /// states nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub minimum_health_capacity: Option<f64>,
    /// By which share there may be more instances in upgrades; likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub maximum_over_capacity: Option<f64>,
}

impl Default for Marathon {
    fn default() -> Self {
        Self {
            constraints: BTreeMap::new(),
            backoff: Duration::from_secs(1),
            backoff_factor: 1.15,
            max_launch_delay: Duration::from_secs(300),
            inactive_after: Duration::ZERO,
            expunge_after: Duration::ZERO,
            kill_selection: KillSelection::YoungestFirst,
            instances_per_offer: 5,
            launch_tokens: 100,
            launch_token_refresh: Duration::from_secs(30),
            minimum_health_capacity: None,
            maximum_over_capacity: None,
        }
    }
}

/// Which instances die first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KillSelection {
    /// Whoever started last.
    #[default]
    YoungestFirst,
    /// Whoever started first.
    OldestFirst,
}

/// Options of Chronos.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Chronos {
    /// What is said of jobs by the name of their workload.
    pub jobs: BTreeMap<String, ChronosJob>,
}

/// A job of Chronos.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ChronosJob {
    /// Its schedule `R[n]/START/PERIOD`; without it as the workload states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The jobs after which it runs, in place of a schedule.
    pub parents: Vec<String>,
    /// Whether its failure counts like its end for jobs that wait for it (`softError`).
    pub soft_error: bool,
    /// How late a run may start; later ones are missed.
    pub epsilon: Duration,
    /// Whether a run may start while another one goes on.
    pub concurrent: bool,
    /// How often a failed run is tried again, 60 s later.
    pub retries: u32,
    /// From how many failures since its last success it is disabled; 0 is never
    /// (`--disable_after_failures`).
    pub disable_after_failures: u32,
}

impl Default for ChronosJob {
    fn default() -> Self {
        Self {
            schedule: None,
            parents: Vec::new(),
            soft_error: false,
            epsilon: Duration::from_secs(60),
            concurrent: false,
            retries: 2,
            disable_after_failures: 0,
        }
    }
}

/// Options of a batch framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MesosBatch {
    /// On how many agents, drawn from the seed, the data of a job is; 0: on all.
    #[schemars(range(min = 0, max = 1_000))]
    pub data_replicas: u32,
    /// How long a job waits for an agent with its data.
    pub agent_wait: Duration,
    /// How much longer it waits for one in the rack of its data (label `rack`, else the zone).
    pub rack_wait: Duration,
}

impl Default for MesosBatch {
    fn default() -> Self {
        Self {
            data_replicas: 0,
            agent_wait: Duration::from_secs(3),
            rack_wait: Duration::from_secs(3),
        }
    }
}
