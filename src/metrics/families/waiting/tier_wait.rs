//! First wait by tier of priority, as the trace study of 2019 reports scheduling delays (spec:
//! orchestrators-b.md section 5.5).

use model::Tier;

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::jobs::{JobOutcome, JobRecord};
use crate::record::presentation::{Group, Title};
use crate::statistics::distribution::{Distribution, MAX, MEAN, P50, P90, P99};
use crate::values::{Statistic, Values, of_each};

/// The names of the tiers, the lowest first.
pub(crate) const TIERS: [&str; 5] = [
    Tier::ALL[0].name(),
    Tier::ALL[1].name(),
    Tier::ALL[2].name(),
    Tier::ALL[3].name(),
    Tier::ALL[4].name(),
];

const ALL: [Statistic; 25] = of_each(TIERS, [MEAN, P50, P90, P99, MAX]);

/// `tier_wait.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "tier_wait",
    title: Title::new("first wait by tier"),
    group: Group::Others.at(0),
    short_lists: &[],
    series: &[],
    summary: "Time from a job's submission to its first start, by tier of the job's priority: free \
              (below 100), batch (to 115), mid (to 119), production (to 359), monitoring.",
    statistics: &ALL,
    formula: "as first_wait, of the jobs of each tier",
    denominators: "jobs of the tier submitted in the measured window that started or are open",
    census: "jobs that ended without a start (rejected, cancelled) have no wait; `jobs.*` counts them",
    censoring: "as first_wait",
    source: "orchestrators-b.md 5.5; metrics.md 5.2, first wait",
    construct: |_| Box::new(TierWait::default()),
};

#[derive(Clone, Debug, Default)]
struct TierWait {
    waits: [Distribution; 5],
}

impl Collector for TierWait {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Jobs]
    }

    fn job(&mut self, job: &JobRecord) {
        if !job.measured {
            return;
        }
        let waits = &mut self.waits[Tier::of(job.priority) as usize];
        match job.first_wait() {
            Some(wait) => waits.add(wait),
            None if job.outcome == JobOutcome::Waiting => waits.add_at_least(job.age()),
            None => {}
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        for (tier, waits) in TIERS.into_iter().zip(&self.waits) {
            waits.put_of(tier, values);
        }
    }
}
