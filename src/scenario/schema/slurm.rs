//! `system.scheduler.slurm:` of the experiment file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::Duration;

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
    /// Dampening of the classic fair share (`FairShareDampeningFactor`), at least 1; default 1.
    #[schemars(range(min = 1, max = 1_000))]
    pub damp: u32,
}

impl Default for Slurm {
    fn default() -> Self {
        Self {
            age_weight: 0,
            fair_share_weight: 0,
            job_size_weight: 0,
            max_age: Duration::from_secs(7 * 86_400),
            half_life: Duration::from_secs(7 * 86_400),
            calc_period: Duration::from_secs(300),
            favor_small: false,
            relative_to_time: false,
            fair_share: FairShareRule::default(),
            damp: 1,
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
