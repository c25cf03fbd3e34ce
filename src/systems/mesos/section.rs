//! Options of a Mesos cluster and its frameworks as experiment files state them, with the defaults of the
//! originals.

use options::{NamedWorkload, Rules, Share, SystemSection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use model::Text;
use units::{Duration, Quantity, SortedMap};

use super::batch::MesosBatch;
use super::chronos::section::Chronos;
use super::fast::Walk;
use super::fast::tree::Order;
use super::marathon::section::Marathon;

/// Options of Mesos 1.10 with its frameworks; used with `name: mesos`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Mesos {
    /// Strategy that assigns tasks to agents: `offers` to frameworks, or task by task (pods only,
    /// tenants as users, first agent with room). Default `offers`.
    pub strategy: MesosStrategy,
    /// Time between two allocations over all agents (`--allocation_interval`); default `1s`.
    #[schemars(extend("x-positive" = true))]
    pub allocation_interval: Duration,
    /// Sorter that orders roles and frameworks (`--role_sorter`, `--framework_sorter`); default
    /// `drf`.
    pub sorter: Order,
    /// Order in which agents are offered: shuffled as in the original, or by cluster order. Default
    /// `shuffled`.
    pub agent_order: Walk,
    /// Minimum free amounts, of which one suffices for an agent to be offered
    /// (`--min_allocatable_resources`); default 0.01 cores or 32 MiB.
    pub min_allocatable: MesosAmount,
    /// Timeout after which an unanswered offer is rescinded (`--offer_timeout`); default never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer_timeout: Option<Duration>,
    /// GPU filter (`--filter_gpu_resources`): `true` offers agents with GPUs only to frameworks
    /// that can use them. Default `true`.
    pub filter_gpu_resources: bool,
    /// Resources excluded from fair sharing (`--fair_sharing_excluded_resource_names`); default
    /// none.
    pub fair_sharing_excluded: Vec<String>,
    /// Weights and quotas by role, such as `prod` or `prod/web`.
    pub roles: SortedMap<String, MesosRole>,
    /// Reservations of agent resources for roles; default none.
    pub reservations: Vec<MesosReservation>,
    /// Oversubscription: resources that agents offer a second time, to `revocable` frameworks;
    /// default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oversubscription: Option<MesosOversubscription>,
    /// Interval of agent pings, and timeout of each (`--agent_ping_timeout`); default `15s`.
    #[schemars(extend("x-positive" = true))]
    pub agent_ping_timeout: Duration,
    /// Number of missed pings after which an agent is unreachable (`--max_agent_ping_timeouts`), 1
    /// to 1000; default 5.
    #[schemars(range(min = 1, max = 1_000))]
    pub max_agent_ping_timeouts: u32,
    /// Rate limit on agent removals, such as `1/10mins` (`--agent_removal_rate_limit`), or `none`;
    /// default `none`.
    pub agent_removal_rate_limit: String,
    /// Time span within which each agent registers with a new master, at a random moment
    /// (`--registration_backoff_factor`); default `1s`.
    pub registration_backoff: Duration,
    /// Number of masters, 1 to 9, of which one leads and the others stand by; default 3.
    #[schemars(range(min = 1, max = 9))]
    pub masters: u32,
    /// Frameworks in the order of their subscription; default Marathon, Chronos and one batch
    /// framework, all in the role `*`.
    #[schemars(length(min = 1))]
    pub frameworks: Vec<MesosFramework>,
    /// Distribution of pods without a workload over several batch frameworks; default `tenant`.
    pub deal: MesosDeal,
    /// Date and time of the run's start in UTC, for schedules of jobs; default
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
            sorter: Order::DominantResource,
            agent_order: Walk::Shuffled,
            min_allocatable: MesosAmount {
                cpu: Some(Quantity::from_milli(10)),
                memory: Some(Quantity::from_units(32 << 20)),
                gpus: None,
            },
            offer_timeout: None,
            filter_gpu_resources: true,
            fair_sharing_excluded: Vec::new(),
            roles: SortedMap::new(),
            reservations: Vec::new(),
            oversubscription: None,
            agent_ping_timeout: Duration::from_secs(15),
            max_agent_ping_timeouts: 5,
            agent_removal_rate_limit: "none".to_owned(),
            registration_backoff: Duration::from_secs(1),
            masters: 3,
            frameworks: MesosFramework::usual(),
            deal: MesosDeal::Tenant,
            start_date: None,
        }
    }
}

