//! Options of a Marathon framework as experiment files state them, and what they come to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use model::Text;
use units::{Duration, SortedMap};

use super::constraint::Constraint;
use super::gpu::GpuScheduling;
use super::scale_down::KillSelection;
use super::unreachable::UnreachableStrategy;
use crate::parts::delay::Growth;

/// Options of the Marathon framework.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Marathon {
    /// Sources whose `GROUP_BY` holds; default `1.9`.
    pub release: MarathonRelease,
    /// Constraints by workload name, each `[FIELD, OPERATOR]` or `[FIELD, OPERATOR, VALUE]`;
    /// operators are UNIQUE, CLUSTER, LIKE, UNLIKE, IS, `MAX_PER` and `GROUP_BY`.
    pub constraints: SortedMap<String, Vec<Vec<String>>>,
    /// Delay of the first launch after a failure (`backoffSeconds`); default `1s`.
    pub backoff: Duration,
    /// Factor by which each further delay is longer (`backoffFactor`), 1 to 1000; default 1.15.
    #[schemars(range(min = 1.0, max = 1_000.0))]
    pub backoff_factor: f64,
    /// Maximum launch delay (`maxLaunchDelaySeconds`); default `300s`.
    pub max_launch_delay: Duration,
    /// Use of agents with free GPUs by applications without GPUs (`--gpu_scheduling_behavior`; the
    /// label `GPU_SCHEDULING_BEHAVIOR` of an application overrides it); default `restricted`.
    pub gpu_scheduling_behavior: GpuScheduling,
    /// Time after which an instance on an unreachable agent is replaced (`inactiveAfterSeconds`);
    /// default `0s`.
    pub inactive_after: Duration,
    /// Time after which an unreachable instance is forgotten (`expungeAfterSeconds`), at least
    /// `inactiveAfter`; default `0s`.
    pub expunge_after: Duration,
    /// Whether changes of an application replace a deployment of it that is under way, as with `?force=true`;
    /// `false` refuses them (409), default `true`.
    pub force: bool,
    /// Selection of the instances to kill when there are too many; default `YOUNGEST_FIRST`.
    pub kill_selection: KillSelection,
    /// Maximum number of launches from one offer (`--max_instances_per_offer`), at least 1; default
    /// 5.
    #[schemars(range(min = 1))]
    pub instances_per_offer: u32,
    /// Maximum number of launches between two token refreshes (`--launch_tokens`); 0 is unlimited.
    /// Default 100.
    pub launch_tokens: u32,
    /// Interval of launch-token refreshes (`--launch_token_refresh_interval`); default `30s`.
    #[schemars(extend("x-positive" = true))]
    pub launch_token_refresh: Duration,
    /// Minimum share of instances that stays healthy in upgrades, 0 to 1; default as the workload
    /// states, otherwise Marathon's: 1, or 0.5 for stateful sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub minimum_health_capacity: Option<f64>,
    /// Maximum share of additional instances in upgrades, 0 to 1; default as the workload states,
    /// otherwise Marathon's: 1, or 0 for stateful sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub maximum_over_capacity: Option<f64>,
}

impl Default for Marathon {
    fn default() -> Self {
        Self {
            release: MarathonRelease::Stable,
            constraints: SortedMap::new(),
            backoff: Duration::from_secs(1),
            backoff_factor: 1.15,
            max_launch_delay: Duration::from_secs(300),
            gpu_scheduling_behavior: GpuScheduling::Restricted,
            inactive_after: Duration::ZERO,
            expunge_after: Duration::ZERO,
            force: true,
            kill_selection: KillSelection::YoungestFirst,
            instances_per_offer: 5,
            launch_tokens: 100,
            launch_token_refresh: Duration::from_secs(30),
            minimum_health_capacity: None,
            maximum_over_capacity: None,
        }
    }
}

/// Sources of Marathon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MarathonRelease {
    /// Release 1.9 (v1.9.109, as v1.10.26): an instance goes to a new group, or to the smallest one if there are as many
    /// groups as `GROUP_BY` states.
    #[default]
    #[serde(rename = "1.9")]
    Stable,
    /// The sources since October 2020 (#7206): instances are even over as many groups as `GROUP_BY` states.
    #[serde(rename = "head")]
    Head,
}

/// Marathon framework.
#[derive(Clone, Debug, Default)]
pub struct MarathonFramework {
    /// Options as stated.
    pub stated: Marathon,
    /// Constraints by application, each over a field of the agent.
    pub constraints: SortedMap<Text, Vec<(Text, Constraint)>>,
    /// Label of agents on which only applications launch whose node selector has it.
    pub kept_label: Option<(Text, Text)>,
}

impl MarathonFramework {
    /// Framework with these options.
    ///
    /// # Errors
    /// A value is none; the message begins with its field.
    pub fn new(stated: &Marathon) -> Result<Self, String> {
        let mut constraints = SortedMap::new();
        for (app, rules) in &stated.constraints {
            let rules = rules.iter().enumerate().map(|(number, rule)| {
                let own = constraint(rule);
                own.map_err(|why| format!("constraints.{app}[{number}]: {why}"))
            });
            constraints.insert(app.as_str().into(), rules.collect::<Result<_, _>>()?);
        }
        let checked = stated.unreachable().check();
        checked.map_err(|why| format!("inactiveAfter: {why}"))?;
        Ok(Self {
            stated: stated.clone(),
            constraints,
            kept_label: None,
        })
    }
}

fn constraint(rule: &[String]) -> Result<(Text, Constraint), String> {
    let (name, operator, value) = match rule {
        [name, operator] => (name, operator, ""),
        [name, operator, value] => (name, operator, value.as_str()),
        _ => return Err("expected `[FIELD, OPERATOR]` or `[FIELD, OPERATOR, VALUE]`".to_owned()),
    };
    let parsed = Constraint::parse(operator, value).map_err(|why| why.to_string());
    Ok((name.as_str().into(), parsed?))
}

impl Marathon {
    /// Whether `GROUP_BY` is that of the sources since October 2020.
    pub fn has_even_groups(&self) -> bool {
        self.release == MarathonRelease::Head
    }

    /// Delay of launches after failures.
    pub const fn growth(&self) -> Growth {
        Growth {
            first: self.backoff,
            factor: self.backoff_factor,
            most: self.max_launch_delay,
        }
    }

    /// Strategy for instances on lost agents.
    pub const fn unreachable(&self) -> UnreachableStrategy {
        UnreachableStrategy {
            inactive_after: self.inactive_after,
            expunge_after: self.expunge_after,
        }
    }

    /// Number of launches between two refreshes; `None` is without limit.
    pub const fn tokens(&self) -> Option<u32> {
        match self.launch_tokens {
            0 => None,
            tokens => Some(tokens),
        }
    }

    /// Share that stays healthy in upgrades, and the share by which there may be more; `None` is as the
    /// workload states it.
    pub fn upgrade(&self) -> Option<(f64, f64)> {
        let (health, over) = (self.minimum_health_capacity, self.maximum_over_capacity);
        let is_stated = health.or(over).is_some();
        is_stated.then(|| (health.unwrap_or(1.0), over.unwrap_or(1.0)))
    }
}
