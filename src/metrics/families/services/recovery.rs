//! Recovery: how long it takes until a loss is answered, and until it is made good
//! (orchestrators-a.md 9.4: time to detect, time to repair).

use crate::record::collector::{Collector, Heard, RunEnd};
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
    title: Title::new("time to recover"),
    group: Group::Service.at(30),
    short_lists: &[
        ShortList::Headline.at(30, &["max"]),
        ShortList::GatedOfWorkloads.at(20, &["mean"]),
    ],
    series: &[],
    summary: "From a loss of ready pods that nobody meant to full strength again.",
    statistics: &[MEAN, P50, P90, P99, MAX, LOSSES, UNREPAIRED],
    formula: "for every workload, from the first loss while nothing was lost before to the first \
              instant from which on ready >= desired for a time; losses within are part of it",
    denominators: "losses in W",
    census: "losses by failed pods, lost or silent nodes, taints, preemption, spot and node pressure; \
             not what users, rollouts, drains, the descheduler or consolidation take; what is made \
             good within an instant, or while more pods than wanted are ready, is none",
    censoring: "not made good by the end: right-censored at its age, counted in `unrepaired`; \
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
    summary: "From a loss of ready pods that nobody meant to the first pod created after it.",
    statistics: &[MEAN, P50, P90, P99, MAX],
    formula: "for every loss of `time_to_recover`, from the loss to the creation of the next pod of \
              the workload: the controller's first action",
    denominators: "losses in W that were answered by a pod, or are open",
    census: "as in `time_to_recover`; losses that healed without a new pod have none",
    censoring: "not answered by the end: right-censored at its age",
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
    fn hears(&self) -> &'static [Heard] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let workloads = end.workloads;
        if let Err(why) = workloads.present() {
            values.put_undefined(&why);
            return;
        }
        let mut all = Distribution::of("losses");
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
