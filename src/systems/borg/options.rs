//! Options of a Borg cell. Where the papers publish no value, the default is this project's choice, and
//! the manual says so.

use model::{Labels, Text, Tier};
use policy::borg::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Duration;

use crate::parts::permit::Rate;
use crate::parts::reservation::ReservationOptions;

/// Quota of every user in a tier (spec: orchestrators-b.md section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The tier.
    pub tier: Tier,
    /// Most milli-cores that admitted jobs of a user may ask for together; `None` is no bound.
    pub cpu_milli: Option<i64>,
    /// Most bytes of memory that admitted jobs of a user may ask for together; `None` is no bound.
    pub memory_bytes: Option<i64>,
    /// Most bytes of ephemeral storage that admitted jobs of a user may ask for together; `None` is no
    /// bound.
    pub storage_bytes: Option<i64>,
}

impl Quota {
    /// A quota of a tier without a bound.
    pub const fn new(tier: Tier) -> Self {
        Self {
            tier,
            cpu_milli: None,
            memory_bytes: None,
            storage_bytes: None,
        }
    }
}

/// Reclamation of what tasks are promised and do not use (spec: orchestrators-b.md section 5.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reclamation {
    /// Time between two estimates.
    pub interval: Duration,
    /// The estimate of a task's reservation.
    pub reservation: ReservationOptions,
    /// Whether estimates go on while tasks are measured and nothing else happens. A run that lasts
    /// until nothing more happens would never end by that.
    pub goes_on: bool,
}

impl Default for Reclamation {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            reservation: ReservationOptions::default(),
            goes_on: false,
        }
    }
}

/// An alloc set: equal slots that are reserved on machines, in which tasks run (spec:
/// orchestrators-b.md section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocSet {
    /// The name of the set.
    pub name: Text,
    /// Number of allocs.
    pub count: u32,
    /// Milli-cores of each.
    pub cpu_milli: i64,
    /// Bytes of memory of each.
    pub memory_bytes: i64,
    /// Bytes of ephemeral storage of each.
    pub storage_bytes: i64,
    /// Most tasks in each, which takes as many of its machine's slots.
    pub tasks: i64,
    /// The priority of the allocs.
    pub priority: i32,
    /// The namespace of the tasks that run in them; `None` is any.
    pub namespace: Option<Text>,
    /// Labels that the tasks have that run in them.
    pub labels: Labels,
    /// Labels of the machines that take them.
    pub nodes: Labels,
}

/// Parts of the score beside packing. Each says how much more a machine that fulfils the wish may cost in
/// packing, in whole resources of a machine, 0 to 1000.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "BorgWishes")]
pub struct Wishes {
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

impl Default for Wishes {
    fn default() -> Self {
        Self {
            soft: 1.0,
            packages: 0.0,
            spread: 0.0,
            spread_label: model::node::ZONE_LABEL.to_owned(),
        }
    }
}

/// Options of a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct BorgOptions {
    /// The packing score.
    pub score: Rule,
    /// Parts of the score beside packing.
    pub wishes: Wishes,
    /// Alloc sets.
    pub allocs: Vec<AllocSet>,
    /// Number of machines with room, in random order, of which the best is taken (relaxed
    /// randomisation); `None` looks at all machines.
    pub candidates: Option<u32>,
    /// Quotas, one for each tier at most; a tier without one is unbounded.
    pub quotas: Vec<Quota>,
    /// Reclamation, if the cell reclaims.
    pub reclamation: Option<Reclamation>,
    /// Silence after which a machine is marked down.
    pub unreachable_after: Duration,
    /// Rate at which tasks of machines that are down find new places; `None` is no limit.
    pub reschedule: Option<Rate>,
    /// Time from the end of a service's task to its restart.
    pub restart_delay: Duration,
    /// Most tasks of a job that an update keeps from running at a time.
    pub update_disruptions: u32,
}

impl Default for BorgOptions {
    fn default() -> Self {
        Self {
            score: Rule::Stranded,
            wishes: Wishes::default(),
            allocs: Vec::new(),
            candidates: None,
            quotas: Vec::new(),
            reclamation: None,
            unreachable_after: Duration::from_secs(15),
            reschedule: Some(Rate {
                spacing: Duration::from_millis(10),
            }),
            restart_delay: Duration::from_secs(10),
            update_disruptions: 1,
        }
    }
}
