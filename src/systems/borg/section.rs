//! Options of a Borg cell as experiment files state them.

use model::{Labels, Text, Tier};
use options::{Rules, SystemSection};
use policy::borg::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::{Duration, Quantity, SortedMap};

use super::options::{AllocSet, BorgOptions, Quota, Reclamation, Wishes};
use crate::parts::permit::Rate;
use crate::parts::reservation::ReservationOptions;

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
    pub wishes: Option<Wishes>,
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

impl SystemSection for Borg {
    const SYSTEM: &'static str = "borg";
    const MEANING: &'static str = "Options of Borg, for `name: borg`.";

    fn check(&self, rules: &mut Rules<'_>) {
        if self.score != BorgScore::Epvm {
            rules.only_with("score: epvm", &["base"]);
        }
        let wishes = self.wishes.as_ref().filter(|own| own.spread <= 0.0);
        if wishes.is_some_and(|own| own.spread_label != Wishes::default().spread_label) {
            let label = "expected `spread` above 0, or no `spreadLabel`";
            let message = "tasks are not spread over failure domains";
            rules.at(&["wishes", "spreadLabel"], message, label);
        }
        if self.reclamation.is_some() && !rules.around().has_usage {
            rules.at(
                &["reclamation"],
                "nothing is reclaimed from tasks whose use is not known",
                "expected `usage` under `models`, such as `usage: trace`, or no `reclamation`",
            );
        }
        for (number, own) in self.quota.iter().enumerate() {
            if own.cpu.or(own.memory).or(own.ephemeral_storage).is_none() {
                rules.at(
                    &["quota", &number.to_string()],
                    "a quota without a bound admits every job",
                    "expected `cpu`, `memory` or `ephemeralStorage`, such as `cpu: 400`",
                );
            }
        }
    }

    fn placement(&self) -> Option<&'static str> {
        Some(match self.score {
            BorgScore::Stranded => "stranded",
            BorgScore::Epvm => "epvm",
            BorgScore::BestFit => "best-fit",
            BorgScore::WorstFit => "worst-fit",
        })
    }
}

impl BorgOptions {
    /// Parts of a cell with these options, in a run that ends at an instant or by itself.
    ///
    /// # Errors
    /// A value is none; the message begins with its field.
    pub fn new(stated: &Borg, has_end: bool) -> Result<Self, String> {
        let mut quotas: Vec<Quota> = Vec::new();
        for (number, own) in stated.quota.iter().enumerate() {
            let tier = Tier::from(own.tier);
            if quotas.iter().any(|quota| quota.tier == tier) {
                let name = tier.name();
                return Err(format!(
                    "quota[{number}].tier: there is a quota of the tier `{name}` already; expected one for each tier"
                ));
            }
            let own = own.parts(tier);
            quotas.push(own.map_err(|why| format!("quota[{number}].{why}"))?);
        }
        let base = f64::from(stated.base);
        let reclamation = stated.reclamation.map(|own| own.parts(has_end));
        Ok(Self {
            score: match stated.score {
                BorgScore::Stranded => Rule::Stranded,
                BorgScore::Epvm => Rule::Epvm { base },
                BorgScore::BestFit => Rule::BestFit,
                BorgScore::WorstFit => Rule::WorstFit,
            },
            wishes: stated.wishes.clone().unwrap_or_default(),
            allocs: alloc_sets(&stated.allocs)?,
            candidates: stated.candidates,
            quotas,
            reclamation: reclamation.transpose()?,
            unreachable_after: stated.unreachable_after,
            reschedule: (stated.reschedule > 0).then(|| Rate {
                spacing: Duration::from_nanos(1_000_000_000 / i64::from(stated.reschedule)),
            }),
            restart_delay: stated.restart_delay,
            update_disruptions: stated.update_disruptions,
        })
    }
}

