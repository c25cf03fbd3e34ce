//! `system.federation:` and `system.schedulers:` of the experiment file: several cells over parts of the
//! nodes, and several schedulers over the same nodes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, SortedMap};

/// Federation of cells, each with its own schedulers and controllers over a part of the nodes; used
/// with `name: kubernetes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Federation {
    /// Cells.
    #[schemars(length(min = 1, max = 100))]
    pub cells: Vec<FederationCell>,
    /// Deployments of the manifests that are divided among the cells.
    #[schemars(length(min = 1))]
    pub workloads: Vec<FederatedWorkload>,
    /// Time between two questions to a cell; default `10s`.
    #[serde(default = "ten_seconds")]
    #[schemars(extend("x-positive" = true))]
    pub period: Duration,
    /// Number of unanswered questions in a row after which a cell is lost and its replicas are given
    /// to others, 1 to 1000; default 3.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 1_000))]
    pub failures: u32,
    /// Number of answers in a row after which a lost cell is back, 1 to 1000; default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000))]
    pub successes: u32,
    /// Time for which a pod finds no place before it counts against the room of its cell; default
    /// `60s`.
    #[serde(default = "one_minute")]
    pub unschedulable_after: Duration,
}

const fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

const fn one_minute() -> Duration {
    Duration::from_secs(60)
}

const fn three() -> u32 {
    3
}

const fn one() -> u32 {
    1
}

/// Cell of a federation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FederationCell {
    /// Name of the cell, and of its scheduler (`spec.schedulerName` of pods).
    #[schemars(length(min = 1))]
    pub name: String,
    /// Labels of the nodes in the cell, such as `{region: west}`.
    pub nodes: SortedMap<String, String>,
    /// Delay of answers from the cell and of orders to it; default `0s`.
    #[serde(default)]
    pub delay: Duration,
}

/// Deployment that is divided among cells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FederatedWorkload {
    /// Name of the deployment, as `NAMESPACE/NAME`.
    #[schemars(length(min = 1))]
    pub deployment: String,
    /// Whether running replicas are moved to follow the weights; default `false`, where they stay.
    #[serde(default)]
    pub rebalance: bool,
    /// Shares by name of the cell; `*` is that of all cells that are not named, which get nothing
    /// without it. Default `{"*": {weight: 1}}`.
    #[serde(default = "equal_shares")]
    pub cells: SortedMap<String, CellShare>,
}

fn equal_shares() -> SortedMap<String, CellShare> {
    let equal = CellShare {
        weight: 1,
        min_replicas: 0,
        max_replicas: None,
    };
    [("*".to_owned(), equal)].into_iter().collect()
}

/// Share of a cell in a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CellShare {
    /// Weight of the cell among the others, 0 to 1000000; default 0, which gives it `minReplicas`
    /// alone.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub weight: i64,
    /// Number of replicas that the cell gets before the others are divided by weight; default 0.
    #[serde(default)]
    pub min_replicas: u32,
    /// Largest number of replicas in the cell; default any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<u32>,
}

/// One of several schedulers that place pods on the same nodes at the same time; used with `name:
/// kubernetes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamedScheduler {
    /// Name by which pods choose it (`spec.schedulerName`); those that name none are of
    /// `default-scheduler`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Delay with which the scheduler sees changes, in addition to `models.watchDelay`; default `0s`.
    #[serde(default)]
    pub watch_delay: Duration,
    /// Time that it takes to decide on a pod, in addition to `models.decisionTime`; default `0s`.
    #[serde(default)]
    pub decision_time: Duration,
    /// Make of the scheduler; default `kube-scheduler`.
    #[serde(default)]
    pub kind: NamedSchedulerKind,
}

/// Make of one of several schedulers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NamedSchedulerKind {
    /// A kube-scheduler, which follows `system.scheduler`.
    #[default]
    KubeScheduler,
    /// A Mesos master with batch frameworks (`system.mesos`), whose tasks kubelets run.
    Mesos,
}

impl NamedSchedulerKind {
    /// System whose options hold for such a scheduler.
    pub const fn system(self) -> &'static str {
        match self {
            Self::KubeScheduler => "kubernetes",
            Self::Mesos => "mesos",
        }
    }
}
