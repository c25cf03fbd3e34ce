//! Recovery: how long it takes until a loss is answered, and until it is made good
//! (orchestrators-a.md 9.4: time to detect, time to repair).

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::workloads::{Row, Sums};
use crate::statistics::distribution::{Distribution, MAX, MEAN, P50, P90, P99};
use crate::values::{Direction, Reading, Statistic, Values};

const LOSSES: Statistic = Statistic::amount("losses", "losses", Direction::Lower);
const UNREPAIRED: Statistic = Statistic::amount("unrepaired", "losses", Direction::Lower);

/// `time_to_recover.*`.
pub const RECOVER: MetricEntry = MetricEntry {
    subject: "time_to_recover",
    title: Title::new("time below strength"),
    group: Group::Service.at(30),
    short_lists: &[
        ShortList::Headline.at(30, &["max"]),
        ShortList::GatedOfWorkloads.at(20, &["mean"]),
    ],
    series: &[],
    summary: "Time from an involuntary loss of ready pods to full strength, one time for losses that \
              overlap.",
    statistics: &[MEAN, P50, P90, P99, MAX, LOSSES, UNREPAIRED],
    formula: "for every workload, from the first loss at full strength to the first instant from \
              which ready >= desired lasts for some time; losses in between belong to the same \
              recovery",
    denominators: "losses in W",
    census: "losses by failed pods, lost or silent nodes, taints, preemption, spot and node \
             pressure; not removals by users, rollouts, drains, the descheduler or consolidation; \
             a loss replaced at the same instant, or while more pods than desired are ready, does \
             not count",
    censoring: "not recovered by the end: right-censored at its age, counted in `unrepaired`; \
                percentiles by Kaplan-Meier, mean null above 1 % censored",
    source: "metrics.md 5.4; orchestrators-a.md 9.4, time to repair",
    construct: |_| {
        Box::new(Recovery {
            times: |sums| &sums.repairs,
            counts_losses: true,
        })
    },
};

/// `time_to_detect.*`.
pub const DETECT: MetricEntry = MetricEntry {
    subject: "time_to_detect",
    title: Title::new("time to detect"),
    group: Group::Service.at(40),
    short_lists: &[],
    series: &[],
    summary: "Time from an involuntary loss of ready pods to the next pod created for the \
        workload.",
    statistics: &[MEAN, P50, P90, P99, MAX],
    formula: "for every loss of `time_to_recover`, from the loss to the creation of the next pod of \
              the workload: the controller's first action",
    denominators: "losses in W that were followed by a new pod, or are open",
    census: "as in `time_to_recover`; losses that healed without a new pod have none",
    censoring: "no new pod by the end: right-censored at its age",
    source: "orchestrators-a.md 9.4, time to detect",
    construct: |_| {
        Box::new(Recovery {
            times: |sums| &sums.detections,
            counts_losses: false,
        })
    },
};

#[derive(Clone, Copy, Debug)]
struct Recovery {
    times: fn(&Sums) -> &Distribution,
    counts_losses: bool,
}

impl Collector for Recovery {
    fn hears(&self) -> &'static [EventKind] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let workloads = end.workloads;
        if let Err(why) = workloads.present() {
            values.put_undefined(&why);
            return;
        }
        let mut all = Distribution::of("loss");
        for row in workloads.rows() {
            all.join((self.times)(&row.sums));
        }
        all.put(values);
        if self.counts_losses {
            let unrepaired = |row: &Row| row.sums.unrepaired;
            let open = workloads.rows().iter().map(unrepaired).sum();
            values.put(LOSSES, Reading::count(all.count()));
            values.put(UNREPAIRED, Reading::count(open));
        }
    }
}