impl BorgQuota {
    fn parts(&self, tier: Tier) -> Result<Quota, String> {
        let too_large = |field: &str, asked: Quantity| {
            format!(
                "{field}: {asked} is more than can be counted; leave it out for a user without a bound"
            )
        };
        let amount = |asked: Option<Quantity>, field: &str| match asked {
            Some(asked) => asked
                .units_ceil()
                .map(Some)
                .map_err(|_| too_large(field, asked)),
            None => Ok(None),
        };
        let cpu = self
            .cpu
            .map(|own| own.milli_ceil().map_err(|_| too_large("cpu", own)));
        Ok(Quota {
            tier,
            cpu_milli: cpu.transpose()?,
            memory_bytes: amount(self.memory, "memory")?,
            storage_bytes: amount(self.ephemeral_storage, "ephemeralStorage")?,
        })
    }
}

/// Alloc sets, each of which says which tasks run in it.
fn alloc_sets(stated: &[BorgAllocs]) -> Result<Vec<AllocSet>, String> {
    let mut sets: Vec<AllocSet> = Vec::new();
    for (number, own) in stated.iter().enumerate() {
        let name = &own.name;
        if sets.iter().any(|other| *other.name == **name) {
            return Err(format!(
                "allocs[{number}].name: there is an alloc set `{name}` already; expected a name of its own"
            ));
        }
        sets.push(
            own.parts()
                .map_err(|why| format!("allocs[{number}]: {why}"))?,
        );
    }
    Ok(sets)
}

impl BorgAllocs {
    fn parts(&self) -> Result<AllocSet, String> {
        if self.namespace.is_none() && self.labels.is_empty() {
            return Err(format!(
                "all tasks would run in the alloc set `{}`; write the `namespace` or the `labels` of those that do",
                self.name
            ));
        }
        let (cpu, memory) = (self.cpu.milli_ceil(), self.memory.units_ceil());
        let storage = self.ephemeral_storage.map_or(Ok(0), Quantity::units_ceil);
        let (Ok(cpu_milli), Ok(memory_bytes), Ok(storage_bytes)) = (cpu, memory, storage) else {
            return Err(
                "`cpu`, `memory` or `ephemeralStorage` is more than can be counted".to_owned(),
            );
        };
        if cpu_milli <= 0 || memory_bytes <= 0 || storage_bytes < 0 {
            return Err(
                "expected `cpu` and `memory` above 0, such as `cpu: 4, memory: 16Gi`".to_owned(),
            );
        }
        Ok(AllocSet {
            name: self.name.as_str().into(),
            count: self.count,
            cpu_milli,
            memory_bytes,
            storage_bytes,
            tasks: i64::from(self.tasks),
            priority: self.priority,
            namespace: self.namespace.as_deref().map(Text::from),
            labels: Labels::from(&self.labels),
            nodes: Labels::from(&self.nodes),
        })
    }
}

impl BorgReclamation {
    fn parts(self, has_end: bool) -> Result<Reclamation, String> {
        let seconds = |span: Duration| span.as_nanos() as f64 / 1e9;
        if self.warm_up < Duration::ZERO {
            let expected = "expected a duration of 0s or more, such as 5m";
            return Err(format!("reclamation.warmUp: {expected}"));
        }
        if self.decay < self.interval {
            let expected = "expected the interval or more, such as 1h";
            return Err(format!("reclamation.decay: {expected}"));
        }
        Ok(Reclamation {
            interval: self.interval,
            reservation: ReservationOptions {
                warm_up: seconds(self.warm_up),
                window: seconds(self.window),
                margin: self.margin,
                decay: 1.0 / seconds(self.decay),
            },
            goes_on: has_end,
        })
    }
}

impl From<PriorityTier> for Tier {
    fn from(stated: PriorityTier) -> Self {
        match stated {
            PriorityTier::Free => Self::Free,
            PriorityTier::Batch => Self::Batch,
            PriorityTier::Mid => Self::Mid,
            PriorityTier::Production => Self::Production,
            PriorityTier::Monitoring => Self::Monitoring,
        }
    }
}
