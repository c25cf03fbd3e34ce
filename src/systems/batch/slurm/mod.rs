//! Options of Slurm as experiment files state them: of the queue order and of the backfill rule of this name.

mod checks;
pub mod nodes;
mod parts;

use options::{Home, Rules, SystemSection};
use policy::backfill::slurm::LoopOptions;
use policy::job_order::slurm::fair_tree::TiedAccounts;
use policy::job_order::slurm::resources::ResourceWeights;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, SortedMap};

/// Place of the accounts in an experiment.
pub const ACCOUNTS: &str = "system.scheduler.slurm.accounts";
/// Place of the partitions in an experiment.
pub const PARTITIONS: &str = "system.scheduler.slurm.partitions";
/// Place of the reservations in an experiment.
pub const RESERVATIONS: &str = "system.scheduler.slurm.reservations";

/// Multifactor priority of Slurm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Slurm {
    /// Weight of the age (`PriorityWeightAge`); default 0.
    pub age_weight: u32,
    /// Weight of the fair share (`PriorityWeightFairshare`); default 0.
    pub fair_share_weight: u32,
    /// Weight of the size (`PriorityWeightJobSize`); default 0.
    pub job_size_weight: u32,
    /// Weight of the quality of service (`PriorityWeightQOS`); default 0.
    pub qos_weight: u32,
    /// Weight of the association (`PriorityWeightAssoc`); default 0.
    pub association_weight: u32,
    /// Weight of the partition (`PriorityWeightPartition`), with `partitions`; default 0.
    pub partition_weight: u32,
    /// Weights of the parts of its partition's resources that a job asks for (`PriorityWeightTRES`);
    /// default 0 each.
    #[serde(skip_serializing_if = "is_default")]
    pub tres_weights: ResourceWeights,
    /// Age from which on the age factor is 1 (`PriorityMaxAge`), above 0s; default `7d`.
    #[schemars(extend("x-positive" = true))]
    pub max_age: Duration,
    /// Half-life of past use (`PriorityDecayHalfLife`), at least 1s; default `7d`.
    pub half_life: Duration,
    /// Time between two calculations of all priorities (`PriorityCalcPeriod`), above 0s; default
    /// `5m`.
    #[schemars(extend("x-positive" = true))]
    pub calc_period: Duration,
    /// Small jobs go first if `true` (`PriorityFavorSmall`); default `false`.
    pub favor_small: bool,
    /// The size counts relative to the time limit if `true` (`SMALL_RELATIVE_TO_TIME`); default
    /// `false`.
    pub relative_to_time: bool,
    /// Rule of the fair share; default `fair-tree`.
    pub fair_share: FairShareRule,
    /// Accounts that used the same part of their shares, with `fair-tree`; default `merged`.
    #[serde(skip_serializing_if = "is_default")]
    pub tied_accounts: TiedAccounts,
    /// Dampening of the classic fair share (`FairShareDampeningFactor`), at least 1; default 1.
    #[schemars(range(min = 1, max = 1_000))]
    pub damp: u32,
    /// Time between the signal to end, which a job gets at its time limit, and the one that kills it
    /// (`KillWait`, `30s` in Slurm). A job that ends by itself before does so. Default none: jobs run on
    /// beyond their limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kill_wait: Option<Duration>,
    /// Time for which a node that went down may not answer until it counts as down, and its jobs as lost
    /// (`SlurmdTimeout`, `300s` in Slurm); they are lost once it comes back, too. Default none: that is known
    /// at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub slurmd_timeout: Option<Duration>,
    /// Accounts with their users, who are all tenants of the workload; default none, and every tenant
    /// is a user with the same share.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<SlurmAccount>,
    /// Partitions, with a backfill rule that switches no hosts; default none, and all jobs are in the
    /// same queue for all nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1_000))]
    pub partitions: Vec<SlurmPartition>,
    /// Field of job logs that names the partition of a job, with `partitions`; default `partition`.
    #[serde(skip_serializing_if = "is_default")]
    pub partition_field: PartitionField,
    /// Intervals and limits of the backfill rule `slurm`; default those of Slurm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loops: Option<LoopOptions>,
    /// Advance reservations of nodes, with the backfill rule `slurm`; default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1_000))]
    pub reservations: Vec<SlurmReservation>,
}

/// Advance reservation: nodes that are kept for some users, or for maintenance. A job that could still
/// run when it begins does not start on them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SlurmReservation {
    /// Name of the reservation (`ReservationName`).
    #[schemars(length(min = 1))]
    pub name: String,
    /// Begin of the reservation (`StartTime`), from the begin of the run.
    pub start: Duration,
    /// Length of the reservation (`Duration`), above 0s; from the begin of the run on no longer than the log.
    #[schemars(extend("x-positive" = true))]
    pub duration: Duration,
    /// Labels of its nodes; default none, which selects all nodes.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub nodes: SortedMap<String, String>,
    /// Patterns of the names of its nodes (`Nodes`), such as `node-1*`; default none, and the labels
    /// alone select.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_names: Vec<String>,
    /// Users whose jobs it does not keep off (`Users`), of those under `accounts`; default none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// Accounts whose users' jobs it does not keep off (`Accounts`), of those under `accounts`; default
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
}

