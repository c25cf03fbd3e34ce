//! Machines that a policy saves: cell compaction and workload inflation.
//!
//! Compaction asks how small a cell still holds a workload under a policy (spec: orchestrators-b.md
//! 5.4; Verma et al., 2015): machines are removed in a random order, and after each removal the
//! whole workload is packed again from scratch by the very system under test. Inflation asks how
//! much more of the same workload the cell would hold. Both are repeated with several random orders,
//! the same for every variant, so that differences between variants are paired.

mod cell;
mod census;
mod constraints;
mod search;

use rayon::prelude::*;

use scenario::Experiment;
use systems::capability::{Capability, Support, support};
use units::Duration;

use crate::experiment::ExperimentError;
use crate::replicate::Workers;
use crate::run::RunError;
use cell::Cell;
use search::{Found, Search, has_room_for_all};
use world::BuildError;

pub use constraints::HANDFUL;

/// Number of machines up to which one machine is removed at a time; larger cells are searched by
/// halves.
pub const STEPWISE: usize = 48;
/// Factor by which a cell grows at most if a workload does not fit in it.
pub const CLONES: usize = 4;
/// Factor by which a workload grows at most.
pub const INFLATION: usize = 1_000;
/// Factor by which a workload grows at most under a system that does not heed requests, where nothing bounds it.
pub const INFLATION_WITHOUT_REQUESTS: usize = 8;
/// Part of the trials that the reported value stands for.
const QUANTILE_PERCENT: usize = 90;

/// Question about a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Number of machines that are enough.
    Compact,
    /// Number of further arrivals that fit.
    Inflate,
}

/// Pods that may stay pending where a number of machines counts as enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// A share of the pods, all of which are picky: only a handful of machines could hold each.
    Picky {
        /// The share in parts per million.
        ppm: u64,
    },
    /// A number of pods of any kind.
    Any {
        /// The number.
        pods: u64,
    },
}

/// Settings of the trials.
#[derive(Clone, Copy, Debug)]
pub struct TrialPlan<'a> {
    /// The question.
    pub question: Question,
    /// Number of trials.
    pub trials: usize,
    /// Orders in which machines are removed, by trial; where there is none, the seed draws it.
    pub removals: &'a [Vec<usize>],
    /// Pods that may stay pending.
    pub pending: Pending,
    /// Seed of the random orders.
    pub seed: u64,
    /// Time that a system has to place the pods.
    pub settle: Duration,
}

/// Result of a variant.
#[derive(Clone, Debug)]
pub struct Compacted {
    /// Name of the variant.
    pub name: String,
    /// Number of machines of the cell.
    pub nodes: usize,
    /// Number of arrivals of the workload.
    pub arrivals: usize,
    /// Number of pods that want a machine: those of these arrivals, and those that objects make.
    pub pods: u64,
    /// Number of further pods that are left out, as the system rejects them at admission.
    pub rejected: u64,
    /// Number of further pods that are left out, as each belongs to one machine.
    pub pinned: u64,
    /// Number of pods whose constraints are wishes, as their job has more pods than half the
    /// machines.
    pub softened: u64,
    /// Whether the system places pods whatever they request, so that any number fits on a machine.
    pub ignores_requests: bool,
    /// Number of trials that ended at the factor by which a workload grows at most; more fits there.
    pub stopped: usize,
    /// Result of each trial in order: machines that are enough, or further arrivals that fit. `None`
    /// where the workload does not fit at all.
    pub trials: Vec<Option<usize>>,
    /// Pods that stood in the way where the workload does not fit at all.
    pub backlog: Backlog,
}

/// Pods without a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Number of them.
    pub pods: u64,
    /// The first of them, `NAMESPACE/NAME`, if its object made it at all.
    pub first: Option<String>,
}

impl Compacted {
    /// Value at the 90th percentile of the trials by nearest rank: nine trials of ten need no more
    /// machines, or hold no fewer arrivals. `None` if a trial has no value.
    pub fn value(&self, question: Question) -> Option<usize> {
        let mut values = self
            .trials
            .iter()
            .copied()
            .collect::<Option<Vec<usize>>>()?;
        values.sort_unstable();
        if question == Question::Inflate {
            values.reverse();
        }
        let rank = (QUANTILE_PERCENT * values.len()).div_ceil(100);
        values.get(rank.saturating_sub(1)).copied()
    }

