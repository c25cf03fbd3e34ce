//! The work of each tier of priority, as the trace study of 2019 reports it (spec: orchestrators-b.md
//! section 5.5).

use model::Tier;

use crate::families::waiting::tier_wait::TIERS;
use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::jobs::JobRecord;
use crate::record::presentation::{Group, Title};
use crate::values::{Direction, Statistic, Values, of_each};

const CPU: Statistic = Statistic::ratio("cpu", Direction::None);
const MEMORY: Statistic = Statistic::ratio("memory", Direction::None);
const ALL: [Statistic; 10] = of_each(TIERS, [CPU, MEMORY]);

/// `tier_use.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "tier_use",
    title: Title::new("share of the work by tier"),
    group: Group::Others.at(0),
    short_lists: &[],
    series: &[],
    summary: "Share of each tier of priority in the core-hours and byte-hours that jobs held while \
              they ran.",
    statistics: &ALL,
    formula: "sum over the tier's jobs of requests x (end - first start), over the same of all jobs",
    denominators: "core-hours, byte-hours of all jobs submitted in the measured window that started",
    census: "jobs that started, whatever became of them",
    censoring: "jobs that are open at the end count up to there",
    source: "orchestrators-b.md 5.5",
    construct: |_| Box::new(TierUse::default()),
};

#[derive(Clone, Debug, Default)]
struct TierUse {
    cpu: [f64; 5],
    memory: [f64; 5],
}

impl Collector for TierUse {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Jobs]
    }

    fn job(&mut self, job: &JobRecord) {
        if let Some([cpu, memory]) = job.held().filter(|_| job.measured) {
            let tier = Tier::of(job.priority) as usize;
            self.cpu[tier] += cpu;
            self.memory[tier] += memory;
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        for (statistic, used) in [(CPU, &self.cpu), (MEMORY, &self.memory)] {
            let whole: f64 = used.iter().sum();
            for (tier, part) in TIERS.into_iter().zip(used) {
                let share = if whole > 0.0 {
                    Ok(part / whole)
                } else {
                    Err("no job held any".to_owned())
                };
                values.put(statistic.of(tier), share);
            }
        }
    }
}
