//! The three strategies: how the engines that passed all filters are ranked
//! (spec: orchestrators-a.md section 1.3; classicswarm `scheduler/strategy`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use std::cmp::Ordering;

use thiserror::Error;

use rng::Stream;

use super::container::ContainerConfig;
use super::engine::Engine;

/// Strategy that ranks engines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SwarmStrategy")]
pub enum Strategy {
    /// Smallest reserved share first, then the fewest containers.
    #[default]
    Spread,
    /// Greatest reserved share first, then the most containers.
    Binpack,
    /// Engine picked at random, whatever is left on it.
    Random,
}

/// A name that is no strategy's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "there is no strategy `{name}`, expected `spread`, `binpack` (or `binpacking`) or `random`"
)]
pub struct StrategyError {
    /// The requested strategy.
    pub name: String,
}

/// No engine can take the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no resources available to schedule container")]
pub struct NoResources;

/// An engine as a strategy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// The node's position in the cluster.
    pub engine: usize,
    /// The reserved share of its cores with the request, in per cent.
    pub cpu_score: i64,
    /// The reserved share of its memory with the request, in per cent.
    pub memory_score: i64,
    /// Both scores and its health; what the strategy sorts by.
    pub weight: i64,
    /// Number of containers on the engine.
    pub containers: i64,
}

/// More containers than an engine has: weights are at most in the thousands.
const MOST_CONTAINERS: i64 = (1 << 48) - 1;
/// Weight of a per cent of health.
const HEALTH_FACTOR: i64 = 10;

impl std::str::FromStr for Strategy {
    type Err = StrategyError;

    fn from_str(name: &str) -> Result<Self, StrategyError> {
        match name {
            "spread" => Ok(Self::Spread),
            "binpack" | "binpacking" => Ok(Self::Binpack),
            "random" => Ok(Self::Random),
            _ => Err(StrategyError {
                name: name.to_owned(),
            }),
        }
    }
}

impl Strategy {
    /// All candidates that can take the request, best first; ties stay in the given order.
    ///
    /// # Errors
    /// There is none.
    pub fn rank(
        self,
        engines: &[Engine],
        candidates: &[usize],
        config: &ContainerConfig,
        rng: &mut Stream,
    ) -> Result<Vec<Ranked>, NoResources> {
        let weigh = |&engine: &usize| self.weigh(engine, &engines[engine], config);
        let mut ranking: Vec<Ranked> = candidates.iter().filter_map(weigh).collect();
        match self {
            Self::Random => rng.shuffle(&mut ranking),
            _ => ranking.sort_by(|one, other| self.compare(one, other)),
        }
        if ranking.is_empty() {
            return Err(NoResources);
        }
        Ok(ranking)
    }

    /// The first of the ranking, without sorting what follows it.
    ///
    /// # Errors
    /// No candidate can take the request.
    pub fn choose(
        self,
        engines: &[Engine],
        candidates: &[usize],
        config: &ContainerConfig,
        rng: &mut Stream,
    ) -> Result<usize, NoResources> {
        if self == Self::Random {
            let ranking = self.rank(engines, candidates, config, rng)?;
            return ranking.first().map(|best| best.engine).ok_or(NoResources);
        }
        let weigh = |&engine: &usize| self.weigh(engine, &engines[engine], config);
        let best = candidates.iter().filter_map(weigh).reduce(|best, next| {
            match self.compare(&next, &best) {
                Ordering::Less => next,
                _ => best,
            }
        });
        best.map(|best| best.engine).ok_or(NoResources)
    }

    /// Standing of an engine by itself, the higher the better; `None` if it can't take the request.
    /// The same order as that of the ranking, in one number: the weight, then the containers.
    pub(super) fn standing(self, engine: &Engine, config: &ContainerConfig) -> Option<i64> {
        let ranked = self.weigh(0, engine, config)?;
        let containers = ranked.containers.clamp(0, MOST_CONTAINERS);
        // Scores of engines that use more than all they have are without bounds.
        let weight = ranked.weight.saturating_mul(MOST_CONTAINERS + 1);
        let standing = weight.saturating_add(containers);
        Some(match self {
            Self::Spread => standing.saturating_neg(),
            Self::Binpack => standing,
            Self::Random => 0,
        })
    }

    fn compare(self, one: &Ranked, other: &Ranked) -> Ordering {
        let ascending = (one.weight, one.containers).cmp(&(other.weight, other.containers));
        match self {
            Self::Binpack => ascending.reverse(),
            _ => ascending,
        }
    }

    /// The scores of an engine; `None` if it can't take the request. The random strategy takes any.
    fn weigh(self, position: usize, engine: &Engine, config: &ContainerConfig) -> Option<Ranked> {
        let cpu = score(config.cpus, engine.used_cpus(), engine.total_cpus);
        let memory = score(config.memory, engine.used_memory(), engine.total_memory);
        let health_factor = match self {
            Self::Spread => -HEALTH_FACTOR,
            Self::Binpack => HEALTH_FACTOR,
            Self::Random => {
                return Some(Ranked {
                    engine: position,
                    cpu_score: 0,
                    memory_score: 0,
                    weight: 0,
                    containers: engine.container_count(),
                });
            }
        };
        let (cpu_score, memory_score) = (cpu?, memory?);
        Some(Ranked {
            engine: position,
            cpu_score,
            memory_score,
            weight: (cpu_score.saturating_add(memory_score))
                .saturating_add(engine.health.saturating_mul(health_factor)),
            containers: engine.container_count(),
        })
    }
}

/// The reserved share in whole per cent, 100 if nothing is asked for; `None` above 100 or if the
/// engine is smaller than the request.
fn score(asked: i64, used: i64, total: i64) -> Option<i64> {
    if total < asked {
        return None;
    }
    if asked <= 0 {
        return Some(100);
    }
    let hundredfold = used.checked_add(asked).and_then(|sum| sum.checked_mul(100));
    let share = if let Some(hundredfold) = hundredfold {
        hundredfold / total
    } else {
        // Sums near 2^63.
        let share = (i128::from(used) + i128::from(asked)) * 100 / i128::from(total);
        i64::try_from(share).ok()?
    };
    (share <= 100).then_some(share)
}
