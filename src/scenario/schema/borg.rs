//! `system.borg:` of the experiment file: options of a Borg cell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, Quantity, SortedMap};

/// Options of Borg; used with `name: borg`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Borg {
    /// Packing score; default `stranded`.
    pub score: BorgScore,
    /// Base of the cost of a utilization with `epvm`, 2 to 1000000; default 10.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub base: u32,
    /// Parts of the score beside packing; default soft constraints alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wishes: Option<BorgWishes>,
    /// Alloc sets; default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1_000))]
    pub allocs: Vec<BorgAllocs>,
    /// Number of machines with room, in random order, of which the best is taken, 1 to 1000000;
    /// default all.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub candidates: Option<u32>,
    /// Quotas of every user, one for each tier at most; default none, which admits every job.
    #[schemars(length(max = 5))]
    pub quota: Vec<BorgQuota>,
    /// Reclamation of what tasks were promised and do not use; default none.
    pub reclamation: Option<BorgReclamation>,
    /// Silence after which a machine is marked down; default `15s`.
    #[schemars(extend("x-positive" = true))]
    pub unreachable_after: Duration,
    /// Number of tasks of machines that are down that find new places in a second, 0 to 1000000;
    /// default 100, and 0 is no limit.
    #[schemars(range(max = 1_000_000))]
    pub reschedule: u32,
    /// Time from the end of a task of a service to its restart; default `10s`.
    #[schemars(extend("x-positive" = true))]
    pub restart_delay: Duration,
    /// Number of tasks of a job that an update keeps from running at a time, 1 to 1000000; default
    /// 1.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub update_disruptions: u32,
}

impl Default for Borg {
    fn default() -> Self {
        Self {
            score: BorgScore::default(),
            base: 10,
            wishes: None,
            allocs: Vec::new(),
            candidates: None,
            quota: Vec::new(),
            reclamation: None,
            unreachable_after: Duration::from_secs(15),
            reschedule: 100,
            restart_delay: Duration::from_secs(10),
            update_disruptions: 1,
        }
    }
}

/// Parts of the score beside packing. Each says how much more a machine that fulfils the wish may cost in
/// packing, in whole resources of a machine, 0 to 1000.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BorgWishes {
    /// Soft constraints of the task, which are preferred node affinity; default 1.
    #[schemars(range(min = 0.0, max = 1_000.0))]
    pub soft: f64,
    /// Packages of the task that an earlier task brought to the machine; default 0.
    #[schemars(range(min = 0.0, max = 1_000.0))]
    pub packages: f64,
    /// No other task of the job in the failure domain of the machine, and a share of 1 / (n + 1) with n
    /// others; default 0.
    #[schemars(range(min = 0.0, max = 1_000.0))]
    pub spread: f64,
    /// Label whose values are the failure domains; default `topology.kubernetes.io/zone`.
    #[schemars(length(min = 1))]
    pub spread_label: String,
}

impl Default for BorgWishes {
    fn default() -> Self {
        Self {
            soft: 1.0,
            packages: 0.0,
            spread: 0.0,
            spread_label: "topology.kubernetes.io/zone".to_owned(),
        }
    }
}

/// Alloc set: equal slots that are reserved on machines, in which tasks run. Tasks that belong to the set
/// run nowhere else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BorgAllocs {
    /// Name of the set.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Number of allocs, 1 to 100000; default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100_000))]
    pub count: u32,
    /// Cores of each.
    pub cpu: Quantity,
    /// Memory of each.
    pub memory: Quantity,
    /// Ephemeral storage of each; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<Quantity>,
    /// Most tasks in each, which takes as many pod slots of its machine, 1 to 1000; default 10.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 1_000))]
    pub tasks: u32,
    /// Priority of the allocs; default 200, which is production.
    #[serde(default = "production")]
    pub priority: i32,
    /// Namespace of the tasks that run in them; default any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub namespace: Option<String>,
    /// Labels of the tasks that run in them; default any.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub labels: SortedMap<String, String>,
    /// Labels of the machines that take them; default any.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub nodes: SortedMap<String, String>,
}

const fn one() -> u32 {
    1
}

const fn ten() -> u32 {
    10
}

const fn production() -> i32 {
    200
}

/// Packing score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BorgScore {
    /// The machine where the least is left that the lack of another resource strands.
    #[default]
    Stranded,
    /// The machine whose cost over all resources rises least, which spreads.
    Epvm,
    /// The machine with the smallest sum of free fractions left.
    BestFit,
    /// The machine with the largest sum of free fractions left.
    WorstFit,
}

impl BorgScore {
    /// Name of the score.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stranded => "stranded",
            Self::Epvm => "epvm",
            Self::BestFit => "best-fit",
            Self::WorstFit => "worst-fit",
        }
    }
}

/// Tier of priorities, after the trace of 2019.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PriorityTier {
    /// Below 100.
    Free,
    /// 100 to 115.
    Batch,
    /// 116 to 119.
    Mid,
    /// 120 to 359.
    #[default]
    Production,
    /// From 360 on.
    Monitoring,
}

/// Quota of every user in a tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BorgQuota {
    /// Tier; default `production`.
    pub tier: PriorityTier,
    /// Most cores that admitted jobs of a user may ask for together; default no bound.
    pub cpu: Option<Quantity>,
    /// Most memory that admitted jobs of a user may ask for together; default no bound.
    pub memory: Option<Quantity>,
    /// Most ephemeral storage that admitted jobs of a user may ask for together; default no bound.
    pub ephemeral_storage: Option<Quantity>,
}

/// Reclamation: a task's reservation is its limit at first, sinks to what it used lately plus a margin,
/// and jumps up when use exceeds it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BorgReclamation {
    /// Time between two estimates; default `5s`.
    #[schemars(extend("x-positive" = true))]
    pub interval: Duration,
    /// Time from a task's start during which its limit is reserved; default `5m`.
    pub warm_up: Duration,
    /// Window whose peak of use counts; default `5m`.
    #[schemars(extend("x-positive" = true))]
    pub window: Duration,
    /// Margin above the peak, as a part of it, 0 to 100; default 0.2.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub margin: f64,
    /// Time in which a reservation would sink to its aim at its first speed; default `1h`.
    #[schemars(extend("x-positive" = true))]
    pub decay: Duration,
}

impl Default for BorgReclamation {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            warm_up: Duration::from_secs(300),
            window: Duration::from_secs(300),
            margin: 0.2,
            decay: Duration::from_secs(3_600),
        }
    }
}