/// Strategy that assigns tasks to agents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MesosStrategy {
    /// Offers to frameworks, as Mesos does.
    #[default]
    Offers,
    /// Dominant-resource fairness task by task; users whose next task does not fit are skipped.
    DrfTasks,
    /// Dominant-resource fairness task by task, as in the paper: nothing is assigned while the next
    /// user's task does not fit.
    DrfTasksStop,
}

/// Distribution of pods over batch frameworks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MesosDeal {
    /// Pods of a tenant to one framework, tenants in turn.
    #[default]
    Tenant,
    /// Pods of a job to one framework, jobs in turn.
    Job,
}

/// Amounts of resources; those left out are not considered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MesosAmount {
    /// Amount of CPU in cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Amount of memory in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
    /// Number of GPU devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpus: Option<i64>,
}

/// Role of frameworks, with weight and quota.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MesosRole {
    /// Weight of the role against its siblings, above 0; default 1.
    pub weight: f64,
    /// Guaranteed resources of the role; top-level roles only.
    pub guarantee: MesosAmount,
    /// Maximum resources of the role; top-level roles only.
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

/// Reservation of agent resources for a role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MesosReservation {
    /// Role that the resources are reserved for.
    pub role: String,
    /// Labels that an agent must have for the reservation; default none, which means all agents.
    pub labels: SortedMap<String, String>,
    /// Amount reserved on each agent; default all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<MesosAmount>,
}

/// Oversubscription: revocable resources that agents offer a second time, and revoke when needed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MesosOversubscription {
    /// Time between two reports of an agent (`--oversubscribed_resources_interval`); default `15s`.
    #[schemars(extend("x-positive" = true))]
    pub interval: Duration,
    /// Fixed amount that every agent offers, as by the fixed estimator; default the cores that its
    /// regular tasks hold and do not use (see `models.usage`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed: Option<MesosAmount>,
    /// Share of the unused resources that is offered; default `100%`.
    pub slack: Share,
    /// CPU load threshold: once an agent's tasks want more than this share of its cores, all its
    /// revocable tasks are killed, as by the original's load controller. Default never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correct_above: Option<Share>,
    /// Minimum time between two corrections of an agent (`--qos_correction_interval_min`); default
    /// `0s`.
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

/// Framework: exactly one of `marathon`, `chronos` and `batch`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("oneOf" = [
    {"required": ["marathon"]}, {"required": ["chronos"]}, {"required": ["batch"]},
]))]
pub struct MesosFramework {
    /// Name of the framework; `{}` is replaced by its number among the `count`.
    pub name: String,
    /// Number of such frameworks, 1 to 10000; default 1. Pods are distributed over batch frameworks
    /// by `deal`.
    #[schemars(range(min = 1, max = 10_000))]
    pub count: u32,
    /// Roles of the framework; `{}` as in `name`. Default `*`.
    #[schemars(length(min = 1))]
    pub roles: Vec<String>,
    /// Namespaces whose objects the framework takes; default all that no earlier framework takes.
    pub namespaces: Vec<String>,
    /// Refusal time of declined resources (`refuse_seconds`); default 120 s for Marathon, 5 s for
    /// others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refuse: Option<Duration>,
    /// Minimum time between two revivals of offers; default 5 s for Marathon, 1 s for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revive_interval: Option<Duration>,
    /// Delay from an offer to its answer, during which the offered resources are held; default
    /// `0s`.
    pub offer_delay: Duration,
    /// Time that tasks outlive the framework's absence (`failover_timeout`); default 7 d for
    /// Marathon and Chronos, 0 s for others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover_timeout: Option<Duration>,
    /// Suppression of offers while there is nothing to launch; default `true`.
    pub suppress: bool,
    /// GPU capability (`GPU_RESOURCES`): without it, agents with GPUs are not offered. Default `true`
    /// for batch frameworks only (Marathon: `--enable_features gpu_resources`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu_resources: Option<bool>,
    /// Revocable resources are accepted if `true` (`REVOCABLE_RESOURCES`); batch frameworks only.
    /// Default `false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub revocable: bool,
    /// Partition awareness (`PARTITION_AWARE`); default `true` for Marathon only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition_aware: Option<bool>,
    /// Marathon 1.9, which runs services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marathon: Option<Marathon>,
    /// Chronos 3, which runs scheduled, dependent and one-time jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chronos: Option<Chronos>,
    /// Batch framework, which runs pods without a workload, such as those of traces, by delay
    /// scheduling.
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

impl SystemSection for Mesos {
    const SYSTEM: &'static str = "mesos";
    const MEANING: &'static str = "Options of Mesos and its frameworks, for `name: mesos`.";

