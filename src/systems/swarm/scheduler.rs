//! Filters, then a strategy; first with soft expressions, then without any
//! (spec: orchestrators-a.md section 1.2, steps 2 to 4; classicswarm `scheduler/scheduler.go`).
//!
//! [`Scheduler::choose`] looks at every engine. It is the plain form: the definition that the fast
//! form (`standing.rs`) is judged against. Runs use it for the first container of a class, for retries
//! and moves, and to say which filter left no engine; every other container is the fast form's.

use thiserror::Error;

use rng::Stream;

use super::container::ContainerConfig;
use super::engine::Engine;
use super::expression::Expression;
use super::filter::{DEFAULT_FILTERS, Filter, SoftExpressions};
use super::strategy::{NoResources, Ranked, Strategy};

/// Scheduler by which a manager chooses engines.
#[derive(Clone, Debug)]
pub struct Scheduler {
    /// The strategy.
    pub strategy: Strategy,
    /// The filters in their order.
    pub filters: Vec<Filter>,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            filters: DEFAULT_FILTERS.to_vec(),
        }
    }
}

/// Reason no engine was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectError {
    /// A filter left none.
    #[error(
        "Unable to find a node that satisfies the following conditions [{}{}]",
        filter.name(),
        in_words(conditions)
    )]
    Filter {
        /// Filter that no engine passed.
        filter: Filter,
        /// The expressions that it looked at.
        conditions: Vec<String>,
    },
    /// The strategy found none with room.
    #[error(transparent)]
    Strategy(#[from] NoResources),
}

fn in_words(conditions: &[String]) -> String {
    let words = conditions.iter().flat_map(|condition| [" ", condition]);
    words.collect()
}

/// A decision with its grounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The engines that the filters left, best first.
    pub ranking: Vec<Ranked>,
    /// The engines that each filter removed, by position.
    pub removed: Vec<(Filter, Vec<usize>)>,
    /// Whether soft expressions counted in the pass that succeeded.
    pub soft: SoftExpressions,
}

impl Scheduler {
    /// The engine for a container. The same decision as the first of [`Scheduler::explain`].
    ///
    /// # Errors
    /// No engine, with or without soft expressions.
    pub fn choose(
        &self,
        engines: &[Engine],
        config: &ContainerConfig,
        rng: &mut Stream,
    ) -> Result<usize, SelectError> {
        in_passes(|soft| {
            let candidates = self.candidates(engines, config, soft)?;
            Ok(self.strategy.choose(engines, &candidates, config, rng)?)
        })
    }

    /// A decision with everything that led to it: the plain form.
    ///
    /// # Errors
    /// No engine, with or without soft expressions.
    pub fn explain(
        &self,
        engines: &[Engine],
        config: &ContainerConfig,
        rng: &mut Stream,
    ) -> Result<Selection, SelectError> {
        in_passes(|soft| {
            let mut removed = Vec::new();
            let mut candidates: Vec<usize> = (0..engines.len()).collect();
            for &filter in &self.filters {
                let passes = |&engine: &usize| filter.passes(config, &engines[engine], soft);
                let (passed, gone) = candidates.into_iter().partition(passes);
                candidates = passed;
                removed.push((filter, gone));
                if candidates.is_empty() {
                    return Err(no_engine(filter, config, soft));
                }
            }
            let ranking = self.strategy.rank(engines, &candidates, config, rng)?;
            Ok(Selection {
                ranking,
                removed,
                soft,
            })
        })
    }

    /// Standing of an engine for a container, the higher the better; `None` if it can't have it.
    /// Engines of equal standing go by their order.
    pub(super) fn standing(
        &self,
        engine: &Engine,
        config: &ContainerConfig,
        soft: SoftExpressions,
    ) -> Option<i64> {
        let passes =
            |filter: &Filter| filter.is_idle(config) || filter.passes(config, engine, soft);
        if !self.filters.iter().all(passes) {
            return None;
        }
        self.strategy.standing(engine, config)
    }

    /// The engines that pass every filter, in one of the two passes.
    ///
    /// # Errors
    /// A filter left none.
    pub fn candidates(
        &self,
        engines: &[Engine],
        config: &ContainerConfig,
        soft: SoftExpressions,
    ) -> Result<Vec<usize>, SelectError> {
        let mut candidates: Vec<usize> = (0..engines.len()).collect();
        for &filter in &self.filters {
            if !filter.is_idle(config) {
                candidates.retain(|&engine| filter.passes(config, &engines[engine], soft));
            }
            if candidates.is_empty() {
                return Err(no_engine(filter, config, soft));
            }
        }
        Ok(candidates)
    }
}

/// Any error of the pass in which soft expressions count starts the other one.
fn in_passes<T>(
    mut pass: impl FnMut(SoftExpressions) -> Result<T, SelectError>,
) -> Result<T, SelectError> {
    pass(SoftExpressions::Counted).or_else(|_| pass(SoftExpressions::Ignored))
}

fn no_engine(filter: Filter, config: &ContainerConfig, soft: SoftExpressions) -> SelectError {
    let expressions: &[Expression] = match filter {
        Filter::Constraint => &config.constraints,
        Filter::Affinity => &config.affinities,
        Filter::Whitelist => &config.whitelists,
        _ => &[],
    };
    let counted = expressions
        .iter()
        .filter(|one| !one.is_soft || soft == SoftExpressions::Counted);
    SelectError::Filter {
        filter,
        conditions: counted.map(ToString::to_string).collect(),
    }
}