/// Partition: a queue for some of the nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SlurmPartition {
    /// Name by which jobs choose it (`PartitionName`).
    #[schemars(length(min = 1))]
    pub name: String,
    /// Labels of its nodes, such as `{rack: a}`; default none, which selects all nodes, also those of
    /// other partitions.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub nodes: SortedMap<String, String>,
    /// Patterns of the names of its nodes (`Nodes`), such as `node-1*`, in which `*`, `?` and `[0-9]`
    /// stand for others; default none, and the labels alone select.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_names: Vec<String>,
    /// Value of the partition factor (`PriorityJobFactor`), which counts over the largest one, 0 to
    /// 65533; default 1.
    #[serde(default = "one_rank")]
    #[schemars(range(min = 0, max = 65_533))]
    pub priority_job_factor: u16,
    /// Tier of its jobs, which go before those of lower tiers whatever their priorities
    /// (`PriorityTier`), 0 to 65533; default 1.
    #[serde(default = "one_rank")]
    #[schemars(range(min = 0, max = 65_533))]
    pub priority_tier: u16,
    /// Limit to the requested time of a job (`MaxTime`), above 0s, beyond which it never starts;
    /// default no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub max_time: Option<Duration>,
    /// Requested time of jobs that request none (`DefaultTime`), above 0s; default `maxTime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-positive" = true))]
    pub default_time: Option<Duration>,
    /// Whether jobs that name no partition are in this one (`Default`); default `false`.
    #[serde(default)]
    pub default: bool,
    /// State of the partition (`State`); default `up`.
    #[serde(default)]
    pub state: PartitionState,
}

const fn one_rank() -> u16 {
    1
}

/// State of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionState {
    /// Partition whose jobs start.
    #[default]
    Up,
    /// Partition whose jobs never start.
    Down,
}

/// Field of a job log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionField {
    /// Partition: field 16 of SWF, `Partition` of `sacct`, `partition` of the project's own table.
    #[default]
    Partition,
    /// Queue: field 15 of SWF.
    Queue,
}

/// Account, which shares the machine with its siblings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SlurmAccount {
    /// Name of the account.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Account that it belongs to, by name; default none, the top of the tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Shares among the accounts and users beside it, at least 1; default 1.
    #[serde(default = "one_share")]
    #[schemars(range(min = 1))]
    pub shares: u32,
    /// Priority of the quality of service that its users have, which counts over the largest one;
    /// default 0.
    #[serde(default)]
    pub qos: u32,
    /// Priority of the association of each of its users, which counts over the largest one; default
    /// 0.
    #[serde(default)]
    pub priority: u32,
    /// Users of the account, each with its shares, at least 1, or with `parent`, the shares of the account;
    /// default none.
    #[serde(default)]
    pub users: SortedMap<String, UserShares>,
}

/// Shares of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum UserShares {
    /// Number of shares among the accounts and users beside it; with 0 the user's factor is 0.
    Number(u32),
    /// Word in place of a number.
    Word(SharesWord),
}

/// Shares of a user in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SharesWord {
    /// The shares of the account (`Fairshare=parent`): with `fair-tree` the user goes first in it, with
    /// `classic` it has the factor of the account.
    Parent,
}

impl UserShares {
    /// The number of shares; `None` of a user with the shares of its account.
    pub const fn number(self) -> Option<u32> {
        match self {
            Self::Number(shares) => Some(shares),
            Self::Word(SharesWord::Parent) => None,
        }
    }
}

const fn one_share() -> u32 {
    1
}

impl Slurm {
    /// The users of all accounts; in a run, their places here are the numbers of the tenants.
    pub fn users(&self) -> impl Iterator<Item = &str> + Clone {
        let users = self.accounts.iter().flat_map(|own| own.users.keys());
        users.map(String::as_str)
    }
}

impl Default for Slurm {
    fn default() -> Self {
        Self {
            age_weight: 0,
            fair_share_weight: 0,
            job_size_weight: 0,
            qos_weight: 0,
            association_weight: 0,
            partition_weight: 0,
            tres_weights: ResourceWeights::default(),
            max_age: Duration::from_secs(7 * 86_400),
            half_life: Duration::from_secs(7 * 86_400),
            calc_period: Duration::from_secs(300),
            favor_small: false,
            relative_to_time: false,
            fair_share: FairShareRule::default(),
            tied_accounts: TiedAccounts::default(),
            damp: 1,
            kill_wait: None,
            slurmd_timeout: None,
            accounts: Vec::new(),
            partitions: Vec::new(),
            partition_field: PartitionField::default(),
            loops: None,
            reservations: Vec::new(),
        }
    }
}

/// Rule of the fair share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FairShareRule {
    /// Fair Tree: tenants by rank, least use of its share first.
    #[default]
    FairTree,
    /// Classic: a power of two of use over share.
    Classic,
}

impl SystemSection for Slurm {
    const SYSTEM: &'static str = "batch";
    const FIELD: &'static str = "slurm";
    const HOME: Home = Home::Scheduler;
    const MEANING: &'static str =
        "Options of the queue order and of the backfill rule `slurm`, with the system `batch`.";

    fn check(&self, rules: &mut Rules<'_>) {
        checks::check(self, rules);
    }

    fn note(&self, rules: &mut Rules<'_>) {
        checks::note(self, rules);
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