    fn check(&self, rules: &mut Rules<'_>) {
        super::checks::check(self, rules);
    }

    fn placement(&self) -> Option<&'static str> {
        Some(match (self.strategy, self.sorter) {
            (MesosStrategy::DrfTasks | MesosStrategy::DrfTasksStop, _) => "drf-tasks",
            (MesosStrategy::Offers, Order::DominantResource) => "drf",
            (MesosStrategy::Offers, Order::Random) => "random",
            (MesosStrategy::Offers, Order::FirstCome) => "fifo",
        })
    }

    fn workloads(&self) -> Vec<NamedWorkload> {
        let mut all = Vec::new();
        for (number, own) in self.frameworks.iter().enumerate() {
            let place = format!("frameworks[{number}]");
            for name in own.marathon.iter().flat_map(|own| own.constraints.keys()) {
                let place = format!("{place}.marathon.constraints");
                all.push(NamedWorkload::new(&place, name, "application"));
            }
            for (name, own) in own.chronos.iter().flat_map(|own| &own.jobs) {
                let place = format!("{place}.chronos.jobs");
                all.push(NamedWorkload::new(&place, name, "job"));
                let place = format!("{place}.{name}.parents");
                let parents = own.parents.iter();
                all.extend(parents.map(|parent| NamedWorkload::new(&place, parent, "job")));
            }
        }
        all
    }
}

impl Mesos {
    /// Tenants that are weighed task by task, with their weights: those of the roles of a framework of their
    /// name, and of roles of their name.
    pub fn tenants(&self) -> Vec<(Text, f64)> {
        if self.strategy == MesosStrategy::Offers || self.roles.is_empty() {
            return Vec::new();
        }
        let own = self.frameworks.iter().filter_map(|framework| {
            let role = self.roles.get(framework.roles.first()?)?;
            Some((Text::from(&*framework.name), role.weight))
        });
        let mut all: Vec<(Text, f64)> = own.collect();
        for (name, role) in &self.roles {
            if !all.iter().any(|(known, _)| **known == **name) {
                all.push((Text::from(&**name), role.weight));
            }
        }
        all
    }

    /// Whether all Marathon frameworks state how many instances an upgrade may take away or add.
    pub fn states_upgrades(&self) -> bool {
        let mut own = self
            .marathons()
            .map(|own| own.upgrade().is_some())
            .peekable();
        own.peek().is_some() && own.all(|is_stated| is_stated)
    }

    /// Marathon frameworks in the order of their subscription.
    pub fn marathons(&self) -> impl Iterator<Item = &Marathon> {
        self.frameworks
            .iter()
            .filter_map(|own| own.marathon.as_ref())
    }
}

impl MesosAmount {
    /// Amount of CPU in thousandths of a core, as far as it can be counted.
    pub fn cpu_milli(&self) -> Option<i64> {
        self.cpu?.milli_ceil().ok()
    }

    /// Amount of memory in bytes, as far as it can be counted.
    pub fn memory_bytes(&self) -> Option<i64> {
        self.memory?.units_ceil().ok()
    }
}

impl MesosRole {
    /// Whether the role has a quota.
    pub fn has_quota(&self) -> bool {
        let none = MesosAmount::default();
        self.guarantee != none || self.limit != none
    }
}
