//! Rollouts: how long a new template takes to be everywhere, and how few pods are ready meanwhile
//! (metrics.md 5.4).

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::workloads::{Row, lowest_share};
use crate::statistics::distribution::{Distribution, MAX, MEAN, P50, P90, P99};
use crate::values::{Direction, Reading, Statistic, Values};

const BEGUN: Statistic = Statistic::amount("begun", "rollouts", Direction::None);
const UNFINISHED: Statistic = Statistic::amount("unfinished", "rollouts", Direction::Lower);
const SUPERSEDED: Statistic = Statistic::amount("superseded", "rollouts", Direction::None);
const LOWEST_READY: Statistic = Statistic::ratio("lowest_ready", Direction::Higher).noise(0.0);

/// `rollouts.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "rollouts",
    title: Title::new("rollouts"),
    group: Group::Service.at(50),
    short_lists: &[ShortList::Headline.at(40, &["max"])],
    series: &[],
    summary: "Duration of rollouts, and the lowest share of desired pods ready during one.",
    statistics: &[
        MEAN,
        P50,
        P90,
        P99,
        MAX,
        BEGUN,
        UNFINISHED,
        SUPERSEDED,
        LOWEST_READY,
    ],
    formula: "from the change of a template until all pods are reported updated and available \
              (StatefulSet: ready, from its partition on), or, where a system reports nothing, until \
              no pod from before is left and all are ready; lowest_ready: the least of min(ready, \
              desired) / desired over all times within rollouts",
    denominators: "rollouts that began in W; desired pods",
    census: "template changes of an existing Deployment, StatefulSet or DaemonSet, rollbacks \
             included; OnDelete has no rollouts; a rollout replaced by another is `superseded`",
    censoring: "not complete at the end, or when superseded: right-censored at its age, counted \
                in `unfinished` or `superseded`; percentiles by Kaplan-Meier, mean null above 1 % \
                censored",
    source: "metrics.md 5.4; kubernetes.md 2.2-2.4",
    construct: |_| Box::new(Rollouts),
};

#[derive(Clone, Debug)]
struct Rollouts;

impl Collector for Rollouts {
    fn hears(&self) -> &'static [EventKind] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let workloads = end.workloads;
        if let Err(why) = workloads.present() {
            values.put_undefined(&why);
            return;
        }
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
        all.put(values);
        values.put(BEGUN, Reading::count(all.count()));
        values.put(UNFINISHED, Reading::count(unfinished));
        values.put(SUPERSEDED, Reading::count(superseded));
        values.put(
            LOWEST_READY,
            lowest.ok_or_else(|| "no rollout that took time".to_owned()),
        );
    }
}
