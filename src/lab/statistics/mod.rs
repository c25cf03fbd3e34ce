//! Statistics of paired replications (metrics.md 5.5–5.7): one file per method.
//!
//! The replication (the seed) is the sample, never the job. Everything here is a pure function of
//! its numbers and, where numbers are drawn, of a seed; sums run in written order, so that results
//! do not depend on threads. SciPy's results on the same numbers are in `tests/data/statistics`.

mod bootstrap;
mod effect;
mod equivalence;
mod events;
mod fieller;
mod friedman;
mod moments;
mod multiple;
mod nemenyi;
mod quantile;
mod sample_size;
mod sign_flip;
mod skew;
mod student;
mod wilcoxon;

#[cfg(test)]
mod stored;

pub use bootstrap::{Interval, Resamples, bca};
pub use effect::{cliffs_delta, standardized_mean};
pub use equivalence::{above, not_above};
pub use events::{LoneEvents, unseen_share};
pub use fieller::change_interval;
pub use friedman::{Friedman, friedman, mid_ranks};
pub use moments::{mean, median, standard_deviation, standard_error, variance};
pub use multiple::{benjamini_hochberg, holm};
pub use nemenyi::{critical_difference, nemenyi_quantile};
pub use quantile::quantile;
pub use sample_size::{
    Rules, SEEDS_MAX, SEEDS_MIN, SeedsNeeded, power, seeds_to_carry, seeds_to_count,
    seeds_to_decide, seeds_to_reach,
};
pub use sign_flip::{SIGN_FLIP_MAX, sign_flip};
pub use skew::{carries, cautious_reach};
pub use student::{student_cdf, student_interval, student_quantile};
pub use wilcoxon::{SignedRank, hodges_lehmann, signed_rank};
