//! Machines that a policy saves: cell compaction and workload inflation.
//!
//! Compaction asks how small a cell still holds a workload under a policy (spec: orchestrators-b.md
//! 5.4; Verma et al., 2015): machines are removed in a random order, and after each removal the
//! whole workload is packed again from scratch by the very system under test. Inflation asks how
//! much more of the same workload the cell would hold. Both are repeated with several random orders,
//! the same for every variant, so that differences between variants are paired.

mod cell;
mod constraints;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use model::Node;
use rng::Stream;
use scenario::Experiment;
use systems::capability::{Capability, Support, support};
use units::Duration;

use crate::experiment::ExperimentError;
use crate::replicate::Workers;
use crate::run::RunError;
use cell::Cell;

pub use constraints::HANDFUL;

/// Number of machines up to which one machine is removed at a time; larger cells are searched by
/// halves.
pub const STEPWISE: usize = 48;
/// Factor by which a cell grows at most if a workload does not fit in it.
pub const CLONES: usize = 4;
/// Factor by which a workload grows at most.
const INFLATION: usize = 8;
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
    /// Number of pods in these arrivals.
    pub pods: u64,
    /// Number of further pods that are left out, as each belongs to one machine.
    pub pinned: u64,
    /// Number of pods whose constraints are wishes, as their job has more pods than half the
    /// machines.
    pub softened: u64,
    /// Whether the system places pods whatever they request, so that any number fits on a machine.
    pub ignores_requests: bool,
    /// Result of each trial in order: machines that are enough, or further arrivals that fit. `None`
    /// where the workload does not fit at all.
    pub trials: Vec<Option<usize>>,
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
        let trials = pool.install(|| {
            let trials = (0..plan.trials).into_par_iter().map(|trial| {
                let search = Search {
                    cell: &cell,
                    plan,
                    trial,
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
        let trials = trials.into_iter().map(|found| match found {
            Found::Value(value) => Ok(Some(value)),
            Found::Nothing => Ok(None),
            Found::Interrupted => Err(ExperimentError::Interrupted),
        });
        compacted.push(Compacted {
            name: variant.name.clone(),
            nodes: cell.nodes.len(),
            arrivals: cell.arrivals(),
            pods: cell.pods(),
            pinned: cell.pinned,
            softened: cell.softened,
            ignores_requests: ignores_requests(&variant.scenario.system.name),
            trials: trials.collect::<Result<_, _>>()?,
        });
        (workers.progress)(number + 1, experiment.variants.len());
    }
    Ok(compacted)
}

/// Whether a system does not heed the requests of pods.
fn ignores_requests(system: &str) -> bool {
    let entry = systems::registry::find(system).ok();
    entry.is_some_and(|entry| {
        let support = support(entry.capabilities, Capability::Requests);
        !matches!(support, Some(Support::Yes(_)))
    })
}

/// Result of a trial.
enum Found {
    Value(usize),
    Nothing,
    Interrupted,
}

/// Trial with a random order of its own.
struct Search<'a> {
    cell: &'a Cell<'a>,
    plan: TrialPlan<'a>,
    trial: usize,
    interrupted: &'a AtomicBool,
}

impl Search<'_> {
    fn stream(&self, purpose: &'static str) -> Stream {
        Stream::new(self.plan.seed, purpose, self.trial as u64)
    }

    /// Fewest machines that are enough when machines are removed in the trial's order.
    fn fewest(&self) -> Result<Found, RunError> {
        let mut nodes = Vec::new();
        let mut has_room = false;
        for times in 1..=CLONES {
            nodes = self.cell.cloned(times);
            match self.packs(nodes.clone(), &[])? {
                None => return Ok(Found::Interrupted),
                Some(fits) => has_room = fits,
            }
            if has_room {
                break;
            }
        }
        if !has_room {
            return Ok(Found::Nothing);
        }
        let given = { self.plan.removals.get(self.trial) }.filter(|own| own.len() == nodes.len());
        // Feasibility need not be monotone: a given order asks for the first failure along it.
        let is_stepwise = nodes.len() <= STEPWISE || given.is_some();
        let order = given.cloned().unwrap_or_else(|| {
            let mut order: Vec<usize> = (0..nodes.len()).collect();
            self.stream("compact/removal").shuffle(&mut order);
            order
        });
        let kept = |count: usize| -> Vec<Arc<Node>> {
            let mut places = order[order.len() - count..].to_vec();
            places.sort_unstable();
            places
                .into_iter()
                .map(|place| nodes[place].clone())
                .collect()
        };
        if is_stepwise {
            let mut count = nodes.len();
            while count > 1 {
                match self.packs(kept(count - 1), &[])? {
                    None => return Ok(Found::Interrupted),
                    Some(true) => count -= 1,
                    Some(false) => break,
                }
            }
            return Ok(Found::Value(count));
        }
        halves(0, nodes.len(), |count| self.packs(kept(count), &[]))
    }

    /// Most copies of arrivals, drawn from the workload, that fit in the cell as well.
    fn most(&self) -> Result<Found, RunError> {
        let nodes = || self.cell.nodes.clone();
        let count = self.cell.arrivals();
        match self.packs(nodes(), &[])? {
            None => return Ok(Found::Interrupted),
            Some(false) => return Ok(Found::Nothing),
            Some(true) if count == 0 => return Ok(Found::Value(0)),
            Some(true) => {}
        }
        let mut dice = self.stream("compact/inflation");
        let most = INFLATION * count;
        let drawn = (0..most).map(|_| dice.below(count as u64) as usize);
        let drawn: Vec<usize> = drawn.collect();
        // The number of copies that no longer fits, by doubling.
        let mut fails = count.div_ceil(8).max(1);
        let mut fits = 0;
        while fails < most {
            match self.packs(nodes(), &drawn[..fails])? {
                None => return Ok(Found::Interrupted),
                Some(false) => break,
                Some(true) => {
                    fits = fails;
                    fails = (2 * fails).min(most);
                }
            }
        }
        while fails - fits > 1 {
            let middle = fits.midpoint(fails);
            match self.packs(nodes(), &drawn[..middle])? {
                None => return Ok(Found::Interrupted),
                Some(true) => fits = middle,
                Some(false) => fails = middle,
            }
        }
        Ok(Found::Value(fits))
    }

    fn packs(&self, nodes: Vec<Arc<Node>>, more: &[usize]) -> Result<Option<bool>, RunError> {
        let packed = self.cell.pack(nodes, more, self.interrupted)?;
        Ok(packed.map(|packed| packed.fits(self.plan.pending)))
    }
}

/// Least number that fits, above one that does not and up to one that does.
fn halves(
    mut fails: usize,
    mut fits: usize,
    packs: impl Fn(usize) -> Result<Option<bool>, RunError>,
) -> Result<Found, RunError> {
    while fits - fails > 1 {
        let middle = fails.midpoint(fits);
        match packs(middle)? {
            None => return Ok(Found::Interrupted),
            Some(true) => fits = middle,
            Some(false) => fails = middle,
        }
    }
    Ok(Found::Value(fits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Registered;
    use scenario::{LoadOptions, SearchPath, load};
    use world::inputs::DiskAndEmbedded;

    #[test]
    fn the_ninetieth_percentile_is_the_tenth_of_eleven() {
        let known = [812, 815, 815, 818, 820, 821, 823, 824, 826, 830, 841];
        let own = Compacted {
            name: "a".to_owned(),
            nodes: 1000,
            arrivals: 1,
            pods: 1,
            pinned: 0,
            softened: 0,
            ignores_requests: false,
            trials: known.map(Some).to_vec(),
        };
        assert_eq!(own.value(Question::Compact), Some(830));
        assert_eq!(own.value(Question::Inflate), Some(815));
        assert_eq!(own.span(), Some([812, 841]));
    }

    const CELL: &str = "\
windtunnel: v1
name: cell
seed: 7
cluster:
  nodes:
    - {name: 'big-{}', count: 4, template: {allocatable: {cpu: 8, memory: 32Gi, pods: 110}}}
    - {name: 'small-{}', count: 4, template: {allocatable: {cpu: 4, memory: 16Gi, pods: 110}}}
workload: [{generate: {model: lublin99, jobs: 6, processors: 8}}]
system: {name: pipeline, scheduler: {profile: most-allocated}}
stop: {when: drained}
variants: {kubernetes: {system: {name: kubernetes}}, pipeline: {}, fleet: {system: {name: fleet}}}
";

    #[test]
    fn pods_that_may_stay_pending_are_counted_or_a_share_of_the_picky() {
        let packed = |pending, picky| cell::Packed {
            pending,
            picky,
            pods: 3,
        };
        let any = Pending::Any { pods: 1 };
        let all_picky = Pending::Picky { ppm: 400_000 };
        assert!(packed(1, 0).fits(any) && !packed(2, 2).fits(any));
        assert!(packed(1, 1).fits(all_picky) && !packed(1, 0).fits(all_picky));
        assert!(!packed(2, 2).fits(all_picky));
    }

    fn compacted(question: Question, text: &str) -> Result<Vec<Compacted>, ExperimentError> {
        let options = LoadOptions {
            sets: &[],
            search: &SearchPath::default(),
            lookup: &DiskAndEmbedded,
            names: &Registered,
        };
        let experiment = load(text, "cell.yaml", options).expect("an experiment");
        let plan = TrialPlan {
            question,
            trials: 3,
            removals: &[],
            pending: Pending::Picky { ppm: 2000 },
            seed: 7,
            settle: Duration::from_secs(3600),
        };
        let workers = Workers {
            threads: 2,
            interrupted: &AtomicBool::new(false),
            progress: &|_, _| {},
        };
        compact(&experiment, plan, workers)
    }

    #[test]
    fn as_many_machines_stay_as_the_pods_need() {
        let found = compacted(Question::Compact, CELL).expect("answers");
        let pods = usize::try_from(found[0].pods).expect("a small number");
        for own in &found[..2] {
            for trial in &own.trials {
                let count = trial.expect("a value");
                // Every pod takes a whole core, and the largest machine has eight.
                assert!(count >= pods.div_ceil(8) && count <= 8, "{own:?}");
            }
        }
        assert!(found[2].ignores_requests && !found[0].ignores_requests);
        assert_eq!(found[2].value(Question::Compact), Some(1));
    }

    #[test]
    fn an_inflated_workload_fills_the_cell() {
        let found = compacted(Question::Inflate, CELL).expect("answers");
        for trial in &found[1].trials {
            let more = trial.expect("a value");
            assert!(more > 0 && more + found[1].arrivals <= 48, "{found:?}");
        }
    }

    #[test]
    fn a_workload_that_fits_nowhere_has_no_value() {
        let tight = CELL
            .replace("cpu: 8", "cpu: 500m")
            .replace("cpu: 4", "cpu: 500m");
        let found = compacted(Question::Compact, &tight).expect("answers");
        assert_eq!(found[0].trials, [None; 3]);
        assert_eq!(found[0].value(Question::Compact), None);
    }
}
