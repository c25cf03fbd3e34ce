//! Comparison of two releases in the runs of an experiment with paired seeds.

use scenario::Experiment;

use crate::experiment::ExperimentError;
use crate::replicate::{Replicate, Work, Workers, replicate};
use crate::statistics::{Interval, mean, student_interval};

/// Confidence of the intervals.
const CONFIDENCE: f64 = 0.95;

/// Metric that differs between the releases.
#[derive(Clone, Debug)]
pub struct MetricEffect {
    /// Name of the metric.
    pub metric: String,
    /// Unit of the metric.
    pub unit: String,
    /// Mean over the seeds in the earlier release.
    pub from: f64,
    /// Mean over the seeds in the later release.
    pub to: f64,
    /// Interval of the mean difference over the seeds; `None` with a single seed.
    pub interval: Option<Interval>,
}

/// Result of a comparison by runs.
#[derive(Clone, Debug)]
pub struct ComparedRuns {
    /// Number of seeds.
    pub seeds: usize,
    /// Number of seeds with other placements in the later release.
    pub differing: usize,
    /// Metrics that differ, by name.
    pub effects: Vec<MetricEffect>,
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
    let before = replicate(from, &work, workers)?;
    let after = replicate(to, &work, workers)?;
    let pairs: Vec<(&Replicate, &Replicate)> = before.iter().zip(&after).collect();
    let differing = pairs
        .iter()
        .filter(|(one, other)| one.placements != other.placements);
    let differing = differing.count();
    let mut effects = Vec::new();
    for (metric, first) in before.iter().take(1).flat_map(|own| &own.summary.metrics) {
        let value = |own: &Replicate| own.summary.metrics.get(metric).and_then(|own| own.value);
        let values = pairs
            .iter()
            .filter_map(|(one, other)| Some((value(one)?, value(other)?)));
        let (from, to): (Vec<f64>, Vec<f64>) = values.unzip();
        let differences: Vec<f64> = from
            .iter()
            .zip(&to)
            .map(|(one, other)| other - one)
            .collect();
        if differences
            .iter()
            .all(|difference| difference.abs() < f64::EPSILON)
        {
            continue;
        }
        effects.push(MetricEffect {
            metric: metric.clone(),
            unit: first.unit.clone(),
            from: mean(&from).unwrap_or(0.0),
            to: mean(&to).unwrap_or(0.0),
            interval: student_interval(&differences, CONFIDENCE),
        });
    }
    Ok(ComparedRuns {
        seeds: seeds.len(),
        differing,
        effects,
    })
}
