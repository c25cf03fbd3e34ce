//! Rollouts: how long a new template takes to be everywhere, and how few pods are ready meanwhile
//! (metrics.md 5.4).

use crate::record::collector::{Collector, Heard, MetricValue, RunEnd};
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};
use crate::record::workloads::{Row, lowest_share};
use crate::statistics::distribution::Distribution;

/// `rollouts.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "rollouts",
    title: Title::new("rollouts"),
    group: Group::Service.at(50),
    short_lists: &[ShortList::Headline.at(40, &["max"])],
    summary: "How long rollouts took, and the smallest share of wanted pods ready during one.",
    statistics: &[
        Statistic::seconds("mean"),
        Statistic::seconds("p50"),
        Statistic::seconds("p90"),
        Statistic::seconds("p99"),
        Statistic::seconds("max"),
        Statistic::amount("begun", "rollouts", Direction::None),
        Statistic::amount("unfinished", "rollouts", Direction::Lower),
        Statistic::amount("superseded", "rollouts", Direction::None),
        Statistic::ratio("lowest_ready", Direction::Higher).noise(0.0),
    ],
    formula: "from the change of a template to the report that all pods are of it and available \
              (StatefulSet: ready, those from its partition on); lowest_ready: the least of \
              min(ready, desired) / desired over all times within rollouts",
    denominators: "rollouts that began in W; desired pods",
    census: "changes of the template of a Deployment, StatefulSet or DaemonSet that is there, rollbacks \
             included; OnDelete makes none; one that another takes the place of is `superseded`",
    censoring: "not complete at the end, or when another took its place: right-censored at its age, \
                counted in `unfinished` or `superseded`; \
                percentiles by Kaplan-Meier, mean null above 1 % censored",
    source: "metrics.md 5.4; kubernetes.md 2.2-2.4",
    construct: |_| Box::new(Rollouts),
};

#[derive(Clone, Debug)]
struct Rollouts;

impl Collector for Rollouts {
    fn hears(&self) -> &'static [Heard] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let workloads = end.workloads;
        let rows = workloads.rows();
        let mut all = Distribution::of("rollout");
        for row in rows {
            all.join(&row.sums.rollouts);
        }
        let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
        let (unfinished, superseded) = (
            sum(|row| row.sums.unfinished),
            sum(|row| row.sums.superseded),
        );
        let lowest = lowest_share(rows.iter().filter_map(|row| row.sums.lowest));
        let id = |name| format!("{}.{name}", ENTRY.subject);
        let mut values = all.values(ENTRY.subject);
        values.extend([
            MetricValue::count(id("begun"), all.count()),
            MetricValue::count(id("unfinished"), unfinished),
            MetricValue::count(id("superseded"), superseded),
            MetricValue::new(
                id("lowest_ready"),
                lowest.ok_or_else(|| "no rollout that took time".to_owned()),
            ),
        ]);
        workloads.without(values)
    }
}