    /// The least and the most of the trials.
    pub fn span(&self) -> Option<[usize; 2]> {
        let values = self
            .trials
            .iter()
            .copied()
            .collect::<Option<Vec<usize>>>()?;
        Some([*values.iter().min()?, *values.iter().max()?])
    }
}

/// Answers a question for every variant of an experiment.
///
/// # Errors
/// The first failure of a run.
pub fn compact(
    experiment: &Experiment,
    plan: TrialPlan<'_>,
    workers: Workers<'_>,
) -> Result<Vec<Compacted>, ExperimentError> {
    let pool = workers.pool()?;
    let mut compacted = Vec::new();
    for (number, variant) in experiment.variants.iter().enumerate() {
        let failed = |source: RunError| ExperimentError::Variant {
            variant: (experiment.variants.len() > 1).then(|| variant.name.clone()),
            seed: None,
            source: Box::new(source),
        };
        let cell = Cell::of(&variant.scenario, &experiment.files, plan.settle).map_err(failed)?;
        let ignores_requests = ignores_requests(&variant.scenario.system.name);
        let room = pool.install(|| has_room_for_all(&cell, plan, workers.interrupted));
        let Some(room) = room.map_err(failed)? else {
            return Err(ExperimentError::Interrupted);
        };
        check(&cell, room.packed.pods, plan.question).map_err(failed)?;
        let trials = pool.install(|| {
            let trials = (0..plan.trials).into_par_iter().map(|trial| {
                let search = Search {
                    cell: &cell,
                    plan,
                    trial,
                    room: &room,
                    ignores_requests,
                    interrupted: workers.interrupted,
                };
                match plan.question {
                    Question::Compact => search.fewest(),
                    Question::Inflate => search.most(),
                }
            });
            trials.collect::<Result<Vec<Found>, RunError>>()
        });
        let trials = trials.map_err(failed)?;
        let is_stopped = |own: &&Found| matches!(own, Found::AtLeast(_));
        let stopped = trials.iter().filter(is_stopped).count();
        let trials = trials.into_iter().map(|found| match found {
            Found::Value(value) | Found::AtLeast(value) => Ok(Some(value)),
            Found::Nothing => Ok(None),
            Found::Interrupted => Err(ExperimentError::Interrupted),
        });
        compacted.push(Compacted {
            name: variant.name.clone(),
            nodes: cell.nodes.len(),
            arrivals: cell.arrivals(),
            pods: room.packed.pods,
            rejected: room.packed.rejected,
            pinned: cell.eased.pinned,
            softened: cell.eased.softened,
            ignores_requests,
            stopped,
            trials: trials.collect::<Result<_, _>>()?,
            backlog: Backlog {
                pods: room.last.pending,
                first: room.last.first,
            },
        });
        (workers.progress)(number + 1, experiment.variants.len());
    }
    Ok(compacted)
}

/// Refuses a cell about which a question has no answer.
fn check(cell: &Cell<'_>, pods: u64, question: Question) -> Result<(), RunError> {
    let wrong = |what: &str| {
        let what = format!("workload: {what}");
        Err(RunError::Build(BuildError::Experiment(what)))
    };
    if pods == 0 {
        return wrong(
            "no pod wants a machine, so that any cell is enough; expected pods, which are not all rejected or \
             pinned to one machine. Under a system that makes no pods from objects, write \
             `system.controllers: {}`, or state pods",
        );
    }
    if question == Question::Inflate && cell.arrivals() == 0 {
        return wrong(
            "it has objects alone, and there is no arrival to copy; expected a trace or pods, or ask \
             `windtunnel compact`",
        );
    }
    Ok(())
}

/// Whether a system does not heed the requests of pods.
fn ignores_requests(system: &str) -> bool {
    let entry = systems::registry::find(system).ok();
    entry.is_some_and(|entry| {
        let support = support(entry.capabilities, Capability::Requests);
        !matches!(support, Some(Support::Yes(_)))
    })
}

#[cfg(test)]
mod tests;
