//! The log whose blocks are drawn from: whether it has any, and what to know of them.

use super::pairing::SHAKES_PER_SEED;
use super::{CompareError, Settings};
use crate::replicate::{BlockCensus, Workers, block_census};
use scenario::Experiment;
use scenario::schema::{Arrivals, WorkloadSource};
use units::{Duration, plural};

/// The blocks of the log of a comparison, which must be one that can be drawn from.
pub(super) fn log_blocks(
    experiment: &Experiment,
    block: Duration,
    settings: &Settings,
    workers: Workers<'_>,
) -> Result<BlockCensus, CompareError> {
    let is_log = |source: &WorkloadSource| {
        matches!(source, WorkloadSource::Trace(trace)
            if matches!(trace.arrivals, Arrivals::Times { .. }))
    };
    let mut plans = experiment.variants.iter();
    if !plans.all(|plan| plan.scenario.workload.iter().all(is_log)) {
        return Err(CompareError::NoLog);
    }
    let replicates = (SHAKES_PER_SEED * settings.seeds) as u64;
    let census = block_census(experiment, block, replicates, workers)?;
    if census.blocks < 2 {
        return Err(CompareError::ShortLog { block });
    }
    Ok(census)
}

/// Remark on the logs that blocks of one were drawn for.
pub(super) fn blocks_note(block: Duration, census: BlockCensus) -> String {
    let percent = |share: f64| 100.0 * share;
    let cut = match census.cut {
        0 => String::new(),
        cut => format!(
            "; {cut} {} for jobs of other blocks there, and for none of them here",
            plural::either(cut, "job waits", "jobs wait")
        ),
    };
    format!(
        "points, intervals and verdicts are over logs of {} whole blocks of {block}, drawn from those of this one with \
         replacement (block bootstrap), {SHAKES_PER_SEED} for each seed asked for: their work is {:.0} to {:.0} % of \
         the log's, of which the largest block has {:.0} %{cut}",
        census.blocks,
        percent(census.work.0),
        percent(census.work.1),
        percent(census.largest),
    )
}
