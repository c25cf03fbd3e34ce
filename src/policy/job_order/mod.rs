//! Orders in which the batch planner chooses jobs, one file each (spec: published-results.md
//! section 2).

pub mod f1;
pub mod fcfs;
pub mod queues;
pub mod sjf;
pub mod slurm;
pub mod unicep;
pub mod unicep_published;
pub mod volcano;
pub mod wfp3;
pub mod wfp3_published;
pub mod yunikorn;

use self::queues::QueueOptions;
use self::slurm::SlurmOptions;
use scheduler::batch::JobOrder;
use units::{Duration, Instant};

/// An order in the registry.
#[derive(Clone, Copy, Debug)]
pub struct JobOrderEntry {
    /// The order's name.
    pub name: &'static str,
    /// Description of the order in one sentence.
    pub summary: &'static str,
    /// `true` if it looks at the estimates of jobs' run times.
    pub uses_estimates: bool,
    /// Makes one.
    pub build: fn(&OrderOptions) -> Box<dyn JobOrder>,
}

/// Options of the orders that have any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OrderOptions {
    /// Options of `slurm`.
    pub slurm: SlurmOptions,
    /// Queues of `volcano` and `yunikorn`; where there are none, every tenant is a queue.
    pub queues: Vec<QueueOptions>,
    /// Whether queues of `volcano` and `yunikorn` take back what others use of theirs.
    pub reclaims: bool,
}

/// Every order, in the order of the manual.
pub const JOB_ORDERS: &[JobOrderEntry] = &[
    fcfs::ENTRY,
    sjf::ENTRY,
    f1::ENTRY,
    wfp3::ENTRY,
    wfp3_published::ENTRY,
    unicep::ENTRY,
    unicep_published::ENTRY,
    slurm::ENTRY,
    volcano::ENTRY,
    yunikorn::ENTRY,
];

/// The order of a name.
pub fn job_order(name: &str) -> Option<&'static JobOrderEntry> {
    JOB_ORDERS.iter().find(|entry| entry.name == name)
}

/// Time for which a job has waited, in seconds.
fn waited(submitted: Instant, now: Instant) -> f64 {
    now.since(submitted).as_secs_f64()
}

/// The waiting time as the published code evaluates it: the start time of a job that has not
/// started is -1 there, so it is -1 minus the submit time, in seconds.
fn published_wait(submitted: Instant) -> f64 {
    -1.0 - submitted.as_secs_f64()
}

/// A requested time in seconds.
fn seconds(requested: Duration) -> f64 {
    requested.as_secs_f64()
}

#[cfg(test)]
mod fixture {
    use super::*;
    use scheduler::batch::{JobFacts, PartitionNumber};
    use units::TenantId;

    /// A job of a minute that is submitted at the beginning.
    pub(super) fn job(tenant: u32, processors: i64) -> JobFacts {
        JobFacts {
            number: scheduler::batch::JobNumber::default(),
            submitted: Instant::ZERO,
            requested: Duration::from_secs(60),
            processors,
            members: 1,
            tenant: TenantId(tenant),
            partition: PartitionNumber::default(),
            memory: 0,
            gpu_milli: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scheduler::batch::JobFacts;

    fn job(submitted: i64, requested: i64, processors: i64) -> JobFacts {
        JobFacts {
            submitted: Instant::from_secs(submitted),
            requested: Duration::from_secs(requested),
            members: processors as u32,
            ..fixture::job(0, processors)
        }
    }

    /// Checks that an order puts jobs in the expected order at second 1,000.
    fn check(name: &str, jobs: &[JobFacts], expected: &[usize]) {
        let order =
            (job_order(name).expect("a name of the registry").build)(&OrderOptions::default());
        let now = Instant::from_secs(1_000);
        let mut sorted: Vec<usize> = (0..jobs.len()).collect();
        sorted.sort_by_key(|&index| order.score(&jobs[index], now));
        assert_eq!(sorted, expected, "{name}");
        assert_eq!(order.name(), name);
    }

    #[test]
    fn every_order_ranks_by_its_formula() {
        let jobs = [
            job(900, 50, 4),
            job(950, 10, 1),
            job(500, 1_000, 64),
            job(900, 10, 2),
        ];
        check("fcfs", &jobs, &[2, 0, 3, 1]);
        check("sjf", &jobs, &[3, 1, 0, 2]);
        check("f1", &jobs, &[2, 3, 0, 1]);
        // (w/req)^3·procs: 8·4, 5^3·1, 0.5^3·64, 10^3·2.
        check("wfp3", &jobs, &[3, 1, 0, 2]);
        // w/(log2(procs)·req): 100/(2·50), 50/(1.6e-15·10), 500/(6·1000), 100/(1·10).
        check("unicep", &jobs, &[1, 3, 0, 2]);
        // The published ones rank by -(-1 - submit): a longer "wait" goes last.
        check("wfp3-published", &jobs, &[2, 0, 1, 3]);
        check("unicep-published", &jobs, &[2, 0, 3, 1]);
    }

    #[test]
    fn missing_and_zero_times_have_a_place() {
        let unknown = JobFacts {
            requested: Duration::MAX,
            ..job(0, 1, 1)
        };
        check("sjf", &[unknown, job(10, 0, 1), job(5, 7, 1)], &[1, 2, 0]);
        // log10 of a time that is not positive is that of 0.1, as published.
        check(
            "f1",
            &[job(1, 0, 1), job(0, 0, 1), job(0, -1, 1)],
            &[1, 2, 0],
        );
        for entry in JOB_ORDERS {
            let order = (entry.build)(&OrderOptions::default());
            order.score(&job(0, 0, 1), Instant::ZERO);
            order.clone_order().score(&unknown, Instant::MAX);
        }
    }

    #[test]
    fn names_are_unique_and_summaries_are_sentences() {
        for (index, entry) in JOB_ORDERS.iter().enumerate() {
            assert!(entry.summary.ends_with('.'), "{}", entry.name);
            assert!(
                JOB_ORDERS[..index]
                    .iter()
                    .all(|other| other.name != entry.name)
            );
        }
    }
}
