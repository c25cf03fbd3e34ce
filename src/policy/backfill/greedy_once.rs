//! Greedy backfilling as `RLScheduler` (SC'20) has it (spec: published-results.md section 2): when the
//! chosen job does not fit, its earliest start is estimated once, from the requested times of the
//! running jobs; while it waits, every job that would end strictly before that by its own requested
//! time may start. The estimate is not mended when jobs end early or late.

use scheduler::batch::{Backfill, BackfillContext, JobFacts};
use units::{Duration, Instant};

use super::{BackfillEntry, RuleKind};

/// The registry's entry.
pub const ENTRY: BackfillEntry = BackfillEntry {
    name: "greedy-once",
    summary: "Starts jobs that end before the chosen job's earliest start, which is estimated \
        once.",
    uses_estimates: true,
    rule: RuleKind::Events(|| {
        Box::new(GreedyOnce {
            earliest_start: Instant::ZERO,
        })
    }),
};

/// Lets jobs pass that end before the chosen one's estimated start.
#[derive(Clone, Copy, Debug)]
pub struct GreedyOnce {
    earliest_start: Instant,
}

impl Backfill for GreedyOnce {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn blocked(&mut self, outlook: &BackfillContext<'_>) {
        self.earliest_start = outlook.earliest_start();
    }

    fn admits(&self, now: Instant, job: &JobFacts) -> bool {
        now.saturating_add(job.requested) < self.earliest_start
    }

    fn longest(&self, now: Instant) -> Duration {
        let until = self.earliest_start.as_nanos();
        Duration::from_nanos(until.saturating_sub(now.as_nanos()).saturating_sub(1))
    }

    fn clone_backfill(&self) -> Box<dyn Backfill> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scheduler::batch::PartitionNumber;
    use units::TenantId;

    #[test]
    fn a_job_passes_if_it_ends_before_the_estimated_start_and_not_at_it() {
        let rule = GreedyOnce {
            earliest_start: Instant::from_secs(100),
        };
        let now = Instant::from_secs(40);
        let job = |requested| JobFacts {
            number: scheduler::batch::JobNumber::default(),
            submitted: Instant::ZERO,
            requested,
            processors: 1,
            members: 1,
            tenant: TenantId(0),
            partition: PartitionNumber::default(),
            memory: 0,
            gpu_milli: 0,
        };
        let edge = Duration::from_secs(60);
        let below = Duration::from_nanos(edge.as_nanos() - 1);
        assert!(rule.admits(now, &job(below)));
        assert!(!rule.admits(now, &job(edge)));
        assert_eq!(rule.longest(now), below);
    }
}
