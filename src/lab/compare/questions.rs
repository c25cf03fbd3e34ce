//! Metrics that are asked about, and what matters in each.

use super::judge::{Question, Threshold};
use crate::steps::StepUnit;
use crate::summary::{MetricSummary, VariantSummary};
use metrics::{Direction, ShortList, registry};

/// The usual gated metrics of these runs: of each place in the short lists the first id that was
/// measured in all of them.
pub fn default_gated(runs: &[&VariantSummary]) -> Vec<String> {
    let is_fill_up = runs.iter().any(|run| run.arrived.is_some());
    let is_measured = |id: &str| {
        let value = |run: &VariantSummary| run.metrics.get(id).and_then(|metric| metric.value);
        runs.iter().all(|run| value(run).is_some())
    };
    let mut groups = registry::short_list(if is_fill_up {
        ShortList::GatedOfFillUp
    } else {
        ShortList::Gated
    });
    if is_measured("availability.replicas") {
        groups.extend(registry::short_list(ShortList::GatedOfWorkloads));
    }
    let found = groups
        .into_iter()
        .filter_map(|group| group.into_iter().find(|id| is_measured(id)));
    // Who leaves jobs undone is not to look better by it.
    let undone = |run: &VariantSummary| run.unfinished.unwrap_or_default();
    let is_lost = runs.iter().any(|run| undone(run).lost > 0);
    let failed = |run: &VariantSummary| undone(run).failed;
    let is_failed_apart = runs.iter().any(|run| failed(run) != failed(runs[0]));
    let lost = is_lost.then_some("jobs.evicted");
    let failed = is_failed_apart.then_some("jobs.failed");
    let undone = [lost, failed].into_iter().flatten().map(str::to_owned);
    found.chain(undone).collect()
}

/// Builds the question about a metric of a run.
pub fn question_of(id: &str, metric: &MetricSummary, gated: bool) -> Question {
    let known = registry::find(id).map(|(_, statistic)| statistic);
    let floor = known.map_or(0.0, |statistic| {
        // The floor is an amount in the unit of simulated time.
        let steps = StepUnit::of(statistic.unit).filter(|own| own.name == metric.unit);
        statistic.floor * steps.map_or(1.0, |own| own.factor)
    });
    Question {
        metric: id.to_owned(),
        unit: metric.unit.clone(),
        direction: Direction::of_name(&metric.better),
        threshold: Threshold::Usual {
            share: known.map_or(0.0, |statistic| statistic.threshold),
            floor,
        },
        gated,
    }
}
