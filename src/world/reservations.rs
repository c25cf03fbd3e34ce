//! Advance reservations of a scenario's Slurm, with the nodes that they keep.

use std::sync::Arc;

use arrivals::ArrivalSource;
use model::Node;
use scenario::Scenario;
use scheduler::batch::AdvanceReservation;
use systems::batch::slurm::Slurm;
use units::{Duration, Instant};

use super::BuildError;

/// The advance reservations of a scenario.
///
/// # Errors
/// A reservation keeps no node, names one that the cluster lacks, or keeps its nodes for the whole log; or
/// the log can't be read.
pub fn reservations(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
    arrivals: &dyn ArrivalSource,
) -> Result<Vec<AdvanceReservation>, BuildError> {
    let slurm = scenario.system.stated::<Slurm>();
    let Some(slurm) = slurm.filter(|own| !own.reservations.is_empty()) else {
        return Ok(Vec::new());
    };
    let length = log_length(arrivals)?;
    let all = slurm.reservations_on(nodes, length);
    all.map_err(BuildError::Experiment)
}

/// The time from the begin of a log to the last end that it foresees.
fn log_length(arrivals: &dyn ArrivalSource) -> Result<Duration, BuildError> {
    let mut log = arrivals.fork()?;
    let mut last = Instant::ZERO;
    while let Some(job) = log.next()? {
        let length = job.run_time.or(job.time_limit).unwrap_or(Duration::MAX);
        last = last.max(job.submit.saturating_add(length));
    }
    Ok(last.since(Instant::ZERO))
}
