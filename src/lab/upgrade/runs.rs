//! Comparison of two releases in the runs of an experiment with paired seeds.

use scenario::Experiment;

use super::Difference;
use super::effect::Effect;
use crate::experiment::ExperimentError;
use crate::placements::FirstNodes;
use crate::replicate::{PlacedReplicate, Work, Workers, replicate_placed};

/// Families of metrics that are compared whether or not they differ, by what they answer: how much
/// of the cluster is given out, how much of the rest no pod can use, and what it costs.
const ALWAYS: [&str; 8] = [
    "allocation.cpu.mean",
    "allocation.memory.mean",
    "allocation.gpu.mean",
    "mix_fragmentation.resource_only.cpu.mean",
    "mix_fragmentation.resource_only.memory.mean",
    "fragmentation.gpu.mean",
    "pods.never_placed",
    "cost.total",
];

/// Differences that runs can show: they keep neither ties nor messages.
pub const OF_RUNS: [Difference; 3] = [Difference::Moves, Difference::Waits, Difference::Freed];

/// Result of a comparison by runs.
#[derive(Clone, Debug)]
pub struct ComparedRuns {
    /// Number of seeds.
    pub seeds: usize,
    /// Number of seeds with other placements in the later release.
    pub differing: usize,
    /// Mean number of pods that a run creates.
    pub pods: f64,
    /// Mean share of the pods with each difference of [`OF_RUNS`], in percent.
    pub shares: [f64; OF_RUNS.len()],
    /// Allocation, fragmentation and cost, followed by the other metrics that differ.
    pub effects: Vec<Effect>,
    /// Every metric that was measured in both releases.
    pub measured: Vec<Effect>,
}

impl ComparedRuns {
    /// Mean share of the pods with a difference, in percent; `None` of one that runs don't show.
    pub fn percent(&self, difference: Difference) -> Option<f64> {
        let place = OF_RUNS.iter().position(|own| *own == difference)?;
        Some(self.shares[place])
    }
}

/// Runs the first variant of an experiment in two releases.
///
/// # Errors
/// The first failure of a run.
pub fn compare_runs(
    from: &Experiment,
    to: &Experiment,
    seeds: &[u64],
    workers: Workers<'_>,
) -> Result<ComparedRuns, ExperimentError> {
    let work = seeds.iter().map(|&seed| Work {
        variant: 0,
        seed,
        shake: None,
        is_drawn: false,
    });
    let work: Vec<Work> = work.collect();
    let before = replicate_placed(from, &work, workers)?;
    let after = replicate_placed(to, &work, workers)?;
    let pairs = || before.iter().zip(&after);
    let differing = pairs()
        .filter(|(one, other)| one.replicate.placements != other.replicate.placements)
        .count();
    let count = before.len().max(1) as f64;
    let shares = OF_RUNS.map(|difference| {
        let shares = pairs().map(|(one, other)| {
            let differing = differing_pods(difference, &one.first_nodes, &other.first_nodes);
            100.0 * differing as f64 / one.first_nodes.pods().max(1) as f64
        });
        shares.sum::<f64>() / count
    });
    let measured = measured(&before, &after);
    let is_always = |effect: &Effect| ALWAYS.contains(&effect.name.as_str());
    let always = { ALWAYS.iter() }
        .filter_map(|name| measured.iter().find(|effect| effect.name == *name))
        .cloned();
    let others = measured.iter().filter(|effect| !is_always(effect));
    let others = others.filter(|effect| differs(effect)).cloned();
    Ok(ComparedRuns {
        seeds: seeds.len(),
        differing,
        pods: before
            .iter()
            .map(|own| own.first_nodes.pods() as f64)
            .sum::<f64>()
            / count,
        shares,
        effects: always.chain(others).collect(),
        measured,
    })
}

/// Number of pods with a difference between two runs with one seed; pods are the same by the order of
/// their creation.
fn differing_pods(difference: Difference, from: &FirstNodes, to: &FirstNodes) -> usize {
    let pods = 0..from.pods().min(to.pods());
    pods.filter(|&pod| {
        let found = match (from.of(pod), to.of(pod)) {
            (Some(one), Some(other)) if one != other => Some(Difference::Moves),
            (Some(_), None) => Some(Difference::Waits),
            (None, Some(_)) => Some(Difference::Freed),
            _ => None,
        };
        found == Some(difference)
    })
    .count()
}

/// Metrics with a value in both releases, by name.
fn measured(before: &[PlacedReplicate], after: &[PlacedReplicate]) -> Vec<Effect> {
    let metrics = before.iter().take(1);
    let metrics = metrics.flat_map(|own| &own.replicate.summary.metrics);
    let effects = metrics.filter_map(|(metric, first)| {
        let value = |own: &PlacedReplicate| {
            let found = own.replicate.summary.metrics.get(metric);
            found.and_then(|own| own.value)
        };
        let pairs = before.iter().zip(after);
        let values = pairs.filter_map(|(one, other)| Some((value(one)?, value(other)?)));
        let (before, after): (Vec<f64>, Vec<f64>) = values.unzip();
        (!before.is_empty()).then(|| Effect::new(metric, &first.unit, &before, &after))
    });
    effects.collect()
}

/// Returns whether some seed has another value in the later release.
fn differs(effect: &Effect) -> bool {
    let is_other = effect.difference().abs() >= f64::EPSILON;
    is_other || (effect.interval.is_some() && !effect.is_constant())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_of_two_runs_differ_by_their_first_nodes() {
        let nodes = |list: &[Option<u32>]| FirstNodes::made_up(list);
        let from = nodes(&[Some(1), Some(1), None, Some(2), None]);
        let to = nodes(&[Some(1), Some(3), Some(4), None]);
        let counts = OF_RUNS.map(|own| differing_pods(own, &from, &to));
        assert_eq!(counts, [1, 1, 1]);
    }

    #[test]
    fn effects_of_no_width_are_told_from_those_with_one() {
        let same = Effect::new("a", "", &[1.0, 2.0], &[3.0, 4.0]);
        assert!(same.is_constant() && differs(&same));
        assert_eq!(same.percent().map(f64::round), Some(133.0));
        let mixed = Effect::new("a", "", &[1.0, 2.0], &[2.0, 1.0]);
        assert!(!mixed.is_constant() && differs(&mixed));
        let equal = Effect::new("a", "", &[0.0, 0.0], &[0.0, 0.0]);
        assert!(!differs(&equal) && equal.percent().is_none());
    }
}
