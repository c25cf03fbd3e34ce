//! Shortest remaining time and shortest remaining service first, which Tiresias (NSDI'19) is compared with in the authors'
//! simulator (`shortest` and `shortest-gpu`, `SymbioticLab/Tiresias` `b0ef8449`, `simulator/run_sim.py`): both know run times.

use super::SharingEntry;
use scheduler::batch::Score;
use scheduler::sharing::{SharedJob, SharingRule};
use units::Instant;

/// The registry's entry of the shortest remaining time.
pub const TIME: SharingEntry = SharingEntry {
    name: "shortest",
    summary: "SRTF: the job first with the least run time left.",
    uses_estimates: true,
    build: |_| Box::new(Shortest { by_service: false }),
};

/// The registry's entry of the shortest remaining service.
pub const SERVICE: SharingEntry = SharingEntry {
    name: "shortest-gpu",
    summary: "SRSF: the job first with the least run time left times its devices.",
    uses_estimates: true,
    build: |_| Box::new(Shortest { by_service: true }),
};

/// The rules.
#[derive(Clone, Copy, Debug)]
struct Shortest {
    by_service: bool,
}

impl SharingRule for Shortest {
    fn name(&self) -> &'static str {
        if self.by_service {
            SERVICE.name
        } else {
            TIME.name
        }
    }

    fn score(&self, job: &SharedJob, _now: Instant, _jobs: usize) -> Score {
        let left = job.requested.as_nanos() - job.done.as_nanos().min(job.requested.as_nanos());
        let devices = if self.by_service { job.devices } else { 1 };
        Score::whole(left.saturating_mul(i64::from(devices)))
    }

    fn clone_rule(&self) -> Box<dyn SharingRule> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::job;
    use super::*;

    #[test]
    fn what_is_left_decides() {
        let score = |by_service: bool, ran: i64, devices: u32| {
            let own = SharedJob {
                devices,
                ..job(ran, None)
            };
            Shortest { by_service }.score(&own, Instant::ZERO, 2)
        };
        // All request 100 s.
        assert!(score(false, 60, 4) < score(false, 50, 1));
        assert!(score(true, 60, 4) > score(true, 50, 1));
        assert_eq!(score(true, 100, 4), score(false, 200, 1));
    }
}
